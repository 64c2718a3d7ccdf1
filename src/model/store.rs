//! Slots and their generations. The only file that knows `arc_swap`.
//!
//! A reader compares one atomic number and takes the new generation only when it moved: the cell's own
//! read path is slower and has had use-after-free reports on ARM. The last reader never frees:
//! generations that are replaced go to a list that [`Store::collect`] drains on a cold path.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};

use crate::error::{Error, Result, Status};
use crate::features::spec::Schema;
use crate::model::bundle::Bundle;
use crate::types::NAME_MAX;

/// One published bundle. A prediction uses exactly one.
#[derive(Debug)]
pub struct Generation {
    /// Number, from 1, unique in its engine.
    pub number: u64,
    /// Number of the slot.
    pub slot: u16,
    /// What it serves.
    pub bundle: Arc<Bundle>,
}

/// A name under which bundles are published.
#[derive(Debug)]
pub struct Slot {
    /// Number, in the order of first publishing.
    pub number: u16,
    /// Name.
    pub name: String,
    serving: AtomicU64,
    current: ArcSwapOption<Generation>,
}

impl Slot {
    /// The generation that serves now.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }
}

/// A lane's own view of a slot.
#[derive(Debug)]
pub struct Reader {
    slot: Arc<Slot>,
    cached: Arc<Generation>,
}

impl Reader {
    /// A reader of the generation that serves now; `None` when nothing was published.
    #[must_use]
    pub fn new(slot: Arc<Slot>) -> Option<Reader> {
        let cached = slot.current()?;
        Some(Reader { slot, cached })
    }

    /// The generation to use for one whole prediction, and whether it moved since the last call.
    /// Another thread may publish meanwhile; the next call sees it.
    #[inline]
    pub fn refresh(&mut self) -> (&Arc<Generation>, bool) {
        let moved = self.slot.serving.load(Ordering::Acquire) != self.cached.number;
        if moved {
            self.take();
        }
        (&self.cached, moved)
    }

    #[cold]
    fn take(&mut self) {
        if let Some(newer) = self.slot.current() {
            self.cached = newer;
        }
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }
}

/// All slots of an engine.
#[derive(Debug, Default)]
pub struct Store {
    slots: RwLock<Vec<Arc<Slot>>>,
    publishing: Mutex<Published>,
}

#[derive(Debug, Default)]
struct Published {
    last_number: u64,
    /// The generation before the current one, by slot.
    previous: Vec<Option<Arc<Generation>>>,
    retired: Vec<Arc<Generation>>,
}

/// One bundle for one slot.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Name of the slot.
    pub slot: String,
    /// What it will serve.
    pub bundle: Arc<Bundle>,
    /// Drop the previous generation at once instead of keeping it.
    pub replace: bool,
}

impl Store {
    /// The slot of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.read().iter().find(|slot| slot.name == name).cloned()
    }

    /// Every slot, by number.
    #[must_use]
    pub fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().clone()
    }

    /// Publishes all or none; answers the generations' numbers.
    ///
    /// # Errors
    /// `SCHEMA_DIFFERS` with the diff, `CONFLICT` for a slot named twice, `LIMIT`, `INVALID_ARGUMENT`.
    pub fn publish(&self, items: &[Publish], slots_most: usize, keep_previous: bool) -> Result<Vec<u64>> {
        let mut published = self.publishing.lock();
        self.check(items, slots_most)?;
        let mut numbers = Vec::with_capacity(items.len());
        for item in items {
            let slot = self.slot_of(&item.slot);
            published.last_number += 1;
            let number = published.last_number;
            let generation = Arc::new(Generation { number, slot: slot.number, bundle: item.bundle.clone() });
            let replaced = slot.current.swap(Some(generation));
            slot.serving.store(number, Ordering::Release);
            published.retire(usize::from(slot.number), replaced, keep_previous && !item.replace);
            numbers.push(number);
        }
        published.collect();
        Ok(numbers)
    }

    fn check(&self, items: &[Publish], slots_most: usize) -> Result<()> {
        let slots = self.slots.read();
        let mut new = 0;
        for (index, item) in items.iter().enumerate() {
            if item.slot.is_empty() || item.slot.len() > NAME_MAX {
                return Err(Error::new(Status::InvalidArgument, format!("slot \"{}\": a name has 1 to {NAME_MAX} bytes", item.slot)));
            }
            if items[..index].iter().any(|other| other.slot == item.slot) {
                return Err(Error::new(Status::Conflict, format!("slot {} is named twice in one call", item.slot)));
            }
            match slots.iter().find(|slot| slot.name == item.slot).and_then(|slot| slot.current()) {
                Some(current) => same_contract(&current.bundle.schema, &item.bundle.schema, &item.slot)?,
                None => new += 1,
            }
        }
        match slots.len() + new <= slots_most {
            true => Ok(()),
            false => Err(Error::new(Status::Limit, format!("limits.slots is {slots_most}"))),
        }
    }

    fn slot_of(&self, name: &str) -> Arc<Slot> {
        let mut slots = self.slots.write();
        if let Some(slot) = slots.iter().find(|slot| slot.name == name) {
            return slot.clone();
        }
        let slot = Arc::new(Slot { number: slots.len() as u16, name: name.to_owned(), serving: AtomicU64::new(0), current: ArcSwapOption::empty() });
        slots.push(slot.clone());
        slot
    }

    /// Frees retired generations that no lane holds any more; answers how many are still held.
    pub fn collect(&self) -> usize {
        self.publishing.lock().collect()
    }
}

impl Published {
    fn retire(&mut self, slot: usize, replaced: Option<Arc<Generation>>, keep: bool) {
        if self.previous.len() <= slot {
            self.previous.resize(slot + 1, None);
        }
        let older = std::mem::take(&mut self.previous[slot]);
        self.retired.extend(older);
        match keep {
            true => self.previous[slot] = replaced,
            false => self.retired.extend(replaced),
        }
    }

    fn collect(&mut self) -> usize {
        self.retired.retain(|generation| Arc::strong_count(generation) > 1);
        self.retired.len()
    }
}

/// A track keeps its windows and streams over a swap, so schema and roles must stay as they are.
fn same_contract(ours: &Schema, theirs: &Schema, slot: &str) -> Result<()> {
    if ours.roles != theirs.roles {
        let text = format!("slot {slot} serves roles {}, the bundle has {}: publish it under another slot", ours.roles.join(", "), theirs.roles.join(", "));
        return Err(Error::new(Status::Roles, text));
    }
    let lines = ours.diff(theirs);
    if lines.is_empty() {
        return Ok(());
    }
    Err(Error::problems(Status::SchemaDiffers, &format!("slot {slot} serves another schema: publish the bundle under another slot"), &lines))
}
