//! What a type remembers, listed once: the same list measures, saves, checks and loads it, so that saving and loading cannot
//! differ. Numbers are little endian; counts, tags and places are checked before anything is taken over.
//!
//! A list names its fields by taking the struct apart, so that a field added later does not compile until it is listed or
//! left out by name:
//!
//! ```
//! use foretick::types::state::{Pass, State};
//!
//! #[derive(Default)]
//! struct Mean { period: usize, sum: f64, seen: u64 }
//!
//! impl State for Mean {
//!     fn state(&mut self, pass: &mut Pass<'_>) {
//!         let Mean { period: _, sum, seen } = self;
//!         pass.each([sum, seen]);
//!     }
//! }
//!
//! let mut mean = Mean { period: 3, sum: 1.5, seen: 2 };
//! let mut bytes = vec![0; Pass::measured(&mut mean)];
//! Pass::saved(&mut mean, &mut bytes);
//! let mut other = Mean { period: 3, ..Mean::default() };
//! Pass::loaded(&mut other, &bytes).unwrap();
//! assert_eq!((other.sum, other.seen), (1.5, 2));
//! ```

use crate::error::{Error, Result, Status};
use crate::types::Prediction;
use crate::types::event::Level;
use crate::types::step::{Step, Top};

/// A type that can be saved and loaded.
pub trait State {
    /// Hands every field that changes with the data to the pass, in a fixed order.
    fn state(&mut self, pass: &mut Pass<'_>);
}

/// One way through the fields of a state. The first flaw ends it: what follows is left as it is.
#[derive(Debug)]
pub struct Pass<'b> {
    way: Way<'b>,
    at: usize,
    flaw: Option<Error>,
}

