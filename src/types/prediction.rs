//! The prediction record: 128 bytes that are fixed, and the reason bits.

use bytemuck::{Pod, Zeroable};

/// What the caller is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Action {
    /// Nothing was predicted yet (result memory before the first write).
    None = 0,
    /// Buy.
    Buy = 1,
    /// Sell.
    Sell = 2,
    /// Neither.
    Hold = 3,
    /// Execute the opportunity.
    Execute = 4,
    /// Wait for a better moment.
    Wait = 5,
    /// Leave the opportunity.
    Skip = 6,
    /// No decision; the reasons say why.
    Abstain = 255,
}

impl Action {
    /// The action of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Action> {
        use Action::{Abstain, Buy, Execute, Hold, None as Nothing, Sell, Skip, Wait};
        [Nothing, Buy, Sell, Hold, Execute, Wait, Skip, Abstain].into_iter().find(|action| *action as u8 == number)
    }

    /// The name as in the header: `"BUY"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::None => "NONE",
            Action::Buy => "BUY",
            Action::Sell => "SELL",
            Action::Hold => "HOLD",
            Action::Execute => "EXECUTE",
            Action::Wait => "WAIT",
            Action::Skip => "SKIP",
            Action::Abstain => "ABSTAIN",
        }
    }
}

/// Market phase of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not all of its features are on, or the bundle states no thresholds.
    #[default]
    Unknown = 0,
    /// Neither of the others.
    Ranging = 1,
    /// Averages apart by more than the threshold.
    Trending = 2,
    /// True range above the threshold.
    Volatile = 3,
}

impl Phase {
    /// The name used in manifests: `"ranging"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Unknown => "unknown",
            Phase::Ranging => "ranging",
            Phase::Trending => "trending",
            Phase::Volatile => "volatile",
        }
    }
}

/// Flags in byte 1 of the signal.
pub mod flag {
    /// The probability is a number.
    pub const VALUE: u8 = 1;
    /// The same step was asked for before.
    pub const REPEAT: u8 = 2;
    /// The bundle was not made for this stream.
    pub const OUT_OF_SCOPE: u8 = 4;
    /// The step lies in the bundle's training span.
    pub const IN_SAMPLE: u8 = 8;
    /// A lower rung than the champion answered.
    pub const FALLBACK: u8 = 16;
    /// A member was left out.
    pub const DEGRADED: u8 = 32;
}

/// Bits of the backend field.
pub mod backend {
    /// A kernel of this crate.
    pub const NATIVE: u16 = 1;
    /// ONNX Runtime.
    pub const ORT: u16 = 2;
    /// rten.
    pub const RTEN: u16 = 4;
    /// On a GPU.
    pub const CUDA: u16 = 8;
    /// The track works ahead, and still the whole window was computed on the clock.
    pub const WHOLE_WINDOW: u16 = 16;
    /// All of the window but its newest row was computed before.
    pub const PREFIX: u16 = 32;
    /// State carried from step to step.
    pub const STATEFUL: u16 = 64;
    /// From the cache.
    pub const CACHED: u16 = 128;
    /// Bits of how a value was come by, which change none.
    pub const WAYS: u16 = WHOLE_WINDOW | PREFIX | CACHED;

    /// The backend that the bits name: `native`, `ort`, `rten`.
    #[must_use]
    pub const fn name(bits: u16) -> &'static str {
        match bits & (NATIVE | ORT | RTEN) {
            NATIVE => "native",
            ORT => "ort",
            RTEN => "rten",
            _ => "unknown",
        }
    }
}

/// Rung of the ladder that answered.
pub mod rung {
    /// The published bundle.
    pub const CHAMPION: u8 = 0;
    /// Nothing answered.
    pub const NONE: u8 = 255;
}

