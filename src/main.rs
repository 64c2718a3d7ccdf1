//! The `foretick` command.
fn main() {}
