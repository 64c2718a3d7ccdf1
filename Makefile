# Everything is installed into the checkout: target/, .venv/, bindings/node/node_modules/.
# `make test` is what CI runs; `make verify` are the proofs that take longer or need recorded data.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
NODE := bindings/node/node_modules
# Where the Rust tests find ONNX Runtime: the one of the tests' environment, unless ORT_DYLIB_PATH names another.
RUNTIME = ORT_DYLIB_PATH="$${ORT_DYLIB_PATH:-$$(echo $(CURDIR)/$(VENV)/lib/python*/site-packages/onnxruntime/capi/libonnxruntime.*)}"

.PHONY: test lint rust benches reference harness verify models models-check bench header clean

test: lint rust benches reference harness

lint:
	cargo fmt --check
	cargo fmt --check --manifest-path benches/peers/rust/Cargo.toml
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --lib --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

rust: $(VENV)/tests.done $(NODE)/tests.done
	$(RUNTIME) cargo test --locked

# Every bench compiles and runs once; `cargo bench` measures.
benches: $(VENV)/tests.done
	$(RUNTIME) cargo test --locked --benches

# The independent reference of the features: its own tests, then the engine against it on recorded data. The command is the one that the
# Rust tests have built: `cargo build` would build it, and what it needs, anew, as the tests' needs turn more features on.
reference: $(VENV)/tests.done
	$(PY) tests/reference/self_test.py
	cargo test --no-run --locked --test cli
	FORETICK=target/debug/foretick $(PY) tests/reference/recorded_check.py

# What runs the long proofs, tried on small ones.
harness: $(VENV)/tests.done
	$(PY) tests/verify_test.py

# The long proofs, or PART=name of them, then a table of what passed at this commit; LIST=1 prints the table alone.
verify: $(VENV)/tests.done
	$(RUNTIME) $(PY) tests/verify.py $(if $(LIST),--list) $(PART)

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

# Trains the benchmark's models, times the peers that live in Python, then foretick beside ONNX Runtime: a table, and
# target/bench/report.html. About 40 minutes; QUICK=1 a look in five. Installs scikit-learn, XGBoost, LightGBM and more.
BENCH := target/bench
# On the core that the others are timed on, where there is a way to say so.
PIN = $$(command -v taskset >/dev/null && echo taskset -c $$(($$(nproc) - 1)))
bench: $(VENV)/peers.done
	cargo build --release --locked
	target/release/foretick bench --export $(BENCH)/rows --models $(BENCH)/models
	$(PY) benches/peers/train.py $(BENCH)/rows $(BENCH)/models
	$(PY) benches/peers/peers.py $(BENCH)/rows $(BENCH)/models $(BENCH)/peers.json $(if $(QUICK),--quick)
	$(PIN) cargo run --release --locked --quiet --manifest-path benches/peers/rust/Cargo.toml --target-dir target/peers -- \
	  $(BENCH)/rows $(BENCH)/models $(BENCH)/peers.json $(if $(QUICK),--quick)
	$(RUNTIME) target/release/foretick bench --peers $(if $(QUICK),--quick) --html $(BENCH)/report.html

# Writes include/foretick.h from the source.
header:
	FORETICK_BLESS=1 cargo test --locked --test header

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/tests.done: tests/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

# Node's headers and the TypeScript compiler, for tests/bindings.rs; without npm those tests are skipped (CI does not allow that).
$(NODE)/tests.done: bindings/node/package-lock.json
	@if command -v npm >/dev/null; then cd bindings/node && npm ci --silent && touch node_modules/tests.done; else echo "skipped: no npm"; fi

$(VENV)/models.done: models/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r models/requirements.txt
	touch $@

$(VENV)/torch.done: models/requirements-torch.txt models/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r models/requirements-torch.txt
	touch $@

$(VENV)/peers.done: benches/peers/requirements.txt models/requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
	touch $@

clean:
	rm -rf target $(VENV) $(NODE)
