//! The libraries as a C program gets them: built without the command, in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of `libforetick.a` and `libforetick.so`, built once a process; cargo builds only what is old.
pub fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = root().join("target/capi");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--lib", "--no-default-features", "--features", "ort", "--target-dir"]).arg(&target);
        succeed(&mut cargo);
        target.join("debug")
    })
}

/// What the static library wants from the system, as `--print native-static-libs` says; linking shows it.
const SYSTEM_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

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
    let mut command = compiler("cc", "c11");
    command.args(["-g", "-pthread", "-I"]).arg(folder).args(extra).arg(source(&format!("{name}.c"))).arg("-o").arg(&program);
    if is_shared {
        command.arg(shared(folder)).arg(format!("-Wl,-rpath,{}", folder.display())).arg("-lm");
    } else {
        command.arg(libraries().join("libforetick.a")).args(SYSTEM_LIBRARIES);
    }
    succeed(&mut command);
    program
}

/// Runs a command that must succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}
