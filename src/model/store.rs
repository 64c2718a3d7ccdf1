//! Slots and their generations. The only file that knows `arc_swap`.
//!
//! A reader compares one atomic number and looks further only when it moved. Publishing makes every reader's working copies
//! first and leaves them at its seat; the reader changes seats' copies for its own and leaves the old ones there. So neither the
//! cell's own read path (slower, and with use-after-free reports on ARM) nor making or freeing anything is on the hot path:
//! what is replaced goes to lists that [`Store::collect`] drains.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};

use crate::error::{Error, Result, Status};
use crate::features::spec::Schema;
use crate::model::bundle::Bundle;
use crate::model::instances::{Instances, RunPolicy};
use crate::model::switches::Switches;
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
    /// Members that are switched on. Another thread may switch; one prediction looks once.
    pub switches: Switches,
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
    seats: Mutex<Vec<Weak<Seat>>>,
    on: AtomicBool,
    /// Held while a member is switched and while generations change places, so that no switch is lost between the two.
    switching: Mutex<()>,
}

impl Slot {
    fn new(number: u16, name: &str) -> Slot {
        Slot {
            number,
            name: name.to_owned(),
            serving: AtomicU64::new(0),
            current: ArcSwapOption::empty(),
            seats: Mutex::default(),
            on: AtomicBool::new(true),
            switching: Mutex::default(),
        }
    }

    /// Its predictions are permitted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Switches a member of the generation that serves, and those of its name in later ones.
    fn switch_member(&self, name: &str, on: bool) -> Result<()> {
        let _switching = self.switching.lock();
        let Some(current) = self.current() else { return Err(Error::new(Status::NotFound, format!("slot {} serves no bundle", self.name))) };
        let members = &current.bundle.members;
        let Some(member) = members.iter().position(|member| member.spec.name == name) else {
            let names: Vec<&str> = members.iter().map(|member| member.spec.name.as_str()).collect();
            let text = format!("\"{name}\" is no member of {}, which slot {} serves: {}", current.bundle.manifest.title(), self.name, names.join(", "));
            return Err(Error::new(Status::NotFound, text));
        };
        current.switches.set(member, on);
        Ok(())
    }

    /// Lets a generation serve, with the members switched as they were by call; answers the one before.
    fn serve(&self, next: Arc<Generation>, copies: Vec<(Arc<Seat>, Instances)>) -> Option<Arc<Generation>> {
        let switching = self.switching.lock();
        if let Some(before) = self.current() {
            next.switches.carry(&next.bundle.members, &before.switches, &before.bundle.members);
        }
        let untaken: Vec<Instances> = copies.into_iter().filter_map(|(seat, copy)| seat.leave(copy)).collect();
        let number = next.number;
        let replaced = self.current.swap(Some(next));
        self.serving.store(number, Ordering::Release);
        drop(switching);
        // Freed when nobody waits for it: sessions take their time.
        drop(untaken);
        replaced
    }

    /// The generation that serves now.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }

