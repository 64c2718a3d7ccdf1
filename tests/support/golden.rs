//! Golden files: what the library ships, as text under `tests/golden`. `FORETICK_BLESS=1` rewrites what differs.

use std::path::PathBuf;

use super::capi::root;

/// A golden file.
pub fn path(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

/// Its text; empty when there is no such file.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

/// Whether golden files are to be rewritten.
pub fn is_blessed() -> bool {
    std::env::var_os("FORETICK_BLESS").is_some()
}

/// Fails with the differing lines, or rewrites the file.
pub fn check(name: &str, found: &str) {
    if is_blessed() {
        std::fs::write(path(name), found).expect("tests/golden can be written");
    }
    if let Some(lines) = difference(&text(name), found) {
        panic!("tests/golden/{name} differs; if this is what shall be shipped, FORETICK_BLESS=1 rewrites it:\n{lines}");
    }
}

/// Lines that only the golden text has (-) and that only the other has (+).
pub fn difference(golden: &str, found: &str) -> Option<String> {
    let only = |mark: char, these: &str, those: &str| {
        let others: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !others.contains(line)).map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    let lines = only('-', golden, found) + &only('+', found, golden);
    (golden != found).then(|| if lines.is_empty() { "the same lines in another order or number".to_owned() } else { lines })
}
