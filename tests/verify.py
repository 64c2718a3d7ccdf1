"""Runs the long proofs, one part or all, keeps what each gave at this commit, and prints one table of it.

`make verify` runs every part, `make verify PART=asan` one (or several, "asan fork"), `make verify LIST=1` prints the table
alone. Results are kept in target/verify/COMMIT.json, so that parts that run one after another add up; the whole output is
beside it, in target/verify/COMMIT/PART.log. What ran on a tree with uncommitted changes counts for those alone: its files are
COMMIT-dirty. Exits 1 when a part that was asked for failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Only where it is missing: an update in the middle of proofs is another compiler, and builds everything anew.
NIGHTLY = "cargo +nightly miri --version || rustup toolchain install nightly --profile minimal -c miri -c rust-src"
# Said rather than done: these change the machine's packages.
AARCH64 = (
    "rustup target list --installed | grep -qx aarch64-unknown-linux-gnu && type aarch64-linux-gnu-gcc qemu-aarch64"
    " || { echo 'aarch64 needs ARM to build for, link for and run on:"
    " rustup target add aarch64-unknown-linux-gnu; apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user'; false; }"
)
FOR_AARCH64 = (
    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc"
    " CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu'"
    " CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-D warnings'"
)
ON_AARCH64 = f"{FOR_AARCH64} CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CARGO_TARGET_DIR=target/aarch64"
# A part that takes longer hangs; none should take half of it.
MOST_S = 3_600
FIGURES = 12


# Of a loop that looks values up compilers make gathers, which take several times as long as loads on many processors. One kernel is made of
# them; a listing that shows none there was not taken apart.
GATHERS = (
    "objdump -d --no-show-raw-insn target/kernels/release/libforetick.so"
    """ | awk '/^[0-9a-f]+ <.*>:$/ { place = $2 } /v?p?gather[dq]/ { if (place ~ /tree.*gathers/) meant = 1; else { print place, $0; other = 1 } }"""
    """ END { exit other || !meant }'"""
)


@dataclass(frozen=True)
class Part:
    """One proof: shell commands, of which each must succeed, and what their success shows."""

    name: str
    proves: str
    commands: tuple[str, ...]
    # Lines of the output worth keeping; without one the last ones are kept.
    figures: str = r"^test result: "
    # Variables without which it cannot run.
    needs: tuple[str, ...] = ()