    /// The seats of the readers that are left.
    fn seats(&self) -> Vec<Arc<Seat>> {
        let mut seats = self.seats.lock();
        seats.retain(|seat| seat.strong_count() > 0);
        seats.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Where a publisher leaves working copies for one reader, and the reader leaves those that it no longer uses.
#[derive(Debug, Default)]
struct Seat {
    next: Mutex<Option<Instances>>,
    old: Mutex<Vec<Instances>>,
}

impl Seat {
    /// Leaves copies for the reader, and room for those that it will leave; answers those that it never took.
    fn leave(&self, copy: Instances) -> Option<Instances> {
        self.old.lock().reserve(1);
        self.next.lock().replace(copy)
    }
}

/// A lane's own view of a slot.
#[derive(Debug)]
pub struct Reader {
    slot: Arc<Slot>,
    seat: Arc<Seat>,
    working: Instances,
}

impl Reader {
    /// The working copies to use for one whole prediction, and whether they changed since the last call. Another thread may
    /// publish meanwhile; the next call sees it.
    #[inline]
    pub fn refresh(&mut self) -> (&mut Instances, bool) {
        let moved = self.slot.serving.load(Ordering::Acquire) != self.working.generation.number && self.take();
        (&mut self.working, moved)
    }

    #[cold]
    fn take(&mut self) -> bool {
        let Some(next) = self.seat.next.lock().take() else { return false };
        let old = std::mem::replace(&mut self.working, next);
        self.seat.old.lock().push(old);
        true
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }
}

/// All slots of an engine.
#[derive(Debug)]
pub struct Store {
    slots: RwLock<Vec<Arc<Slot>>>,
    publishing: Mutex<Published>,
    policy: RunPolicy,
}

#[derive(Debug, Default)]
struct Published {
    last_number: u64,
    /// The generation before the current one, by slot.
    previous: Vec<Option<Arc<Generation>>>,
    retired: Vec<Arc<Generation>>,
}

/// A generation that is ready to serve, with working copies by seat.
struct Prepared {
    slot: Arc<Slot>,
    generation: Arc<Generation>,
    copies: Vec<(Arc<Seat>, Instances)>,
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
    /// No slots yet; models will run under this policy.
    #[must_use]
    pub fn new(policy: RunPolicy) -> Store {
        Store { slots: RwLock::default(), publishing: Mutex::default(), policy }
    }

    /// What models run under.
    #[must_use]
    pub fn policy(&self) -> &RunPolicy {
        &self.policy
    }

    /// A reader of a slot, with working copies of the generation that serves now; `None` when nothing was published.
    ///
    /// # Errors
    /// As [`Instances::new`].
    pub fn reader(&self, name: &str) -> Result<Option<Reader>> {
        // Held, so that nothing is published between the look and the seat.
        let _publishing = self.publishing.lock();
        let Some(slot) = self.find(name) else { return Ok(None) };
        let Some(generation) = slot.current() else { return Ok(None) };
        let (working, seat) = (Instances::new(generation, &self.policy)?, Arc::new(Seat::default()));
        slot.seats.lock().push(Arc::downgrade(&seat));
        Ok(Some(Reader { slot, seat, working }))
    }

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

    /// Switches a whole slot, or one member of what it serves; predictions that begin afterwards obey. A slot stays as it is
    /// over later publishes; a member that was switched stays so by its name.
    ///
    /// # Errors
    /// `NOT_FOUND` with the names that there are.
    pub fn switch(&self, slot: &str, member: Option<&str>, on: bool) -> Result<()> {
        let Some(found) = self.find(slot) else {
            let names: Vec<String> = self.slots().iter().map(|slot| slot.name.clone()).collect();
            return Err(Error::new(Status::NotFound, format!("slot \"{slot}\" was never published; slots: [{}]", names.join(", "))));
        };
        match member {
            Some(member) => found.switch_member(member, on),
            None => {
                found.on.store(on, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Publishes all or none; answers the generations' numbers.
    ///
    /// # Errors
    /// `SCHEMA_DIFFERS` with the diff, `CONFLICT` for a slot named twice, `LIMIT`, `INVALID_ARGUMENT`; what a member's backend
    /// says when a lane's working copy cannot be made.
    pub fn publish(&self, items: &[Publish], slots_most: usize, keep_previous: bool) -> Result<Vec<u64>> {
        let mut published = self.publishing.lock();
        self.check(items, slots_most)?;
        let first = published.last_number + 1;
        let slots = self.slots_of(items);
        let prepared = items.iter().zip(slots).zip(first..).map(|((item, slot), number)| self.prepare(item, slot, number)).collect::<Result<Vec<_>>>()?;
        // From here on nothing fails.
        for (item, prepared) in items.iter().zip(prepared) {
            let number = prepared.generation.number;
            let slot = self.listed(prepared.slot);
            let replaced = slot.serve(prepared.generation, prepared.copies);
            published.last_number = number;
            published.retire(usize::from(slot.number), replaced, keep_previous && !item.replace);
        }
        drop(published);
        self.collect();
        Ok((first..first + items.len() as u64).collect())
    }

    /// A generation with working copies for every reader of its slot. A bundle that no lane reads yet is tried all the same.
    fn prepare(&self, item: &Publish, slot: Arc<Slot>, number: u64) -> Result<Prepared> {
        let generation = Arc::new(Generation { number, slot: slot.number, bundle: item.bundle.clone(), switches: Switches::of(&item.bundle.members) });
        let copies = slot.seats().into_iter().map(|seat| Ok((seat, Instances::new(generation.clone(), &self.policy)?))).collect::<Result<Vec<_>>>()?;
        if copies.is_empty() {
            Instances::new(generation.clone(), &self.policy)?;
        }
        Ok(Prepared { slot, generation, copies })
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

    /// The slots of the items; new ones are not listed yet.
    fn slots_of(&self, items: &[Publish]) -> Vec<Arc<Slot>> {
        let slots = self.slots.read();
        let mut next = slots.len() as u16;
        let mut slot_of = |name: &str| {
            slots.iter().find(|slot| slot.name == name).cloned().unwrap_or_else(|| {
                next += 1;
                Arc::new(Slot::new(next - 1, name))
            })
        };
        items.iter().map(|item| slot_of(&item.slot)).collect()
    }

    /// Lists a slot, if it is new: its first bundle is about to serve.
    fn listed(&self, slot: Arc<Slot>) -> Arc<Slot> {
        let mut slots = self.slots.write();
        if usize::from(slot.number) == slots.len() {
            slots.push(slot.clone());
        }
        slot
    }

    /// Frees working copies that no lane uses and retired generations that none holds any more; answers how many of those are
    /// still held.
    pub fn collect(&self) -> usize {
        for seat in self.slots().iter().flat_map(|slot| slot.seats()) {
            // Taken out first: a lane that changes its copies must not wait for the old ones to be freed.
            let old: Vec<Instances> = seat.old.lock().drain(..).collect();
            drop(old);
        }
        // A publisher is at work, and collects when it is done.
        self.publishing.try_lock().map_or(0, |mut published| published.collect())
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
