//! What `model tune` says and writes.

use std::fmt::Write;
use std::path::Path;

use foretick::model::lock::FORMAT;
use serde_json::{Value, json};

use super::race::Lap;
use super::{Report, Tuned};
use crate::cli::bench::times::Figures;

impl Report {
    /// The content of `backend.lock`.
    pub fn lock(&self) -> String {
        let mut text = String::from("# Written by `foretick model tune`: what ran each model fastest. Read when the bundle is opened, outside its digest;\n");
        text += "# without this file the fixed choice holds. Durations are ns, p50 / p99.\n";
        let _ = writeln!(text, "format = {FORMAT}\nbundle = \"{}\"\nforetick = \"{}\"", self.digest, env!("CARGO_PKG_VERSION"));
        // A processor's name is no more than text.
        let _ = writeln!(text, "measured_on = {}\n\n[members]", Value::from(self.measured_on.as_str()));
        for tuned in &self.members {
            let Some(chosen) = tuned.chosen else { continue };
            let laps: Vec<String> = tuned.laps().map(|(backend, lap)| format!("{backend} {}", lap.figures())).collect();
            let _ = writeln!(text, "\"{}\" = \"{chosen}\" # {}", tuned.member, laps.join("; "));
        }
        text
    }

    /// A table for a person.
    pub fn text(&self, written: Option<&Path>) -> String {
        let mut text = format!("{}  (digest {})\nmeasured on {}; durations in ns, p50 / p99\n", self.title, self.digest, self.measured_on);
        for tuned in &self.members {
            let verdict = tuned.verdict();
            let _ = writeln!(text, "{}: {verdict}", tuned.member);
            let width = tuned.entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (backend, entry) in &tuned.entries {
                let figures = entry.as_ref().map_or_else(|error| format!("cannot: {}", error.text().replace('\n', " ")), |lap| tuned.compared(lap));
                let _ = writeln!(text, "  {backend:<width$}  {figures}");
            }
        }
        let last = written.map_or("nothing was written (--dry-run)".to_owned(), |path| format!("written to {}", path.display()));
        text + &last + "\n"
    }

    pub fn json(&self, written: Option<&Path>) -> Value {
        let members: Vec<Value> = self.members.iter().map(Tuned::json).collect();
        json!({
            "bundle": self.title, "digest": self.digest, "foretick": env!("CARGO_PKG_VERSION"), "measured_on": self.measured_on,
            "written": written.map(|path| path.display().to_string()), "members": members,
        })
    }
}

impl Tuned {
    fn laps(&self) -> impl Iterator<Item = (&'static str, &Lap)> {
        self.entries.iter().filter_map(|(backend, entry)| Some((*backend, entry.as_ref().ok()?)))
    }

    fn verdict(&self) -> String {
        match self.chosen {
            None => format!("{}, the manifest leaves no choice", self.fixed),
            Some(chosen) if chosen == self.fixed => format!("{chosen}, the fixed choice, stays"),
            Some(chosen) => format!("{chosen} instead of {}, the fixed choice", self.fixed),
        }
    }

    /// A lap beside the fixed choice's.
    fn compared(&self, lap: &Lap) -> String {
        let fixed = self.laps().find(|(backend, _)| *backend == self.fixed).map(|(_, lap)| lap.on_the_way_ns());
        let ratio = fixed.map(|fixed| lap.on_the_way_ns() as f64 / fixed.max(1) as f64);
        let beside = match ratio {
            Some(ratio) if ratio > 1.0 => format!(", {ratio:.2} times slower than the fixed choice"),
            Some(ratio) if ratio < 1.0 => format!(", {:.2} times faster than the fixed choice", 1.0 / ratio),
            _ => String::new(),
        };
        lap.figures() + &beside
    }

    fn json(&self) -> Value {
        let entry = |(backend, entry): &(&'static str, foretick::Result<Lap>)| match entry {
            Ok(lap) => {
                let figures = |figures: &Figures| json!({ "p50_ns": figures.p50_ns, "p99_ns": figures.p99_ns, "calls": figures.calls });
                json!({ "backend": backend, "whole": figures(&lap.whole), "newest_row": lap.newest.as_ref().map(figures) })
            }
            Err(error) => json!({ "backend": backend, "refused": error.to_string() }),
        };
        json!({ "name": self.member, "fixed": self.fixed, "chosen": self.chosen, "backends": self.entries.iter().map(entry).collect::<Vec<_>>() })
    }
}

impl Lap {
    fn figures(&self) -> String {
        let pair = |figures: &Figures| format!("{} / {}", figures.p50_ns, figures.p99_ns);
        let newest = self.newest.as_ref().map_or(String::new(), |newest| format!(", newest row of a prepared window {}", pair(newest)));
        pair(&self.whole) + &newest
    }
}
