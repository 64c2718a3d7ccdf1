//! Slots.

use super::abi::{PublishRecord, StatusCode};
use super::constants::FORETICK_PUBLISH_REPLACE;
use super::engine_table::{EngineEntry, with_engine};
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::EngineHandle;
use super::pointer::{OutArray, text};
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
