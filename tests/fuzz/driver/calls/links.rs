//! Calls on links, result memory, snapshots, and what the engine says and does on demand.

use super::super::restore::sealed;
use super::*;

const LINK_OPTIONS: [&str; 4] = ["", "slots = 64\n", "slots = 256\nconflate = [\"quote\", \"book\"]\n", "slots = 3\n"];
const SNAPSHOT_MOST: usize = 1 << 16;

impl World {
    pub(super) fn engine_describe(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let parts = if source.ratio(1, 10u8)? { source.arbitrary()? } else { source.int_in_range(0..=63)? };
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        self.text(source, Some(engine), |text, cap, len| unsafe { foretick_engine_describe(EngineHandle { id: engine.id }, parts, text, cap, len) })
    }

    pub(super) fn engine_maintain(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let budget_ns = if source.ratio(1, 10u8)? { source.arbitrary()? } else { source.int_in_range(0..=1_000_000)? };
        let mut more = Room::of::<i32>(1);
        // SAFETY: a live number.
        let status = unsafe { foretick_engine_maintain(EngineHandle { id: engine.id }, budget_ns, place(source, more.pointer())?) };
        if self.judge(status, Some(engine), &[&more], &[]) {
            assert!([0, 1].contains(&more.first::<i32>()));
        }
        Ok(())
    }

    pub(super) fn lane_poll(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (lane, now_ns) = (self.handles.pick(source, Of::Lane)?, self.now_ns(source)?);
        let most = if source.ratio(1, 4u8)? { source.arbitrary()? } else { 0 };
        let mut flow = self.flow(source)?;
        // SAFETY: the flow has room for the size that it states.
        let status = unsafe { foretick_lane_poll(LaneHandle { id: lane.id }, most, now_ns, place(source, flow.pointer())?) };
        self.flowed(status, lane, &flow, usize::MAX);
        Ok(())
    }

    pub(super) fn lane_warm(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let mut slots = events::some(source, &mut self.time, &self.streams)?;
        let (count, mut flow) = (slots.len(), self.flow(source)?);
        slots.push(Slot([0; 8]));
        // SAFETY: so many slots and one behind; the flow has room for the size that it states.
        let status = unsafe {
            let events = place(source, slots.as_mut_ptr())?.cast::<c_void>().cast_const();
            foretick_lane_warm(LaneHandle { id: lane.id }, events, count, place(source, flow.pointer())?)
        };
        self.flowed(status, lane, &flow, count);
        Ok(())
    }

    pub(super) fn lane_snapshot(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (lane, cap) = (self.handles.pick(source, Of::Lane)?, capacity(source, SNAPSHOT_MOST)?);
        let (mut snapshot, mut len) = (Room::of_bytes(SNAPSHOT_MOST), Room::of::<usize>(1));
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        let status = unsafe {
            let place_of = place(source, snapshot.pointer::<c_void>())?;
            foretick_lane_snapshot(LaneHandle { id: lane.id }, place_of, cap, place(source, len.pointer())?)
        };
        if self.judge(status, Some(lane), &[&snapshot], &[&len]) {
            self.snapshots.push(snapshot.bytes()[..len.first::<usize>()].to_vec());
        }
        Ok(())
    }

