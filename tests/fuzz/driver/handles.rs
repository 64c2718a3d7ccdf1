//! The handles that a run has seen, and what is known of each.

use arbitrary::{Result, Unstructured};

/// Kinds of handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Engine,
    Bundle,
    Lane,
    Track,
    Scorer,
    Link,
}

/// What a call on a handle may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Open as far as the driver knows.
    Live,
    /// Zero.
    Zero,
    /// Closed, of another kind, or made of bits: never OK.
    Dead,
}

struct Seen {
    id: u64,
    of: Of,
    parent: u64,
    live: bool,
}

/// A handle for a call.
#[derive(Clone, Copy, Debug)]
pub struct Picked {
    pub id: u64,
    pub state: State,
}

/// Every handle of a run.
#[derive(Default)]
pub struct Handles(Vec<Seen>);

impl Handles {
    pub fn add(&mut self, of: Of, id: u64, parent: u64) {
        assert!(id != 0 && self.0.iter().all(|seen| seen.id != id), "{of:?}: a handle is given once");
        self.0.push(Seen { id, of, parent, live: true });
    }

    /// Closed, and what belongs to it with it; zero is nobody's.
    pub fn close(&mut self, id: u64) {
        let mut ended = Vec::from_iter(Some(id).filter(|id| *id != 0));
        while let Some(id) = ended.pop() {
            for seen in self.0.iter_mut().filter(|seen| seen.live && (seen.id == id || seen.parent == id)) {
                seen.live = false;
                ended.push(seen.id);
            }
        }
    }

    /// What it belongs to.
    pub fn parent(&self, id: u64) -> u64 {
        self.0.iter().find(|seen| seen.id == id).map_or(0, |seen| seen.parent)
    }

    /// The open ones of a kind, oldest first.
    pub fn live(&self, of: Of) -> Vec<u64> {
        self.0.iter().filter(|seen| seen.of == of && seen.live).map(|seen| seen.id).collect()
    }

    /// All of a kind, closed ones too.
    pub fn all(&self, of: Of) -> Vec<u64> {
        self.0.iter().filter(|seen| seen.of == of).map(|seen| seen.id).collect()
    }

    /// Mostly an open one.
    pub fn pick(&self, source: &mut Unstructured<'_>, of: Of) -> Result<Picked> {
        let picked = match source.int_in_range(0..=30u8)? {
            0 => Picked { id: 0, state: State::Zero },
            1 => self.looked_up(of, source.arbitrary()?),
            2 => self.choose(source, of, |seen| seen.of != of)?,
            3 => self.choose(source, of, |seen| seen.of == of && !seen.live)?,
            4 => {
                let near = self.choose(source, of, |seen| seen.of == of)?;
                self.looked_up(of, near.id ^ 1 << source.int_in_range(0..=63u8)?)
            }
            _ => self.choose(source, of, |seen| seen.of == of && seen.live)?,
        };
        Ok(if picked.id == 0 { Picked { id: 0, state: State::Zero } } else { picked })
    }

    /// Any bits, which may name something by chance.
    fn looked_up(&self, of: Of, id: u64) -> Picked {
        let open = self.0.iter().any(|seen| seen.id == id && seen.of == of && seen.live);
        Picked { id, state: if open { State::Live } else { State::Dead } }
    }

    /// One that fits, with what is known of it as a handle of the kind that was asked for.
    fn choose(&self, source: &mut Unstructured<'_>, of: Of, fits: impl Fn(&Seen) -> bool) -> Result<Picked> {
        let fitting: Vec<&Seen> = self.0.iter().filter(|seen| fits(seen)).collect();
        Ok(match fitting.is_empty() {
            true => Picked { id: 0, state: State::Zero },
            false => {
                let seen = source.choose(&fitting)?;
                Picked { id: seen.id, state: if seen.live && seen.of == of { State::Live } else { State::Dead } }
            }
        })
    }
}