/// Reason bits. An informative one does not by itself abstain.
pub mod reason {
    macro_rules! reasons {
        ($($(#[$doc:meta])* $name:ident = $bit:literal $informative:literal;)*) => {
            $($(#[$doc])* pub const $name: u64 = 1 << $bit;)*
            /// Every bit with its name, ascending.
            pub const ALL: &[(u64, &str)] = &[$((1 << $bit, stringify!($name)),)*];
            /// The bits that inform and do not by themselves abstain.
            pub const INFORMATIVE: u64 = 0 $(| (($informative as u64) << $bit))*;
        };
    }
    reasons! {
        /// The window or a feature has not seen enough steps.
        NOT_READY = 0 false;
        /// The newest event of role self is too old.
        DATA_STALE = 1 false;
        /// Events or bars are missing.
        GAP = 2 true;
        /// An event came after its time had been closed.
        LATE_EVENT = 3 true;
        /// An event with the id of the last one of its stream and kind.
        DUPLICATE = 4 true;
        /// A bid above its ask.
        CROSSED_BOOK = 5 true;
        /// A book waits for a snapshot.
        BOOK_RESYNC = 6 false;
        /// A stream's known time went back.
        CLOCK_BACK = 7 false;
        /// No book was there at the close.
        NO_BOOK = 8 true;
        /// A feature that must not be missing is.
        FEATURE_MISSING = 16 false;
        /// More features out of the trained range than the policy permits.
        OUT_OF_RANGE = 17 false;
        /// A feature's value does not fit f32.
        FEATURE_RANGE = 18 false;
        /// No model is there or enabled.
        NO_MODEL = 24 false;
        /// A model gave NaN or infinity.
        MODEL_OUTPUT = 25 false;
        /// A model did not answer in time.
        DEADLINE = 26 false;
        /// Too little of the weight answered.
        QUORUM = 27 false;
        /// State is being rebuilt after a swap.
        WARMING = 28 false;
        /// A member was left out.
        MEMBER_FAILED = 29 true;
        /// Another device answered.
        DEVICE_FALLBACK = 30 true;
        /// The members disagree.
        AGREEMENT = 40 false;
        /// The bundle is older than it allows.
        BUNDLE_STALE = 41 false;
        /// The bundle was not made for this stream.
        OUT_OF_SCOPE = 42 true;
        /// The step lies in the bundle's training span.
        IN_SAMPLE = 43 true;
        /// Predictions are switched off.
        DISABLED = 56 false;
        /// The host vetoed this track.
        HOST_VETO = 57 false;
        /// A queue was full.
        QUEUE_FULL = 58 false;
    }

    /// Names of the bits that are set, ascending.
    pub fn names(bits: u64) -> impl Iterator<Item = &'static str> {
        ALL.iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, name)| *name)
    }
}

/// The head of a prediction, 128 bytes, frozen. Details come by a second call.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Prediction {
    /// Byte 0 action, byte 1 flags, bytes 2-3 sequence (step mod 65,536), bytes 4-7 probability as f32.
    pub signal: u64,
    /// In result memory the sequence lock; in a copy always even.
    pub stamp: u64,
    /// Start of the engine, ns since the epoch, unique in the process.
    pub id_epoch: u64,
    /// Lane << 48 + count.
    pub id_counter: u64,
    /// Closed step, from 0.
    pub step: u64,
    /// Newest input used, ns.
    pub known_ns: i64,
    /// Decision time, ns.
    pub decided_ns: i64,
    /// Step close + the policy's `valid_for`, ns.
    pub valid_until_ns: i64,
    /// Generation that answered; 0 none.
    pub generation: u64,
    /// Reason bits; 0 with a decision unless informative.
    pub reasons: u64,
    /// Calibrated value of the policy's output, NaN without one.
    pub value: f32,
    /// Before calibration, NaN without one.
    pub raw: f32,
    /// 0..1, NaN without one.
    pub agreement: f32,
    /// Net of costs, unit of the bundle; NaN when not computed.
    pub edge: f32,
    /// Rounded toward zero; NaN when none.
    pub size_limit: f32,
    /// Time in the queue, ns, saturating; 0 inline.
    pub queue_ns: u32,
    /// Time to compute, ns, saturating.
    pub compute_ns: u32,
    /// Number of the track in its engine, in order of opening.
    pub track: u32,
    /// Number of the slot.
    pub slot: u16,
    /// Backend bits.
    pub backend: u16,
    /// Features of the newest row whose bit is off.
    pub missing: u16,
    /// Features outside the trained range.
    pub out_of_range: u16,
    /// Rows of the run, 1 inline.
    pub batch: u16,
    /// 0 unknown, 1 ranging, 2 trending, 3 volatile.
    pub phase: u8,
    /// 0 champion, 1 previous, 2 linear, 3 rule, 255 none.
    pub rung: u8,
    /// Members that answered with a weight above 0.
    pub members_used: u8,
    /// Members of the bundle.
    pub members_total: u8,
    /// 0.
    pub reserved: u16,
}