    /// A snapshot that was taken, often changed and then sealed anew, so that what is inside is read; or any bytes.
    fn snapshot(&self, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let kind = source.int_in_range(0..=9u8)?;
        if self.snapshots.is_empty() || kind == 0 {
            return Ok(source.arbitrary::<[u8; 64]>()?.to_vec());
        }
        let mut bytes = source.choose(&self.snapshots)?.clone();
        if kind <= 3 {
            return Ok(bytes);
        }
        for _ in 0..source.int_in_range(1..=4u8)? {
            let at = source.choose_index(bytes.len())?;
            match source.int_in_range(0..=7u8)? {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..at, source.arbitrary::<[u8; 8]>()?)),
                2 if at + 8 <= bytes.len() => bytes[at..at + 8].copy_from_slice(&source.arbitrary::<u64>()?.to_le_bytes()),
                _ => bytes[at] = source.arbitrary()?,
            }
            if bytes.is_empty() {
                return Ok(bytes);
            }
        }
        Ok(if kind <= 5 { bytes } else { sealed(bytes) })
    }

    pub(super) fn lane_restore(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let bytes = self.snapshot(source)?;
        let bytes = Text::passed(source, bytes)?;
        // SAFETY: bytes of their own length.
        let status = unsafe { foretick_lane_restore(LaneHandle { id: lane.id }, bytes.pointer().cast(), bytes.len()) };
        if self.judge(status, Some(lane), &[], &[]) {
            self.reached.restored += 1;
        }
        Ok(())
    }

    pub(super) fn link_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (lane, options) = (self.handles.pick(source, Of::Lane)?, Text::of(source, &LINK_OPTIONS)?);
        let mut link = Room::of::<u64>(1);
        // SAFETY: a text of its own length, a live handle.
        let status = unsafe { foretick_link_open(LaneHandle { id: lane.id }, options.pointer(), options.len(), place(source, link.pointer())?) };
        if self.judge(status, Some(lane), &[&link], &[]) {
            // It outlives its lane and ends with the engine.
            let engine = self.handles.parent(lane.id);
            self.handles.add(Of::Link, link.first(), engine);
        }
        Ok(())
    }

    pub(super) fn link_push(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let link = self.handles.pick(source, Of::Link)?;
        let mut slots = events::some(source, &mut self.time, &self.streams)?;
        let (count, mut flow) = (slots.len(), self.flow(source)?);
        slots.push(Slot([0; 8]));
        let said = if source.ratio(1, 60u8)? { usize::MAX } else { count };
        // SAFETY: so many slots and one behind, or more than memory holds; the flow has room for the size that it states.
        let status = unsafe {
            let events = place(source, slots.as_mut_ptr())?.cast::<c_void>().cast_const();
            let place = if source.ratio(1, 3u8)? { null_mut() } else { place(source, flow.pointer())? };
            foretick_link_push(LinkHandle { id: link.id }, events, said, place)
        };
        if self.judge(status, Some(link), &[&flow], &[]) && !flow.untouched() {
            assert!(flow.first::<[u32; 3]>()[2] as usize <= count);
        }
        Ok(())
    }

    pub(super) fn link_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        if source.ratio(1, 2u8)? {
            return Ok(());
        }
        let link = self.handles.pick(source, Of::Link)?;
        self.closed(foretick_link_close(LinkHandle { id: link.id }), link);
        Ok(())
    }

    pub(super) fn result_attach(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let track = self.handles.pick(source, Of::Track)?;
        let mut memory = Room::of::<Prediction>(1);
        let len = if source.ratio(1, 20u8)? { source.int_in_range(0..=128usize)? } else { 128 };
        // SAFETY: 128 bytes of their own, which are kept until every engine is closed.
        let status = unsafe { foretick_result_attach(TrackHandle { id: track.id }, place(source, memory.pointer::<u64>())?.cast(), len) };
        self.judge(status, Some(track), &[&memory], &[]);
        self.results.push(memory);
        Ok(())
    }

    pub(super) fn result_read(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let mut out = Room::of::<Prediction>(1);
        let Some(at) = self.results.len().checked_sub(1) else { return Ok(()) };
        let at = source.int_in_range(0..=at)?;
        let memory = place(source, self.results[at].pointer::<u64>())?.cast::<c_void>().cast_const();
        // SAFETY: 128 bytes that live, or NULL or a pointer that is refused.
        let (signal, status) = unsafe { (foretick_result_signal(memory), foretick_result_read(memory, place(source, out.pointer())?)) };
        // Memory that nobody has attached holds a pattern, whose stamp may say that it is being written.
        if status != FORETICK_BUSY && self.judge(status, None, &[&out], &[]) && !self.threads {
            assert_eq!(out.first::<Prediction>().signal, signal);
        }
        Ok(())
    }
}
