//! What this process holds.

use std::fs;

/// Memory, files and threads; 0 where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub resident_kib: u64,
    pub open_files: u64,
    pub threads: u64,
}

impl Usage {
    pub fn now() -> Usage {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        Usage { resident_kib: number("VmRSS:"), open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64), threads: number("Threads:") }
    }
}
