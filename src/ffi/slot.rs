//! Slots.

use std::ffi::c_char;

use super::abi::{PublishRecord, StatusCode};
use super::constants::FORETICK_PUBLISH_REPLACE;
use super::engine_table::{EngineEntry, with_engine};
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::EngineHandle;
use super::pointer::{OutArray, switch, text};
use super::sized::read_all;
use crate::error::Status;
use crate::model::store::Publish;

/// Publishes bundles under slots, all or none; a slot exists from its first publish. Calls of other
/// threads go on meanwhile, each prediction with one generation.
///
/// threads: CONTROL. cost: allocates, blocks.
/// items: borrows (call), n structs of the first one's struct_size. generations: borrows (call), room for n.
/// errors: SCHEMA_DIFFERS with the diff, ROLES, CONFLICT, LIMIT, STRUCT_SIZE, SHAPE.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_slot_publish(engine: EngineHandle, items: *const PublishRecord, n: usize, generations: *mut u64) -> StatusCode {
    guard("foretick_slot_publish", || {
        let mut count = 0;
        // SAFETY: the header's rule of pointers; the count is a local.
        let (items, out) = unsafe { (read_all(items, n, "items")?, OutArray::of(generations, n, &mut count, "generations")?) };
        let numbers = with_engine(engine.id, |entry| {
            // SAFETY: the header's rule of pointers, for the slot names inside the items.
            let items: Vec<Publish> = items.iter().map(|item| unsafe { publish(entry, item) }).collect::<Outcome<_>>()?;
            Ok(entry.engine.publish(&items)?)
        })?;
        out.fill(numbers.len(), numbers.into_iter())
    })
}

/// Switches one member of what a slot serves off or on, or the whole slot when member is NULL with 0. A member
/// that is off is left out: its status in the details is WRONG_STATE, the others' weights are renormalised, its
/// own counts against the quorum. A slot that is off abstains with DISABLED and runs no model. The manifest's
/// `enabled` is where a member starts; one that was switched stays so by its name in what is published later
/// under the slot, until a bundle without that name serves. A slot stays as it is, whatever is published.
/// Predictions that begin after this has returned obey.
///
/// threads: ANY. cost: allocates nothing.
/// slot: borrows (call). member: borrows (call), NULL with 0 is the whole slot. on: 1 or 0.
/// errors: NOT_FOUND with the names that there are, INVALID_ARGUMENT for another value of on.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_slot_enable(
    engine: EngineHandle,
    slot: *const c_char,
    slot_len: usize,
    member: *const c_char,
    member_len: usize,
    on: i32,
) -> StatusCode {
    guard("foretick_slot_enable", || {
        // SAFETY: the header's rule of pointers.
        let (slot, name) = unsafe { (text(slot, slot_len, "slot")?, text(member, member_len, "member")?) };
        let on = switch(on)?;
        // An empty name that is not NULL is a mistake, not the whole slot.
        with_engine(engine.id, |entry| match member.is_null() {
            true => Ok(entry.engine.enable_slot(slot, on)?),
            false => Ok(entry.engine.enable_member(slot, name, on)?),
        })
    })
}

/// # Safety
/// The item's slot is readable for its length.
unsafe fn publish(entry: &EngineEntry, item: &PublishRecord) -> Outcome<Publish> {
    if item.flags & !FORETICK_PUBLISH_REPLACE != 0 {
        return Err(Fail::Argument(Status::InvalidArgument, "items.flags", "only FORETICK_PUBLISH_REPLACE (1) is known"));
    }
    // SAFETY: passed on as it came.
    let slot = unsafe { text(item.slot, item.slot_len, "items.slot")? };
    Ok(Publish { slot: slot.to_owned(), bundle: entry.bundle(item.bundle.id)?, replace: item.flags & FORETICK_PUBLISH_REPLACE != 0 })
}
