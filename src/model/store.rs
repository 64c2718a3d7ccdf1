//! Slots and their generations. The only file that knows `arc_swap`.
//!
//! A lane compares one atomic number, the count of publishes, and looks further only when it moved. Publishing makes every lane's
//! working copies first and leaves them at its seat; the lane changes its copies for those and leaves the old ones there. So
//! neither the cell's own read path (slower, and with use-after-free reports on ARM) nor making or freeing anything is on the hot
//! path: what is replaced goes to lists that [`Store::collect`] drains. A lane that stays away does not pin what was replaced:
//! [`Store::hand_over`] changes the copies for it.

mod rooms;
mod seat;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};

use crate::clock::moment;
use crate::error::{Error, Result, Status};
use crate::features::spec::Schema;
use crate::model::bundle::Bundle;
use crate::model::instances::{Instances, RunPolicy};
use crate::model::switches::Switches;
use crate::types::NAME_MAX;
use rooms::Rooms;
use seat::{Inside, Place, Seat, seat};

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
    current: ArcSwapOption<Generation>,
    on: AtomicBool,
}

impl Slot {
    fn new(number: u16, name: &str) -> Slot {
        Slot { number, name: name.to_owned(), current: ArcSwapOption::empty(), on: AtomicBool::new(true) }
    }

    /// Its predictions are permitted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Switches a member of the generation that serves, and those of its name in later ones; the caller holds the lock of switching.
    fn switch_member(&self, name: &str, on: bool) -> Result<()> {
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

    /// The generation that serves now.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }
}

/// A lane's own view of the slots that it reads.
#[derive(Debug)]
pub struct Readers {
    place: Place<Instances>,
    slots: Vec<Arc<Slot>>,
    rooms: Arc<Rooms>,
    epoch: Arc<AtomicU64>,
}

impl Readers {
    /// Enters, with the working copies of every slot as of one publish, by place: those to use until the answer is dropped. What
    /// is published meanwhile is seen by the next call.
    #[inline]
    pub fn enter(&mut self) -> Inside<'_, Instances> {
        self.place.enter(self.epoch.load(Ordering::Acquire))
    }

    /// The slots, by place.
    #[must_use]
    pub fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }

    /// A slot and its working copies, as [`Readers::enter`] gives them.
    #[inline]
    pub fn parts(&mut self) -> (Inside<'_, Instances>, &[Arc<Slot>]) {
        (self.place.enter(self.epoch.load(Ordering::Acquire)), &self.slots)
    }
}

/// All slots of an engine.
#[derive(Debug)]
pub struct Store {
    slots: RwLock<Vec<Arc<Slot>>>,
    seats: Mutex<Vec<LaneSeat>>,
    publishing: Mutex<Published>,
    /// Held while a member is switched, while room is made for a track and while generations change places, so that none of it is
    /// lost between the two.
    switching: Mutex<()>,
    /// Number of the newest generation that serves: moved once a publish, when all of it is in place.
    epoch: Arc<AtomicU64>,
    policy: RunPolicy,
}

#[derive(Debug, Default)]
struct Published {
    last_number: u64,
    /// The generation before the current one, by slot.
    previous: Vec<Option<Arc<Generation>>>,
    retired: Vec<Arc<Generation>>,
}

/// Generations that are ready to serve, with their slots, and working copies for the lanes that read those.
struct Prepared {
    generations: Vec<(Arc<Slot>, Arc<Generation>)>,
    copies: Vec<LaneCopies>,
}

/// Where a lane's working copies are, and for how many of its tracks they carry states.
type LaneSeat = (Weak<Seat<Instances>>, Arc<Rooms>);

/// Working copies for one lane, by number of the slot.
struct LaneCopies {
    seat: Arc<Seat<Instances>>,
    rooms: Arc<Rooms>,
    copies: Vec<(u16, Instances)>,
}

