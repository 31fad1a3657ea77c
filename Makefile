# The entry to everything: set-up, build, demo, tests and checks. `make help` lists the targets.

SHELL := /bin/bash
JOBS ?= $(shell nproc)
export JOBS

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check-all format format-check layers tidy tidy-changed asan tsan \
  fuzz fuzz-long coverage engines recipes docs configure setup-test setup-dev clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## install the Debian packages that building needs and that are missing
	@tools/setup.sh base

setup-test:
	@tools/setup.sh base test

setup-dev: ## … and those of the tests, the analysers and the fuzzers
	@tools/setup.sh base test dev

# The tests are configured only where their library exists, so that a build needs the base set alone.
configure:
	@cmake --preset release \
	  -DHONE_TESTS=$(if $(wildcard /usr/include/gtest/gtest.h),ON,OFF) >/dev/null

build: setup ## build/release/hone
	@$(MAKE) --no-print-directory configure
	@cmake --build --preset release -j $(JOBS) --target hone

demo: build ## run the trained models of zoo/ on data they have not seen: accuracy, speed, memory
	@tools/demo.sh

test: setup-test ## build everything and run the test suite
	@$(MAKE) --no-print-directory configure
	@cmake --build --preset release -j $(JOBS)
	@ctest --test-dir build/release --output-on-failure --no-tests=error -j $(JOBS)

check-all: setup-dev ## every check in full: layout, analysis, sanitizers, fuzzing, coverage
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory format-check layers tidy
	@$(MAKE) --no-print-directory asan
	@$(MAKE) --no-print-directory tsan
	@$(MAKE) --no-print-directory fuzz-long
	@$(MAKE) --no-print-directory recipes engines
	@$(MAKE) --no-print-directory coverage

format: ## lay out the sources
	@tools/format.sh

format-check: ## which sources are not laid out
	@tools/format.sh --check

layers: ## includes against the layer table of ARCHITECTURE.md
	@python3 tools/check_layers.py

tidy: ## clang-tidy over every source
	@tools/tidy.sh --all

tidy-changed: ## clang-tidy over what differs from origin/main
	@tools/tidy.sh --seconds 570 --changed

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/sanitize.sh asan

tsan: ## the tests of what uses threads under ThreadSanitizer
	@tools/sanitize.sh tsan

fuzz: ## three minutes of fuzzing
	@tools/fuzz.sh 180

fuzz-long: ## an hour of fuzzing
	@tools/fuzz.sh 3600

docs: setup-test ## write the generated pages anew, and the outputs of console blocks
	@$(MAKE) --no-print-directory configure
	@cmake --build build/release -j $(JOBS) --target hone hone_conformance
	@tools/gen_errors.py
	@build/release/tests/conformance/hone_conformance --write docs/support.md
	@tools/gen_cli.py
	@python3 tests/docs/run_blocks.py --bless README.md docs/*.md

coverage: ## the tests with coverage: build/coverage/report/index.html
	@tools/coverage.sh

recipes: ## follow the recipes of CONTRIBUTING.md in a copy
	@tools/recipes.sh

engines: ## compare with optional engines, where they can be installed
	@tools/engines.sh

clean: ## remove build/
	@rm -rf build
