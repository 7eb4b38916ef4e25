# linger - see README.md; `make help` lists the targets.
# Never overwritten, only added to: CC CXX CFLAGS CPPFLAGS LDFLAGS. Local settings: config.mak.
-include config.mak

VERSION = 0.1.0
prefix = /usr/local
bindir = $(prefix)/bin
libdir = $(prefix)/lib
includedir = $(prefix)/include
mandir = $(prefix)/share/man
CC = gcc
CXX = g++
CFLAGS ?= -O2 -g
V ?= 0
comma := ,
O ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter clang%,$(CC)),-clang)$(if $(HARD),-hard)
Q := $(if $(filter 0,$(V)),@)
say = @$(if $(filter 0,$(V)),echo "  $(1)	$(2)",:)

# ------------------------------------------------------------------- flags
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wpointer-arith -Wwrite-strings -Wno-unused-parameter $(if $(DEVELOPER),-Werror)
BASE = -std=c11 -D_GNU_SOURCE -DLGR_VERSION='"$(VERSION)"' -iquote core $(if $(HARD),-DLGR_HARD=1)
DEPS = -MMD -MP
# A sanitizer needs its runtime in the process: unit and stress tests are built with it, the
# shim itself never is (tests run it inside instrumented programs instead).
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -DLGR_SAN=1 \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=all))
# The shim: libc alone, nothing lazy, nothing visible but the version script's names.
SHIM_CFLAGS = -fPIC -fvisibility=hidden -fno-omit-frame-pointer -fno-stack-protector \
	-ffreestanding -fno-asynchronous-unwind-tables -funwind-tables -ftls-model=initial-exec
SHIM_LDFLAGS = -shared -nostartfiles -Wl,--version-script,preload/exports.map \
	-Wl,--exclude-libs,ALL -Wl,-z,defs,-z,now,-z,relro,-z,nodelete,-z,nodlopen,-z,initfirst \
	-Wl,-z,noexecstack,-z,separate-code,--build-id=sha1,--hash-style=gnu -Wl,-soname,liblinger.so
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)

# ----------------------------------------------------------------- sources
CORE = $(wildcard core/*.c)
SHIM = $(CORE) $(wildcard preload/*.c) $(wildcard preload/*_$(ARCH).S)
TOOL = core/settings.c core/text.c $(wildcard tools/*.c)
SHIM_OBJ = $(patsubst %,$(O)/shim/%.o,$(basename $(SHIM)))
TOOL_OBJ = $(patsubst %.c,$(O)/tool/%.o,$(TOOL))
UNIT = $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
PLUGINS = $(patsubst tests/plugins/%.c,$(O)/tests/%.so,$(wildcard tests/plugins/plug_*.c))
HOSTS = $(patsubst tests/hosts/%.c,$(O)/tests/%,$(wildcard tests/hosts/host_*.c))
STRESS = $(patsubst tests/stress/%.c,$(O)/tests/%,$(wildcard tests/stress/stress_*.c))

.PHONY: all demo test check check-unit check-abi check-scenarios check-programs check-faults \
	check-stress check-all check-sanitizers fuzz-config bench install uninstall lint format \
	format-check clean help packages-demo packages-test dist tags compilers
.DELETE_ON_ERROR:
.SECONDARY:

all: $(O)/liblinger.so $(O)/linger

help:
	@sed -n 's/^##  *//p' Makefile

##  make                   build/liblinger.so and build/linger
##  make demo              install what is absent, build, show linger at work
##  make test              install what is absent, build, run every test CI runs
##  make check             the quick suite: check-unit check-abi check-scenarios
##  make check-programs    real programs with and without linger
##  make check-sanitizers  unit and stress tests under ASan+UBSan and TSan
##  make check-stress      seeded churn (DURATION=seconds SEED=n)
##  make check-faults      every allocation and system call of the shim's start fails in turn
##  make check-all         everything, and nothing may be skipped
##  make fuzz-config       libFuzzer on the settings parser (RUNS=n)
##  make bench             ratios against no shim; build/bench.json
##  make install           DESTDIR prefix bindir libdir includedir mandir; also uninstall
##  make lint format format-check compile_commands.json tags dist clean
##  Variables: V=1 O=dir SAN=address,undefined|thread DEVELOPER=1 HARD=1 NO_INSTALL=1 CC CFLAGS

# --------------------------------------------------------------- the build
# A change of flags rebuilds: the file changes only when its content does.
FLAGS_NOW = $(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(WARN) $(BASE) $(SANFLAGS) $(SHIM_CFLAGS) $(SHIM_LDFLAGS)
$(O)/.flags: FORCE
	@mkdir -p $(O)
	@echo '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS_NOW))' > $@
.PHONY: FORCE
FORCE:

$(O)/shim/%.o: %.c $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(BASE) $(WARN) $(DEPS) $(SHIM_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/shim/%.o: %.S $(O)/.flags
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(BASE) $(DEPS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/liblinger.so: $(SHIM_OBJ) preload/exports.map
	$(call say,LD,$@)
	$(Q)$(CC) $(SHIM_LDFLAGS) $(LDFLAGS) -o $@ $(SHIM_OBJ) -Wl,--no-as-needed -nodefaultlibs -lc

$(O)/tool/%.o: %.c $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(BASE) $(WARN) $(DEPS) -DLGR_LIBDIR='"$(libdir)"' $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/linger: $(TOOL_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# ------------------------------------------------------------------- tests
$(O)/core/%.o: core/%.c $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(BASE) $(WARN) $(DEPS) $(SANFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
CORE_OBJ = $(patsubst core/%.c,$(O)/core/%.o,$(CORE))
$(O)/tests/test_%: tests/unit/test_%.c $(CORE_OBJ) $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(BASE) $(WARN) $(DEPS) $(SANFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(CORE_OBJ) -lcmocka
$(O)/tests/stress_%: tests/stress/stress_%.c $(CORE_OBJ) $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(BASE) $(WARN) $(DEPS) $(SANFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(CORE_OBJ)
# Hosts and plugins stand for strangers: they see the public header alone.
PUBLIC = -D_GNU_SOURCE -I$(O)/public
$(O)/public/linger.h: core/linger.h
	@mkdir -p $(@D) && cp $< $@
$(O)/tests/plug_%.so: tests/plugins/plug_%.c $(O)/public/linger.h $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PUBLIC) -Wall -Wextra $(DEPS) -fPIC -shared $(CFLAGS) $(CPPFLAGS) $(PLUG_$*) -o $@ $<
$(O)/tests/host_%: tests/hosts/host_%.c $(O)/public/linger.h $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PUBLIC) -Wall -Wextra $(DEPS) $(CFLAGS) $(CPPFLAGS) -pthread $(HOST_$*) -o $@ $<

RUN_TESTS = O=$(O) CC="$(CC)" CXX="$(CXX)" tests/run
DURATION ?= 20
SEED ?= 1

compilers: ; @:
check: check-unit check-abi check-scenarios
check-unit: $(UNIT)
	@$(RUN_TESTS) $(UNIT)
check-abi: all
	@$(RUN_TESTS) $(wildcard tests/abi/*.t)
check-scenarios: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/scenarios/*.t)
check-programs: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/programs/*.t)

-include $(wildcard $(O)/shim/*/*.d $(O)/tool/*/*.d $(O)/core/*.d $(O)/tests/*.d)

clean:
	rm -rf build build-*
