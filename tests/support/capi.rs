//! The libraries as a C program gets them: built without the command, in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether Rust and C are built for AddressSanitizer, by the nightly compiler: `FORETICK_ASAN` says so.
pub fn is_sanitized() -> bool {
    std::env::var_os("FORETICK_ASAN").is_some()
}

/// Whether libraries and C programs are built for ARM, and the programs run by qemu: `FORETICK_AARCH64` says so.
fn is_aarch64() -> bool {
    std::env::var_os("FORETICK_AARCH64").is_some()
}

/// The libraries as they were built.
struct Built {
    folder: PathBuf,
    link_line: Vec<String>,
}

/// Built once a process; cargo builds only what is old, and repeats what the compiler said.
fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let (mut cargo, folder) = if is_sanitized() { sanitized() } else { plain() };
        cargo.current_dir(root()).args(["--lib", "--no-default-features", "--features", "ort", "--locked", "--", "--print", "native-static-libs"]);
        let output = succeed(&mut cargo);
        Built { folder: root().join(folder), link_line: link_line_of(&String::from_utf8_lossy(&output.stderr)) }
    })
}

fn plain() -> (Command, &'static str) {
    let mut cargo = Command::new(env!("CARGO"));
    if is_aarch64() {
        cargo.args(["rustc", "--target", "aarch64-unknown-linux-gnu", "--target-dir", "target/aarch64"]);
        return (cargo, "target/aarch64/aarch64-unknown-linux-gnu/debug");
    }
    cargo.args(["rustc", "--target-dir", "target/capi"]);
    (cargo, "target/capi/debug")
}

fn sanitized() -> (Command, &'static str) {
    let mut cargo = nightly("cargo");
    // With a target named, build scripts and macros stay as they are.
    cargo.env("RUSTFLAGS", "-Zsanitizer=address").args(["rustc", "--target", "x86_64-unknown-linux-gnu", "--target-dir", "target/asan"]);
    (cargo, "target/asan/x86_64-unknown-linux-gnu/debug")
}

fn nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]);
    command
}

/// The folder of `libforetick.a` and `libforetick.so`.
pub fn libraries() -> &'static Path {
    &built().folder
}

/// What the static library wants from the system.
pub fn link_line() -> &'static [String] {
    &built().link_line
}

/// What `--print native-static-libs` said among the compiler's lines; empty when it said nothing.
pub fn link_line_of(said: &str) -> Vec<String> {
    let line = said.lines().find_map(|line| line.split_once("native-static-libs: "));
    line.map(|(_, libraries)| libraries.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

/// A compiler that takes no warning, with the header's folder.
pub fn compiler(program: &str, standard: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(format!("-std={standard}")).args(["-Wall", "-Wextra", "-pedantic", "-Werror"]).arg("-I").arg(root().join("include"));
    command
}

/// A file of `tests/c`.
pub fn source(name: &str) -> PathBuf {
    root().join("tests/c").join(name)
}

/// A copy of the shared library in a folder, under its SONAME: as an installed one would be found.
pub fn shared(folder: &Path) -> PathBuf {
    let soname = folder.join("libforetick.so.0");
    std::fs::copy(libraries().join("libforetick.so"), &soname).expect("the library is copied");
    soname
}

/// A program of `tests/c` in a folder, linked with one of the libraries.
pub fn program(name: &str, folder: &Path, is_shared: bool, extra: &[&str]) -> PathBuf {
    let program = folder.join(if is_shared { format!("{name}_shared") } else { name.to_owned() });
    let object = program.with_extension("o");
    let cc = if is_aarch64() { "aarch64-linux-gnu-gcc" } else { "cc" };
    let mut compile = compiler(cc, "c11");
    compile.args(["-g", "-pthread", "-I"]).arg(folder).args(extra).arg("-c").arg(source(&format!("{name}.c"))).arg("-o").arg(&object);
    let mut link = Command::new(cc);
    link.args(["-pthread"]).args(extra).arg(&object).arg("-o").arg(&program);
    if is_sanitized() {
        compile.args(["-fsanitize=address", "-fno-omit-frame-pointer"]);
        // Its functions are for the shared library too.
        link.args(["-rdynamic", "-Wl,--whole-archive"]).arg(sanitizer()).arg("-Wl,--no-whole-archive");
    }
    if is_shared {
        link.arg(shared(folder)).arg(format!("-Wl,-rpath,{}", folder.display())).args(["-lm", "-ldl"]);
    } else {
        link.arg(libraries().join("libforetick.a")).args(link_line());
    }
    succeed(&mut compile);
    succeed(&mut link);
    if is_aarch64() { emulated(&program) } else { program }
}

/// A command that runs a program for ARM.
fn emulated(program: &Path) -> PathBuf {
    let command = program.with_extension("sh");
    let text = format!("#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu '{}' \"$@\"\n", program.display());
    std::fs::write(&command, text).expect("the folder can be written");
    succeed(Command::new("chmod").arg("+x").arg(&command));
    command
}

/// AddressSanitizer's library of the Rust compiler. The C compiler's calls into it are the same, its own library is not:
/// a process has one.
fn sanitizer() -> PathBuf {
    let sysroot = succeed(nightly("rustc").args(["--print", "sysroot"])).stdout;
    Path::new(String::from_utf8_lossy(&sysroot).trim()).join("lib/rustlib/x86_64-unknown-linux-gnu/lib/librustc-nightly_rt.asan.a")
}

/// Runs a command that must succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}
