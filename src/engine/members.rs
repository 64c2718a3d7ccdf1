//! Runs the members of a bundle: each once, in the manifest's order, meta-models after those that they read.

use super::ahead::WorkedAhead;
use super::answer::{Answer, MemberAnswer};
use super::carry::follow_and_answer;
use super::feed::Feed;
use crate::clock::Timer;
use crate::error::Status;
use crate::features::spec::Schema;
use crate::model::bundle::Member;
use crate::model::instances::Instances;
use crate::model::manifest::InputShape;
use crate::model::member_set::MemberSet;
use crate::monitor::metrics::LaneCounters;
use crate::types::prediction::backend;

/// Rows as models see them, oldest first; zero with the bit off where a value is missing.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// F values a row.
    pub values: &'a [f32],
    /// Their bits, whole words a row.
    pub valid: &'a [u64],
}

/// What runs members: the lane's working copies, and what the track has worked out before.
pub(super) struct Runners<'a> {
    pub instances: &'a mut Instances,
    pub ahead: &'a mut WorkedAhead,
    /// Room of the track's states, and the rows that they follow; `None` for a row of the caller's.
    pub carried: Option<(usize, &'a Feed)>,
    pub counters: &'a LaneCounters,
}

/// Counts a window of a track that works ahead; backend bits that say how it was run.
fn counted(counters: &LaneCounters, ahead: Option<bool>) -> u16 {
    let (counter, bit) = match ahead {
        None => return 0,
        Some(true) => (&counters.windows_ahead, backend::PREFIX),
        Some(false) => (&counters.windows_whole, backend::WHOLE_WINDOW),
    };
    counter.add(1);
    bit
}

impl Answer {
    /// Runs the members of a set and notes each one's value for every output that it gives; the others were not run. `timer`
    /// is there when they are timed.
    pub(super) fn run_members(&mut self, runners: &mut Runners<'_>, running: MemberSet, rows: Rows<'_>, timer: Option<Timer>) {
        let Runners { instances, ahead: worked, carried: followed, counters } = runners;
        let Instances { generation, members, input, out, carried, .. } = &mut **instances;
        let (bundle, mut start) = (&generation.bundle, 0);
        let mut states = followed.and_then(|(room, _)| carried.get_mut(room)).into_iter().flat_map(|states| states.iter_mut()).peekable();
        for ((number, member), instance) in bundle.members.iter().enumerate().zip(members) {
            let (earlier, own) = self.members.split_at_mut(start);
            let own = &mut own[..member.places.len()];
            start += own.len();
            let before = timer.map_or(0, |timer| timer.elapsed_ns());
            if let (Some(state), Some((_, feed))) = (states.next_if(|state| state.member == number), followed.as_ref()) {
                let ran = follow_and_answer(state, bundle, &mut **instance, feed, running.contains(number));
                let compute_ns = timer.map_or(0, |timer| timer.elapsed_ns() - before);
                note(member, ran, state.out(), compute_ns, member.backend.bits(), own);
                continue;
            }
            let (input, out) = (&mut input[..member.backend.input_width()], &mut out[..member.backend.output_width()]);
            let read = if running.contains(number) { read(member, &bundle.schema, earlier, rows, input) } else { Err(Status::WrongState) };
            let ahead = read.ok().and_then(|input| worked.answer(generation, number, input, out));
            let ran = match ahead {
                Some(true) => Ok(()),
                _ => read.and_then(|input| instance.run(input, out).map_err(|error| error.status())),
            };
            let how = counted(counters, ahead);
            let compute_ns = timer.map_or(0, |timer| timer.elapsed_ns() - before);
            note(member, ran, out, compute_ns, member.backend.bits() | how, own);
        }
    }
}

/// Notes a member's value for every output that it gives, of what its run gave.
fn note(member: &Member, ran: Result<(), Status>, out: &[f32], compute_ns: u32, backend: u16, own: &mut [MemberAnswer]) {
    for (place, answer) in member.places.iter().zip(own) {
        let value = ran.and_then(|()| member.spec.form.value(f64::from(out[*place])).ok_or(Status::ModelOutput));
        (answer.status, answer.value) = value.map_or_else(|status| (status, f64::NAN), |value| (Status::Ok, value));
        (answer.weight, answer.compute_ns, answer.backend) = (0.0, compute_ns, backend);
    }
}

