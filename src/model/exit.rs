//! The end of the process while a foreign runtime is at work.
//!
//! `exit` destroys a runtime's statics while other threads go on, and a session that is being made or freed then reads freed memory. So
//! before the statics go no work begins any more, runs are stopped, and what is in progress is waited for. Sessions that are left are
//! never freed: the process gives their memory back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::watchdog::{any_run, end_runs, is_ending};

/// Most time that the end of the process waits: for a run that does not look whether it was stopped.
const PATIENCE: Duration = Duration::from_secs(5);

static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// A session is being made or freed; runs have marks of their own.
#[derive(Debug)]
pub struct Work(());

impl Work {
    /// Begins such work, which ends when the answer is dropped; `None` when the process is ending.
    #[must_use]
    pub fn begin() -> Option<Work> {
        AT_WORK.fetch_add(1, Ordering::SeqCst);
        let work = Work(());
        (!is_ending()).then_some(work)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Makes the end of the process wait for work before it destroys any static that the runtime has made so far: statics go in the
/// reverse order of their making.
pub fn wait_before_statics() {
    hook::register();
}

/// As [`wait_before_statics`], after a model was loaded: a runtime makes statics with the first model that needs them. Does nothing
/// when earlier models had all of its operators.
pub fn wait_before_statics_of(operators: impl Iterator<Item = String>) {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut seen = SEEN.lock();
    let before = seen.len();
    seen.extend(operators);
    if seen.len() > before {
        wait_before_statics();
    }
}

/// Ends all work of the process.
fn end() {
    end_runs();
    let began = Instant::now();
    while (AT_WORK.load(Ordering::SeqCst) > 0 || any_run()) && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[cfg(unix)]
mod hook {
    use std::process;
    use std::sync::atomic::{AtomicU32, Ordering};

    static OWNER: AtomicU32 = AtomicU32::new(0);

    pub(super) fn register() {
        OWNER.store(process::id(), Ordering::Relaxed);
        // SAFETY: the function takes nothing, never unwinds, and is code of a library that is not unloaded. When there is no memory for
        // the entry the process ends without it, as there is nobody to tell.
        let _ = unsafe { libc::atexit(at_exit) };
    }

    extern "C" fn at_exit() {
        // A child made by fork inherits the entry, but none of the threads that are at work.
        if process::id() == OWNER.load(Ordering::Relaxed) {
            super::end();
        }
    }
}

#[cfg(not(unix))]
mod hook {
    /// Other systems end a process's threads before its statics.
    pub(super) fn register() {}
}
