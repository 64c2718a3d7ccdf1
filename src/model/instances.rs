//! A lane's working copies of one generation's members, with the buffers that they read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::config::ClockSource;
use crate::error::{Error, Result, Status};
use crate::model::backend::Instance;
use crate::model::bundle::Member;
use crate::model::carried::CarriedState;
use crate::model::store::Generation;
use crate::model::watchdog::{DEFAULT_LIMIT, PATIENT_LIMIT, RunLimit};
use crate::types::prediction::backend;

/// What every lane of an engine runs its models under.
#[derive(Clone, Debug)]
pub struct RunPolicy {
    /// Who watches, by which clock, and the upper bound of every limit (`models.deadline_us`).
    pub limit: RunLimit,
    /// Bytes of the states that all working copies carry.
    pub carried: Arc<AtomicUsize>,
}

impl RunPolicy {
    /// Runs under a limit.
    #[must_use]
    pub fn new(limit: RunLimit) -> RunPolicy {
        RunPolicy { limit, carried: Arc::default() }
    }

    /// The limit of one member's runs.
    ///
    /// # Errors
    /// `UNSUPPORTED` for a deadline that nobody would keep.
    pub fn of(&self, member: &Member) -> Result<RunLimit> {
        let named = member.spec.deadline_us.map(Duration::from_micros);
        let foreign = member.backend.bits() & backend::NATIVE == 0;
        if foreign && named.is_some() && !self.limit.watchdog.keeps_deadlines() {
            let text = "deadline_us is kept by the housekeeping thread, and threads = 0 has none; open the engine with threads = 1, or run the model natively";
            return Err(Error::new(Status::Unsupported, text.to_owned()));
        }
        let most = match self.limit.clock.source() {
            ClockSource::System => named.unwrap_or(DEFAULT_LIMIT).min(self.limit.most),
            ClockSource::Host => PATIENT_LIMIT,
        };
        Ok(RunLimit { most, ..self.limit.clone() })
    }

    /// A working copy of a member. A foreign session is made and warmed here, so this may take long.
    ///
    /// # Errors
    /// What the member's backend says, with the member's name.
    pub fn instance(&self, member: &Member) -> Result<Box<dyn Instance>> {
        let made = self.of(member).and_then(|limit| member.backend.clone().instance(&limit));
        made.map_err(|error| error.within(&format!("model {}", member.spec.name)))
    }
}

/// The working copies.
#[derive(Debug)]
pub struct Instances {
    /// Whose members these are.
    pub generation: Arc<Generation>,
    /// By number of the member.
    pub members: Vec<Box<dyn Instance>>,
    /// As long as the widest input.
    pub input: Vec<f32>,
    /// As long as the widest output.
    pub out: Vec<f32>,
    /// What stateful members carry, by room of the lane's tracks and in the members' order.
    pub carried: Vec<Box<[CarriedState]>>,
    /// All bytes of such states, and those of them that are carried here.
    all_bytes: Arc<AtomicUsize>,
    own_bytes: usize,
}

impl Instances {
    /// Working copies of a generation. Foreign sessions are made and warmed here, so this may take long.
    ///
    /// # Errors
    /// What a member's backend says, with the member's name.
    pub fn new(generation: Arc<Generation>, policy: &RunPolicy) -> Result<Instances> {
        let of = &generation.bundle.members;
        let members = of.iter().map(|member| policy.instance(member)).collect::<Result<_>>()?;
        let widest = |width: fn(&Member) -> usize| vec![0.0; of.iter().map(width).max().unwrap_or(0)];
        let (input, out) = (widest(|member| member.backend.input_width()), widest(|member| member.backend.output_width()));
        Ok(Instances { generation, members, input, out, carried: Vec::new(), all_bytes: policy.carried.clone(), own_bytes: 0 })
    }

    /// Makes room for so many tracks.
    pub fn make_room(&mut self, rooms: usize) {
        let bundle = &self.generation.bundle;
        let bytes = rooms.saturating_sub(self.carried.len()) * bundle.carried_bytes();
        self.carried.resize_with(self.carried.len().max(rooms), || bundle.carried());
        self.own_bytes += bytes;
        self.all_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        self.all_bytes.fetch_sub(self.own_bytes, Ordering::Relaxed);
    }
}