impl LaneCopies {
    /// For the states of every track of the lane.
    fn make_room(&mut self) {
        self.copies.iter_mut().for_each(|(slot, copy)| copy.make_room(self.rooms.of(*slot)));
    }
}

/// What a publish took out of service.
struct Replaced {
    /// By slot.
    generations: Vec<(u16, Option<Arc<Generation>>)>,
    /// Working copies that nobody took.
    untaken: Vec<Instances>,
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
        Store { slots: RwLock::default(), seats: Mutex::default(), publishing: Mutex::default(), switching: Mutex::default(), epoch: Arc::default(), policy }
    }

    /// What models run under.
    #[must_use]
    pub fn policy(&self) -> &RunPolicy {
        &self.policy
    }

    /// A lane's view, of no slots yet.
    #[must_use]
    pub fn readers(&self) -> Readers {
        // Held, so that nothing is published between the look and the seat.
        let published = self.publishing.lock();
        let (seat, place) = seat(published.last_number);
        let rooms = Arc::<Rooms>::default();
        self.seats.lock().push((Arc::downgrade(&seat), rooms.clone()));
        Readers { place, slots: Vec::new(), rooms, epoch: self.epoch.clone() }
    }

    /// Adds a slot to a lane's view, with working copies of the generation that serves now; answers its place, `None` when nothing
    /// was published.
    ///
    /// # Errors
    /// As [`Instances::new`].
    pub fn read(&self, readers: &mut Readers, name: &str) -> Result<Option<usize>> {
        if let Some(place) = readers.slots.iter().position(|slot| slot.name == name) {
            return Ok(Some(place));
        }
        let _publishing = self.publishing.lock();
        let Some(slot) = self.find(name) else { return Ok(None) };
        let Some(generation) = slot.current() else { return Ok(None) };
        let copy = Instances::new(generation, &self.policy)?;
        readers.enter().add(slot.number, copy);
        readers.slots.push(slot);
        Ok(Some(readers.slots.len() - 1))
    }

    /// Makes room for the states of so many tracks in a lane's copies of a slot, by its place, and in those that will replace them.
    pub fn make_room(&self, readers: &mut Readers, place: usize, rooms: usize) {
        let _switching = self.switching.lock();
        readers.rooms.make(readers.slots[place].number, rooms);
        readers.enter()[place].make_room(rooms);
    }

    /// Bytes that the states of all tracks on a slot would take with a bundle.
    #[must_use]
    pub fn carried_bytes(&self, slot: &str, bundle: &Bundle) -> usize {
        let rooms = |slot: Arc<Slot>| self.seats().iter().map(|(_, rooms)| rooms.of(slot.number)).sum::<usize>();
        self.find(slot).map_or(0, rooms) * bundle.carried_bytes()
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

    /// The seats of the lanes that are left, with the rooms of each.
    fn seats(&self) -> Vec<(Arc<Seat<Instances>>, Arc<Rooms>)> {
        let mut seats = self.seats.lock();
        seats.retain(|(seat, _)| seat.strong_count() > 0);
        seats.iter().filter_map(|(seat, rooms)| Some((seat.upgrade()?, rooms.clone()))).collect()
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
        let _switching = self.switching.lock();
        match member {
            Some(member) => found.switch_member(member, on),
            None => {
                found.on.store(on, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Publishes all or none, in one instant for each lane: a lane that has seen one of the new generations answers from none that
    /// another of them replaced. Answers the generations' numbers.
    ///
    /// # Errors
    /// `SCHEMA_DIFFERS` with the diff, `CONFLICT` for a slot named twice, `LIMIT`, `INVALID_ARGUMENT`; what a member's backend
    /// says when a lane's working copy cannot be made.
    pub fn publish(&self, items: &[Publish], slots_most: usize, keep_previous: bool) -> Result<Vec<u64>> {
        let mut published = self.publishing.lock();
        self.check(items, slots_most)?;
        let first = published.last_number + 1;
        let prepared = self.prepare(items, first)?;
        // From here on nothing fails.
        published.last_number += items.len() as u64;
        let Replaced { generations, untaken } = self.serve(prepared, published.last_number);
        for ((slot, replaced), item) in generations.into_iter().zip(items) {
            published.retire(usize::from(slot), replaced, keep_previous && !item.replace);
        }
        drop(published);
        // Freed when nobody waits for it: sessions take their time.
        drop(untaken);
        self.collect();
        Ok((first..first + items.len() as u64).collect())
    }

    /// Generations with working copies for every lane that reads their slots. A bundle that no lane reads yet is tried all the same.
    fn prepare(&self, items: &[Publish], first: u64) -> Result<Prepared> {
        let generation = |((item, slot), number): ((&Publish, Arc<Slot>), u64)| {
            let generation = Generation { number, slot: slot.number, bundle: item.bundle.clone(), switches: Switches::of(&item.bundle.members) };
            (slot, Arc::new(generation))
        };
        let generations: Vec<_> = items.iter().zip(self.slots_of(items)).zip(first..).map(generation).collect();
        let copy = |generation: &Arc<Generation>| Ok((generation.slot, Instances::new(generation.clone(), &self.policy)?));
        let (mut copies, mut unread) = (Vec::new(), generations.iter().map(|(_, generation)| generation).collect::<Vec<_>>());
        for (seat, rooms) in self.seats() {
            let read = seat.slots();
            let of_lane = generations.iter().map(|(_, generation)| generation).filter(|generation| read.contains(&generation.slot));
            let made = of_lane.map(copy).collect::<Result<Vec<_>>>()?;
            unread.retain(|generation| !read.contains(&generation.slot));
            let mut lane = LaneCopies { seat, rooms, copies: made };
            lane.make_room();
            copies.push(lane);
        }
        unread.into_iter().try_for_each(|generation| copy(generation).map(drop))?;
        Ok(Prepared { generations, copies })
    }

    /// Lets generations serve, with the members switched as they were by call.
    fn serve(&self, prepared: Prepared, epoch: u64) -> Replaced {
        let _switching = self.switching.lock();
        for (slot, next) in &prepared.generations {
            if let Some(before) = slot.current() {
                next.switches.carry(&next.bundle.members, &before.switches, &before.bundle.members);
            }
        }
        let now = moment();
        let leave = |mut lane: LaneCopies| {
            // For tracks that were opened meanwhile.
            lane.make_room();
            lane.seat.leave(lane.copies, epoch, now)
        };
        let untaken = prepared.copies.into_iter().flat_map(leave).collect();
        let swap = |(slot, next): (Arc<Slot>, Arc<Generation>)| {
            let slot = self.listed(slot);
            (slot.number, slot.current.swap(Some(next)))
        };
        let generations = prepared.generations.into_iter().map(swap).collect();
        self.epoch.store(epoch, Ordering::Release);
        Replaced { generations, untaken }
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

    /// Changes the working copies of lanes that have not entered for so long since a publish; answers how many lanes it were.
    pub fn hand_over(&self, after: Duration) -> usize {
        let idle = |seat: &Arc<Seat<Instances>>| seat.waits_since().is_some_and(|since| since.elapsed() >= after) && seat.take_over_idle();
        self.seats().iter().filter(|(seat, _)| idle(seat)).count()
    }

    /// Frees working copies that no lane uses and retired generations that none holds any more; answers how many of those are
    /// still held.
    pub fn collect(&self) -> usize {
        self.free_old(None);
        // A publisher is at work, and collects when it is done.
        self.publishing.try_lock().map_or(0, |mut published| published.collect())
    }

    /// Frees working copies that no lane uses, one after the other, until the time is up; true when some are left.
    pub fn free_old(&self, until: Option<Instant>) -> bool {
        for (seat, _) in self.seats() {
            while let Some(copy) = seat.pop_old() {
                drop(copy);
                if until.is_some_and(|until| moment() >= until) {
                    return true;
                }
            }
        }
        false
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
