//! A pair on both venues, and the edge that is planted between them.

use super::batch::Batch;
use super::echo::Echo;
use super::ladder::Inside;
use super::leader::{Common, LeaderPrice};
use super::random::Draw;
use super::regime::Climate;
use super::spec::{LEADER, OWN, PAIRS, PairSpec};
use super::venue::{Ending, Plan, Venue};

/// Weight of the book imbalance in the logit of the next move.
pub const IMBALANCE_WEIGHT: f64 = 1.9;
/// Weight of the leader's return, in typical returns of the pair, in the logit of the next move.
pub const RETURN_WEIGHT: f64 = 0.79;

/// Spread of the wanted imbalance before it is squashed into (-1, 1).
const IMBALANCE_SPREAD: f64 = 0.45;
/// Memory of the imbalance from step to step: small, so that features late by a step are worth next to nothing.
const IMBALANCE_MEMORY: f64 = 0.12;
/// Size of the traded venue's own moves, in typical returns.
const OWN_MOVE: f64 = 0.5;
/// Share of the gap to the leader that a move towards it takes in addition.
const GAP_SHARE: f64 = 0.5;

/// What is true of a pair at the close of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairTruth {
    /// P(the traded venue's mid at the next close > its mid at this one), in 0..1, given everything known now.
    pub up_probability: f64,
    /// Book imbalance of the traded venue's newest book, ten levels, in -1..1: feature `book_imbalance`.
    pub imbalance: f64,
    /// Log return of the leading venue's mid over this step: feature `role_return_1`. 0 in the first step, where the feature is missing.
    pub leader_return: f64,
    /// `leader_return` of [`ECHO_STEPS`](super::ECHO_STEPS) steps ago, which no feature of this row holds. 0 while there is none.
    pub echo_return: f64,
    /// Mid of the traded venue at the close.
    pub mid: f64,
    /// Mid of the leading venue at the close.
    pub leader_mid: f64,
    /// Whether the traded venue's mid rose in this step; otherwise it fell, it never stays. `None` in the first step.
    pub moved_up: Option<bool>,
}

/// A pair on both venues.
pub(super) struct Pair {
    /// The traded venue.
    pub(super) own: Venue,
    /// The leading venue.
    pub(super) leader: Venue,
    spec: &'static PairSpec,
    price: LeaderPrice,
    draw: Draw,
    /// Decides the direction and nothing else, so that nothing else can know it.
    outcome: Draw,
    imbalance_state: f64,
    echo: Echo,
    last: Option<PairTruth>,
}

impl Pair {
    /// Pair number `number` before its first step.
    pub(super) fn new(number: usize, seed: u64) -> Pair {
        let spec = &PAIRS[number];
        let price = LeaderPrice::new(spec);
        let inside = Inside::around(price.mid2(), 1);
        let part = |part: u64| Draw::new(seed, 100 + 10 * number as u64 + part);
        Pair {
            own: Venue::new(OWN + number, spec, inside, 900_000.0, part(0)),
            leader: Venue::new(LEADER + number, spec, inside, 2_500_000.0, part(1)),
            spec,
            price,
            draw: part(2),
            outcome: part(3),
            imbalance_state: 0.0,
            echo: Echo::default(),
            last: None,
        }
    }

    /// Writes a step of both venues.
    pub(super) fn step(&mut self, open_ns: i64, climate: &Climate, common: &Common, batch: &mut Batch) -> PairTruth {
        self.step_leader(open_ns, climate, common, batch);
        let up = self.outcome.chance(self.last.map_or(0.5, |last| last.up_probability));
        let imbalance = self.step_own(open_ns, climate, up, batch);
        let truth = self.truth(imbalance, up);
        self.last = Some(truth);
        truth
    }

    /// The leader goes its own way and never looks at the traded venue.
    fn step_leader(&mut self, open_ns: i64, climate: &Climate, common: &Common, batch: &mut Batch) {
        let silent = self.last.is_some() && self.draw.chance(climate.silence);
        if !silent {
            self.price.advance(climate, common, &mut self.draw);
        }
        let to = if silent { self.leader.inside } else { Inside::around(self.price.mid2(), self.leader.spread(climate)) };
        let quote = self.last.is_some() && self.draw.chance(0.5);
        let ending = if quote { Ending::Quote } else { Ending::Book };
        let imbalance = self.draw.normal() * 0.35;
        self.leader.step(&Plan { open_ns, to, imbalance, ending, silent, climate }, batch);
    }

    /// The traded venue goes where `up` says. Answers the imbalance of its newest book.
    fn step_own(&mut self, open_ns: i64, climate: &Climate, up: bool, batch: &mut Batch) -> f64 {
        let to = self.own_goal(climate, up);
        // In quiet times the book alone speaks.
        let ending = if self.draw.chance(0.3 * climate.activity.min(1.0)) { Ending::BookAndQuote } else { Ending::Book };
        let imbalance = self.wanted_imbalance();
        self.own.step(&Plan { open_ns, to, imbalance, ending, silent: false, climate }, batch)
    }

    /// At least a tick in the given direction; further when that closes the gap to the leader, which holds both together.
    fn own_goal(&mut self, climate: &Climate, up: bool) -> Inside {
        let direction = if up { 1 } else { -1 };
        let from = self.own.inside.mid2();
        let gap = (self.leader.inside.mid2() - from) * direction;
        let typical = PairSpec::half_ticks(self.spec.typical_return, from);
        let own = OWN_MOVE * climate.volatility * typical * self.draw.exponential();
        let size = (own + GAP_SHARE * gap.max(0) as f64).round().max(2.0) as i64;
        let spread = self.own.spread(climate);
        // A mid has the parity of its spread; the odd half tick goes outwards, so that a tick stays a tick.
        let size = size + (from + direction * size - spread).rem_euclid(2);
        Inside::around(from + direction * size, spread)
    }

    /// What the last book of the step aims at; levels in whole lots then miss it a little.
    fn wanted_imbalance(&mut self) -> f64 {
        let fresh = (1.0 - IMBALANCE_MEMORY * IMBALANCE_MEMORY).sqrt() * self.draw.normal();
        self.imbalance_state = IMBALANCE_MEMORY * self.imbalance_state + fresh;
        libm::tanh(IMBALANCE_SPREAD * self.imbalance_state)
    }

    /// Reads the close off the events as written, so that the probability is exact given the features.
    fn truth(&mut self, imbalance: f64, up: bool) -> PairTruth {
        let leader_mid = self.leader.inside.mid(self.spec);
        let leader_return = self.last.map_or(0.0, |last| libm::log(leader_mid / last.leader_mid));
        let echo_return = self.echo.answer(leader_return);
        let returns = RETURN_WEIGHT * leader_return + self.spec.echo_weight * echo_return;
        let logit = IMBALANCE_WEIGHT * imbalance + returns / self.spec.typical_return;
        PairTruth {
            up_probability: 1.0 / (1.0 + libm::exp(-logit)),
            imbalance,
            leader_return,
            echo_return,
            mid: self.own.inside.mid(self.spec),
            leader_mid,
            moved_up: self.last.map(|_| up),
        }
    }
}
