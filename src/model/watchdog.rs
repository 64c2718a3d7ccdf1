//! Deadlines of runs that may not come back: a foreign runtime can meet an endless loop.
//!
//! A run marks its word RUNNING and clears it when it is back; it reads no clock for this. The watchdog looks at every word now and
//! then, and stops a run that it has seen for longer than its limit. A run therefore ends within its limit and two looks. Closing an
//! engine and ending the process stop runs at once, by the thread that does it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config::ClockSource;

/// The limit of a run where nothing else sets one.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(1);
/// The limit of a run while a bundle is checked, and by a host's clock: replays must not depend on the machine's speed.
pub const PATIENT_LIMIT: Duration = Duration::from_secs(5);
/// The watchdog looks at most this often.
const SHORTEST_LOOK: Duration = Duration::from_micros(250);

const IDLE: u64 = 0;
const RUNNING: u64 = 1;
const STOPPING: u64 = 2;
const STOPPED: u64 = 3;
const PHASE: u64 = 3;

/// How long an instance's runs may take, and who watches.
#[derive(Clone, Debug)]
pub struct RunLimit {
    /// Who stops runs.
    pub watchdog: Arc<Watchdog>,
    /// Most time of a run.
    pub most: Duration,
    /// By this clock a run that came back late is late; by a host's clock none is.
    pub clock: Clock,
}

impl RunLimit {
    /// No limit: for native models, which always come back.
    #[must_use]
    pub fn none() -> RunLimit {
        RunLimit { watchdog: Watchdog::new(false), most: Duration::MAX, clock: Clock::new(ClockSource::Host) }
    }
}

/// Looks after the runs of one engine.
#[derive(Debug)]
pub struct Watchdog {
    seen: Mutex<Vec<Seen>>,
    closing: AtomicBool,
    keeps_deadlines: bool,
    keeper: OnceLock<Thread>,
}

/// The process is ending: no run begins any more.
static ENDING: AtomicBool = AtomicBool::new(false);
/// Every watchdog of the process.
static ALL: Mutex<Vec<Weak<Watchdog>>> = Mutex::new(Vec::new());

/// What the watchdog knows of an instance.
#[derive(Debug)]
struct Seen {
    watch: Weak<Watch>,
    word: u64,
    since: Instant,
}

/// The mark of one instance's runs.
pub struct Watch {
    /// Count of runs, and the phase in the two lowest bits.
    word: AtomicU64,
    most: Duration,
    stop: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("word", &self.word).field("most", &self.most).finish_non_exhaustive()
    }
}

impl Watch {
    /// Marks a run; the answer ends it.
    pub fn enter(&self) -> Running<'_> {
        // Only the instance's one caller moves the word out of IDLE and STOPPED, so a plain store does; sequentially
        // consistent, as are the watchdog's look and the closing mark (see RunLimit::is_closing).
        let count = self.word.load(Ordering::Relaxed) & !PHASE;
        self.word.store(count | RUNNING, Ordering::SeqCst);
        Running { watch: self }
    }

    /// Stops the run whose word this is, if it still runs.
    fn stop(&self, word: u64) {
        let stopping = (word & !PHASE) | STOPPING;
        if self.word.compare_exchange(word, stopping, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            (self.stop)();
            self.word.store((word & !PHASE) | STOPPED, Ordering::Release);
        }
    }
}

/// A run in progress.
#[derive(Debug)]
pub struct Running<'w> {
    watch: &'w Watch,
}

impl Running<'_> {
    /// Ends the run; true when the watchdog stopped it. The next run cannot be hit by a stop that was meant for this one: a
    /// stop that has begun is waited for.
    pub fn leave(self) -> bool {
        let word = &self.watch.word;
        let ours = word.load(Ordering::Relaxed) & !PHASE;
        let next = ours.wrapping_add(PHASE + 1) | IDLE;
        if word.compare_exchange(ours | RUNNING, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return false;
        }
        while word.load(Ordering::Acquire) & PHASE == STOPPING {
            std::thread::yield_now();
        }
        word.store(next, Ordering::Release);
        true
    }
}

impl Watchdog {
    /// Nothing is watched yet. `keeps_deadlines`: a thread calls [`Watchdog::look`] as often as it asks for; without one runs are
    /// stopped only when the engine closes or the process ends.
    #[must_use]
    pub fn new(keeps_deadlines: bool) -> Arc<Watchdog> {
        let watchdog = Arc::new(Watchdog { seen: Mutex::default(), closing: AtomicBool::new(false), keeps_deadlines, keeper: OnceLock::new() });
        let mut all = ALL.lock();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&watchdog));
        watchdog
    }

    /// Whether a run that takes too long is stopped.
    #[must_use]
    pub fn keeps_deadlines(&self) -> bool {
        self.keeps_deadlines
    }

    /// This thread is unparked when there is more to look at: it need not look often while nothing is watched.
    pub fn wake(&self, keeper: Thread) {
        // A watchdog has one keeper all its life.
        let _ = self.keeper.set(keeper);
    }

    /// Watches an instance's runs: `stop` ends the one in progress, from another thread. Dropping the answer ends the watch.
    pub fn watch(&self, most: Duration, stop: impl Fn() + Send + Sync + 'static) -> Arc<Watch> {
        let watch = Arc::new(Watch { word: AtomicU64::new(IDLE), most, stop: Box::new(stop) });
        self.seen.lock().push(Seen { watch: Arc::downgrade(&watch), word: IDLE, since: Instant::now() });
        self.keeper.get().into_iter().for_each(Thread::unpark);
        watch
    }

    /// Stops the runs in progress and lets no new one begin; `false` undoes it.
    pub fn close(&self, closing: bool) {
        self.closing.store(closing, Ordering::SeqCst);
        if closing {
            // One look is enough: a run is marked before it asks, so either it sees the closing or this sees the run.
            self.look();
        }
    }

    /// The engine is being closed, or the process ends: a run must not go on. To be asked after the run was marked.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst) || is_ending()
    }

    /// Whether any run is in progress.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.seen.lock().iter().filter_map(|seen| seen.watch.upgrade()).any(|watch| watch.word.load(Ordering::SeqCst) & PHASE != IDLE)
    }

    /// Looks at every run and stops those that are overdue; answers when to look again, `None` when nothing is watched.
    pub fn look(&self) -> Option<Duration> {
        let (now, closing) = (Instant::now(), self.is_closing());
        let mut next: Option<Duration> = None;
        self.seen.lock().retain_mut(|seen| {
            let Some(watch) = seen.watch.upgrade() else { return false };
            let word = watch.word.load(Ordering::SeqCst);
            if word != seen.word {
                (seen.word, seen.since) = (word, now);
            }
            if word & PHASE == RUNNING && (closing || now.duration_since(seen.since) >= watch.most) {
                watch.stop(word);
            }
            let look = (watch.most / 4).max(SHORTEST_LOOK);
            next = Some(next.map_or(look, |least| least.min(look)));
            true
        });
        next
    }
}

