# The two commands of the README, and what they need. Works on Debian 12 with Swift 6.2 or later.

SWIFT ?= swift
PACKAGES := pkg-config libpng-dev libdnnl-dev libsentencepiece-dev libssl-dev gnuplot-nox
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: build demo evaluation tables test fuzz faults lint dependencies clean

build: dependencies
	$(SWIFT) build -c release

# Runs the four tools on the example model; pictures and figures go to demo/.
demo: build
	@PATH="$(CURDIR)/.build/release:$$PATH" examples/demo.sh

# Compares the methods on the example model (about three hours on two cores) and keeps the figures.
evaluation: build
	PATH="$(CURDIR)/.build/release:$$PATH" examples/evaluate.sh evaluation
	cp evaluation/methods.tsv evaluation/results.tsv evaluation/differences.tsv evaluation/trace.tsv \
	  evaluation/results.png examples/evaluation/
	$(MAKE) tables

# The tables of both READMEs, from the figures that were kept.
tables:
	examples/evaluation/table.sh full examples/evaluation \
	  | examples/evaluation/insert.sh examples/evaluation/README.md
	examples/evaluation/table.sh summary examples/evaluation \
	  | examples/evaluation/insert.sh README.md

# Release mode: the C kernels and the Swift loops are too slow for the tests without optimization.
test: build
	$(SWIFT) test -c release --disable-testable-imports

# The readers of files, on inputs that libFuzzer makes (Tests/Fuzz/README.md).
FUZZ_SECONDS ?= 3600
FUZZ_WORKERS ?= 1
FUZZ_SANITIZE ?= --sanitize address
FUZZ_FOLDER := .build/fuzz$(if $(FUZZ_SANITIZE),,-plain)
fuzz: dependencies
	FPQ_FUZZ=1 $(SWIFT) build -c release --product fpq-fuzz --scratch-path $(FUZZ_FOLDER) \
	  $(FUZZ_SANITIZE) -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld -Xcxx -fsanitize=fuzzer-no-link
	Tests/Fuzz/run.sh $(FUZZ_FOLDER)/release/fpq-fuzz .build/fuzz/run $(FUZZ_SECONDS) $(FUZZ_WORKERS) \
	  $(TARGETS)

# Every call that may fail, of which the tests try a few; a hundred kills; a thousand prompts.
faults: build
	FPQ_FAULTS=all $(SWIFT) test -c release --disable-testable-imports --filter FaultsTests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

dependencies:
	@command -v $(SWIFT) >/dev/null || { \
	  echo "make: expected Swift 6.2 or later in PATH, found none; see https://www.swift.org/install" >&2; \
	  exit 1; }
	@command -v dpkg-query >/dev/null || exit 0; missing=; \
	for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { \
	  echo "make: installing$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; }

clean:
	rm -rf .build demo evaluation
