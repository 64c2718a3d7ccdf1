# Everything is installed into the checkout: target/, .venv/.
# `make test` is what CI runs; `make verify` adds what takes longer or needs recorded data.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Where the Rust tests find ONNX Runtime: the one of the tests' environment, unless ORT_DYLIB_PATH names another.
RUNTIME = ORT_DYLIB_PATH="$${ORT_DYLIB_PATH:-$$(echo $(CURDIR)/$(VENV)/lib/python*/site-packages/onnxruntime/capi/libonnxruntime.*)}"

.PHONY: test lint rust benches reference verify miri sanitize models models-check header clean

test: lint rust benches reference

lint:
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --lib --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

rust: $(VENV)/tests.done
	$(RUNTIME) cargo test --locked

# Every bench compiles and runs once; `cargo bench` measures.
benches: $(VENV)/tests.done
	$(RUNTIME) cargo test --locked --benches

# The independent reference of the features: its own tests, then the engine against it on recorded data.
reference: $(VENV)/tests.done
	$(PY) tests/reference/self_test.py
	cargo build --locked
	FORETICK=target/debug/foretick $(PY) tests/reference/recorded_check.py

verify: test models-check miri sanitize
	FORETICK_FULL=1 FORETICK=target/debug/foretick $(PY) tests/reference/recorded_check.py
	$(RUNTIME) FORETICK_STORM=100 cargo test --locked --test hosts
	$(RUNTIME) cargo bench --locked

# The unsafe code of the C boundary under Miri, by several schedules.
miri:
	rustup toolchain install nightly --profile minimal -c miri -c rust-src
	for seed in 0 1 2 3; do MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-seed=$$seed" cargo +nightly miri test --lib --no-default-features --locked ffi:: || exit 1; done

# The kernels, the float mode and the looks at a foreign library under AddressSanitizer: what Miri cannot run.
sanitize:
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test --lib --no-default-features --features ort --target x86_64-unknown-linux-gnu --target-dir target/asan --locked model::

# Trains the shipped bundles anew (about half an hour; btc-1m and btc-1m-ohlcv need FORETICK_DATA). Installs PyTorch, which is large.
models: $(VENV)/torch.done
	cargo build --release --locked
	$(PY) models/train.py sim
	$(PY) models/train.py btc-1m
	$(PY) models/train.py btc-1m-ohlcv

# Every member's output on the held-out period against its training library; networks against PyTorch where it is installed
# (make models installs it), else against ONNX Runtime.
models-check: $(VENV)/models.done
	cargo build --release --locked
	$(PY) models/check.py

# Writes include/foretick.h from the source.
header:
	FORETICK_BLESS=1 cargo test --locked --test header

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/tests.done: tests/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(VENV)/models.done: models/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r models/requirements.txt
	touch $@

$(VENV)/torch.done: models/requirements-torch.txt models/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r models/requirements-torch.txt
	touch $@

clean:
	rm -rf target $(VENV)
