//! What a stateful model carries along one sequence of rows.

use crate::error::Result;
use crate::model::backend::{Backend, Carry, Instance};

/// One model's state on one track, and what its newest step gave.
#[derive(Debug)]
pub struct CarriedState {
    /// Number of the member.
    pub member: usize,
    /// Rows that it has read since it began.
    pub read: u64,
    /// Number of the first step that it has not read; `None` until it meets a track.
    pub next: Option<u64>,
    /// Number of the step with which the track's own state began.
    pub life: u64,
    /// Values of a row.
    columns: usize,
    /// The row, then the state.
    input: Box<[f32]>,
    /// What the newest step gave; nothing of note until one row was read.
    out: Box<[f32]>,
}

impl CarriedState {
    /// That of a member, before its first row.
    #[must_use]
    pub fn new(member: usize, model: &dyn Backend) -> CarriedState {
        let columns = model.inputs().first().map_or(0, |row| row.width());
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        let (input, out) = (zeros(model.input_width()), zeros(model.output_width()));
        let mut state = CarriedState { member, read: 0, next: None, life: 0, columns, input, out };
        state.begin(model.carries());
        state
    }

    /// Begins anew; the next row is the first.
    pub fn begin(&mut self, carries: &[Carry]) {
        carries.iter().for_each(|carry| self.input[carry.to.clone()].copy_from_slice(&carry.first));
        self.read = 0;
    }

    /// Begins anew with whatever track it meets next.
    pub fn leave(&mut self, carries: &[Carry]) {
        self.begin(carries);
        self.next = None;
    }

    /// Reads the next row, which `fill` writes.
    ///
    /// # Errors
    /// What the instance says; native ones say nothing.
    pub fn step(&mut self, carries: &[Carry], instance: &mut dyn Instance, fill: impl FnOnce(&mut [f32])) -> Result<()> {
        // What is no number would be carried for ever.
        if !finite(&self.input[self.columns..]) {
            self.begin(carries);
        }
        fill(&mut self.input[..self.columns]);
        instance.run(&self.input, &mut self.out)?;
        self.take_over(carries);
        self.read += 1;
        Ok(())
    }

    fn take_over(&mut self, carries: &[Carry]) {
        for carry in carries {
            self.input[carry.to.clone()].copy_from_slice(&self.out[carry.from.clone()]);
        }
    }

    /// What the newest step gave; nothing of note until a row was read.
    #[must_use]
    pub fn out(&self) -> &[f32] {
        &self.out
    }

    /// What the newest step gave, to be loaded.
    pub fn out_mut(&mut self) -> &mut [f32] {
        &mut self.out
    }

    /// After what the newest step gave was loaded: the state is in it.
    pub fn resume(&mut self, carries: &[Carry]) {
        match self.read {
            0 => self.begin(carries),
            _ => self.take_over(carries),
        }
    }

    /// Memory that it holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<CarriedState>() + size_of_val(&*self.input) + size_of_val(&*self.out)
    }
}

fn finite(values: &[f32]) -> bool {
    values.iter().fold(true, |finite, value| finite & value.is_finite())
}