/// Whether the process is ending.
#[must_use]
pub fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Stops every run of the process and lets none begin any more, for good.
#[cfg(feature = "ort")]
pub fn end_runs() {
    ENDING.store(true, Ordering::SeqCst);
    for watchdog in all() {
        watchdog.look();
    }
}

/// Whether any run of the process is in progress.
#[cfg(feature = "ort")]
#[must_use]
pub fn any_run() -> bool {
    all().iter().any(|watchdog| watchdog.is_busy())
}

#[cfg(feature = "ort")]
fn all() -> Vec<Arc<Watchdog>> {
    ALL.lock().iter().filter_map(Weak::upgrade).collect()
}

/// A watchdog with a thread of its own, for what runs without an engine. Dropping it ends the thread.
#[derive(Debug)]
pub struct Patrol {
    watchdog: Arc<Watchdog>,
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Patrol {
    /// Starts the thread.
    ///
    /// # Errors
    /// `THREAD`.
    pub fn start() -> crate::error::Result<Patrol> {
        let watchdog = Watchdog::new(true);
        let (stop, stopped) = std::sync::mpsc::channel();
        let ours = watchdog.clone();
        let run = move || {
            let mut wait = Duration::from_millis(10);
            while stopped.recv_timeout(wait) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                wait = ours.look().unwrap_or(wait).min(Duration::from_millis(10));
            }
        };
        let thread = std::thread::Builder::new().name("foretick-watchdog".into()).spawn(run);
        let thread = thread.map_err(|error| crate::error::Error::new(crate::error::Status::Thread, format!("the watchdog could not be started: {error}")))?;
        Ok(Patrol { watchdog, stop: Some(stop), thread: Some(thread) })
    }

    /// A limit that this thread watches over.
    #[must_use]
    pub fn limit(&self, most: Duration) -> RunLimit {
        RunLimit { watchdog: self.watchdog.clone(), most, clock: Clock::new(ClockSource::System) }
    }
}

impl Drop for Patrol {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(watchdog: &Watchdog, most: Duration) -> (Arc<Watch>, Arc<AtomicU64>) {
        let stops = Arc::new(AtomicU64::new(0));
        let count = stops.clone();
        let watch = watchdog.watch(most, move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (watch, stops)
    }

    #[test]
    fn a_run_is_stopped_only_when_it_was_seen_for_its_whole_limit() {
        let watchdog = Watchdog::new(true);
        let (watch, stops) = counted(&watchdog, Duration::from_millis(5));
        let running = watch.enter();
        watchdog.look();
        assert_eq!(stops.load(Ordering::Relaxed), 0, "seen for the first time");
        std::thread::sleep(Duration::from_millis(6));
        watchdog.look();
        assert!(running.leave() && stops.load(Ordering::Relaxed) == 1);
        let running = watch.enter();
        watchdog.look();
        assert!(!running.leave(), "another run has a limit of its own");
    }

    #[test]
    fn closing_stops_what_runs_and_reopening_ends_that() {
        let watchdog = Watchdog::new(true);
        let (watch, _) = counted(&watchdog, Duration::from_secs(3_600));
        let running = watch.enter();
        assert!(watchdog.is_busy() && !watchdog.is_closing());
        watchdog.close(true);
        assert!(running.leave() && !watchdog.is_busy());
        assert!(watchdog.is_closing(), "a run that was marked after the look sees it");
        watchdog.close(false);
        let running = watch.enter();
        watchdog.look();
        assert!(!running.leave());
    }

    #[test]
    fn a_watch_that_is_dropped_is_forgotten() {
        let watchdog = Watchdog::new(true);
        let (watch, _) = counted(&watchdog, Duration::from_millis(4));
        assert_eq!(watchdog.look(), Some(Duration::from_millis(1)));
        drop(watch);
        assert_eq!(watchdog.look(), None);
    }

    #[test]
    fn a_stop_never_hits_the_run_after_the_one_that_it_was_meant_for() {
        const RUNS: u64 = if cfg!(miri) { 50 } else { 20_000 };
        let watchdog = Watchdog::new(true);
        let flag = Arc::new(AtomicBool::new(false));
        let raised = flag.clone();
        let watch = watchdog.watch(Duration::ZERO, move || raised.store(true, Ordering::SeqCst));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    watchdog.look();
                }
            });
            for _ in 0..RUNS {
                let running = watch.enter();
                std::hint::spin_loop();
                assert_eq!(running.leave(), flag.swap(false, Ordering::SeqCst));
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
