# The two commands of the README, and what they need. Works on Debian 12 with Swift 6.2 or later.

SWIFT ?= swift
PACKAGES := pkg-config libpng-dev libdnnl-dev libsentencepiece-dev libssl-dev gnuplot-nox
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: build demo evaluation test lint dependencies clean

build: dependencies
	$(SWIFT) build -c release

# Runs the four tools on the example model; pictures and figures go to demo/.
demo: build
	@PATH="$(CURDIR)/.build/release:$$PATH" examples/demo.sh

# Release mode: the C kernels and the Swift loops are too slow for the tests without optimization.
# Compares the methods on the example model (about three hours on two cores); replaces the README's table, and the figures beside it.
evaluation: build
	PATH="$(CURDIR)/.build/release:$$PATH" examples/evaluate.sh evaluation
	cp evaluation/results.tsv evaluation/differences.tsv evaluation/trace.tsv evaluation/results.png examples/evaluation/
	awk -v table=evaluation/table.md -f examples/evaluation/insert.awk README.md > README.new
	mv README.new README.md

test: build
	$(SWIFT) test -c release --disable-testable-imports

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
