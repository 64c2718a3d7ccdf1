//! What stands behind a prediction.

use std::mem::offset_of;

use super::abi::{DetailsRecord, MemberRecord, OutputRecord, StatusCode, padded};
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::TrackHandle;
use super::lane_table::with_track;
use super::pointer::OutArray;
use super::sized::{Versioned, read, stated, write};
use crate::engine::{Details, MemberAnswer, OutputAnswer};
use crate::error::Status;
use crate::model::manifest::{InputShape, Manifest};

/// Outputs, members and missing features behind the newest prediction, as one consistent picture. A NULL
/// array with cap 0 is skipped; its length is written all the same.
///
/// threads: ONE LANE. cost: allocates nothing.
/// details: borrows (call), and so do the arrays inside; written on success.
/// errors: NO_PREDICTION, BUSY, STRUCT_SIZE, SHAPE for a stride; BUFFER_TOO_SMALL with the needed lengths.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_details(track: TrackHandle, details: *mut DetailsRecord) -> StatusCode {
    guard("foretick_track_details", || {
        // SAFETY: the header's rule of pointers; `stated` has checked the size that is read.
        let (size, asked) = unsafe {
            let size = stated(details.cast_const(), "details")?;
            (size, read(details.cast_const(), size, "details")?)
        };
        // SAFETY: the header's rule of pointers, for the struct and the arrays that it names.
        let out = unsafe { DetailsOut::of(details, size, asked)? };
        with_track(track.id, |entry, id| entry.let_in(|lane| out.put(&lane.details(id)?))?)
    })
}

/// Where details go.
struct DetailsOut {
    place: *mut DetailsRecord,
    size: usize,
    asked: DetailsRecord,
    outputs: Strided<OutputRecord>,
    members: Strided<MemberRecord>,
    missing: OutArray<u64>,
}

impl DetailsOut {
    /// # Safety
    /// `place` is writable for `size` bytes, and the arrays for their caps.
    unsafe fn of(place: *mut DetailsRecord, size: usize, asked: DetailsRecord) -> Outcome<DetailsOut> {
        if asked.flags != 0 {
            return Err(Fail::Argument(Status::InvalidArgument, "details.flags", "no flag is known, pass 0"));
        }
        let outputs = Strided::of(asked.outputs, asked.outputs_cap, asked.outputs_stride, "details.outputs")?;
        let members = Strided::of(asked.members, asked.members_cap, asked.members_stride, "details.members")?;
        // SAFETY: the length is a field of the struct, which is aligned and writable.
        let missing = unsafe {
            let len = place.byte_add(offset_of!(DetailsRecord, missing_len)).cast::<usize>();
            OutArray::of(asked.missing, asked.missing_cap, len, "details.missing")?
        };
        Ok(DetailsOut { place, size, asked, outputs, members, missing })
    }

    /// Writes the arrays and the struct, or only the lengths when one array is too small.
    fn put(&self, details: &Details<'_>) -> Outcome {
        let (answer, manifest) = (details.answer, details.manifest);
        let mut record = DetailsRecord { outputs_len: answer.outputs.len(), members_len: answer.members.len(), missing_len: answer.valid.len(), ..self.asked };
        if self.outputs.short(record.outputs_len) || self.members.short(record.members_len) || short(&self.asked, record.missing_len) {
            self.write(&record);
            return Err(Fail::Plain(Status::BufferTooSmall, "an array is too small; the lengths that are needed were written"));
        }
        answer.outputs.iter().enumerate().for_each(|(at, output)| self.outputs.put(at, &output_record(manifest, at, output)));
        answer.members.iter().enumerate().for_each(|(at, member)| self.members.put(at, &member_record(manifest, member)));
        if !self.asked.missing.is_null() {
            self.missing.fill(record.missing_len, missing_words(&answer.valid, details.schema.width()))?;
        }
        fill(&mut record, details);
        self.write(&record);
        Ok(())
    }

