//! Links: the producer's end.

use std::ffi::{c_char, c_void};

use super::abi::{FlowRecord, StatusCode};
use super::error::{Fail, Outcome};
use super::flow::FlowOut;
use super::guard::guard;
use super::handle::{HandleKind, LaneHandle, LinkHandle};
use super::lane_table::with_lane;
use super::object_table::{Object, Objects};
use super::pointer::{Out, events, text};
use crate::config::LinkOptions;
use crate::engine::{Link, LinkError};
use crate::error::Status;

impl Object for Link {
    const KIND: HandleKind = HandleKind::Link;

    fn number(&self) -> u32 {
        Link::number(self)
    }
}

/// Links behind their handles.
pub(super) static LINKS: Objects<Link> = Objects::new();

impl From<LinkError> for Fail {
    fn from(error: LinkError) -> Fail {
        match error {
            LinkError::Event(error) => error.into(),
            LinkError::Full => Fail::Plain(Status::Full, "the link is full: its lane is behind"),
            LinkError::Closed => Fail::Plain(Status::WrongState, "the link's lane was closed: nobody will read"),
        }
    }
}

/// Opens a link: the way of one producer's thread into a lane that another thread drains, by lane_poll or its
/// worker. Lock-free; never blocks, never overwrites. `options`: slots (capacity in 64-byte slots, a power of two,
/// 4,096), conflate (["quote", "book"]: a waiting one is replaced by the newer one of its stream, of the first 64
/// streams; trades and all else never are).
///
/// threads: CONTROL, enters the lane. cost: allocates.
/// options: borrows (call), TOML, NULL with 0 means defaults. link: borrows (call).
/// errors: CONFIG_*, LIMIT (limits.links, limits.memory_mb), BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_link_open(lane: LaneHandle, options: *const c_char, options_len: usize, link: *mut LinkHandle) -> StatusCode {
    guard("foretick_link_open", || {
        // SAFETY: the header's rule of pointers.
        let (options, out) = unsafe { (text(options, options_len, "options")?, Out::of(link, "link")?) };
        let options = LinkOptions::parse(options)?;
        let id = with_lane(lane.id, |entry| {
            let link = entry.let_in(|lane| lane.open_link(options))??;
            LINKS.open(entry.engine(), link)
        })?;
        out.put(LinkHandle { id });
        Ok(())
    })
}

/// Pushes events until one is refused or finds no room; flow.taken says how far, flow.conflated how many waiting
/// quotes and books they replaced. An error means that the first event was not taken. With `flow` NULL all are
/// pushed or none. After FULL push again, or drop the event and say so with a mark GAP.
///
/// threads: ONE PRODUCER. cost: hot.
/// events: borrows (call), 8-byte aligned, `slots` slots of 64 bytes; NULL with 0 is fine.
/// flow: borrows (call), written on success; may be NULL.
/// errors: FULL when not one event fitted (with flow NULL: not all), BUSY for a second producer, WRONG_STATE when the
/// lane was closed; EVENT_SHAPE, EVENT_RESERVED, NOT_FINITE, RANGE, UNKNOWN_STREAM, ALIGNMENT, SHAPE.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_link_push(link: LinkHandle, events: *const c_void, slots: usize, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_link_push", || {
        // SAFETY: the header's rule of pointers.
        let (slots, out) = unsafe { (self::events(events, slots)?, FlowOut::maybe(flow)?) };
        let push = |link: &mut Link| -> Outcome<_> { Ok(if out.is_some() { link.push(slots)? } else { link.push_all(slots)? }) };
        let flow = LINKS.with(link.id, push)?;
        out.iter().for_each(|out| out.put(&flow));
        Ok(())
    })
}

/// Closes a link. What was pushed is still drained; its promises no longer hold the lane back. Closing the zero
/// handle is fine.
///
/// threads: CONTROL. cost: frees.
/// errors: BUSY while its producer is inside.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_link_close(link: LinkHandle) -> StatusCode {
    guard("foretick_link_close", || if link.id == 0 { Ok(()) } else { LINKS.close(link.id) })
}
