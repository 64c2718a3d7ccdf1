//! The run: lanes walk through the market again and again while bundles are swapped under them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use foretick::engine::Engine;
use foretick::model::bundle::Bundle;
use foretick::model::store::Publish;
use foretick::{Error, Result, Status};

use super::SoakArgs;
use super::market::{Market, SLOTS, Walk};
use super::process::Usage;
use crate::cli::meter::Display;

/// Memory may grow by so much from a tenth of the swaps to the end, KiB: what the allocator keeps.
const GROWTH_MOST_KIB: u64 = 16 * 1024;

/// What the run showed.
pub struct Outcome {
    pub swaps: u64,
    pub sent: u64,
    pub answered: u64,
    pub errors: u64,
    pub wrong: u64,
    pub mixed: u64,
    pub taken_over: u64,
    pub before: Usage,
    pub after: Usage,
    pub elapsed: Duration,
}

impl Outcome {
    /// What breaks a promise.
    pub fn problems(&self) -> Vec<String> {
        let Outcome { sent, answered, errors, wrong, mixed, taken_over, before, after, .. } = self;
        let checks = [
            (*errors == 0, format!("{errors} errors")),
            (sent == &(answered + errors), format!("{sent} asked for, {answered} answered, {errors} errors")),
            (*wrong == 0, format!("{wrong} answers of another version than their generation's")),
            (*mixed == 0, format!("{mixed} answers from before a swap that the lane had seen")),
            (*taken_over > 0, "no lane was inside a walk when a swap came: ask for more swaps".to_owned()),
            (after.resident_kib <= before.resident_kib + GROWTH_MOST_KIB, format!("{} KiB became {}", before.resident_kib, after.resident_kib)),
            (after.open_files == before.open_files, format!("{} open files became {}", before.open_files, after.open_files)),
            (after.threads == before.threads, format!("{} threads became {}", before.threads, after.threads)),
        ];
        checks.into_iter().filter(|(well, _)| !well).map(|(_, problem)| problem).collect()
    }
}

pub fn run(args: &SoakArgs, folder: &Path) -> Result<Outcome> {
    let engine = Engine::open_text("clock = \"host\"\n[housekeeping]\nidle_revoke_ms = 1\n")?;
    let open = |version: &str| engine.open_bundle(&folder.join(version));
    let versions = [open("v1")?, open("v2")?];
    let market = Market::new(args.seed, &versions)?;
    market.add_streams(&engine)?;
    publish(&engine, &versions, 1)?;
    let (stop, walks, mut display) = (AtomicBool::new(false), AtomicU64::new(0), Display::new(args.quiet));
    let read = || {
        let mut all = Vec::new();
        while !stop.load(Ordering::Acquire) {
            all.push(market.walk(&engine)?);
            walks.fetch_add(1, Ordering::Relaxed);
        }
        Ok(all)
    };
    let (walked, before, after) = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..args.readers).map(|_| scope.spawn(read)).collect();
        let mut before = Usage::default();
        let swapped = (2..args.swaps + 2).try_for_each(|number| {
            if number == args.swaps / 10 + 2 {
                before = Usage::now();
            }
            display.show(|elapsed| line(number - 1, args.swaps, walks.load(Ordering::Relaxed), elapsed));
            publish(&engine, &versions, number)
        });
        let after = Usage::now();
        stop.store(true, Ordering::Release);
        let gone = |_| Err(Error::new(Status::Internal, "a reader panicked"));
        let walked: Result<Vec<Vec<Walk>>> = readers.into_iter().map(|reader| reader.join().unwrap_or_else(gone)).collect();
        swapped.and(walked).map(|walked| (walked.concat(), before, after))
    })?;
    display.clear();
    let sum = |of: fn(&Walk) -> u64| walked.iter().map(of).sum::<u64>();
    let (sent, errors) = (sum(|walk| walk.sent), sum(|walk| walk.errors));
    Ok(Outcome {
        swaps: args.swaps,
        sent,
        answered: sent - errors,
        errors,
        wrong: sum(|walk| walk.wrong),
        mixed: sum(|walk| walk.mixed),
        taken_over: sum(|walk| walk.taken_over),
        before,
        after,
        elapsed: display.elapsed(),
    })
}

/// The publish of this number: odd ones are of the first version.
fn publish(engine: &Engine, versions: &[Arc<Bundle>; 2], number: u64) -> Result<()> {
    let bundle = &versions[1 - number as usize % 2];
    engine.publish(&SLOTS.map(|slot| Publish { slot: slot.to_owned(), bundle: bundle.clone(), replace: false })).map(drop)
}

fn line(number: u64, swaps: u64, walks: u64, elapsed: Duration) -> String {
    format!("{:>3} %  {number} swaps, {:.0} a second, {walks} walks of lanes", 100 * number / swaps, number as f64 / elapsed.as_secs_f64().max(1e-3))
}