PARTS = (
    Part(
        "loom",
        "Ring, result memory and swap are right in every interleaving that their models have; a seeded bug in each is found.",
        ('RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test --release --lib --no-default-features --target-dir target/loom --locked loom',),
    ),
    Part(
        "miri",
        "The unsafe code of rings, links, seats, result memory, trees, handles and C boundary is free of undefined behaviour, by several schedules.",
        (
            NIGHTLY,
            'MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-many-seeds=0..4" cargo +nightly miri test --lib --no-default-features --locked'
            " -- ffi:: ingest::link ingest::ring ingest::mailbox window:: model::store model::native::tree model::params sync:: engine::result engine::pin",
        ),
    ),
    Part(
        "asan",
        "All unit tests and whole C programs, Rust and C under AddressSanitizer, touch no memory that is not theirs and lose none.",
        (
            NIGHTLY,
            "RUSTFLAGS=-Zsanitizer=address cargo +nightly test --lib --no-default-features --features ort --target x86_64-unknown-linux-gnu"
            " --target-dir target/asan --locked",
            "FORETICK_ASAN=1 cargo test --locked --test c_programs",
            # What an ending process still holds is not lost.
            "FORETICK_ASAN=1 ASAN_OPTIONS=detect_leaks=0 FORETICK_STORM=20 cargo test --locked --test hosts c_programs -- --nocapture",
        ),
        r"^test result: |rounds in",
    ),
    Part(
        "aarch64",
        "On ARM, by emulation: recorded calls give the bits that they give here; kernels, features, the C boundary and C programs pass their tests.",
        (
            AARCH64,
            f"{ON_AARCH64} cargo build --lib --locked",
            f"{ON_AARCH64} cargo build --lib --no-default-features --locked",
            f"{ON_AARCH64} cargo test --lib --no-default-features --locked -- features:: model:: types:: ffi:: cpu:: sync::",
            f"{ON_AARCH64} cargo test --no-default-features --features cli --test vectors --test native_models --test features --locked",
            f"{FOR_AARCH64} FORETICK_AARCH64=1 cargo test --locked --test c_programs --"
            " constants_are structs_of stale_are_refused wrong_calls a_whole_life links_polls",
        ),
    ),
    Part(
        "hot",
        "Hot calls allocate nothing and make no system call; no kernel gathers but the one that is made of gathers.",
        (
            "cargo test --locked --test hot_path --test capi_allocations",
            "cargo test --locked --test c_programs hot_calls -- --nocapture",
            "cargo build --release --lib --no-default-features --locked --target-dir target/kernels",
            GATHERS,
        ),
    ),
    Part(
        "boundary",
        "No panic leaves an export, and no export changes the caller's float mode, signal actions or blocked signals.",
        (
            "cargo test --locked --lib ffi::",
            "cargo test --locked --test exports",
            "cargo test --locked --test c_programs float_mode -- --nocapture",
        ),
    ),
    Part(
        "fuzz",
        "Graph reader, manifest, CSV readers and sequences of C calls stand any input that the fuzzer finds in 4 minutes each.",
        (
            NIGHTLY,
            "cargo fuzz --version || cargo install cargo-fuzz --locked",
            '"$PYTHON" fuzz/run.py 240',
        ),
        r"^Done |stat::number_of_executed_units|INFO: +Running with|findings",
    ),
    Part(
        "drift",
        "Rolling sums stay within their bound of exact arithmetic over 10^9 steps.",
        ("cargo test --release --locked --test drift -- --ignored --nocapture",),
        r"^test result: |^\d+ steps|^mean|^deviation|^rsi|^atr|^macd",
    ),
    Part(
        "soak",
        "Over 10^4 swaps under load every prediction is answered, by exactly one version; memory and open files stay flat.",
        ("cargo run --release --locked -- soak",),
        r".",
    ),
    Part(
        "exit",
        "Closing, or ending the process, during a run ends cleanly in C, Rust, Python and Node, 100 times each of 17 ways.",
        ("FORETICK_STORM=100 cargo test --locked --test hosts -- --nocapture",),
        r"^test result: |rounds in",
    ),
    Part(
        "fork",
        "1,000 forked children are told FORKED by every call and end cleanly; the parent goes on.",
        ("FORETICK_STORM=1000 cargo test --locked --test c_programs a_child_is_told",),
    ),
    Part(
        "abi",
        "The C interface has all that the last release's has; crates, link line and symbols are the recorded ones.",
        ("cargo test --locked --test abi --test golden --test exports --test header -- --nocapture",),
    ),
    Part(
        "reference",
        "On all recorded candles and books every feature equals an independent implementation's.",
        (
            '"$PYTHON" tests/reference/self_test.py',
            "cargo build --release --locked",
            'FORETICK_FULL=1 FORETICK=target/release/foretick "$PYTHON" tests/reference/recorded_check.py',
        ),
        r"steps|FAILED",
        ("FORETICK_DATA",),
    ),
    Part(
        "models",
        "Every member of the shipped bundles gives its training library's output on the whole held-out period.",
        ("make models-check",),
        r"\w",
        ("FORETICK_DATA",),
    ),
    Part(
        "benches",
        "Nothing but figures: how long each stage takes on this machine.",
        ("cargo bench --locked",),
        r"time:|^\w+/",
    ),
)


@dataclass(frozen=True)
class Tree:
    """The checkout: its commit, and whether it has changes that are in none."""

    commit: str
    dirty: bool

    @staticmethod
    def of(root: Path) -> Tree:
        git = lambda *words: subprocess.run(("git", *words), cwd=root, check=True, capture_output=True, text=True).stdout.strip()  # noqa: E731
        return Tree(git("rev-parse", "HEAD"), bool(git("status", "--porcelain")))

    @property
    def name(self) -> str:
        return self.commit[:12] + ("-dirty" if self.dirty else "")


