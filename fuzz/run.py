"""Runs every fuzz target for some seconds: python fuzz/run.py [SECONDS] [TARGET ...].

Needs `cargo install cargo-fuzz --locked` and a nightly toolchain. Seeds are made of the tree's own files, corpora grow in
target/fuzz/corpus, findings lie in target/fuzz/findings; one ends the run with 1. Afterwards a finding is run again by
`cargo +nightly fuzz run TARGET FILE --target-dir target/fuzz`.
"""

import hashlib
import random
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "target" / "fuzz"
# No input of a target needs more than this: a bomb is a finding.
RSS_MB = 1024
SECONDS_EACH = 10
LARGEST_GRAPH = 12_000


def graphs():
    for folder in ["models/fixtures", "tests/graphs"]:
        for path in sorted((ROOT / folder).rglob("*.onnx")):
            if path.stat().st_size <= LARGEST_GRAPH:
                yield path.read_bytes()


def calls():
    chance = random.Random(1)
    for length in [64, 512, 4096] * 20:
        yield chance.randbytes(length)


def changes():
    chance = random.Random(2)
    for length in range(1, 41):
        yield chance.randbytes(length)


def texts(pattern):
    return lambda: (path.read_bytes() for path in sorted(ROOT.glob(pattern)))


# Target: its seeds and the longest input.
TARGETS = {
    "calls": (calls, 8192),
    "graph": (graphs, 16_384),
    "manifest": (texts("models/*/v*/manifest.toml"), 8192),
    "options": (texts("fuzz/seeds/options/*.toml"), 1024),
    "restore": (changes, 256),
    "table": (texts("fuzz/seeds/table/*.csv"), 4096),
}


def seed(target, seeds):
    """Writes the seeds; files with the same content are one."""
    corpus = OUT / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for content in seeds():
        (corpus / hashlib.sha1(content).hexdigest()).write_bytes(content)
    return corpus


def run(target, seconds):
    seeds, longest = TARGETS[target]
    findings = OUT / "findings" / target
    findings.mkdir(parents=True, exist_ok=True)
    words = ROOT / "fuzz" / "words" / f"{target}.dict"
    command = ["cargo", "+nightly", "fuzz", "run", target, "--target-dir", OUT, seed(target, seeds), "--"]
    command += [f"-artifact_prefix={findings}/", f"-max_total_time={seconds}", f"-max_len={longest}", f"-rss_limit_mb={RSS_MB}"]
    command += [f"-malloc_limit_mb={RSS_MB // 2}", f"-timeout={SECONDS_EACH}", "-print_final_stats=1"]
    command += [f"-dict={words}"] if words.exists() else []
    print(f"{target}:", flush=True)
    return subprocess.run(command, cwd=ROOT).returncode == 0


def main():
    if shutil.which("cargo-fuzz") is None:
        sys.exit("cargo-fuzz is missing: cargo install cargo-fuzz --locked")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    targets = sys.argv[2:] or list(TARGETS)
    failed = [target for target in targets if not run(target, seconds)]
    sys.exit(f"findings in {', '.join(failed)}: see {OUT / 'findings'}" if failed else 0)


if __name__ == "__main__":
    main()
