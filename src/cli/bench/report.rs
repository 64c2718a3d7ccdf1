//! What a run has found, and its JSON.

use serde_json::{Value, json};

use super::cases::Targets;
use super::condition::Condition;
use super::floor::Floor;
use super::times::Figures;

/// Everything that a run has found.
pub struct Report {
    pub machine: Machine,
    pub lines: Vec<Line>,
    /// What there is to say of peers: versions, those that are not installed.
    pub notes: Vec<String>,
    pub quick: bool,
    /// When the run ended.
    pub at: String,
}

/// The machine, and what its clock and caches cost.
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub core: u32,
    pub level: &'static str,
    /// A timed call of nothing; its median is taken off every figure.
    pub empty: Figures,
    pub floor: Floor,
}

/// One case.
pub struct Line {
    pub name: &'static str,
    pub title: &'static str,
    pub runs_on: Vec<String>,
    /// Its models were trained, not seeded.
    pub trained: bool,
    pub targets: Targets,
    /// The least that the core allows for a run, ns.
    pub floor_ns: Option<f64>,
    /// Why it was not timed: no native kernel.
    pub refused: Option<String>,
    /// Rows of a batch, or steps of a track with all their events, a second, when nothing else is done.
    pub a_second: Option<f64>,
    pub runs: Vec<Run>,
}

/// A case under a condition.
pub struct Run {
    pub condition: Condition,
    pub ours: Option<Figures>,
    /// An empty loop as long as our call, in turns with it; when hot.
    pub empty: Option<Figures>,
    pub peers: Vec<PeerRun>,
}

/// A peer on the same inputs.
pub struct PeerRun {
    pub name: String,
    pub times: Figures,
    /// Greatest difference from what ours gave.
    pub apart: Option<f32>,
}

impl PeerRun {
    /// The peer's duration in parts of ours, at the median and at p99: above 1 ours is faster.
    pub fn ratios(&self, ours: &Figures) -> [f64; 2] {
        let ratio = |theirs: u64, ours: u64| theirs as f64 / ours.max(1) as f64;
        [ratio(self.times.p50_ns, ours.p50_ns), ratio(self.times.p99_ns, ours.p99_ns)]
    }
}

/// A target and whether it was met.
pub struct Verdict {
    pub text: String,
    pub met: bool,
}

impl Line {
    pub fn run(&self, condition: Condition) -> Option<&Run> {
        self.runs.iter().find(|run| run.condition == condition)
    }

    /// The targets that this run can speak of.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let Targets { hot, cold, .. } = self.targets;
        let all = [self.ratio(Condition::Hot, hot), self.ratio(Condition::Cold, cold), self.p50(), self.p99(), self.rate(), self.tail()];
        all.into_iter().flatten().collect()
    }

    fn ratio(&self, condition: Condition, target: Option<f64>) -> Option<Verdict> {
        let run = self.run(condition)?;
        let [ratio, _] = run.peers.iter().find(|peer| peer.name == ONNX_RUNTIME)?.ratios(run.ours.as_ref()?);
        let (target, name) = (target?, condition.name());
        Some(Verdict { text: format!("{name} ratio to ONNX Runtime at least {target}: {}", short(ratio)), met: ratio >= target })
    }

    fn p50(&self) -> Option<Verdict> {
        let (most, p50) = (self.targets.p50_ns?, self.run(Condition::Hot)?.ours.as_ref()?.p50_ns as f64);
        Some(Verdict { text: format!("hot p50 at most {}: {}", duration(most), duration(p50)), met: p50 <= most })
    }

    fn p99(&self) -> Option<Verdict> {
        let (most, p99) = (self.targets.p99_ns?, self.run(Condition::Hot)?.ours.as_ref()?.p99_ns as f64);
        Some(Verdict { text: format!("hot p99 at most {}: {}", duration(most), duration(p99)), met: p99 <= most })
    }

    fn rate(&self) -> Option<Verdict> {
        let (least, rate) = (self.targets.a_second?, self.a_second?);
        Some(Verdict { text: format!("at least {} a second: {}", grouped(least), grouped(rate)), met: rate >= least })
    }

    /// The tail when hot: three times the median, or what an empty loop of that length shows too and 1 us.
    fn tail(&self) -> Option<Verdict> {
        let Run { ours: Some(ours), empty: Some(empty), .. } = self.run(Condition::Hot)? else { return None };
        let (p999, empty) = (ours.p999_ns? as f64, empty.p999_ns? as f64);
        let most = (3.0 * ours.p50_ns as f64).max(empty + 1e3);
        let text = format!("hot p99.9 at most {} (empty loop {}): {}", duration(most), duration(empty), duration(p999));
        Some(Verdict { text, met: p999 <= most })
    }

    /// What is to be known beside the figures: what runs it, the rate, the floor, how far a peer's outputs are from ours.
    pub fn facts(&self) -> Vec<String> {
        let rate = self.a_second.map(|rate| format!("{} a second, one after another with all that belongs to them", grouped(rate)));
        let hot = self.run(Condition::Hot).into_iter().flat_map(|run| &run.peers);
        let apart = hot.filter_map(|peer| Some(format!("outputs of {} differ by at most {:.1e}", peer.name, peer.apart?)));
        self.refused.iter().chain(&self.runs_on).cloned().chain(rate).chain(self.distance()).chain(apart).collect()
    }

    /// How far the hot median is from the least that the core allows.
    fn distance(&self) -> Option<String> {
        let (floor, p50) = (self.floor_ns?, self.run(Condition::Hot)?.ours.as_ref()?.p50_ns as f64);
        Some(format!("the core's floor is {}: hot p50 is {} times that", duration(floor), short(p50 / floor)))
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "title": self.title, "runs_on": self.runs_on, "trained": self.trained, "refused": self.refused, "floor_ns": self.floor_ns, "a_second": self.a_second,
            "targets": self.verdicts().iter().map(|verdict| json!({ "text": verdict.text, "met": verdict.met })).collect::<Vec<_>>(),
            "runs": self.runs.iter().map(Run::json).collect::<Vec<_>>(),
        })
    }
}

