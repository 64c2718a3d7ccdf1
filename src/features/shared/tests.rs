//! Shared statistics against each window alone, on every instruction set.

use proptest::prelude::*;

use super::*;
use crate::features::batch;
use crate::features::scale::LongWindow;

const STATISTICS: [Statistic; 6] = [Statistic::Mean, Statistic::Sum, Statistic::Deviation, Statistic::Spread, Statistic::Highest, Statistic::Lowest];

/// One long window by itself.
struct Alone(LongWindow);

impl Alone {
    fn update(&mut self, statistic: Statistic, value: f64) -> f64 {
        self.0.push(value);
        let (mean, deviation) = self.0.mean_and_deviation();
        match statistic {
            Statistic::Deviation => deviation,
            Statistic::Sum => mean * self.0.len() as f64,
            _ => mean,
        }
    }
}

/// A plan's statistics as one shared computation and each alone.
struct Both {
    wanted: Vec<(Wanted, Place, Option<Alone>)>,
    shared: Vec<Shared>,
    history: History,
    steps: Vec<Step>,
}

impl Both {
    fn new(wanted: &[Wanted]) -> Both {
        let mut plan = Plan::default();
        let places: Vec<Place> = wanted.iter().map(|(statistic, column, n)| plan.want(*statistic, *column, *n)).collect();
        let shared = Level::available().into_iter().map(|level| Shared::new(&mut plan, level)).collect();
        let alone = |wanted: &Wanted| wanted.0.keeps_sums(wanted.2).then(|| Alone(LongWindow::new(wanted.2)));
        let wanted = wanted.iter().zip(places).map(|(wanted, place)| (*wanted, place, alone(wanted))).collect();
        Both { wanted, shared, history: History::new(&plan.needs), steps: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        let since = self.steps.len() as u64;
        self.history.push(&step, since);
        self.steps.push(step);
        for shared in &mut self.shared {
            shared.update(&step, since, &self.history, None, None);
        }
        for ((statistic, column, n), place, alone) in &mut self.wanted {
            let expected = match alone {
                Some(alone) => alone.update(*statistic, column.of(&step)),
                None => {
                    let values: Vec<f64> = self.steps[self.steps.len().saturating_sub(*n)..].iter().map(|step| column.of(step)).collect();
                    batch::statistic(*statistic, &values)
                }
            };
            for shared in self.shared.iter().filter(|_| self.steps.len() >= *n) {
                let ours = shared.value(*place);
                assert_eq!(ours.to_bits(), expected.to_bits(), "{statistic:?} of {column:?} over {n} at {since}: {ours} {expected} ({})", shared.level.name());
            }
        }
    }

    /// As after a long silence.
    fn restart(&mut self) {
        self.history.clear();
        self.shared.iter_mut().for_each(Shared::clear);
        self.wanted.iter_mut().filter_map(|(_, _, alone)| alone.as_mut()).for_each(|alone| alone.0.clear());
        self.steps.clear();
    }

    /// Another one that has loaded what this one has saved.
    fn reborn(&mut self) {
        let mut plan = Plan::default();
        self.wanted.iter().for_each(|((statistic, column, n), ..)| _ = plan.want(*statistic, *column, *n));
        for shared in &mut self.shared {
            let mut bytes = vec![0; Pass::measured(shared)];
            Pass::saved(shared, &mut bytes);
            *shared = Shared::new(&mut plan, shared.level);
            Pass::loaded(shared, &bytes).unwrap();
        }
    }
}

/// Prices that jump far, stay, and go back to noise, so that sums are made anew for every reason.
fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let scale = prop_oneof![4 => Just(1.0), 1 => Just(1e-4), 1 => Just(1e7), 2 => Just(0.0)];
    let step = (0.0f64..1.0, scale, -1.0f64..1.0).prop_map(|(volume, scale, change)| (if volume < 0.1 { 0.0 } else { volume * scale }, scale * change));
    proptest::collection::vec(step, count).prop_map(|moves| {
        let mut close = 100.0;
        let step = |(volume, change): (f64, f64)| {
            let open = close;
            close = if change.abs() > 1e5 {
                1e7 + change
            } else if change == 0.0 {
                close
            } else {
                100.0 + change
            };
            let (high, low) = (open.max(close) + 0.5, open.min(close) * 0.99);
            Step { open, high, low, close, volume, taker_buy: volume * 0.3, taker_sell: volume * 0.7, taker_known: true, ..Step::default() }
        };
        moves.into_iter().map(step).collect()
    })
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    let n = prop_oneof![3 => 1usize..=SHORT_MOST, 1 => SHORT_MOST + 1..140];
    proptest::collection::vec((prop::sample::select(&STATISTICS[..]), prop::sample::select(&Column::ALL[..]), n), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, ..ProptestConfig::default() })]

    #[test]
    fn each_is_what_its_window_alone_gives(wanted in wanted(), steps in steps(if cfg!(miri) { 80 } else { 400 }), restart in 0usize..400, reborn in 0usize..400) {
        let mut both = Both::new(&wanted);
        for (at, step) in steps.into_iter().enumerate() {
            if at == restart {
                both.restart();
            }
            if at == reborn {
                both.reborn();
            }
            both.step(step);
        }
    }
}

/// More windows than stand side by side, of consecutive lengths.
#[test]
fn every_length_of_window() {
    let wanted: Vec<Wanted> = (1..100).flat_map(|n| STATISTICS.map(|statistic| (statistic, Column::Close, n))).collect();
    let mut both = Both::new(&wanted);
    for at in 0..if cfg!(miri) { 110 } else { 700 } {
        both.step(Step { close: 100.0 + f64::from(at).sin(), ..Step::default() });
    }
}

#[test]
fn asking_twice_gives_the_same_place() {
    let mut plan = Plan::default();
    let mean = plan.want(Statistic::Mean, Column::Close, 20);
    assert_ne!(mean, plan.want(Statistic::Mean, Column::Volume, 20));
    assert_eq!(mean, plan.want(Statistic::Mean, Column::Close, 20));
    assert_eq!((plan.depth(10), plan.depth(5), plan.depth(10)), (DepthPlace(0), DepthPlace(1), DepthPlace(0)));
}
