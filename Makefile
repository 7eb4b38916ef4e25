# linger - see README.md; `make help` lists the targets.
# Never overwritten, only added to: CC CXX CFLAGS CPPFLAGS LDFLAGS. Local settings: config.mak.
-include config.mak

VERSION = 0.4.0
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
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=all) \
	$(if $(findstring thread,$(SAN)),$(if $(filter clang%,$(CC)),,-Wno-tsan))) # the fences are for readers in other processes
# The shim: libc alone, nothing lazy, nothing visible but the version script's names. Two mappings
# fewer (noseparate-code) and .bss.big behind the rest are 50 us of a program's start.
SHIM_CFLAGS = -fPIC -fvisibility=hidden -fno-omit-frame-pointer -fno-stack-protector \
	-ffreestanding -fno-asynchronous-unwind-tables -funwind-tables -ftls-model=initial-exec
SHIM_LDFLAGS = -shared -nostartfiles -Wl,--version-script,preload/exports.map \
	-Wl,--exclude-libs,ALL -Wl,-z,defs,-z,now,-z,relro,-z,nodelete,-z,nodlopen,-z,initfirst \
	-Wl,-z,noexecstack,-z,noseparate-code,--build-id=sha1,--hash-style=gnu,--sort-section=name \
	-Wl,-soname,liblinger.so
ARCH ?= $(shell uname -m)
SHIM_CFLAGS += $(if $(filter x86_64,$(ARCH)),-fcf-protection=full,\
	-mbranch-protection=standard -mno-outline-atomics)
SHIM_LDFLAGS += $(if $(filter x86_64,$(ARCH)),-Wl$(comma)-z$(comma)ibt$(comma)-z$(comma)shstk)