#[derive(Debug)]
enum Way<'b> {
    /// Counts bytes.
    Measure,
    /// Writes.
    Save(&'b mut [u8]),
    /// Reads, and changes nothing.
    Check(&'b [u8]),
    /// Reads and takes over; the same bytes were checked before.
    Load(&'b [u8]),
}

impl<'b> Pass<'b> {
    fn through(state: &mut impl State, way: Way<'b>) -> Pass<'b> {
        let mut pass = Pass { way, at: 0, flaw: None };
        state.state(&mut pass);
        pass
    }

    /// Bytes that the state takes.
    pub fn measured(state: &mut impl State) -> usize {
        Pass::through(state, Way::Measure).at
    }

    /// Writes the state into a buffer of at least [`Pass::measured`] bytes; answers how many were written.
    pub fn saved(state: &mut impl State, bytes: &mut [u8]) -> usize {
        Pass::through(state, Way::Save(bytes)).at
    }

    /// Reads the state from the bytes, all of it or nothing.
    ///
    /// # Errors
    /// `CORRUPT` with the byte and what is wrong there; what the state says of bytes that do not belong to it. Then the state
    /// is as it was.
    pub fn loaded(state: &mut impl State, bytes: &[u8]) -> Result<()> {
        Pass::through(state, Way::Check(bytes)).finish()?;
        Pass::through(state, Way::Load(bytes)).finish()
    }

    fn finish(mut self) -> Result<()> {
        if let Way::Check(bytes) | Way::Load(bytes) = self.way
            && let left @ 1.. = bytes.len() - self.at
        {
            self.corrupt(|| format!("{left} bytes are left over"));
        }
        self.flaw.map_or(Ok(()), Err)
    }

    /// The values that pass are to be taken over.
    #[must_use]
    pub fn loads(&self) -> bool {
        matches!(self.way, Way::Load(_)) && self.flaw.is_none()
    }

    /// The values that pass come from bytes.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self.way, Way::Check(_) | Way::Load(_))
    }

    /// Takes a value over, if this pass does.
    pub fn set<T>(&self, place: &mut T, value: T) {
        if self.loads() {
            *place = value;
        }
    }

    /// The bytes that pass: those given when saving, those read when reading.
    #[inline]
    pub fn bytes<const N: usize>(&mut self, given: [u8; N]) -> [u8; N] {
        if self.flaw.is_some() {
            return given;
        }
        let range = self.at..self.at + N;
        let passed = match &mut self.way {
            Way::Measure => Some(given),
            Way::Save(bytes) => bytes.get_mut(range).map(|place| {
                place.copy_from_slice(&given);
                given
            }),
            Way::Check(bytes) | Way::Load(bytes) => bytes.get(range).and_then(|bytes| bytes.first_chunk().copied()),
        };
        match passed {
            Some(_) => self.at += N,
            None => self.corrupt(|| format!("{N} more bytes should follow")),
        }
        passed.unwrap_or(given)
    }

    /// The fields one after another.
    pub fn each<const N: usize>(&mut self, fields: [&mut dyn State; N]) {
        fields.into_iter().for_each(|field| field.state(self));
    }

    /// A truth value; answers the one that passes.
    pub fn truth(&mut self, given: bool) -> bool {
        match self.bytes([u8::from(given)]) {
            [0] => false,
            [1] => true,
            [other] => {
                self.corrupt(|| format!("{other} where only 0 or 1 may stand"));
                given
            }
        }
    }

    /// A number below `below`; answers the one that passes.
    pub fn below(&mut self, given: usize, below: usize) -> usize {
        let passed = u64::from_le_bytes(self.bytes((given as u64).to_le_bytes()));
        if passed >= below as u64 {
            self.corrupt(|| format!("{passed} where a number below {below} must stand"));
            return given;
        }
        passed as usize
    }

    /// A count of what has happened, to which more can be added.
    pub fn counter(&mut self, counter: &mut u64) {
        let passed = self.below(*counter as usize, COUNT_MOST) as u64;
        self.set(counter, passed);
    }

    /// A place in something of `below` places.
    pub fn place(&mut self, place: &mut usize, below: usize) {
        let passed = self.below(*place, below);
        self.set(place, passed);
    }

    /// How many of something follow, which is as many as there are.
    pub fn count(&mut self, count: usize) {
        let passed = u64::from_le_bytes(self.bytes((count as u64).to_le_bytes()));
        if passed != count as u64 {
            self.corrupt(|| format!("{passed} values where there are {count}"));
        }
    }

    /// A text that both sides must have in common; `differs` is told the other one.
    pub fn same(&mut self, ours: &str, differs: impl FnOnce(&str) -> String) {
        let long = self.below(ours.len(), TEXT_MOST);
        if !self.reads() {
            for byte in ours.bytes() {
                self.bytes([byte]);
            }
            return;
        }
        let (Way::Check(bytes) | Way::Load(bytes)) = self.way else { return };
        let Some(theirs) = bytes.get(self.at..self.at + long).filter(|_| self.flaw.is_none()) else {
            return self.corrupt(|| format!("a text of {long} bytes should follow"));
        };
        if theirs != ours.as_bytes() {
            self.refuse(Status::SchemaDiffers, || differs(&String::from_utf8_lossy(theirs)));
        }
        self.at += long;
    }

    /// Says where a flaw of `part` was found.
    pub fn within(&mut self, name: impl FnOnce() -> String, part: impl FnOnce(&mut Self)) {
        let sound = self.flaw.is_none();
        part(self);
        if sound {
            self.flaw = self.flaw.take().map(|flaw| flaw.within(&name()));
        }
    }

    /// Ends the pass.
    pub fn refuse(&mut self, status: Status, text: impl FnOnce() -> String) {
        self.flaw.get_or_insert_with(|| Error::new(status, text()));
    }

    fn corrupt(&mut self, what: impl FnOnce() -> String) {
        let at = self.at;
        self.refuse(Status::Corrupt, || format!("byte {at}: {}", what()));
    }
}

/// Longest text that two sides compare, bytes.
const TEXT_MOST: usize = 1 << 16;

/// Nothing has happened so often.
const COUNT_MOST: usize = 1 << 62;

/// No time is as late, which leaves room for adding intervals.
const TIME_MOST: i64 = 3 << 61;

/// Numbers are their bits.
macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl State for $number {
            #[inline]
            fn state(&mut self, pass: &mut Pass<'_>) {
                let passed = <$number>::from_le_bytes(pass.bytes(self.to_le_bytes()));
                pass.set(self, passed);
            }
        })*
    };
}

numbers!(u8 u16 u32 u64 f32 f64);

/// Times: ns since the Unix epoch, or the least number where there is none.
impl State for i64 {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let passed = i64::from_le_bytes(pass.bytes(self.to_le_bytes()));
        if passed != i64::MIN && !(0..TIME_MOST).contains(&passed) {
            pass.corrupt(|| format!("{passed} where a time must stand"));
        }
        pass.set(self, passed);
    }
}

