//! The report as one HTML file without anything outside it, readable on a phone.

use std::fmt::Write;

use super::floor::PRODUCTS;
use super::report::{Line, Machine, PeerRun, Report, Run, duration, short};
use super::times::Figures;

/// Width of a drawing; it is scaled to the screen's.
const WIDTH: f64 = 400.0;
/// Height of one distribution, and of the words above it.
const STRIP: f64 = 24.0;
const WORDS: f64 = 17.0;
/// Height of a condition's name and of the scale.
const HEAD: f64 = 20.0;
const SCALE: f64 = 22.0;
/// Bins of a tenfold longer duration, as durations are counted.
const BINS_A_DECADE: f64 = 20.0;
/// The smallest share of calls that is drawn: one in so many.
const SMALLEST: f64 = 1e-5;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --page: #f6f7f9; --card: #fff; --ours: #1769e0; --peer: #d07a00; --good: #12803c; --bad: #c3291c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #333c48; --page: #12161c; --card: #1b2129; --ours: #5a9bff; --peer: #f0a030; --good: #4cc27a; --bad: #ff7468; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 46rem; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0.2rem 0; } h2 { font-size: 1.05rem; margin: 0 0 0.3rem; }
p { margin: 0.3rem 0; } .soft { color: var(--soft); font-size: 0.85rem; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.8rem; margin: 0.9rem 0; }
svg { display: block; width: 100%; max-width: 34rem; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--ink); } svg .soft { fill: var(--soft); font-size: 10px; } svg .head { font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } svg .bad { fill: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem; } td { padding: 0.3rem 0.3rem; border-top: 1px solid var(--line); vertical-align: top; } td:last-child { font-weight: 600; text-align: right; }
";

