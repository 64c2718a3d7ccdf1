//! Two fences that order what two threads do like two sequentially consistent ones, at the cost of one of them: the light one is
//! nearly free, the heavy one makes the system stop every thread of the process for a moment at a fence of its own.
//!
//! Where the system has no such call (`membarrier`, Linux 4.14) both are ordinary fences.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

/// The system's call is there. Set before the first fence and never changed.
static EXPEDITED: AtomicBool = AtomicBool::new(false);

/// Asks the system, once in a process; comes before the first fence.
pub fn prepare() {
    static ASKED: OnceLock<()> = OnceLock::new();
    ASKED.get_or_init(|| EXPEDITED.store(system::register(), Ordering::SeqCst));
}

/// The side that is often there.
#[inline]
pub fn light() {
    if EXPEDITED.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The other side; false when the system refuses, and then nothing is ordered.
#[must_use]
pub fn heavy() -> bool {
    fence(Ordering::SeqCst);
    !EXPEDITED.load(Ordering::Relaxed) || system::barrier()
}

#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call takes numbers alone and changes no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub fn register() -> bool {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    pub fn barrier() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    pub fn register() -> bool {
        false
    }

    pub fn barrier() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// Each side stores its own word and looks at the other's: never do both find nothing.
    #[test]
    fn one_of_both_sees_the_other() {
        const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };
        prepare();
        for _ in 0..ROUNDS {
            let (ours, theirs) = (AtomicU64::new(0), AtomicU64::new(0));
            let (seen, met) = std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    theirs.store(1, Ordering::Relaxed);
                    let ordered = heavy();
                    ordered && ours.load(Ordering::Relaxed) == 0
                });
                ours.store(1, Ordering::Relaxed);
                light();
                (theirs.load(Ordering::Relaxed) == 0, other.join().unwrap())
            });
            assert!(!(seen && met));
        }
    }
}
