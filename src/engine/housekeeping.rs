//! Housekeeping: hands newer models over to idle lanes, frees what no lane holds any more, and ends foreign runs that take too
//! long. One thread of the engine does it, or the host.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::pin::pin_to_core;
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
        let (ready, started) = sync_channel(1);
        let life = move || {
            let pinned = shared.config.housekeeping_core.map_or(Ok(()), pin_to_core);
            let well = pinned.is_ok();
            if ready.send(pinned).is_ok() && well {
                keep(&shared, &stopped);
            }
        };
        let cannot = |why: &dyn Display| Error::new(Status::Thread, format!("the housekeeping thread could not be started: {why}; threads = 0 does without"));
        let thread = thread::Builder::new().name("foretick-housekeeping".into()).spawn(life).map_err(|error| cannot(&error))?;
        let housekeeping = Housekeeping { stop, thread: Some(thread) };
        started.recv().map_err(|gone| cannot(&gone))?.map_err(|error| error.within("housekeeping"))?;
        Ok(housekeeping)
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
            tidy(shared, None);
            collected = Instant::now();
        }
    }
}

/// Hands over and frees until the time is up; true when work is left. What is begun is finished, so this may take longer by the
/// time that freeing one model takes.
pub fn tidy(shared: &Shared, until: Option<Instant>) -> bool {
    shared.store.hand_over(Duration::from_millis(shared.config.idle_revoke_ms));
    let more = shared.store.free_old(until);
    if !more {
        shared.store.collect();
    }
    more
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
