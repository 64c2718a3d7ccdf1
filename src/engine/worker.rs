//! A thread that a lane belongs to: it drains the lane's links, and lets others in between two polls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::lane::Lane;
use super::pin::pin_to_core;
use crate::config::Idle;
use crate::error::{Error, Result, Status};
use crate::model::denormals::ordinary;

/// Slots that one poll takes at most: callers wait no longer than it lasts.
const POLL_SLOTS: usize = 1_024;

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const FAILED: u8 = 2;

/// A lane with a thread of its own.
#[derive(Debug)]
pub struct Worker {
    desk: Arc<Desk>,
    number: u16,
    /// Joined when this is dropped.
    thread: Option<JoinHandle<()>>,
}

/// The lane, held by the thread but for the moments between two polls.
#[derive(Debug)]
struct Desk {
    lane: Mutex<Lane>,
    state: AtomicU8,
}

impl Worker {
    /// Starts the thread, pinned when the lane's options name a core.
    pub(super) fn start(lane: Lane) -> Result<Worker> {
        let number = lane.number();
        let desk = Arc::new(Desk { lane: Mutex::new(lane), state: AtomicU8::new(RUNNING) });
        let (ready, started) = sync_channel(1);
        let thread = {
            let desk = desk.clone();
            thread::Builder::new().name(format!("foretick-lane-{number}")).spawn(move || desk.serve(&ready))
        };
        let thread = thread.map_err(|error| Error::new(Status::Thread, format!("the worker of lane {number} could not be started: {error}")))?;
        let worker = Worker { desk, number, thread: Some(thread) };
        let gone = |_| Error::new(Status::Thread, format!("the worker of lane {number} ended before it began"));
        started.recv().map_err(gone)??;
        Ok(worker)
    }

    /// Number of the lane in its engine.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Lets `work` have the lane, between two polls; waits for the poll that is going on.
    ///
    /// # Errors
    /// `POISONED` when a panic, of the thread or of an earlier `work`, left the lane half changed: it no longer polls.
    pub fn with<R>(&self, work: impl FnOnce(&mut Lane) -> R) -> Result<R> {
        let mut lane = self.desk.lane.lock();
        if self.desk.state.load(Ordering::Acquire) == FAILED {
            return Err(Error::new(Status::Poisoned, format!("a panic left lane {} half changed and its worker ended: only close works", self.number)));
        }
        let mut leave = Leave { state: &self.desk.state, well: false };
        let answer = work(&mut lane);
        leave.well = true;
        Ok(answer)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.desk.state.compare_exchange(RUNNING, STOPPING, Ordering::AcqRel, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread has been printed; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

/// Fails the lane when a panic passes.
struct Leave<'d> {
    state: &'d AtomicU8,
    well: bool,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.well {
            self.state.store(FAILED, Ordering::Release);
        }
    }
}

impl Desk {
    /// The thread's life. A thread begins with its creator's floating-point mode, which must not reach the arithmetic.
    fn serve(&self, ready: &SyncSender<Result<()>>) {
        let core = self.lane.lock().options().core;
        let pinned = core.map_or(Ok(()), pin_to_core);
        let well = pinned.is_ok();
        if ready.send(pinned).is_err() || !well {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| ordinary(|| self.poll()))).is_err() {
            self.state.store(FAILED, Ordering::Release);
        }
    }

    fn poll(&self) {
        let mut lane = self.lane.lock();
        let (idle, sleep) = (lane.options().idle, Duration::from_micros(lane.options().sleep_us));
        while self.state.load(Ordering::Acquire) == RUNNING {
            let flow = lane.poll_alone(POLL_SLOTS);
            // Hands the lane to a caller who waits; else this is one look at a word.
            MutexGuard::bump(&mut lane);
            if flow.taken > 0 || flow.closed > 0 {
                continue;
            }
            match idle {
                Idle::Spin => std::hint::spin_loop(),
                Idle::Yield => MutexGuard::unlocked(&mut lane, thread::yield_now),
                Idle::Sleep => MutexGuard::unlocked(&mut lane, || thread::park_timeout(sleep)),
            }
        }
    }
}