const _: () = assert!(size_of::<Prediction>() == 128);

impl Default for Prediction {
    fn default() -> Prediction {
        Prediction {
            value: f32::NAN,
            raw: f32::NAN,
            agreement: f32::NAN,
            edge: f32::NAN,
            size_limit: f32::NAN,
            rung: rung::NONE,
            batch: 1,
            ..Prediction::zeroed()
        }
    }
}

impl Prediction {
    /// Packs the 8-byte signal.
    #[must_use]
    pub fn pack_signal(action: Action, flags: u8, step: u64, probability: f32) -> u64 {
        u64::from(action as u8) | u64::from(flags) << 8 | (step & 0xFFFF) << 16 | u64::from(probability.to_bits()) << 32
    }

    /// The action in the signal.
    #[must_use]
    pub fn action(&self) -> Action {
        Action::from_number(self.signal as u8).unwrap_or(Action::Abstain)
    }

    /// The flags in the signal.
    #[must_use]
    pub fn flags(&self) -> u8 {
        (self.signal >> 8) as u8
    }

    /// The probability in the signal, NaN when there is none.
    #[must_use]
    pub fn probability(&self) -> f32 {
        f32::from_bits((self.signal >> 32) as u32)
    }

    /// The record without what differs between two runs of the same calls: stamp, epoch, queue and compute time, batch size and
    /// the bits that say how the backend came to the value (whole window, prefix, cached) are 0. The decision time stays: an engine by the host's clock was given it.
    #[must_use]
    pub fn comparable(&self) -> Prediction {
        let backend = self.backend & !backend::WAYS;
        Prediction { stamp: 0, id_epoch: 0, queue_ns: 0, compute_ns: 0, batch: 0, backend, ..*self }
    }

    /// Equal in every field that replay promises: all but stamp, epoch, decision time, queue and
    /// compute time, batch size and backend's ways; NaNs compare by their bits.
    #[must_use]
    pub fn same_decision(&self, other: &Prediction) -> bool {
        let key = |p: &Prediction| bytemuck::cast::<Prediction, [u64; 16]>(Prediction { decided_ns: 0, ..p.comparable() });
        key(self) == key(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn offsets_are_those_of_the_records() {
        let at = [offset_of!(Prediction, stamp), offset_of!(Prediction, step), offset_of!(Prediction, reasons), offset_of!(Prediction, value)];
        assert_eq!(at, [8, 32, 72, 80]);
        let at = [offset_of!(Prediction, queue_ns), offset_of!(Prediction, track), offset_of!(Prediction, slot), offset_of!(Prediction, phase)];
        assert_eq!(at, [100, 108, 112, 122]);
        assert_eq!(offset_of!(Prediction, reserved), 126);
    }

    #[test]
    fn a_signal_keeps_its_parts() {
        let p = Prediction { signal: Prediction::pack_signal(Action::Sell, flag::VALUE | flag::REPEAT, 65_537, 0.25), ..Prediction::default() };
        assert_eq!((p.action(), p.flags(), p.probability()), (Action::Sell, 3, 0.25));
        assert_eq!((p.signal >> 16) as u16, 1);
    }

    #[test]
    fn only_what_a_run_may_change_is_left_out() {
        let p: Prediction = bytemuck::cast([u64::MAX; 16]);
        let words = bytemuck::cast::<Prediction, [u64; 16]>(p.comparable());
        let differing: Vec<usize> = (0..16).filter(|at| words[*at] != u64::MAX).collect();
        assert_eq!((differing, p.comparable().backend), (vec![1, 2, 12, 13, 14, 15], u16::MAX - 176));
        assert!(p.same_decision(&Prediction { decided_ns: 0, ..p }) && !p.same_decision(&Prediction { track: 0, ..p }));
    }

    #[test]
    fn informative_bits_are_those_marked() {
        let names: Vec<_> = reason::names(reason::INFORMATIVE).collect();
        assert_eq!(names, ["GAP", "LATE_EVENT", "DUPLICATE", "CROSSED_BOOK", "NO_BOOK", "MEMBER_FAILED", "DEVICE_FALLBACK", "OUT_OF_SCOPE", "IN_SAMPLE"]);
    }
}
