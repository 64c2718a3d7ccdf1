//! The loop of a replay: items in their order to whatever consumes them, bad rows, progress.

use std::time::{Duration, Instant};

use foretick::source::{BadRow, Event, Item, Recording};
use foretick::types::reason;
use foretick::{Error, Result, Status};
use indicatif::{ProgressBar, ProgressStyle};

use super::ReplayArgs;
use crate::cli::files::Output;

/// What takes the items of a recording.
pub trait Consumer {
    /// An event of a stream, by number in the recording. One that is not applied is a bad row.
    fn event(&mut self, stream: usize, event: &mut Event) -> Result<(), Refused>;
    /// A row was refused, but its time is known.
    fn pass(&mut self, stream: usize, known_ns: i64) -> Result<()>;
    /// The stream has ended; nothing known at its last time or before will follow.
    fn end(&mut self, stream: usize, last_known_ns: i64) -> Result<()>;
}

/// Why an event was not taken.
pub enum Refused {
    /// The event is bad; the replay goes on.
    Bad(String),
    /// The replay cannot go on.
    Fatal(Error),
}

impl Refused {
    /// As an error, where no bad row can be meant.
    pub fn into_error(self) -> Error {
        match self {
            Refused::Bad(text) => Error::new(Status::Internal, text),
            Refused::Fatal(error) => error,
        }
    }
}

impl Refused {
    /// An event that was taken but not applied, with its reason bits.
    pub fn skipped(reasons: u64) -> Refused {
        let names: Vec<&str> = reason::names(reasons).collect();
        Refused::Bad(format!("not applied: {}", names.join(", ")))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Fatal(error)
    }
}

/// Bad rows that are shown when no file takes them.
const SHOWN: u64 = 20;

/// What the loop saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Rows read.
    pub rows: u64,
    /// Events given to the consumer.
    pub events: u64,
    /// Rows that were refused.
    pub bad_rows: u64,
    /// The first of them.
    pub first_bad: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs a recording to its end.
pub fn drive(args: &ReplayArgs, recording: &mut Recording, consumer: &mut impl Consumer) -> Result<Seen> {
    let mut bad = BadRows { seen: Seen::default(), strict: args.strict, file: args.bad_rows.as_deref().map(Output::create).transpose()? };
    let (bar, start) = (progress_bar(args.quiet), Instant::now());
    let mut items = 0u64;
    while let Some(item) = recording.next()? {
        items += 1;
        if items.is_multiple_of(8_192) {
            show(&bar, recording, &bad.seen);
        }
        match item {
            Item::Event { stream, mut event } => {
                let known_ns = event.known_ns();
                match consumer.event(stream, &mut event) {
                    Ok(()) => bad.seen.events += 1,
                    Err(Refused::Fatal(error)) => return Err(error),
                    Err(Refused::Bad(reason)) => {
                        consumer.pass(stream, known_ns)?;
                        let row = recording.blame(reason);
                        bad.note(row.as_ref().map_or_else(String::new, text))?;
                    }
                }
            }
            Item::Refused { stream, known_ns, row } => {
                if let Some(known_ns) = known_ns {
                    consumer.pass(stream, known_ns)?;
                }
                bad.note(text(&row))?;
            }
            Item::End { stream, last_known_ns } => consumer.end(stream, last_known_ns)?,
            _ => {}
        }
    }
    bar.finish_and_clear();
    if bad.seen.events == 0 {
        let text = format!("no row could be used: {} bad of {} read", bad.seen.bad_rows, recording.progress().rows);
        return Err(Error::new(Status::Corrupt, text));
    }
    bad.finish(recording.progress().rows, start.elapsed())
}

fn text(row: &BadRow) -> String {
    row.to_string()
}

struct BadRows {
    seen: Seen,
    strict: bool,
    file: Option<Output>,
}

impl BadRows {
    fn note(&mut self, text: String) -> Result<()> {
        if self.strict {
            return Err(Error::new(Status::Corrupt, format!("{text}; --strict stops at the first bad row")));
        }
        self.seen.bad_rows += 1;
        if let Some(file) = &mut self.file {
            file.write(&format!("{text}\n"))?;
        } else if self.seen.bad_rows <= SHOWN {
            eprintln!("bad row: {text}");
        }
        if self.seen.first_bad.len() < SHOWN as usize {
            self.seen.first_bad.push(text);
        }
        Ok(())
    }

    fn finish(self, rows: u64, elapsed: Duration) -> Result<Seen> {
        if let Some(file) = self.file {
            file.finish()?;
        } else if self.seen.bad_rows > SHOWN {
            eprintln!("... {} bad rows in all; --bad-rows FILE lists them", self.seen.bad_rows);
        }
        Ok(Seen { rows, elapsed, ..self.seen })
    }
}

fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, recording: &Recording, seen: &Seen) {
    let progress = recording.progress();
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_read.min(progress.bytes_total));
    bar.set_message(format!("{} rows, {} bad", progress.rows, seen.bad_rows));
}
