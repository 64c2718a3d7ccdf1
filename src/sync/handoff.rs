//! A place for one boxed value, taken out and put back without a lock.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds a value or none. Who takes the value out owns it, and alone may put one in: so taking is one swap and putting one store,
/// half of what a cell costs that lets anybody put.
pub struct Handoff<T> {
    place: AtomicPtr<T>,
    owns: PhantomData<Box<T>>,
}

impl<T> Handoff<T> {
    /// A place with a value.
    #[must_use]
    pub fn new(value: Box<T>) -> Handoff<T> {
        Handoff { place: AtomicPtr::new(Box::into_raw(value)), owns: PhantomData }
    }

    /// Takes the value out; `None` while another has it.
    #[inline]
    pub fn take(&self) -> Option<Box<T>> {
        let value = self.place.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: what is not null came from a box, and the swap let this caller alone have it.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }

    /// Puts back what was taken out. A value that were put beside it would not be freed.
    #[inline]
    pub fn put(&self, value: Box<T>) {
        self.place.store(Box::into_raw(value), Ordering::Release);
    }
}

// SAFETY: the value is only moved from one owner to the next, ordered by release and acquire.
unsafe impl<T: Send> Sync for Handoff<T> {}

impl<T> Drop for Handoff<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> fmt::Debug for Handoff<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handoff")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn one_at_a_time_has_the_value_and_nothing_is_lost() {
        const TURNS: u64 = if cfg!(miri) { 30 } else { 20_000 };
        let value = Arc::new(());
        let place = Handoff::new(Box::new((0u64, value.clone())));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut taken = 0;
                    while taken < TURNS {
                        let Some(mut value) = place.take() else {
                            std::thread::yield_now();
                            continue;
                        };
                        value.0 += 1;
                        taken += 1;
                        place.put(value);
                    }
                });
            }
        });
        assert_eq!(place.take().map(|value| value.0), Some(2 * TURNS));
        assert!(place.take().is_none());
        place.put(Box::new((0, value.clone())));
        drop(place);
        assert_eq!(Arc::strong_count(&value), 1, "freed once");
    }
}
