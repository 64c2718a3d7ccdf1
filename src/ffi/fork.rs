//! A word that a fork wipes, so that a child is told from its parent without a system call.
//!
//! Asking for the process id costs 100 ns; the word costs one load. In a child the threads of the parent
//! are gone and its locks are in no known state, so every call answers FORKED there.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether `foretick_init` was called, and in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Not yet.
    New,
    /// Here.
    Ready,
    /// In an ancestor of this process.
    Forked,
}

static WORD: OnceLock<&AtomicU32> = OnceLock::new();

/// Where the library was initialised.
#[inline]
pub fn process() -> Process {
    match WORD.get().map(|word| word.load(Ordering::Relaxed)) {
        None => Process::New,
        Some(0) => Process::Forked,
        Some(_) => Process::Ready,
    }
}

/// Marks this process as the one that was initialised; a second call changes nothing.
pub fn mark() {
    WORD.get_or_init(|| {
        let word = page().unwrap_or(&UNWIPED);
        word.store(1, Ordering::Relaxed);
        word
    });
}

/// Stands in where the kernel knows no such page: a fork is then not noticed.
static UNWIPED: AtomicU32 = AtomicU32::new(0);

#[cfg(all(target_os = "linux", not(miri)))]
fn page() -> Option<&'static AtomicU32> {
    const BYTES: usize = 4096;
    let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping at an address that the kernel chooses overlaps nothing of ours.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, rights, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page is ours alone and nothing refers to it yet.
    if unsafe { libc::madvise(page, BYTES, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above; it is given back whole and not used again.
        unsafe { libc::munmap(page, BYTES) };
        return None;
    }
    // SAFETY: the mapping is zeroed, aligned to a page, and never given back from here on.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn page() -> Option<&'static AtomicU32> {
    None
}
