//! What is timed: one call on an input that was made ready before.

use std::time::Instant;

use foretick::types::Slot;
use foretick::{Error, Result, Status};

use super::host::{Scorer, Track};
use super::market::{Event, Events};
use super::rows::Rows;

/// One of foretick's calls.
pub trait Subject: Send {
    /// Makes the next call's input ready; not timed.
    fn prepare(&mut self) -> Result<()>;
    /// The call.
    fn call(&mut self) -> Result<()>;
    /// What a peer is given in the same turn: the rows that the call reads, oldest first.
    fn input(&self) -> &[f32];
    /// What the newest call gave, where it is a model's outputs.
    fn given(&self) -> &[f32] {
        &[]
    }

    /// Steps a second with all that belongs to them, when a track does nothing else for so many; only a track has steps.
    fn steps_a_second(&mut self, _steps: usize) -> Result<Option<f64>> {
        Ok(None)
    }
}

/// A peer's call.
pub trait Peer: Send {
    /// Takes the input over, as a host would; not timed.
    fn fill(&mut self, input: &[f32]);
    /// The call.
    fn call(&mut self) -> Result<()>;
    /// What the newest call gave.
    fn given(&self) -> Vec<f32>;
}

/// Nothing: what the clock and the loop cost.
pub struct Empty;

impl Subject for Empty {
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn call(&mut self) -> Result<()> {
        Ok(())
    }

    fn input(&self) -> &[f32] {
        &[]
    }
}

/// A walk over rows, in which nothing of ours runs: what a scorer reads next, or a peer alone.
pub struct Walk<'r> {
    rows: &'r Rows,
    window: usize,
    at: usize,
}

impl<'r> Walk<'r> {
    pub fn new(rows: &'r Rows, window: usize) -> Walk<'r> {
        Walk { rows, window, at: 0 }
    }

    fn newest(&self) -> &'r [f32] {
        self.rows.window(self.at, self.window)
    }
}

impl Subject for Walk<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.at = (self.at + 1) % (self.rows.count() - self.window + 1);
        Ok(())
    }

    fn call(&mut self) -> Result<()> {
        Ok(())
    }

    fn input(&self) -> &[f32] {
        self.newest()
    }
}

/// A model alone, on another row or window at each call.
pub struct Scored<'r> {
    scorer: Scorer,
    rows: Walk<'r>,
}

impl<'r> Scored<'r> {
    pub fn new(scorer: Scorer, rows: &'r Rows, window: usize) -> Scored<'r> {
        Scored { scorer, rows: Walk::new(rows, window) }
    }
}

impl Subject for Scored<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.rows.prepare()
    }

    fn call(&mut self) -> Result<()> {
        self.scorer.run(self.rows.newest())
    }

    fn input(&self) -> &[f32] {
        self.rows.newest()
    }

    fn given(&self) -> &[f32] {
        &self.scorer.out
    }
}

/// A model of windows alone, on one row after the other, each window worked ahead when the one before was answered.
pub struct Ahead<'r>(Scored<'r>);

impl<'r> Ahead<'r> {
    /// Scores the first window, which nothing was worked ahead for.
    pub fn new(scorer: Scorer, rows: &'r Rows, window: usize) -> Result<Ahead<'r>> {
        let mut ahead = Ahead(Scored::new(scorer, rows, window));
        ahead.0.call().map(|()| ahead)
    }
}

impl Subject for Ahead<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.0.scorer.prepare()?;
        self.0.prepare()?;
        if self.0.rows.at > 0 {
            return Ok(());
        }
        // The rows begin anew, which no market does.
        self.0.call()?;
        self.prepare()
    }

    fn call(&mut self) -> Result<()> {
        let Scored { scorer, rows } = &mut self.0;
        let window = rows.newest();
        scorer.next(&window[window.len() - scorer.features..])
    }

    fn input(&self) -> &[f32] {
        self.0.input()
    }

    fn given(&self) -> &[f32] {
        self.0.given()
    }

    fn steps_a_second(&mut self, steps: usize) -> Result<Option<f64>> {
        let start = Instant::now();
        for _ in 0..steps {
            self.prepare()?;
            self.call()?;
        }
        Ok(Some(steps as f64 / start.elapsed().as_secs_f64()))
    }
}

/// Which part of the way from event to decision is timed.
#[derive(Clone, Copy, PartialEq)]
pub enum Part {
    /// The push of an event that closes no step.
    Push,
    /// The push of an event that closes a step: its features.
    Step,
    /// The decision on a step that has closed.
    Predict,
    /// The push of an event that closes a step, and the decision.
    Decision,
}

