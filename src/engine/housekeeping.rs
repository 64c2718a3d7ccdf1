//! The one thread of an engine: frees what no lane holds any more, and ends foreign runs that take too long.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::registry::Shared;
use crate::error::{Error, Result, Status};

/// Stops and joins its thread when dropped.
#[derive(Debug)]
pub struct Housekeeping {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeping {
    pub fn start(shared: Arc<Shared>) -> Result<Housekeeping> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (signal, interval) = (stop.clone(), Duration::from_millis(shared.config.housekeeping_ms));
        let closing = Duration::from_millis(shared.config.close_timeout_ms);
        let run = move || {
            let mut collected = Instant::now();
            let mut wait = interval;
            let mut stopped = signal.0.lock();
            while !*stopped {
                signal.1.wait_for(&mut stopped, wait);
                wait = look(&shared).map_or(interval, |next| next.min(interval));
                if collected.elapsed() >= interval {
                    shared.store.collect();
                    collected = Instant::now();
                }
            }
            drop(stopped);
            end_runs(&shared, closing);
        };
        let thread = std::thread::Builder::new().name("foretick-housekeeping".into()).spawn(run);
        let thread =
            thread.map_err(|error| Error::new(Status::Thread, format!("the housekeeping thread could not be started: {error}; threads = 0 does without")))?;
        Ok(Housekeeping { stop, thread: Some(thread) })
    }
}

/// Ends overdue runs; when to look again.
fn look(shared: &Shared) -> Option<Duration> {
    shared.watchdog().and_then(|watchdog| watchdog.look())
}

/// The engine is closing: stays until no run is left, for a while at most.
fn end_runs(shared: &Shared, most: Duration) {
    let began = Instant::now();
    while shared.watchdog().is_some_and(|watchdog| watchdog.is_busy()) && began.elapsed() < most {
        look(shared);
        std::thread::sleep(Duration::from_micros(200));
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}
