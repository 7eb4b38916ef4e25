# flags.mk - what single hosts and plugins of the tests are built with. Included by the Makefile.
# HOST_X: extra flags of tests/hosts/host_X.c; PLUG_X: of tests/plugins/plug_X.c.
# SPDX-License-Identifier: MIT

# Exports its functions to the plugins.
HOST_is_told = -rdynamic
HOST_lives = -rdynamic -iquote core
# The resolver must find its GOT filled in: no lazy binding.
PLUG_asks = -fno-plt -Wl,-z,now -Wl,-soname,plug_asks.so
PLUG_needs = -L$(O)/tests -Wl,--no-as-needed,-l:plug_asks.so -Wl,-rpath,'$$ORIGIN'
PLUG_needs_base = -L$(O)/tests -Wl,--no-as-needed,-l:plug_base.so -Wl,-rpath,'$$ORIGIN'
PLUG_reported = -L$(O)/tests -Wl,--no-as-needed,-l:plug_base.so -Wl,-rpath,'$$ORIGIN'
PLUG_cxx = -x c++ -std=c++17 $(if $(filter clang%,$(CC)),,-fno-gnu-unique) -Wl,--no-as-needed -lstdc++
# Its second function is bound after the object that has it was closed.
PLUG_binds = -Wl,-z,lazy
PLUG_bare = -nostartfiles
# libc among its own libraries: where RTLD_DEEPBIND looks first.
PLUG_deep = -Wl,--no-as-needed -lc
PLUG_initfirst = -Wl,-z,initfirst -Wl,-soname,plug_initfirst.so
HOST_needs_initfirst = -L$(O)/tests -Wl,--no-as-needed,-l:plug_initfirst.so -Wl,-rpath,'$$ORIGIN'
PLUG_flag_nodelete = -Wl,-z,nodelete -Wl,-soname,flag-nodelete.so.7
PLUG_flag_textrel = -Wl,-z,notext
# Build-ids of three kinds: of our own making, short, and none.
PLUG_flag_tls = -Wl,--build-id=0x0123456789abcdef
PLUG_flag_static_tls = -Wl,--build-id=md5
PLUG_flag_unique = -Wl,--build-id=none
PLUG_holes = -Wl,-z,max-page-size=0x200000,-z,separate-code
$(O)/tests/plug_needs.so: $(O)/tests/plug_asks.so
$(O)/tests/plug_reported.so: $(O)/tests/plug_base.so
$(O)/tests/plug_needs_base.so: $(O)/tests/plug_base.so
$(O)/tests/host_needs_initfirst: $(O)/tests/plug_initfirst.so

# They are built again when this file changes.
$(HOSTS) $(PLUGINS): tests/flags.mk
