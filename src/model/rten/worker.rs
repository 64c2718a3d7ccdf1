//! A thread that runs one caller's jobs, so that the caller can leave one that takes too long.
//!
//! A job cannot be ended from outside: the caller that gave it is told at its deadline, or when the engine is closed, and the thread goes
//! on alone until the job is over. Until then further jobs are refused, so nothing queues behind it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::error::{Error, Result, Status};
use crate::model::watchdog::{RunLimit, Watch};

type Job<T> = Box<dyn FnOnce() -> Result<T> + Send>;

enum Answer<T> {
    /// Of the job of this number.
    Of(u64, Result<T>),
    /// The watchdog's: wait no longer.
    Stopped,
}

/// The caller's end. The thread ends when this is dropped and its job is over.
pub(super) struct Worker<T> {
    jobs: Sender<(u64, Job<T>)>,
    answers: Receiver<Answer<T>>,
    watch: Arc<Watch>,
    limit: RunLimit,
    /// Number of the last job.
    given: u64,
    /// The last job was left and is not over.
    left: bool,
    /// The process that has the thread: a child made by fork has not.
    owner: u32,
}

impl<T: Send + 'static> Worker<T> {
    /// `start` gets what the thread is to do.
    ///
    /// # Errors
    /// Those of `start`.
    pub(super) fn new(limit: &RunLimit, start: impl FnOnce(Box<dyn FnOnce() + Send>) -> Result<()>) -> Result<Worker<T>> {
        let (jobs, waiting) = channel::<(u64, Job<T>)>();
        let (done, answers) = channel();
        let stop = done.clone();
        start(Box::new(move || waiting.into_iter().for_each(|(number, job)| drop(done.send(Answer::Of(number, finished(job)))))))?;
        let watch = limit.watchdog.watch(limit.most, move || drop(stop.send(Answer::Stopped)));
        Ok(Worker { jobs, answers, watch, limit: limit.clone(), given: 0, left: false, owner: process::id() })
    }

    /// What a job gives.
    ///
    /// # Errors
    /// Those of the job; `BACKEND` when it panicked; `DEADLINE` when it took too long, or the one before it is not over; `CLOSING`;
    /// `FORKED`.
    pub(super) fn run(&mut self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        if process::id() != self.owner {
            return Err(Error::new(Status::Forked, "the thread that runs the model stayed with the process that was forked"));
        }
        self.look_after_what_was_left();
        if self.left {
            return Err(Error::new(Status::Deadline, "the run before this one took too long and is not over"));
        }
        let timer = self.limit.clock.start();
        let watch = self.watch.clone();
        let running = watch.enter();
        let answer = if self.limit.watchdog.is_closing() { None } else { self.wait(Box::new(job)) };
        let stopped = running.leave();
        // The stop that came after the job's end is for nobody; `leave` has waited until it was sent.
        if stopped && answer.is_some() {
            drop(self.answers.recv());
        }
        if self.limit.watchdog.is_closing() && (stopped || answer.is_none()) {
            return Err(Error::new(Status::Closing, "the engine is being closed"));
        }
        if stopped || u128::from(timer.elapsed_ns()) > self.limit.most.as_nanos() {
            return Err(Error::new(Status::Deadline, format!("the run took longer than {} us", self.limit.most.as_micros())));
        }
        answer.unwrap_or_else(|| Err(Error::new(Status::Thread, "the thread that runs the model has ended")))
    }

    /// `None` when the job was left.
    fn wait(&mut self, job: Job<T>) -> Option<Result<T>> {
        self.given += 1;
        self.jobs.send((self.given, job)).ok()?;
        let answer = match self.answers.recv() {
            Ok(Answer::Of(_, answer)) => Some(answer),
            Ok(Answer::Stopped) | Err(_) => None,
        };
        self.left = answer.is_none();
        answer
    }

    fn look_after_what_was_left(&mut self) {
        if let Ok(Answer::Of(number, _)) = self.answers.try_recv() {
            self.left &= number != self.given;
        }
    }
}

fn finished<T>(job: Job<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|payload| Err(Error::new(Status::Backend, format!("rten panicked: {}", text(&*payload)))))
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::config::ClockSource;
    use crate::model::watchdog::Watchdog;

    fn worker(most: Duration) -> (Worker<u32>, Arc<Watchdog>) {
        let watchdog = Watchdog::new(true);
        let limit = RunLimit { watchdog: watchdog.clone(), most, clock: Clock::new(ClockSource::System) };
        let start = |serve| {
            std::thread::spawn(serve);
            Ok(())
        };
        (Worker::new(&limit, start).unwrap(), watchdog)
    }

    #[test]
    fn a_panic_is_the_jobs_own_error() {
        let (mut worker, _watchdog) = worker(Duration::from_secs(60));
        let error = worker.run(|| panic!("a fault")).unwrap_err();
        assert_eq!((error.status(), error.text()), (Status::Backend, "rten panicked: a fault"));
        assert_eq!(worker.run(|| Ok(7)), Ok(7));
    }

    #[test]
    fn a_job_that_takes_too_long_is_left_and_nothing_queues_behind_it() {
        let (mut worker, watchdog) = worker(Duration::ZERO);
        let gate = Arc::new(Barrier::new(2));
        let behind = gate.clone();
        let answer = std::thread::scope(|scope| {
            let left = scope.spawn(|| {
                worker.run(move || {
                    behind.wait();
                    Ok(1)
                })
            });
            while !left.is_finished() {
                watchdog.look();
            }
            left.join().unwrap()
        });
        assert_eq!(answer.unwrap_err().status(), Status::Deadline);
        assert!(worker.run(|| Ok(2)).unwrap_err().text().contains("is not over"));
        gate.wait();
        worker.limit.most = Duration::MAX;
        let mut next = worker.run(|| Ok(3));
        while next.is_err() {
            next = worker.run(|| Ok(3));
        }
        assert_eq!(next, Ok(3), "what was left is nobody's answer");
        assert_eq!(worker.run(|| Ok(4)), Ok(4));
    }

    #[test]
    fn stops_that_come_late_are_for_nobody() {
        let (mut worker, watchdog) = worker(Duration::ZERO);
        worker.limit.most = Duration::MAX;
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    watchdog.look();
                }
            });
            for number in 0..if cfg!(miri) { 20 } else { 5_000 } {
                match worker.run(move || Ok(number)) {
                    Ok(answer) => assert_eq!(answer, number),
                    Err(error) => assert_eq!(error.status(), Status::Deadline),
                }
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn closing_ends_the_wait() {
        let (mut worker, watchdog) = worker(Duration::MAX);
        let gate = Arc::new(Barrier::new(2));
        let behind = gate.clone();
        let answer = std::thread::scope(|scope| {
            let left = scope.spawn(|| {
                worker.run(move || {
                    behind.wait();
                    behind.wait();
                    Ok(1)
                })
            });
            gate.wait();
            watchdog.close(true);
            left.join().unwrap()
        });
        assert_eq!(answer.unwrap_err().status(), Status::Closing);
        assert!(worker.run(|| Ok(2)).unwrap_err().text().contains("is not over"));
        gate.wait();
    }

    #[test]
    fn a_child_made_by_fork_is_told() {
        let (mut worker, _watchdog) = worker(Duration::MAX);
        worker.owner += 1;
        assert_eq!(worker.run(|| Ok(1)).unwrap_err().status(), Status::Forked);
    }
}
