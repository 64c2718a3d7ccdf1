//! The report as text: one table a condition, then targets.

use std::fmt::Write;

use super::condition::Condition;
use super::report::{Line, Machine, PeerRun, Report, Run, short};
use super::times::Times;

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = machine(&report.machine);
    for condition in Condition::ALL {
        let _ = writeln!(text, "\n{}", condition.title());
        let _ = writeln!(text, "{:<18} {}  {:>9} {:>9}", "ns", heads(), "x p50", "x p99");
        report.lines.iter().filter_map(|line| Some((line, line.run(condition)?))).for_each(|(line, run)| text += &rows(line, run));
    }
    text += &notes(report);
    text
}

fn machine(machine: &Machine) -> String {
    let Machine { processor, cores, core, level, empty, floor } = machine;
    format!(
        "{processor}, {cores} cores, timed on core {core}, {level}\n\
         an empty timed loop: p50 {} ns (taken off every figure), p99 {}, p99.9 {}, max {}\n\
         floor of the core: {} GFLOP/s by fused multiply-adds, reads {} GB/s from the first cache, {} GB/s from the second\n",
        empty.p50(),
        empty.p99(),
        whole(empty.p999()),
        empty.max(),
        short(floor.fma_gflops),
        short(floor.l1_gbs),
        short(floor.l2_gbs),
    )
}

fn heads() -> String {
    ["p50", "p99", "p99.9", "max", "calls/s"].map(|head| format!("{head:>10}")).join(" ")
}

fn figures(times: &Times) -> String {
    let cells = [times.p50().to_string(), times.p99().to_string(), whole(times.p999()), times.max().to_string(), format!("{:.0}", times.calls_a_second())];
    cells.map(|cell| format!("{cell:>10}")).join(" ")
}

fn whole(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

/// Ours, and below it every peer with its duration in parts of ours.
fn rows(line: &Line, run: &Run) -> String {
    let mut text = String::new();
    if let Some(ours) = &run.ours {
        let _ = writeln!(text, "{:<18} {}", line.name, figures(ours));
    }
    for peer in &run.peers {
        let name = format!("  {}", peer.name);
        let ratios = run.ours.as_ref().map_or(String::new(), |ours| ratios(peer, ours));
        let _ = writeln!(text, "{name:<18} {}{ratios}", figures(&peer.times));
    }
    text
}

/// A ratio below 1 is a loss, and said so.
fn ratios(peer: &PeerRun, ours: &Times) -> String {
    let [p50, p99] = peer.ratios(ours);
    format!("  {:>9} {:>9}{}", short(p50), short(p99), if p50 < 1.0 { "  slower than the peer" } else { "" })
}

/// What each name is, its distance to the floor, and its targets.
fn notes(report: &Report) -> String {
    let mut text = String::from("\n");
    for line in &report.lines {
        let _ = writeln!(text, "{:<18} {}{}", line.name, line.title, if line.trained { ", trained" } else { "" });
        line.refused.iter().for_each(|why| indented(&mut text, why));
        line.runs_on.iter().for_each(|runs_on| indented(&mut text, runs_on));
        if let Some(floor) = distance(line) {
            indented(&mut text, &floor);
        }
        for verdict in line.verdicts() {
            indented(&mut text, &format!("{}: {}", if verdict.met { "met" } else { "MISSED" }, verdict.text));
        }
    }
    if report.quick {
        text += "few calls (--quick): a look, not figures to keep\n";
    }
    text
}

fn indented(text: &mut String, line: &str) {
    let _ = writeln!(text, "{:<18} {line}", "");
}

/// How far the hot median is from the least that the core allows.
pub fn distance(line: &Line) -> Option<String> {
    let (floor, p50) = (line.floor_ns?, line.run(Condition::Hot)?.ours.as_ref()?.p50() as f64);
    Some(format!("the core's floor is {} ns: hot p50 is {} times that", short(floor), short(p50 / floor)))
}
