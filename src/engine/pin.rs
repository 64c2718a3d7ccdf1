//! Pins a thread to a core.

use crate::error::{Error, Result, Status};

/// Lets the calling thread run on one core only, from now on.
///
/// # Errors
/// `THREAD` with the reason: no such core, one that this process may not use, or a system on which foretick cannot pin.
pub fn pin_to_core(core: u32) -> Result<()> {
    affinity(core).map_err(|reason| Error::new(Status::Thread, format!("core = {core}: the thread cannot be pinned: {reason}")))
}

#[cfg(target_os = "linux")]
fn affinity(core: u32) -> std::result::Result<(), String> {
    const CORES: usize = 8 * size_of::<libc::cpu_set_t>();
    let place = core as usize;
    if place >= CORES {
        return Err(format!("cores are numbered from 0 to {}", CORES - 1));
    }
    // SAFETY: a set of cores is plain bits; all zero is the empty one.
    let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the core's bit lies in the set.
    unsafe { libc::CPU_SET(place, &mut cores) };
    // SAFETY: the set is there for the call, with its size; 0 is the calling thread.
    let done = unsafe { libc::sched_setaffinity(0, size_of_val(&cores), &raw const cores) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().to_string()) }
}

#[cfg(not(target_os = "linux"))]
fn affinity(_: u32) -> std::result::Result<(), String> {
    Err("only on Linux".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cores that the calling thread may run on.
    #[cfg(target_os = "linux")]
    fn permitted() -> Vec<u32> {
        // SAFETY: plain bits.
        let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is there for the call, with its size.
        assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&cores), &raw mut cores) }, 0);
        // SAFETY: every number lies in the set.
        (0..1_024).filter(|core| unsafe { libc::CPU_ISSET(*core as usize, &cores) }).collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_runs_on_its_core_alone() {
        let before = permitted();
        let core = before[before.len() - 1];
        let after = std::thread::spawn(move || pin_to_core(core).map(|()| permitted())).join().unwrap();
        assert_eq!(after, Ok(vec![core]));
        assert_eq!(permitted(), before, "no other thread is pinned");
    }

    #[test]
    fn a_core_that_is_not_there_is_refused_with_the_reason() {
        for (core, reason) in [(1_023, "Invalid argument"), (1_024, "0 to 1023"), (u32::MAX, "0 to 1023")] {
            let error = std::thread::spawn(move || pin_to_core(core)).join().unwrap().unwrap_err();
            assert_eq!(error.status(), Status::Thread);
            assert!(error.text().contains(reason) || cfg!(not(target_os = "linux")), "{error}");
        }
    }
}
