//! Where a flow goes.

use super::abi::FlowRecord;
use super::error::Outcome;
use super::sized::{stated, write};
use crate::types::Flow;

/// Where a flow goes, of the size that the caller's header gave it.
pub struct FlowOut {
    place: *mut FlowRecord,
    size: usize,
}

impl FlowOut {
    /// A place that must be there.
    ///
    /// # Safety
    /// When not NULL, `flow` is writable for the size that it states.
    #[inline]
    pub unsafe fn of(flow: *mut FlowRecord) -> Outcome<FlowOut> {
        // SAFETY: passed on as it came.
        let size = unsafe { stated(flow.cast_const(), "flow")? };
        Ok(FlowOut { place: flow, size })
    }

    /// A place that may be NULL: then nothing is written.
    ///
    /// # Safety
    /// As [`FlowOut::of`].
    #[inline]
    pub unsafe fn maybe(flow: *mut FlowRecord) -> Outcome<Option<FlowOut>> {
        // SAFETY: passed on as it came.
        if flow.is_null() { Ok(None) } else { unsafe { FlowOut::of(flow) }.map(Some) }
    }

    /// Writes the flow.
    #[inline]
    pub fn put(&self, flow: &Flow) {
        let record = FlowRecord::of(flow, self.size);
        // SAFETY: writable for `size` bytes, as `of` demands.
        unsafe { write(self.place.cast::<u8>(), self.size, &record) };
    }
}