/// The whole page.
pub fn page(report: &Report) -> String {
    let cards: String = report.lines.iter().map(card).collect();
    let notes: String = report.notes.iter().map(|note| format!("<p class=\"soft\">{}</p>\n", escaped(note))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>foretick bench</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>foretick bench</h1>\n{}{}{cards}{notes}</body>\n</html>\n",
        machine(report),
        targets(report),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn machine(report: &Report) -> String {
    let Machine { processor, cores, core, level, empty, floor } = &report.machine;
    let quick = if report.quick { "<p class=\"bad\">Few calls (--quick): a look, not figures to keep.</p>\n" } else { "" };
    format!(
        "<p class=\"soft\">foretick {}, {}. {}, {cores} cores, timed on core {core}, {level}. A timed call of nothing takes {} (taken off every figure), its p99 {}, its longest {}. \
         The core does at most {} GFLOP/s and reads {} GB/s from its first cache, {} GB/s from its second; a sum of {PRODUCTS} products in whatever order takes it {}.</p>\n\
         <p class=\"soft\">Left to right: duration of a call, tenfold from mark to mark. Height: share of calls, tenfold too, down to one in 100,000. \
         A line marks the median, a dot p99. An empty loop as long as the call, in turns with it, shows what the machine adds. \
         Figures beside a peer say how many times ours its median and p99 are; below 1 ours is slower, and it says so in red.</p>\n{quick}",
        env!("CARGO_PKG_VERSION"),
        escaped(&report.at),
        escaped(processor),
        duration(empty.p50_ns as f64),
        duration(empty.p99_ns as f64),
        duration(empty.max_ns as f64),
        short(floor.fma_gflops),
        short(floor.l1_gbs),
        short(floor.l2_gbs),
        duration(floor.sum_ns),
    )
}

/// Every target beside what was measured.
fn targets(report: &Report) -> String {
    let mut rows = String::new();
    for line in &report.lines {
        for verdict in line.verdicts() {
            let (class, word) = if verdict.met { ("good", "met") } else { ("bad", "missed") };
            let _ = writeln!(rows, "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{word}</td></tr>", escaped(line.name), escaped(&verdict.text));
        }
    }
    if rows.is_empty() { String::new() } else { format!("<section><h2>Targets</h2>\n<table>\n{rows}</table></section>\n") }
}

fn card(line: &Line) -> String {
    let trained = line.trained.then(|| "trained".to_owned());
    let facts = trained.into_iter().chain(line.facts()).map(|fact| format!("<p class=\"soft\">{}</p>\n", escaped(&fact)));
    let text = format!("<section>\n<h2>{}</h2>\n{}", escaped(line.title), facts.collect::<String>());
    text + &drawing(line) + "</section>\n"
}

/// Durations from left to right.
struct Axis {
    /// Powers of ten at both ends.
    from: f64,
    to: f64,
}

impl Axis {
    /// From the shortest to the longest of a case.
    fn of(line: &Line) -> Axis {
        let all = line.runs.iter().flat_map(|run| run.ours.iter().chain(run.peers.iter().map(|peer| &peer.times)));
        let ends = all.filter_map(|figures| Some((figures.shares.first()?.0, figures.shares.last()?.0)));
        let (least, most) = ends.fold((f64::INFINITY, 10.0f64), |(least, most), (first, last)| (least.min(first), most.max(last)));
        Axis { from: least.min(most).max(1.0).log10().floor(), to: most.log10().ceil() }
    }

    fn x(&self, ns: f64) -> f64 {
        (ns.max(1.0).log10() - self.from) / (self.to - self.from).max(1.0) * WIDTH
    }

    /// Marks at powers of ten, with their names below `height`.
    fn marks(&self, height: f64) -> String {
        let mut text = String::new();
        for power in self.from as i32..=self.to as i32 {
            let (ns, anchor) = (
                10f64.powi(power),
                if f64::from(power) == self.from {
                    "start"
                } else if f64::from(power) == self.to {
                    "end"
                } else {
                    "middle"
                },
            );
            let x = self.x(ns);
            let _ = write!(text, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height:.1}\" stroke=\"var(--line)\"/>");
            let _ = writeln!(text, "<text class=\"soft\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>", height + 14.0, power_name(power));
        }
        text
    }
}

/// A power of ten ns, such as `10 us`.
fn power_name(power: i32) -> String {
    let unit = ["ns", "us", "ms", "s"][(power / 3).clamp(0, 3) as usize];
    format!("{} {unit}", 10i32.pow((power - 3 * (power / 3).clamp(0, 3)) as u32))
}

/// All conditions of a case below one another.
fn drawing(line: &Line) -> String {
    let (axis, mut y, mut body) = (Axis::of(line), 0.0, String::new());
    for run in line.runs.iter().filter(|run| run.ours.is_some() || !run.peers.is_empty()) {
        y += HEAD;
        let _ = writeln!(body, "<text class=\"head\" x=\"0\" y=\"{:.1}\">{}</text>", y - 5.0, escaped(run.condition.title()));
        for (words, class, color, figures) in strips(run) {
            let _ = writeln!(body, "<text class=\"{class}\" x=\"0\" y=\"{:.1}\">{}</text>", y + 12.0, escaped(&words));
            y += WORDS + STRIP;
            body += &strip(figures, &axis, y, color);
        }
    }
    if y == 0.0 {
        return String::new();
    }
    format!("<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"latencies\">\n{}{body}</svg>\n", y + SCALE, axis.marks(y))
}

/// Ours, an empty loop as long, then the peers: words, their class, the color, the figures. A line of words is as wide as a phone at most.
fn strips(run: &Run) -> Vec<(String, &'static str, &'static str, &Figures)> {
    let p999 = |figures: &Figures| figures.p999_ns.map_or(String::new(), |ns| format!(", p99.9 {}", duration(ns as f64)));
    let alone = |name, color, figures| (format!("{name}: {}{}", quantiles(figures), p999(figures)), "", color, figures);
    let ours = run.ours.iter().map(|ours| alone("foretick", "var(--ours)", ours));
    let mut strips: Vec<_> = ours.chain(run.empty.iter().map(|empty| alone("empty loop", "var(--soft)", empty))).collect();
    for peer in &run.peers {
        let (ratios, is_loss) = ratios(peer, run.ours.as_ref());
        strips.push((format!("{}: {}{ratios}", peer.name, quantiles(&peer.times)), if is_loss { "bad" } else { "" }, "var(--peer)", &peer.times));
    }
    strips
}

fn quantiles(figures: &Figures) -> String {
    format!("p50 {}, p99 {}", duration(figures.p50_ns as f64), duration(figures.p99_ns as f64))
}

fn ratios(peer: &PeerRun, ours: Option<&Figures>) -> (String, bool) {
    let Some([p50, p99]) = ours.map(|ours| peer.ratios(ours)) else { return (String::new(), false) };
    let loss = if p50 < 1.0 { ": slower" } else { "" };
    (format!(" ({} x, {} x{loss})", short(p50), short(p99)), p50 < 1.0)
}

/// One distribution that stands on `bottom`.
fn strip(figures: &Figures, axis: &Axis, bottom: f64, color: &str) -> String {
    let (mut text, width) = (String::new(), (axis.x(10f64.powf(axis.from + 1.0 / BINS_A_DECADE))).max(1.0));
    for (ns, share) in &figures.shares {
        let height = (1.0 - share.log10() / SMALLEST.log10()).clamp(0.03, 1.0) * STRIP;
        let x = axis.x(*ns) - width / 2.0;
        let _ = write!(text, "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\" opacity=\"0.75\"/>", bottom - height);
    }
    let (p50, p99) = (axis.x(figures.p50_ns as f64), axis.x(figures.p99_ns as f64));
    let _ = write!(text, "<line x1=\"{p50:.1}\" x2=\"{p50:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"var(--ink)\" stroke-width=\"1.5\"/>", bottom - STRIP);
    let _ = writeln!(text, "<circle cx=\"{p99:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"var(--ink)\"/>", bottom - 2.5);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::cases::Targets;
    use crate::cli::bench::condition::Condition;

    fn figures(ns: u64) -> Figures {
        Figures {
            p50_ns: ns,
            p99_ns: 2 * ns,
            p999_ns: None,
            max_ns: 3 * ns,
            calls: 9,
            calls_a_second: 1e9 / ns as f64,
            shares: vec![(ns as f64, 0.99), (3.0 * ns as f64, 0.01)],
        }
    }

    #[test]
    fn a_loss_is_said_and_text_is_escaped() {
        let peer = PeerRun { name: "a <peer>".into(), times: figures(50), apart: None };
        let run = Run { condition: Condition::Hot, ours: Some(figures(100)), empty: None, peers: vec![peer] };
        let line = Line {
            name: "lr",
            title: "a & b",
            runs_on: Vec::new(),
            trained: false,
            targets: Targets { hot: Some(2.0), cold: None, p50_ns: None, p99_ns: None, a_second: None },
            floor_ns: None,
            refused: None,
            a_second: None,
            runs: vec![run],
        };
        let card = card(&line);
        assert!(card.contains("a &amp; b") && card.contains("a &lt;peer&gt;: p50 50 ns, p99 100 ns (0.50 x, 0.50 x: slower)"), "{card}");
        assert!(card.contains("class=\"bad\"") && card.contains(">1 us</text>"), "{card}");
    }
}