/// Name of the peer that targets are stated against.
pub const ONNX_RUNTIME: &str = "ONNX Runtime, C API";

/// Three figures of a number, for a person.
pub fn short(value: f64) -> String {
    match value {
        _ if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with its thousands apart.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let apart = |(at, digit): (usize, char)| if at > 0 && (digits.len() - at).is_multiple_of(3) { vec![',', digit] } else { vec![digit] };
    digits.chars().enumerate().flat_map(apart).collect()
}

/// A duration in the unit that suits it.
pub fn duration(ns: f64) -> String {
    let (unit, name) = [(1e9, "s"), (1e6, "ms"), (1e3, "us")].into_iter().find(|(unit, _)| ns >= *unit).unwrap_or((1.0, "ns"));
    format!("{} {name}", short(ns / unit))
}

impl Run {
    fn json(&self) -> Value {
        let peer = |peer: &PeerRun| {
            let ratios = self.ours.as_ref().map(|ours| peer.ratios(ours));
            json!({ "name": peer.name, "times": times(&peer.times), "ratio_p50": ratios.map(|all| all[0]), "ratio_p99": ratios.map(|all| all[1]), "apart": peer.apart })
        };
        let [ours, empty] = [&self.ours, &self.empty].map(|figures| figures.as_ref().map(times));
        json!({ "condition": self.condition.name(), "foretick": ours, "empty": empty, "peers": self.peers.iter().map(peer).collect::<Vec<_>>() })
    }
}

fn times(figures: &Figures) -> Value {
    let Figures { p50_ns, p99_ns, p999_ns, max_ns, calls, calls_a_second, shares } = figures;
    json!({
        "p50_ns": p50_ns, "p99_ns": p99_ns, "p999_ns": p999_ns, "max_ns": max_ns, "calls": calls, "calls_a_second": calls_a_second, "shares": shares,
    })
}

impl Report {
    /// The keys are stable; README names them.
    pub fn json(&self) -> Value {
        let Machine { processor, cores, core, level, empty, floor } = &self.machine;
        json!({
            "foretick": env!("CARGO_PKG_VERSION"), "at": self.at, "quick": self.quick,
            "machine": {
                "processor": processor, "cores": cores, "core": core, "instructions": level, "empty_loop": times(empty),
                "fma_gflops": floor.fma_gflops, "l1_gb_s": floor.l1_gbs, "l2_gb_s": floor.l2_gbs, "sum_1024_ns": floor.sum_ns,
            },
            "notes": self.notes,
            "cases": self.lines.iter().map(Line::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_a_person_reads_them() {
        assert_eq!([999.0, 1_000.0, 1_234_567.2].map(grouped), ["999", "1,000", "1,234,567"]);
        assert_eq!([0.477, 20.0, 1_600.0, 4.16e6, 2e9].map(duration), ["0.48 ns", "20 ns", "1.60 us", "4.16 ms", "2 s"]);
    }
}