    fn write(&self, record: &DetailsRecord) {
        // SAFETY: writable for `size` bytes, as `of` demands.
        unsafe { write(self.place.cast::<u8>(), self.size, record) };
    }
}

fn short(asked: &DetailsRecord, words: usize) -> bool {
    !asked.missing.is_null() && words > asked.missing_cap
}

/// Bits of what is off; those beyond the last feature stay 0.
fn missing_words(valid: &[u64], width: usize) -> impl Iterator<Item = u64> {
    valid.iter().enumerate().map(move |(word, bits)| !bits & (u64::MAX >> (64 - (width - word * 64).clamp(1, 64))))
}

fn fill(record: &mut DetailsRecord, details: &Details<'_>) {
    let (answer, manifest) = (details.answer, details.manifest);
    let window = manifest.members.iter().any(|member| member.input == InputShape::Window);
    (record.id_epoch, record.id_counter) = (answer.prediction.id_epoch, answer.prediction.id_counter);
    record.feature_hash = manifest.schema_hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (record.phase_confidence, record.expected_net) = (answer.phase_confidence, answer.expected_net);
    (record.features, record.rows) = (details.schema.width() as u32, if window { details.schema.window as u32 } else { 1 });
}

fn output_record(manifest: &Manifest, number: usize, answer: &OutputAnswer) -> OutputRecord {
    let spec = &manifest.outputs[number];
    OutputRecord {
        struct_size: 0,
        output: number as u16,
        task: spec.task as u16,
        horizon: spec.horizon,
        flags: 0,
        value: answer.value,
        raw: answer.raw,
        lower: f64::NAN,
        upper: f64::NAN,
        name: padded(&spec.name),
    }
}

fn member_record(manifest: &Manifest, answer: &MemberAnswer) -> MemberRecord {
    MemberRecord {
        struct_size: 0,
        status: answer.status as StatusCode,
        member: answer.member as u16,
        output: answer.output as u16,
        backend: answer.backend,
        flags: 0,
        compute_ns: answer.compute_ns,
        reserved: 0,
        value: answer.value,
        weight: answer.weight,
        name: padded(&manifest.members[answer.member].name),
    }
}

/// An array of output structs, as far apart as the caller's header makes them.
struct Strided<T> {
    pointer: *mut T,
    cap: usize,
    stride: usize,
}

impl<T: Versioned> Strided<T> {
    fn of(pointer: *mut T, cap: usize, stride: usize, name: &'static str) -> Outcome<Strided<T>> {
        if pointer.is_null() && cap > 0 {
            return Err(Fail::Argument(Status::NullPointer, name, "is NULL with room for some"));
        }
        if !pointer.is_aligned() {
            return Err(Fail::Argument(Status::Alignment, name, "is not aligned as its type needs"));
        }
        let fits = stride >= T::FIRST && stride.is_multiple_of(align_of::<T>()) && cap.checked_mul(stride).is_some_and(|bytes| bytes <= isize::MAX as usize);
        if !pointer.is_null() && !fits {
            return Err(Fail::Argument(Status::Shape, name, "the stride is none of the struct's sizes, or the array more than memory can hold"));
        }
        Ok(Strided { pointer, cap, stride })
    }

    fn short(&self, count: usize) -> bool {
        !self.pointer.is_null() && count > self.cap
    }

    /// Writes one element with its size; `at` is below the cap, unless the array is skipped.
    fn put(&self, at: usize, value: &T) {
        if self.pointer.is_null() || at >= self.cap {
            return;
        }
        // SAFETY: below the cap, for which the caller's array is writable by the header's rule of pointers.
        unsafe {
            let element = self.pointer.byte_add(at * self.stride).cast::<u8>();
            write(element, self.stride, value);
            element.cast::<u32>().write(self.stride.min(size_of::<T>()) as u32);
        }
    }
}
