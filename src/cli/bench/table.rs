//! The report as text: one table a condition, then targets.

use std::fmt::Write;

use super::condition::Condition;
use super::floor::PRODUCTS;
use super::report::{Line, Machine, PeerRun, Report, Run, short};
use super::times::Figures;

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = machine(&report.machine);
    for condition in Condition::ALL {
        let _ = writeln!(text, "\n{}", condition.title());
        let _ = writeln!(text, "{:<24} {}  {:>9} {:>9}", "ns", heads(), "x p50", "x p99");
        report.lines.iter().filter_map(|line| Some((line, line.run(condition)?))).for_each(|(line, run)| text += &rows(line, run));
    }
    text += &notes(report);
    text
}

fn machine(machine: &Machine) -> String {
    let Machine { processor, cores, core, level, empty, floor } = machine;
    format!(
        "{processor}, {cores} cores, timed on core {core}, {level}\n\
         a timed call of nothing: p50 {} ns (taken off every figure), p99 {}, p99.9 {}, max {}\n\
         floor of the core: {} GFLOP/s by fused multiply-adds, reads {} GB/s from the first cache, {} GB/s from the second\n\
         a sum of {PRODUCTS} products in whatever order is fastest: {} ns; models sum in one order on every processor, see lr_1000\n",
        empty.p50_ns,
        empty.p99_ns,
        whole(empty.p999_ns),
        empty.max_ns,
        short(floor.fma_gflops),
        short(floor.l1_gbs),
        short(floor.l2_gbs),
        short(floor.sum_ns),
    )
}

fn heads() -> String {
    ["p50", "p99", "p99.9", "max", "calls/s"].map(|head| format!("{head:>10}")).join(" ")
}

fn cells(figures: &Figures) -> String {
    let Figures { p50_ns, p99_ns, p999_ns, max_ns, calls_a_second, .. } = figures;
    let cells = [p50_ns.to_string(), p99_ns.to_string(), whole(*p999_ns), max_ns.to_string(), format!("{calls_a_second:.0}")];
    cells.map(|cell| format!("{cell:>10}")).join(" ")
}

fn whole(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

/// Ours, below it an empty loop as long, and every peer with its duration in parts of ours.
fn rows(line: &Line, run: &Run) -> String {
    let mut text = String::new();
    match &run.ours {
        Some(ours) => _ = writeln!(text, "{:<24} {}", line.name, cells(ours)),
        None => _ = writeln!(text, "{:<24} no native kernel", line.name),
    }
    if let Some(empty) = &run.empty {
        let _ = writeln!(text, "{:<24} {}", "  an empty loop", cells(empty));
    }
    for peer in &run.peers {
        let name = format!("  {}", peer.name);
        let ratios = run.ours.as_ref().map_or(String::new(), |ours| ratios(peer, ours));
        let _ = writeln!(text, "{name:<24} {}{ratios}", cells(&peer.times));
    }
    text
}

/// A ratio below 1 is a loss, and said so.
fn ratios(peer: &PeerRun, ours: &Figures) -> String {
    let [p50, p99] = peer.ratios(ours);
    format!("  {:>9} {:>9}{}", short(p50), short(p99), if p50 < 1.0 { "  slower than the peer" } else { "" })
}

/// What each name is, its distance to the floor, and its targets.
fn notes(report: &Report) -> String {
    let mut text = String::from("\n");
    for line in &report.lines {
        let _ = writeln!(text, "{:<24} {}{}", line.name, line.title, if line.trained { ", trained" } else { "" });
        line.facts().iter().for_each(|fact| indented(&mut text, fact));
        for verdict in line.verdicts() {
            indented(&mut text, &format!("{}: {}", if verdict.met { "met" } else { "MISSED" }, verdict.text));
        }
    }
    report.notes.iter().for_each(|note| text += &format!("{note}\n"));
    if report.quick {
        text += "few calls (--quick): a look, not figures to keep\n";
    }
    text
}

fn indented(text: &mut String, line: &str) {
    let _ = writeln!(text, "{:<24} {line}", "");
}
