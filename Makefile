# SPDX-License-Identifier: Apache-2.0
# A thin front over meson.
#
#   make          builds (what must be installed: tools/install-deps.sh build)
#   make run      demonstration on :8080: a site, Sallyport in front of it, three exploits; installs what is missing
#   make test     every test, a minute of fuzzing included, last line "N passed, M failed"; installs what is missing
#   make check    the quick tier of it: lint, unit and case tests
#   make bench    CPU per request beside HAProxy, nginx and ModSecurity, per statement beside HAProxy and PgBouncer; installs what is missing
#   make soak     2,000 connections, every byte checked, while workers are killed, upgraded and reloaded; SOAK=short: a minute of it
#   make fuzz     every fuzz target under libFuzzer, FUZZ_SECONDS (60) in total
#   make prove    the harnesses of base/ under the bounded model checker CBMC
#   make deb      the Debian package, in BUILD/deb
#   make lint, make docs, make clean, make install
#
# SAN=1: with AddressSanitizer and UBSan, in a build directory of its own. BUILD=DIR: build there.

ifeq ($(SAN),1)
BUILD ?= build-san
SETUP = -Db_sanitize=address,undefined
else
BUILD ?= build
endif
FUZZ_BUILD ?= build-fuzz
FUZZ_SECONDS ?= 60
SALLYPORT = $(BUILD)/src/proc/sallyport

all: configured
	ninja -C $(BUILD)

configured:
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --werror $(SETUP)

deps-%:
	@tools/install-deps.sh $*

run: deps-run
	@$(MAKE) --no-print-directory configured
	ninja -C $(BUILD) src/proc/sallyport
	@tools/demo.sh $(SALLYPORT)

# Tests are built only where cmocka and Node.js are; here they must be.
tests-built: configured
	@test -e $(BUILD)/with-tests || { meson configure $(BUILD) -Dtests=enabled && touch $(BUILD)/with-tests; }
	ninja -C $(BUILD) all meson-test-prereq

test: deps-test
	@$(MAKE) --no-print-directory tests-built fuzz-built
	@node tests/run.mjs $(BUILD)

check: tests-built
	@node tests/run.mjs $(BUILD) --quick

bench: deps-bench
	@$(MAKE) --no-print-directory configured
	ninja -C $(BUILD) src/proc/sallyport bench/idle bench/engine
	@node bench/bench.mjs $(BUILD)
	@node bench/databases.mjs $(BUILD)

soak: deps-soak
	@$(MAKE) --no-print-directory configured
	ninja -C $(BUILD) src/proc/sallyport src/sallyport-fault src/sallyport-next soak/origin soak/load
	@node soak/soak.mjs $(BUILD)

fuzz-built:
	@test -f $(FUZZ_BUILD)/build.ninja || CC=clang meson setup $(FUZZ_BUILD) --werror -Dfuzzer=true -Dtests=disabled -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C $(FUZZ_BUILD) fuzz-all

fuzz: fuzz-built
	@fuzz/smoke.sh $(FUZZ_BUILD)/fuzz $(FUZZ_SECONDS)

prove:
	@tests/harness/prove.sh

lint:
	@tools/lint.sh

docs: configured
	ninja -C $(BUILD) src/proc/sallyport
	@tools/docs.sh $(SALLYPORT)

install: configured
	ninja -C $(BUILD)
	meson install -C $(BUILD) --no-rebuild

deb: deps-deb
	@tools/deb.sh $(BUILD)/deb

clean:
	rm -rf build build-san $(BUILD) $(FUZZ_BUILD)

.PHONY: all configured run test tests-built check bench soak fuzz-built fuzz prove lint docs install deb clean
