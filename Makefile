# A thin face over Meson and Ninja: each target is one command of HACKING.md.
BUILD ?= build
SECONDS_FUZZ := $(if $(filter environment command,$(origin SECONDS)),$(SECONDS),60)
T ?= all
BENCH ?=
PREFIX ?= /usr/local
DESTDIR ?=

all: $(BUILD)/build.ninja
	@dev/check-layers
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@dev/install-deps --check build || { echo "Something to build with is missing: run 'make deps' (it installs Debian packages)." >&2; exit 1; }
	@meson setup $(BUILD) --prefix $(PREFIX) >$(BUILD).log 2>&1 || { tail -n 5 $(BUILD).log >&2; rm -rf $(BUILD); exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

deps:
	@dev/install-deps build

demo:
	@dev/install-deps build demo
	@$(MAKE) --no-print-directory all
	@dev/demo $(if $(ONCE),--once)

test:
	@dev/install-deps build demo test
	@dev/test

bench:
	@dev/install-deps build demo test bench
	@$(MAKE) --no-print-directory all
	@bench/run $(BENCH)

fuzz:
	@dev/install-deps build fuzz
	@dev/fuzz $(T) $(SECONDS_FUZZ)

mutate:
	@dev/install-deps build test
	@dev/mutate $(WORD)

lint:
	@dev/install-deps build test
	@dev/lint

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

clean:
	rm -rf $(BUILD) build-*

.PHONY: all deps demo test bench fuzz mutate lint install clean
