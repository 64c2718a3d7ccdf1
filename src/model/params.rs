//! Parameters: what kernels read and never change.
//!
//! Each kernel makes its own, in the order in which it reads them. When all models of a bundle are made, theirs are moved into one block
//! of memory ([`pack`](super::bundle)): member by member, step by step, each at the begin of a cache line. So what a decision reads lies
//! on few pages, whatever the allocator did meanwhile, and goes when the last generation that reads it goes.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, slice_from_raw_parts_mut};
use std::slice;
use std::sync::Arc;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Parameters of one kind: in memory of their own until they are moved.
pub struct Params<T: Copy + 'static> {
    first: NonNull<T>,
    len: usize,
    /// What they lie in, once they were moved.
    block: Option<Arc<Block>>,
}

// SAFETY: the values are reached through this alone, in memory of their own or in a part of the block that nothing else names.
unsafe impl<T: Copy + Send> Send for Params<T> {}
// SAFETY: as above; shared, they are only read.
unsafe impl<T: Copy + Sync> Sync for Params<T> {}

impl<T: Copy> From<Vec<T>> for Params<T> {
    fn from(values: Vec<T>) -> Params<T> {
        let values = Box::leak(values.into_boxed_slice());
        Params { len: values.len(), first: NonNull::from(values).cast(), block: None }
    }
}

impl<T: Copy> FromIterator<T> for Params<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Params<T> {
        values.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T: Copy> Deref for Params<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many values are there as long as this is, and nobody writes them while it is borrowed.
        unsafe { NonNull::slice_from_raw_parts(self.first, self.len).as_ref() }
    }
}

impl<'p, T: Copy> IntoIterator for &'p Params<T> {
    type Item = &'p T;
    type IntoIter = slice::Iter<'p, T>;

    #[inline(always)]
    fn into_iter(self) -> slice::Iter<'p, T> {
        self.iter()
    }
}

impl<T: Copy> DerefMut for Params<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many values are there as long as this is, and nothing else names them.
        unsafe { NonNull::slice_from_raw_parts(self.first, self.len).as_mut() }
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Params<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Copy> Drop for Params<T> {
    fn drop(&mut self) {
        if self.block.is_none() {
            // SAFETY: without a block these are the values of the box that `from` has leaked, which nothing else names.
            drop(unsafe { Box::from_raw(slice_from_raw_parts_mut(self.first.as_ptr(), self.len)) });
        }
    }
}

/// Parameters of whatever kind, for who moves them.
pub trait Movable {
    /// Bytes of a block that they take, whole cache lines.
    fn room(&self) -> usize;
    /// Moves them.
    fn pack(&mut self, packer: &mut Packer);
    /// Where they are.
    #[cfg(test)]
    fn address(&self) -> usize;
}

/// What a model shows its parameters to, one after the other in the order of its steps.
pub type Visit<'v> = dyn FnMut(&mut dyn Movable) + 'v;

impl<T: Copy> Movable for Params<T> {
    fn room(&self) -> usize {
        size_of_val(&**self).next_multiple_of(LINE)
    }

    fn pack(&mut self, packer: &mut Packer) {
        const { assert!(align_of::<T>() <= LINE, "a cache line is aligned for every kind") };
        let to = packer.take(self.room()).cast::<T>();
        // SAFETY: the packer has given away that much aligned memory, which nothing else names; it is not where the values are now.
        unsafe { to.copy_from_nonoverlapping(self.first, self.len) };
        *self = Params { first: to, len: self.len, block: Some(packer.block.clone()) };
    }

    #[cfg(test)]
    fn address(&self) -> usize {
        self.first.addr().get()
    }
}

/// Memory for the parameters of several models.
struct Block {
    first: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the block itself is only ever freed; its parts are named by one owner each.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `Packer::new`, and the last one who names a part of it is gone.
        unsafe { dealloc(self.first.as_ptr(), self.layout) };
    }
}

/// A block that is being filled.
pub struct Packer {
    block: Arc<Block>,
    used: usize,
}

impl Packer {
    /// A block with room for so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Packer {
        let Ok(layout) = Layout::from_size_align(bytes.max(LINE), LINE) else { handle_alloc_error(Layout::new::<u8>()) };
        // SAFETY: the size is not 0. What is never written, between the lines, is never read.
        let Some(first) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        Packer { block: Arc::new(Block { first, layout }), used: 0 }
    }

    /// Gives away the next so many bytes, whole cache lines.
    fn take(&mut self, bytes: usize) -> NonNull<u8> {
        let at = self.used;
        assert!(bytes.is_multiple_of(LINE) && bytes <= self.block.layout.size() - at, "no more than was asked for");
        self.used += bytes;
        // SAFETY: it lies in the block, or right behind it where no byte is asked for.
        unsafe { self.block.first.add(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(params: &mut [&mut dyn Movable]) {
        let mut packer = Packer::new(params.iter().map(|params| params.room()).sum());
        params.iter_mut().for_each(|params| params.pack(&mut packer));
        assert_eq!(packer.used, packer.block.layout.size());
    }

    #[test]
    fn parameters_keep_their_values_line_by_line_where_they_are_moved() {
        let (mut bytes, mut none, mut wide): (Params<u8>, Params<f64>, Params<[f32; 16]>) = ((0..70).collect(), Vec::new().into(), vec![[1.5; 16]; 3].into());
        bytes[1] = 9;
        moved(&mut [&mut bytes, &mut none, &mut wide]);
        assert_eq!((bytes.len(), bytes[0], bytes[1], bytes[69], none.len(), wide[2]), (70, 0, 9, 69, 0, [1.5; 16]));
        assert!(bytes.as_ptr().addr().is_multiple_of(LINE));
        assert_eq!(wide.as_ptr().addr() - bytes.as_ptr().addr(), 2 * LINE);
        wide[0][0] = 2.0;
        assert_eq!((wide[0][0], bytes[69]), (2.0, 69));
    }

    #[test]
    fn the_block_stays_as_long_as_anything_in_it() {
        let (mut first, mut second): (Params<u32>, Params<u32>) = (vec![1; 100].into(), vec![2; 100].into());
        moved(&mut [&mut first, &mut second]);
        let block = Arc::downgrade(first.block.as_ref().unwrap());
        drop(first);
        let second = std::thread::spawn(move || second).join().unwrap();
        assert!(block.upgrade().is_some() && second.iter().all(|value| *value == 2));
        drop(second);
        assert!(block.upgrade().is_none());
    }

    #[test]
    #[should_panic(expected = "no more than was asked for")]
    fn a_block_gives_no_more_than_it_has() {
        let mut params: Params<u8> = vec![1; 65].into();
        params.pack(&mut Packer::new(64));
    }
}
