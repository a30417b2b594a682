# Everything a person types. `make help` lists the targets; the work is in scripts/.
#
# Build folders: build/release (what ships, and the unit tests of what ships) and build/check
# (clang, sanitizers, fuzzers). Each is configured once and incremental afterwards.

RELEASE := build/release
JOBS    ?= $(shell nproc)
SOAK_MINUTES ?= 30

.DEFAULT_GOAL := help
.PHONY: help deps build run demo test unit tidy interop e2e conformance check soak bench clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

deps: ## install the packages a build needs (apt-get; only what is missing)
	@scripts/install-deps build

build: deps ## build/release/satgate and its two links
	@scripts/build release

run: build ## start the gateway with three demo upstreams and a token
	@exec examples/demo/run

demo: build ## a runaway agent meets a hard cap; ends by itself
	@exec examples/demo/runaway

test: ## every test: unit, tidy, interop, e2e, conformance
	@scripts/test unit tidy interop e2e conformance

unit tidy interop e2e conformance: ## one part of the tests
	@scripts/test $@

check: ## format, clang-tidy, sanitizers, fuzz smoke
	@scripts/check

soak: ## fuzzing, model tests and kill -9 for long; SOAK_MINUTES=30 SOAK_STEPS=2000000 SOAK_KILLS=500
	@SOAK_MINUTES=$(SOAK_MINUTES) scripts/soak

bench: ## every figure of bench/README.md, ours against nginx and haproxy, as one table
	@scripts/bench

clean: ## remove build/ and the installed npm packages
	rm -rf build tests/e2e/node_modules tests/mcp-packages/node_modules \
	  tests/lightning/node_modules \
	  tests/conformance/node_modules scripts/vocabularies/node_modules \
	  bench/portkey/node_modules bench/mcp-peers/node_modules
