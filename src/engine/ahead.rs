//! What a track has worked out of its next answer before the step closes that will ask for it.

use crate::model::backend::Ahead;
use crate::model::store::Generation;

/// One generation's models of windows, worked ahead for one track. Those of another generation run their windows whole.
#[derive(Debug, Default)]
pub struct WorkedAhead {
    /// Number of the generation; 0 before the first.
    generation: u64,
    /// By number of the member; `None` for those that have nothing to work ahead.
    members: Vec<Option<Box<dyn Ahead>>>,
    /// Number of the step behind which the next one was prepared for.
    pub step: Option<u64>,
}

impl WorkedAhead {
    /// Nothing is worked out yet.
    pub fn new(generation: &Generation) -> WorkedAhead {
        let members = generation.bundle.members.iter().map(|member| member.backend.clone().ahead()).collect();
        WorkedAhead { generation: generation.number, members, step: None }
    }

    pub fn fits(&self, generation: &Generation) -> bool {
        self.generation == generation.number
    }

    /// What a member works ahead with.
    pub fn of(&mut self, member: usize) -> Option<&mut dyn Ahead> {
        self.members.get_mut(member)?.as_deref_mut().map(|ahead| ahead as &mut dyn Ahead)
    }

    /// Answers for a member of a generation, if that was worked out; `None` when the track does not work ahead with it at all.
    pub fn answer(&mut self, generation: &Generation, member: usize, input: &[f32], out: &mut [f32]) -> Option<bool> {
        let fits = self.fits(generation);
        self.of(member).map(|ahead| fits && ahead.run(input, out))
    }

    pub fn memory_bytes(&self) -> usize {
        let members: usize = self.members.iter().flatten().map(|ahead| ahead.memory_bytes()).sum();
        size_of_val(self.members.as_slice()) + members
    }
}