/// Works out what the next step can be known by, of every member that can, from the rows of the newest one.
pub(super) fn prepare(instances: &mut Instances, ahead: &mut WorkedAhead, rows: Rows<'_>) {
    let Instances { generation, input, members, out, .. } = instances;
    let bundle = &generation.bundle;
    let mut any = false;
    for (number, member) in bundle.members.iter().enumerate() {
        if let Some(ahead) = ahead.of(number) {
            ahead.prepare(read_rows(&bundle.schema, rows, &mut input[..member.backend.input_width()]));
            any = true;
        }
    }
    // What was read for that has driven the other models' weights out of the nearest caches: a run on the newest row, whose outputs
    // nobody reads, brings back what the next row will mostly read too.
    for (member, instance) in bundle.members.iter().zip(members).filter(|(member, _)| any && is_small(member)) {
        let (input, out) = (&mut input[..member.backend.input_width()], &mut out[..member.backend.output_width()]);
        let _ = instance.run(read_rows(&bundle.schema, rows, input), out);
    }
}

/// A native model of one row, which carries nothing from run to run.
fn is_small(member: &Member) -> bool {
    member.spec.input == InputShape::Row && member.backend.bits() == backend::NATIVE
}

/// What a member reads: rows, or the values of members before it. Without one of those it has the status of who owes it.
fn read<'i>(member: &Member, schema: &Schema, earlier: &[MemberAnswer], rows: Rows<'i>, input: &'i mut [f32]) -> Result<&'i [f32], Status> {
    if member.spec.input != InputShape::Members {
        return Ok(read_rows(schema, rows, input));
    }
    for (place, source) in input.iter_mut().zip(&member.sources) {
        let answer = &earlier[*source];
        if answer.status != Status::Ok {
            return Err(answer.status);
        }
        *place = answer.value as f32;
    }
    Ok(input)
}

/// As many of the newest rows as `input` holds: where they lie when nothing is missing in them, else filled into it.
fn read_rows<'i>(schema: &Schema, rows: Rows<'i>, input: &'i mut [f32]) -> &'i [f32] {
    let (words, count) = (schema.width().div_ceil(64), input.len() / schema.width());
    if all_on(&rows.valid[rows.valid.len() - count * words..], schema.width()) {
        return &rows.values[rows.values.len() - input.len()..];
    }
    fill_rows(schema, rows, input);
    input
}

/// Every value of rows of so many is there.
fn all_on(valid: &[u64], width: usize) -> bool {
    let last = u64::MAX >> (width.wrapping_neg() % 64);
    match width.div_ceil(64) {
        1 => valid.iter().fold(true, |all, word| all & (*word == last)),
        words => valid.chunks_exact(words).all(|row| row[..words - 1].iter().all(|word| *word == u64::MAX) && row[words - 1] == last),
    }
}

/// The newest rows as a model reads them: what is missing is replaced as the schema says.
pub(super) fn fill_rows(schema: &Schema, rows: Rows<'_>, input: &mut [f32]) {
    let (width, words) = (schema.width(), schema.width().div_ceil(64));
    let count = input.len() / width;
    input.copy_from_slice(&rows.values[rows.values.len() - input.len()..]);
    let valid = &rows.valid[rows.valid.len() - count * words..];
    for (row, valid) in input.chunks_exact_mut(width).zip(valid.chunks_exact(words)) {
        if valid.iter().map(|word| word.count_ones() as usize).sum::<usize>() == width {
            continue;
        }
        for (index, feature) in schema.features.iter().enumerate().filter(|(index, _)| valid[index / 64] >> (index % 64) & 1 == 0) {
            // Where nothing may stand for it the prediction abstains, and the model is not run.
            row[index] = feature.missing.replacement().unwrap_or(0.0);
        }
    }
}
