//! The one thread of an engine: frees what no lane holds any more, and ends foreign runs that take too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::registry::Shared;
use crate::error::{Error, Result, Status};

/// Stops and joins its thread when dropped.
#[derive(Debug)]
pub struct Housekeeping {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeping {
    pub fn start(shared: Arc<Shared>) -> Result<Housekeeping> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("foretick-housekeeping".into()).spawn(move || keep(&shared, &stopped));
        let thread =
            thread.map_err(|error| Error::new(Status::Thread, format!("the housekeeping thread could not be started: {error}; threads = 0 does without")))?;
        Ok(Housekeeping { stop, thread: Some(thread) })
    }
}

fn keep(shared: &Shared, stopped: &AtomicBool) {
    let interval = Duration::from_millis(shared.config.housekeeping_ms);
    let mut collected = Instant::now();
    shared.watchdog().wake(thread::current());
    while !stopped.load(Ordering::Acquire) {
        // Looked at first: what was watched before this thread was there to be woken must not wait for a whole interval.
        thread::park_timeout(shared.watchdog().look().map_or(interval, |next| next.min(interval)));
        if collected.elapsed() >= interval {
            shared.store.collect();
            collected = Instant::now();
        }
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread has been printed; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}