/// A track that is fed with the market.
pub struct Tracked {
    track: Track,
    events: Events,
    part: Part,
    /// The event of the call, and when it is known.
    event: Vec<Slot>,
    known_ns: i64,
    /// Scaled rows of the newest steps, oldest first, and how many values of them a window has.
    rows: Vec<f32>,
    window: usize,
    row: Vec<f64>,
}

/// Steps until every feature and window is there.
const WARM_STEPS: usize = 1_000;

impl Tracked {
    /// Feeds the track until it decides; `width` and `window` are those of its schema.
    pub fn new(track: Track, part: Part, width: usize, window: usize) -> Result<Tracked> {
        let (rows, row) = (vec![0.0; width * window], vec![0.0; width]);
        let mut tracked = Tracked { track, events: Events::new(), part, event: Vec::new(), known_ns: 0, rows, window: width * window, row };
        // The first event opens a step and closes none.
        tracked.take();
        tracked.push()?;
        (0..WARM_STEPS).try_for_each(|_| tracked.close())?;
        match tracked.track.predict(tracked.known_ns)? {
            prediction if prediction.value.is_finite() => Ok(tracked),
            prediction => Err(Error::new(Status::Internal, format!("the track abstains: reasons {:#x}", prediction.reasons))),
        }
    }

    /// Takes the next event that closes a step, and pushes those before it.
    fn forward(&mut self) -> Result<()> {
        while !self.take() {
            self.push()?;
        }
        Ok(())
    }

    /// Closes the next step.
    fn close(&mut self) -> Result<()> {
        self.forward()?;
        self.push()?;
        self.keep_row()
    }

    /// The events up to the close of so many steps, each with when it is known.
    fn stretch(&mut self, mut steps: usize) -> Vec<(Vec<Slot>, i64)> {
        let mut stretch = Vec::new();
        while steps > 0 {
            steps -= usize::from(self.take());
            stretch.push((self.event.clone(), self.known_ns));
        }
        stretch
    }

    /// Takes the next event; whether it closes a step.
    fn take(&mut self) -> bool {
        let Event { slots, closes, known_ns } = self.events.next_event();
        self.event.clear();
        self.event.extend_from_slice(slots);
        self.known_ns = known_ns;
        closes
    }

    #[inline]
    fn push(&mut self) -> Result<bool> {
        self.track.push(&self.event)
    }

    #[inline]
    fn predict(&mut self) -> Result<()> {
        let prediction = self.track.predict(self.known_ns)?;
        match prediction.value.is_nan() {
            false => Ok(()),
            true => Err(Error::new(Status::Internal, format!("a step without a value: reasons {:#x}", prediction.reasons))),
        }
    }

    fn keep_row(&mut self) -> Result<()> {
        self.track.row(&mut self.row)?;
        if self.rows.len() >= 64 * self.window {
            self.rows.drain(..self.rows.len() - self.window);
        }
        self.rows.extend(self.row.iter().map(|value| *value as f32));
        Ok(())
    }
}

impl Subject for Tracked {
    fn prepare(&mut self) -> Result<()> {
        match self.part {
            Part::Push => {
                while self.take() {
                    self.push()?;
                }
                Ok(())
            }
            // What a host does when the answer is out.
            Part::Predict => self.track.prepare().and_then(|()| self.close()),
            Part::Decision => self.track.prepare().and_then(|()| self.keep_row()).and_then(|()| self.forward()),
            Part::Step => self.keep_row().and_then(|()| self.forward()),
        }
    }

    fn call(&mut self) -> Result<()> {
        match self.part {
            Part::Push | Part::Step => self.push().map(drop),
            Part::Predict => self.predict(),
            Part::Decision => {
                self.push()?;
                self.predict()
            }
        }
    }

    fn input(&self) -> &[f32] {
        &self.rows[self.rows.len() - self.window..]
    }

    fn steps_a_second(&mut self, steps: usize) -> Result<Option<f64>> {
        if matches!(self.part, Part::Push | Part::Step) {
            return Ok(None);
        }
        let stretch = self.stretch(steps);
        let start = Instant::now();
        for (event, known_ns) in &stretch {
            if self.track.push(event)? {
                self.track.predict(*known_ns)?;
                self.track.prepare()?;
            }
        }
        Ok(Some(steps as f64 / start.elapsed().as_secs_f64()))
    }
}
