#!/bin/bash
# Those of GLib's own tests that unload something: GModule's, GIO's module scan, the resources of a
# module; and charset conversion, where libc unloads for itself.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/glib.sh"

# GLib's tests end at the first failure, so the one that must fail with a policy of never is run by
# itself: "/resource/module" asks whether the module's destructor has run when dlclose returns, and that
# of a kept object runs late. (README: late destructors.)
suite() {
	glib giomodule
	glib module-test-library
	glib module-test-plugin
	glib resources -s /resource/module
	glib resources -p /resource/module
	glib convert
}

in_every_way suite
passes 30
really dlopen 12
really dlclose 8
really unload 11
differs_only off
# A new instance has no older destructor either: what differs is the same.
differs_only never resources/resource/module 'resources status'
differs_only fresh resources/resource/module 'resources status'
# When it closes the module, GIO still has the module's functions in its GIOModule, which it clears behind the
# close, and the data of resources that only the destructor unregisters. So nothing can be proven then.
differs_only safe resources/resource/module 'resources status'
differs_only proven resources/resource/module 'resources status'
differs_only trusting
keeps never request=8 keep=8 open=8
keeps fresh request=8 keep=8 open=8
by_default 8