@dataclass
class Proofs:
    """Parts of a checkout, and the results that are kept of them."""

    root: Path
    parts: tuple[Part, ...]

    @property
    def folder(self) -> Path:
        return self.root / "target/verify"

    def kept(self, tree: Tree) -> dict:
        """Results by the part's name."""
        file = self.folder / f"{tree.name}.json"
        return json.loads(file.read_text())["parts"] if file.is_file() else {}

    def keep(self, tree: Tree, part: Part, result: dict) -> None:
        parts = self.kept(tree) | {part.name: result}
        draft = self.folder / f"{tree.name}.{os.getpid()}.tmp"
        draft.write_text(json.dumps({"commit": tree.commit, "dirty": tree.dirty, "parts": parts}, indent=1) + "\n")
        draft.replace(self.folder / f"{tree.name}.json")

    def run(self, part: Part) -> bool:
        """Runs one part, shows what it says, keeps its result; False when it failed."""
        print(f"\n== {part.name}: {part.proves}", flush=True)
        missing = [name for name in part.needs if not os.environ.get(name)]
        if missing:
            print(f"{part.name}: not run, {' and '.join(missing)} is not set")
            return True
        before, began = Tree.of(self.root), time.monotonic()
        log = self.folder / before.name / f"{part.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as kept:
            problem = next(filter(None, (attempt(command, self.root, kept, began + MOST_S) for command in part.commands)), "")
        after = Tree.of(self.root)
        lines = log.read_text(errors="replace").splitlines()
        result = {
            "status": "failed" if problem else "passed",
            "seconds": round(time.monotonic() - began, 1),
            "dirty": before.dirty or after != before,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "problem": problem,
            "skipped": [line for line in lines if line.startswith("skipped")],
            "figures": figures(part, lines, bool(problem)),
        }
        # What changed meanwhile belongs to no commit.
        self.keep(Tree(before.commit, result["dirty"]), part, result)
        print(f"{part.name}: {result['status']} in {result['seconds']} s{problem and f', {problem}'}", flush=True)
        return not problem

    def table(self) -> str:
        """Every part, what it proves, and what came of it at this commit."""
        tree = Tree.of(self.root)
        kept = self.kept(tree)
        rows = [(part.name, part.proves, state(kept.get(part.name)), seconds(kept.get(part.name))) for part in self.parts]
        title = f"commit {tree.commit[:12]}" + (", with uncommitted changes" if tree.dirty else "")
        return title + "\n" + "\n".join(aligned([("part", "what it proves", "result", "seconds"), *rows]))


def attempt(command: str, root: Path, log, until: float) -> str:
    """Runs one command, its output on the screen and in the log; answers what is wrong."""
    start = log.tell()
    environment = os.environ | {"PYTHON": sys.executable}
    with subprocess.Popen(("bash", "-c", command), cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as child:  # fmt: skip
        end = threading.Timer(until - time.monotonic(), os.killpg, (child.pid, signal.SIGKILL))
        end.start()
        try:
            for text in iter(lambda: child.stdout.read1(), b""):
                log.write(text)
                log.flush()
                os.write(1, text)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            end.cancel()
    status = child.returncode
    if time.monotonic() >= until:
        return f"took longer than {MOST_S} s: {command}"
    if status != 0:
        return f"status {status}: {command}"
    return "" if has_tested(Path(log.name).read_bytes()[start:].decode(errors="replace")) else f"no test ran: {command}"


def has_tested(output: str) -> bool:
    """False for tests of which none ran: a filter that fits nothing passes."""
    passed = re.findall(r"^test result: \w+\. (\d+) passed", output, re.MULTILINE)
    return not passed or any(int(count) > 0 for count in passed)


def figures(part: Part, lines: list[str], failed: bool) -> list[str]:
    """What is worth keeping of the output."""
    wanted = [] if failed else [line.strip() for line in lines if re.search(part.figures, line)]
    return wanted or [line.strip() for line in lines if line.strip()][-FIGURES:]


def state(result: dict | None) -> str:
    if result is None:
        return "not run"
    skipped = f", {len(result['skipped'])} skipped" if result["skipped"] else ""
    return result["status"] + skipped + (" (dirty tree)" if result["dirty"] else "")


def seconds(result: dict | None) -> str:
    return "" if result is None else f"{result['seconds']:.0f}"


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a table; the second column is wrapped."""
    name, result = (max(len(row[column]) for row in rows) for column in (0, 2))
    for row in rows:
        first, *more = textwrap.wrap(row[1], 72)
        yield f"{row[0]:{name}}  {first:72}  {row[2]:{result}}  {row[3]:>7}".rstrip()
        yield from (f"{'':{name}}  {line}" for line in more)


def main(proofs: Proofs, words: list[str]) -> int:
    parser = argparse.ArgumentParser(description="The long proofs.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in proofs.parts))
    parser.add_argument("--list", action="store_true", help="print the table, run nothing")
    asked = parser.parse_args(words)
    unknown = set(asked.parts) - {part.name for part in proofs.parts}
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    chosen = () if asked.list else tuple(part for part in proofs.parts if not asked.parts or part.name in asked.parts)
    passed = [proofs.run(part) for part in chosen]
    print(("\n" if chosen else "") + proofs.table())
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(Proofs(Path(__file__).resolve().parent.parent, PARTS), sys.argv[1:]))
