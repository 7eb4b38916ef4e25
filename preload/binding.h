/*
 * binding.h - what an object's own references to the interposed functions are bound to.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_BINDING_H
#define LGR_BINDING_H

#include "elf.h"
#include "registry.h"

/*
 * lgr_binding_settle - looks at the object's slots, and points those that pass the shim by at it.
 *
 * An object opened with RTLD_DEEPBIND looks its symbols up in its own dependencies first, so its
 * dlopen, and its __cxa_finalize, are libc's. Such slots are rewritten, in the base namespace, and
 * only where nobody else interposes: another preload would otherwise be called by an object that
 * plainly does not call it. The program stays the caller: the stubs see to that.
 *
 * Returns LGR_FL_NOTICED when the object announces its start and LGR_FL_FINISHES when it announces its
 * end to us. The object is relocated. The caller holds lgr_lock_registry.
 */
uint32_t lgr_binding_settle(const struct lgr_load *load);

/* Writes one slot, also where the loader has protected it. False: the kernel refuses. Same lock. */
bool lgr_binding_write(const struct lgr_load *load, uintptr_t *at, uintptr_t value);

#endif
