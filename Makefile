# Sluice. `make demo` and `make test` need nothing done before them.
SHELL := /bin/bash
PREFIX ?= /usr/local

# STRICT=1 makes warnings errors. It changes how our own targets are compiled, so switching it rebuilds those.
STRICT ?=
WARNINGS_ARE_ERRORS := -Xswiftc -warnings-as-errors

.PHONY: help setup build demo test check lint sanitize install try-install clean
.DEFAULT_GOAL := help
# Two runs of SwiftPM wait for each other anyway.
.NOTPARALLEL:

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1#\2/p' $(MAKEFILE_LIST) | column -t -s '#'

setup: ## install what is missing (Debian: libpq-dev, pkg-config, postgresql, g++, python3-venv)
	@ops/setup.sh

build: setup ## build the program and the backends (release), and libllama once
	@ops/build.sh -c release

demo: build ## run a real batch through everything, with a worker killed on the way
	@ops/demo.sh

test: setup lint ## build (debug) and run every test
	@FLAGS='$(if $(STRICT),$(WARNINGS_ARE_ERRORS))' ops/test.sh

check: setup lint ## format, warnings as errors, and the rules of the repository
	@FLAGS='$(WARNINGS_ARE_ERRORS)' ops/test.sh --filter TidyTests

lint:
	@swift format lint --strict --parallel -r Package.swift Sources Plugins Tests

sanitize: setup ## run the checker, the backends and the tests of their host under AddressSanitizer, once
	@ops/sanitize.sh

install: setup ## install below PREFIX= (default /usr/local), to run without the Swift toolchain
	@ops/install.sh $(PREFIX)

try-install: setup ## try what install makes in a minimal Debian 12 without Swift (as root, with debootstrap)
	@ops/try-install.sh

clean: ## remove everything that was built
	@rm -rf .build .build-sanitize
