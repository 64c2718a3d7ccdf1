//! Link arguments of the shared library, and what `foretick_build_info` says.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The major version of the ABI; and a library with threads of its own must not be unloaded.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libforetick.so.0");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    say("FORETICK_RUSTC", &output(&rustc, &["--version"]).unwrap_or_else(|| "unknown".to_owned()));
    say("FORETICK_TARGET", &std::env::var("TARGET").unwrap_or_default());
    say("FORETICK_PROFILE", &std::env::var("PROFILE").unwrap_or_default());
    // A package without its history has no commit, which is fine. Rebuilt only when asked for, so a
    // commit does not rebuild the crate; a release names it.
    println!("cargo::rerun-if-env-changed=FORETICK_COMMIT");
    if let Ok(commit) = std::env::var("FORETICK_COMMIT") {
        say("FORETICK_COMMIT", &commit);
    }
}

fn say(name: &str, value: &str) {
    println!("cargo::rustc-env={name}={value}");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
