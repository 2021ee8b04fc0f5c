# Invigil's house. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test build engine lint bench region clean-demo system-build system-demo system-test tools rust

# Rust as its installer leaves it, also in a shell that has not been opened anew.
export PATH := $(PATH):$(HOME)/.cargo/bin
CARGO := cargo

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: rust system-demo engine ## builds, then shows everything on an invented region, in demo/
	$(CARGO) build --locked --profile demo --bin invigil
	packaging/demo.sh

test: rust system-test engine tools ## runs every test, with strangers' tools where they judge us
	@mkdir -p target
	@export PATH="$(CURDIR)/target/tools/bin:$$PATH" INVIGIL_TEST_ALL=1; \
	started=$$SECONDS; \
	status=0; $(CARGO) test --locked --no-fail-fast 2>&1 | tee target/test.log || status=1; \
	awk -v seconds=$$((SECONDS - started)) '/^test result:/ {passed += $$4; failed += $$6; ignored += $$8} \
	  END {printf "\ntests: %d passed, %d failed, %d left out, in %d s\n", passed, failed, ignored, seconds}' target/test.log; \
	exit $$status

build: rust system-build ## builds the program for use: target/release/invigil
	$(CARGO) build --locked --release --bin invigil

engine: ## fetches the embedded ClickHouse, once, and checks it
	@packaging/install-system.sh engine
	@packaging/install-engine.sh

lint: rust system-build ## format, clippy, documentation, licences
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null 2>&1; then $(CARGO) deny --locked check licenses bans sources; \
	else echo 'lint: cargo-deny is not installed, licences were not checked (cargo install cargo-deny --locked)' >&2; fi

bench: rust system-build ## packets and lines a second
	$(CARGO) bench --locked

region: ## makes fixtures/region again and shows what changed
	python3 -B fixtures/region/make.py
	git status --short fixtures/region

clean-demo: ## throws the demonstration's folder away
	rm -rf demo

system-build:
	@packaging/install-system.sh build

system-demo:
	@packaging/install-system.sh build engine

system-test:
	@packaging/install-system.sh build engine test

tools: system-test
	@packaging/install-tools.sh

rust:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install it from https://rustup.rs (1.89 or later), then run the same command again' >&2; exit 2; }