# ----------------------------------------------------------------- sources
CORE = $(wildcard core/*.c)
SHIM = $(CORE) $(wildcard preload/*.c) $(wildcard preload/*_$(ARCH).S)
TOOL = core/hash.c core/settings.c core/spec.c core/text.c $(wildcard tools/*.c)
SHIM_OBJ = $(patsubst %,$(O)/shim/%.o,$(basename $(SHIM)))
TOOL_OBJ = $(patsubst %.c,$(O)/tool/%.o,$(TOOL))
UNIT = $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
PLUGINS = $(patsubst tests/plugins/%.c,$(O)/tests/%.so,$(wildcard tests/plugins/plug_*.c))
HOSTS = $(patsubst tests/hosts/%.c,$(O)/tests/%,$(wildcard tests/hosts/host_*.c))
STRESS = $(patsubst tests/stress/%.c,$(O)/tests/%,$(wildcard tests/stress/stress_*.c))

.PHONY: all demo test check check-churn check-reach check-sweep check-unit check-abi check-scenarios \
	check-programs check-suites check-crashes check-redirects check-profiles check-debuggers \
	check-faults check-ghc check-runtimes \
	check-stress check-emulated check-all fuzz-config bench install uninstall lint format format-check clean help \
	dist tags packages-demo packages-test packages-bench both-compilers sanitized-builds \
	unit-binaries run-all
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
##  make check-crashes     programs that crash plain, and live with linger
##  make check-redirects   symbols redirected and restored in every way there is (DURATION SEED)
##  make check-profiles    code whose files are gone, named by perf
##  make check-debuggers   gdb, valgrind, sanitizers, heap and CPU profilers name what is closed or deleted
##  make check-suites      test suites of Tcl, SQLite, APR and GLib, judged by themselves
##  make check-stress      seeded churn (DURATION=seconds SEED=n)
##  make check-churn       threads that open, use, replace and close, also with sanitizers (DURATION SEED)
##  make check-reach      one reference in each kind of place keeps a library (ROUNDS SEED)
##  make check-sweep      every library of the system, opened and closed, watched from outside
##  make check-runtimes    language runtimes that report what they reach: a collector, RCU
##  make check-faults      every allocation and system call of the shim's start fails in turn
##  make check-emulated    the shim for aarch64 under qemu-user
##  make check-ghc         what GHC's run-time system loads and unloads (installs ghc, 750 MiB)
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
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)
# Asked of the compiler: pkg-config would be one more package.
TOOL_LIBS = -lunwind-ptrace -lunwind-generic -lunwind -ldw -lelf
$(O)/tool/libraries: $(O)/.flags
	@mkdir -p $(@D)
	@printf '#include <libunwind-ptrace.h>\n#include <elfutils/libdwfl.h>\nint main(void) { return 0; }\n' | \
		$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ -x c - $(TOOL_LIBS) 2>/dev/null || \
		{ echo 'make: the command linger needs libunwind and elfutils: install the Debian packages $(TOOL_PACKAGES)' >&2; exit 1; }
$(TOOL_OBJ): | $(O)/tool/libraries

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

-include tests/flags.mk

RUN_TESTS = O=$(O) CC="$(CC)" CXX="$(CXX)" tests/run
DURATION ?= 20
SEED ?= 1

# The longest first. Ruby's takes minutes.
SUITE_TESTS = tests/suites/sqlite_loads_extensions.t $(filter-out tests/suites/sqlite% \
	$(if $(CHECK_ALL),,tests/suites/ruby%),$(wildcard tests/suites/*.t))

check: check-unit check-abi check-scenarios
check-unit: $(UNIT)
	@$(RUN_TESTS) $(UNIT)
check-abi: all
	@$(RUN_TESTS) $(wildcard tests/abi/*.t)
check-scenarios: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/scenarios/*.t)
check-programs: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/programs/*.t)
check-crashes: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/crashes/*.t)
check-redirects: all
	@$(RUN_TESTS) $(wildcard tests/redirects/*.t)
check-profiles: all
	@$(RUN_TESTS) $(wildcard tests/profiles/*.t)
check-debuggers: all
	@$(RUN_TESTS) $(wildcard tests/debuggers/*.t)
# Sources are fetched, and SQLite's takes half a minute to build: once, into the build folder.
check-suites: all
	@$(RUN_TESTS) $(SUITE_TESTS)
check-faults: all $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/faults/*.t)
check-runtimes: all
	@$(RUN_TESTS) $(wildcard tests/runtimes/*.t)
check-emulated: all
	@$(RUN_TESTS) $(wildcard tests/emulated/*.t)
check-ghc: all
	@tests/install.sh $(call packages,tests/ghc/packages-all)
	@$(RUN_TESTS) $(wildcard tests/ghc/*.t)
check-churn: all $(PLUGINS)
	@DURATION=$(DURATION) SEED=$(SEED) $(RUN_TESTS) tests/stress/churn.t
check-reach: all $(PLUGINS)
	@SEED=$(SEED) $(RUN_TESTS) tests/stress/reach.t
check-sweep: all $(PLUGINS)
	@$(RUN_TESTS) $(wildcard tests/sweep/*.t)
check-stress: $(STRESS)
	@for t in $(STRESS); do $$t $(DURATION) $(SEED) || exit 1; done

# What `make test` is made of: one run over all files, so that there is one closing line.
SANITIZED = build-address-undefined build-thread
sanitized-builds:
	@$(MAKE) --no-print-directory SAN=address,undefined O=build-address-undefined unit-binaries
	@$(MAKE) --no-print-directory SAN=thread O=build-thread unit-binaries
unit-binaries: $(UNIT) $(STRESS)
# A compiler that warns fails: both are built, the second only to see that.
both-compilers:
	@$(MAKE) --no-print-directory DEVELOPER=1 all
	@$(MAKE) --no-print-directory DEVELOPER=1 CC=clang O=build-clang all
QUICK_TESTS = $(UNIT) $(STRESS) $(foreach d,$(SANITIZED),$(patsubst $(O)/%,$d/%,$(UNIT) $(STRESS))) \
	$(wildcard tests/abi/*.t tests/scenarios/*.t tests/faults/*.t tests/runtimes/*.t tests/stress/*.t tests/sweep/*.t)
run-all: all $(UNIT) $(STRESS) $(HOSTS) $(PLUGINS)
	@$(RUN_TESTS) $(SUITE_TESTS) $(QUICK_TESTS) $(wildcard tests/redirects/*.t tests/debuggers/*.t \
		tests/programs/*.t tests/crashes/*.t tests/profiles/*.t)

# Packages stand beside what needs them, one a line.
packages = $(shell sed 's/\#.*//' $(wildcard $(1)))
TOOL_PACKAGES = libunwind-dev libdw-dev
BUILD_PACKAGES = gcc libc6-dev binutils $(TOOL_PACKAGES)
TEST_PACKAGES = $(BUILD_PACKAGES) g++ clang libclang-rt-14-dev libcmocka-dev perl git
packages-demo:
	@tests/install.sh $(BUILD_PACKAGES) $(call packages,tools/demo.packages)
packages-test:
	@tests/install.sh $(TEST_PACKAGES) $(call packages,tests/*/packages)
packages-bench:
	@tests/install.sh $(BUILD_PACKAGES) $(call packages,bench/packages)

demo: packages-demo
	@$(MAKE) --no-print-directory all
	@O=$(O) tools/demo.sh
test: packages-test
	@$(MAKE) --no-print-directory both-compilers sanitized-builds
	@$(MAKE) --no-print-directory run-all
check-all: packages-test
	@tests/install.sh $(call packages,tests/*/packages-all)
	@$(MAKE) --no-print-directory both-compilers sanitized-builds format-check
	@CHECK_ALL=1 $(MAKE) --no-print-directory run-all
	@$(MAKE) --no-print-directory HARD=1 CHECK_ALL=1 check
	@$(MAKE) --no-print-directory check-stress
	@$(MAKE) --no-print-directory SAN=thread check-stress
	@CHECK_ALL=1 $(MAKE) --no-print-directory check-emulated check-ghc
	@$(MAKE) --no-print-directory fuzz-config
bench: packages-bench
	@$(MAKE) --no-print-directory all
	@O=$(O) CC="$(CC)" bench/run

RUNS ?= 1000000
fuzz-config:
	@mkdir -p $(O)/fuzz
	$(Q)clang $(BASE) -g -O1 -fsanitize=fuzzer,address,undefined -o $(O)/fuzz/settings \
		tests/fuzz/fuzz_settings.c core/settings.c core/spec.c core/text.c
	$(Q)$(O)/fuzz/settings -runs=$(RUNS) -max_len=512 -print_final_stats=0 2>&1 | tail -3

# --------------------------------------------------------------- installing
INSTALLED = $(bindir)/linger $(libdir)/liblinger.so $(includedir)/linger.h \
	$(mandir)/man1/linger.1 $(mandir)/man7/linger-runtime.7 $(libdir)/pkgconfig/linger.pc
# All references to it are weak, which is not enough for a linker that drops what is not needed.
$(O)/linger.pc: FORCE # another prefix
	@mkdir -p $(@D)
	@printf 'Name: linger\nDescription: run-time-loaded code, safe to unload\nVersion: %s\nCflags: -I%s\nLibs: -L%s -Wl,--push-state,--no-as-needed -llinger -Wl,--pop-state\n' \
		'$(VERSION)' '$(includedir)' '$(libdir)' > $@
install: all $(O)/linger.pc
	install -D -m 755 $(O)/linger $(DESTDIR)$(bindir)/linger
	install -D -m 755 $(O)/liblinger.so $(DESTDIR)$(libdir)/liblinger.so
	install -D -m 644 core/linger.h $(DESTDIR)$(includedir)/linger.h
	install -D -m 644 tools/linger.1 $(DESTDIR)$(mandir)/man1/linger.1
	install -D -m 644 tools/linger-runtime.7 $(DESTDIR)$(mandir)/man7/linger-runtime.7
	install -D -m 644 $(O)/linger.pc $(DESTDIR)$(libdir)/pkgconfig/linger.pc
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
dist:
	git archive --prefix=linger-$(VERSION)/ -o linger-$(VERSION).tar.gz HEAD

# ------------------------------------------------------------------ looking
C_FILES = $(wildcard core/*.[ch] preload/*.[ch] tools/*.[ch] tests/*/*.[ch] bench/*.[ch])
lint:
	clang-tidy --quiet $(CORE) $(wildcard preload/*.c tools/*.c) -- $(BASE) -DLGR_LIBDIR='""'
	cppcheck --quiet --enable=warning,portability --inline-suppr core preload tools
	shellcheck -x tests/*.sh tests/*/*.t tools/*.sh
format:
	clang-format -i $(C_FILES)
format-check:
	clang-format --dry-run -Werror $(C_FILES)
compile_commands.json:
	bear -- $(MAKE) -B all
tags:
	ctags -R core preload tools tests

-include $(wildcard $(O)/shim/*/*.d $(O)/tool/*/*.d $(O)/core/*.d $(O)/tests/*.d)

clean:
	rm -rf build build-*