impl State for bool {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let passed = pass.truth(*self);
        pass.set(self, passed);
    }
}

impl State for usize {
    fn state(&mut self, pass: &mut Pass<'_>) {
        pass.place(self, COUNT_MOST);
    }
}

impl<T: State> State for [T] {
    fn state(&mut self, pass: &mut Pass<'_>) {
        pass.count(self.len());
        self.iter_mut().for_each(|item| item.state(pass));
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn state(&mut self, pass: &mut Pass<'_>) {
        self.iter_mut().for_each(|item| item.state(pass));
    }
}

impl<T: State> State for Box<[T]> {
    fn state(&mut self, pass: &mut Pass<'_>) {
        (**self).state(pass);
    }
}

impl<T: State + Copy + Default> State for Option<T> {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let mut value = self.unwrap_or_default();
        let there = pass.truth(self.is_some());
        if there {
            value.state(pass);
        }
        pass.set(self, there.then_some(value));
    }
}

impl<A: State, B: State> State for (A, B) {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let (a, b) = self;
        pass.each([a, b]);
    }
}

impl State for Top {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Top { bid_px, bid_qty, ask_px, ask_qty } = self;
        pass.each([bid_px, bid_qty, ask_px, ask_qty]);
    }
}

impl State for Level {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Level { bid_px, bid_qty, ask_px, ask_qty } = self;
        pass.each([bid_px, bid_qty, ask_px, ask_qty]);
    }
}

impl State for Step {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Step { time_ns, close_ns, open, high, low, close, volume, taker_buy, taker_sell, trades, taker_known, top } = self;
        pass.each([time_ns, close_ns, open, high, low, close, volume, taker_buy, taker_sell, trades, taker_known, top]);
    }
}

/// The record's own bytes, which are little endian already.
impl State for Prediction {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let passed = bytemuck::cast(pass.bytes(bytemuck::cast::<Prediction, [u8; 128]>(*self)));
        pass.set(self, passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct All {
        fixed: usize,
        place: usize,
        numbers: (f64, u32),
        list: Box<[u16]>,
        gone: Option<i64>,
        there: Option<[f64; 2]>,
        on: bool,
    }

    impl State for All {
        fn state(&mut self, pass: &mut Pass<'_>) {
            let All { fixed, place, numbers, list, gone, there, on } = self;
            pass.place(place, *fixed);
            pass.each([numbers, list, gone, there, on]);
            pass.same("name", |theirs| format!("name there, {theirs} here"));
        }
    }

    fn full() -> All {
        All { fixed: 8, place: 7, numbers: (0.1, 9), list: [1, 2, 3].into(), gone: None, there: Some([-0.0, f64::INFINITY]), on: true }
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; Pass::measured(&mut full())];
        assert_eq!(Pass::saved(&mut full(), &mut bytes), bytes.len());
        bytes
    }

    fn other() -> All {
        All { fixed: 8, list: [0; 3].into(), gone: Some(4), ..All::default() }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let mut loaded = other();
        Pass::loaded(&mut loaded, &bytes()).unwrap();
        assert_eq!(loaded, full());
        assert_eq!(loaded.there.unwrap()[0].to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place_and_changes_nothing() {
        let good = bytes();
        let texts = [(0, "byte 8: 248 where a number below 8"), (20, "byte 28: 252 values where there are 3"), (34, "byte 35: 255 where only 0 or 1")];
        for (at, text) in texts {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            let mut state = other();
            let error = Pass::loaded(&mut state, &bad).unwrap_err();
            assert!(error.status() == Status::Corrupt && error.text().contains(text), "{at}: {error}");
            assert_eq!(state, other());
        }
        for cut in 0..good.len() {
            assert_eq!(Pass::loaded(&mut other(), &good[..cut]).unwrap_err().status(), Status::Corrupt, "cut at {cut}");
        }
        let more = [&good[..], &[0]].concat();
        assert!(Pass::loaded(&mut other(), &more).unwrap_err().text().contains("1 bytes are left over"));
    }

    #[test]
    fn texts_that_differ_are_named() {
        let mut bad = bytes();
        *bad.last_mut().unwrap() = b'd';
        let error = Pass::loaded(&mut other(), &bad).unwrap_err();
        assert_eq!((error.status(), error.text()), (Status::SchemaDiffers, "name there, namd here"));
    }
}
