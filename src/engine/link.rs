//! The producer's end of a link: the gate, then the ring.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::lane::PushError;
use super::registry::Shared;
use crate::config::LinkOptions;
use crate::error::{Error, Result, Status};
use crate::ingest::gate;
use crate::ingest::link::{Consumer, Full, LinkView, Producer, Pushed, link};
use crate::types::{Flow, Slot};

/// Why a push into a link took nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LinkError {
    /// The first event was refused.
    Event(PushError),
    /// There is no room: the lane is behind. It is counted; push again, or drop the event and say so with a GAP mark.
    Full,
    /// The lane was closed.
    Closed,
}

impl LinkError {
    /// The status that stands for it.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            LinkError::Event(error) => error.refusal.status,
            LinkError::Full => Status::Full,
            LinkError::Closed => Status::WrongState,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Event(error) => error.fmt(f),
            LinkError::Full => f.write_str("the link is full: its lane is behind"),
            LinkError::Closed => f.write_str("the link's lane was closed: nobody will read"),
        }
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Error {
        Error::new(error.status(), error.to_string())
    }
}

/// What an engine knows of a link that is open.
#[derive(Clone, Debug)]
pub struct LinkInfo {
    /// Number in its engine.
    pub number: u32,
    /// Number of its lane.
    pub lane: u16,
    /// How it was opened.
    pub options: LinkOptions,
    /// What waits and what was counted.
    pub view: LinkView,
}

/// What is exposed of a link: name, kind, text, value.
type Exposed = (&'static str, &'static str, &'static str, fn(&LinkInfo) -> u64);

const EXPOSED: [Exposed; 4] = [
    ("link_slots", "gauge", "Capacity of a link, slots.", |link| link.options.slots as u64),
    ("link_waiting_slots", "gauge", "Slots that wait in a link.", |link| link.view.waiting() as u64),
    ("link_conflated_total", "counter", "Waiting quotes and books that newer ones replaced.", |link| link.view.counters().conflated.get()),
    ("link_full_total", "counter", "Pushes that found no room: the lane is behind.", |link| link.view.counters().full.get()),
];

impl Shared {
    /// Appends the links that are open as Prometheus text.
    pub(super) fn expose_links(&self, text: &mut String) {
        let links = self.links.lock();
        for (name, kind, help, value) in EXPOSED {
            let _ = writeln!(text, "# HELP foretick_{name} {help}\n# TYPE foretick_{name} {kind}");
            for link in &*links {
                let _ = writeln!(text, "foretick_{name}{{lane=\"{}\",link=\"{}\"}} {}", link.lane, link.number, value(link));
            }
        }
    }
}

/// One producer's way into one lane: lock-free, never blocking, never overwriting. One thread at a time pushes.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    info: LinkInfo,
    producer: Producer,
}

impl Link {
    pub(super) fn open(shared: Arc<Shared>, lane: u16, options: LinkOptions) -> Result<(Link, Consumer)> {
        shared.check_memory(options.memory_bytes())?;
        let (producer, consumer) = link(options)?;
        let info = LinkInfo { number: shared.take_link()?, lane, options, view: consumer.view() };
        shared.add_memory(options.memory_bytes());
        shared.links.lock().push(info.clone());
        Ok((Link { shared, info, producer }, consumer))
    }

    /// Number of the link in its engine.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.info.number
    }

    /// What waits and what was counted.
    #[must_use]
    pub fn view(&self) -> &LinkView {
        &self.info.view
    }

    /// Pushes events until one is refused or finds no room; `flow.taken` says how far, `flow.conflated` how many waiting quotes and
    /// books they replaced. Bounded time; the lane's thread never holds it up.
    ///
    /// # Errors
    /// Why the first event was not taken; then nothing was.
    #[inline]
    pub fn push(&mut self, slots: &[Slot]) -> Result<Flow, LinkError> {
        self.check_lane()?;
        let mut flow = Flow::default();
        let mut rest = slots;
        while !rest.is_empty() {
            match self.push_first(rest) {
                Ok((taken, pushed)) => {
                    flow.taken += taken as u64;
                    flow.conflated += u32::from(pushed == Pushed::Replaced);
                    rest = &rest[taken..];
                }
                Err(error) if flow.taken == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(flow)
    }

    #[inline]
    fn push_first(&mut self, slots: &[Slot]) -> Result<(usize, Pushed), LinkError> {
        let taken = self.length(slots)?;
        match self.producer.push(&slots[..taken]) {
            Ok(pushed) => Ok((taken, pushed)),
            Err(Full) => Err(LinkError::Full),
        }
    }

    /// Slots of the first event, when it may be pushed.
    #[inline]
    fn length(&self, slots: &[Slot]) -> Result<usize, LinkError> {
        let refused = |refusal| LinkError::Event(PushError { refusal, head: gate::head(slots).unwrap_or_default() });
        self.shared.accept(slots).map(|(_, head)| usize::from(head.slots)).map_err(refused)
    }

    /// The lane is there. It may be closed while its producer pushes: the next push is told.
    #[inline]
    fn check_lane(&self) -> Result<(), LinkError> {
        if self.producer.is_closed() { Err(LinkError::Closed) } else { Ok(()) }
    }

    /// Pushes all of the events or none.
    ///
    /// # Errors
    /// Why the first event that could not be taken was not; then nothing was.
    pub fn push_all(&mut self, slots: &[Slot]) -> Result<Flow, LinkError> {
        self.check_lane()?;
        let mut checked = 0;
        while checked < slots.len() {
            checked += self.length(&slots[checked..])?;
        }
        let conflated = self.producer.push_all(slots).map_err(|Full| LinkError::Full)?;
        Ok(Flow { taken: slots.len() as u64, conflated: u32::try_from(conflated).unwrap_or(u32::MAX), ..Flow::default() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.links.lock().retain(|link| link.number != self.info.number);
        self.shared.remove_memory(self.info.options.memory_bytes());
        self.shared.give_back_link(self.info.number);
    }
}

/// One context stream's way into several lanes: every event goes into a link of each.
#[derive(Debug, Default)]
pub struct FanOut {
    links: Vec<Link>,
}

impl FanOut {
    /// Over these links.
    #[must_use]
    pub fn new(links: Vec<Link>) -> FanOut {
        FanOut { links }
    }

    /// The links, in the order in which they were given.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Pushes one event into every link, and into the others where one has no room; answers how many took it. A link that did not
    /// has counted it.
    ///
    /// # Errors
    /// Why the event was refused, or that every lane is closed; then no link has it.
    pub fn push(&mut self, event: &[Slot]) -> Result<usize, LinkError> {
        let mut took = 0;
        let mut error = None;
        for link in &mut self.links {
            match link.push_all(event) {
                Ok(_) => took += 1,
                // The gate is the same for every link.
                Err(refused @ LinkError::Event(_)) => return Err(refused),
                Err(other) => error = error.filter(|error| *error == LinkError::Full).or(Some(other)),
            }
        }
        error.filter(|error| took == 0 && *error == LinkError::Closed).map_or(Ok(took), Err)
    }
}
