//! What the whole market is like for a while: calm, ranging, trending, volatile, shocked, quiet.

use super::random::Draw;

/// The state of the market, common to all pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Regime {
    /// Ordinary.
    Calm,
    /// Prices are pulled back to where the range began.
    Range,
    /// The leading venue drifts up.
    TrendUp,
    /// The leading venue drifts down.
    TrendDown,
    /// Larger moves, more trades, thinner books.
    Volatile,
    /// Jumps, bursts of trades, wide spreads.
    Shock,
    /// Hardly a trade; often nothing but books.
    Quiet,
}

/// The numbers of a regime. Returns are in typical leader returns of the pair.
pub(super) struct Climate {
    /// Deviation of the leader's return. Moderate on purpose: the planted edge is linear in the return,
    /// so wild scales would make a standardised feature useless.
    pub(super) volatility: f64,
    /// Mean of the leader's return.
    pub(super) drift: f64,
    /// Share of the distance to the anchor that is taken back each step.
    pub(super) pull: f64,
    /// Probability of a jump in a step.
    pub(super) jump: f64,
    /// Factor on the number of trades and quotes.
    pub(super) activity: f64,
    /// Factor on the sizes in books.
    pub(super) depth: f64,
    /// Mean of the spread beyond one tick, in ticks.
    pub(super) spread: f64,
    /// Probability that the leading venue sends no quote and no book in a step.
    pub(super) silence: f64,
    /// Mean length in steps.
    pub(super) steps: f64,
    /// Weight when the next regime is drawn.
    pub(super) weight: f64,
}

const ALL: [Regime; 7] = [Regime::Calm, Regime::Range, Regime::TrendUp, Regime::TrendDown, Regime::Volatile, Regime::Shock, Regime::Quiet];

const CALM: Climate =
    Climate { volatility: 0.85, drift: 0.0, pull: 0.0, jump: 0.0, activity: 1.0, depth: 1.0, spread: 0.5, silence: 0.0, steps: 300.0, weight: 0.26 };
const RANGE: Climate = Climate { volatility: 0.9, pull: 0.03, activity: 0.8, steps: 350.0, weight: 0.2, ..CALM };
const TREND_UP: Climate = Climate { volatility: 1.0, drift: 0.12, activity: 1.3, steps: 250.0, weight: 0.14, ..CALM };
const TREND_DOWN: Climate = Climate { drift: -0.12, ..TREND_UP };
const VOLATILE: Climate = Climate { volatility: 1.3, jump: 0.003, activity: 2.0, depth: 0.6, spread: 1.5, steps: 150.0, weight: 0.1, ..CALM };
const SHOCK: Climate = Climate { volatility: 1.5, jump: 0.04, activity: 4.0, depth: 0.35, spread: 4.0, steps: 40.0, weight: 0.06, ..CALM };
const QUIET: Climate = Climate { volatility: 0.6, activity: 0.02, spread: 1.0, silence: 0.25, steps: 100.0, weight: 0.1, ..CALM };

impl Regime {
    /// The numbers of this regime.
    pub(super) fn climate(self) -> &'static Climate {
        match self {
            Regime::Calm => &CALM,
            Regime::Range => &RANGE,
            Regime::TrendUp => &TREND_UP,
            Regime::TrendDown => &TREND_DOWN,
            Regime::Volatile => &VOLATILE,
            Regime::Shock => &SHOCK,
            Regime::Quiet => &QUIET,
        }
    }
}

/// Which regime holds, and for how long still.
pub(super) struct Weather {
    regime: Regime,
    left: u32,
    draw: Draw,
}

impl Weather {
    /// Begins calm, so that every stream speaks in the first step.
    pub(super) fn new(draw: Draw) -> Weather {
        Weather { regime: Regime::Calm, left: 50, draw }
    }

    /// The regime of the next step.
    pub(super) fn advance(&mut self) -> Regime {
        if self.left == 0 {
            self.regime = self.another();
            self.left = 1 + (self.draw.exponential() * self.regime.climate().steps) as u32;
        }
        self.left -= 1;
        self.regime
    }

    /// Draws by weight among the other regimes.
    fn another(&mut self) -> Regime {
        let now = self.regime;
        let others = || ALL.into_iter().filter(|&regime| regime != now);
        let mut left = self.draw.uniform() * others().map(|regime| regime.climate().weight).sum::<f64>();
        let chosen = others().find(|regime| {
            left -= regime.climate().weight;
            left < 0.0
        });
        chosen.unwrap_or(Regime::Calm)
    }
}
