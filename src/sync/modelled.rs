//! The same names under loom.

use std::cell::Cell;
use std::ops::Range;

pub use loom::sync::atomic::{AtomicBool, AtomicU64, fence};

use super::Fault;

thread_local! {
    /// loom runs all threads of a model on the thread that asked for it.
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Whether the fault is planted.
#[must_use]
pub fn planted(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

/// Lets loom try all of a model, as the code is and then with each fault, which the model must notice.
///
/// # Panics
/// When the model fails as the code is, or does not with a fault.
#[cfg(test)]
pub fn check(model: fn(), faults: &[Fault]) {
    loom::model(model);
    for fault in faults {
        // A thread of its own: loom is not made to go on after a model has failed.
        let fault = *fault;
        let run = move || {
            FAULT.set(Some(fault));
            loom::model(model);
        };
        assert!(std::thread::spawn(run).join().is_err(), "the model does not notice {fault:?}");
    }
}

/// Tells loom which places are read and which are written, so that it sees a race on them.
#[derive(Debug)]
pub struct Watch(Box<[loom::cell::UnsafeCell<()>]>);

impl Watch {
    /// Watches so many places.
    #[must_use]
    pub fn new(places: usize) -> Watch {
        Watch((0..places).map(|_| loom::cell::UnsafeCell::new(())).collect())
    }

    /// Places are read.
    pub fn read(&self, places: Range<usize>) {
        self.0[places].iter().for_each(|place| place.with(|_| ()));
    }

    /// Places are written.
    pub fn write(&self, places: Range<usize>) {
        self.0[places].iter().for_each(|place| place.with_mut(|_| ()));
    }
}

/// loom's mutex by the calls of parking_lot's.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A mutex around a value.
    pub fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    /// Waits for the lock; a panic of its last holder does not matter.
    pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Nothing to ask for.
pub fn prepare() {}

/// loom knows the ordinary fence that the light one stands for.
pub fn light() {
    fence(std::sync::atomic::Ordering::SeqCst);
}

/// As [`light`].
#[must_use]
pub fn heavy() -> bool {
    fence(std::sync::atomic::Ordering::SeqCst);
    true
}
