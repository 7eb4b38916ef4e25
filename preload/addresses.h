/*
 * addresses.h - dladdr and backtrace_symbols, of functions whose definition is redirected.
 *
 * In the memory of its object such a symbol has the replacement's value, so glibc finds no name at its
 * address any more (elf/dl-addr.c). The names are put back here. backtrace_symbols asks inside the C library,
 * so it is interposed as well.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ADDRESSES_H
#define LGR_ADDRESSES_H

#include <dlfcn.h>

__attribute__((visibility("default"))) int dladdr(const void *address, Dl_info *info);
__attribute__((visibility("default"))) int dladdr1(const void *address, Dl_info *info, void **extra,
						   int flags);
__attribute__((visibility("default"))) char **backtrace_symbols(void *const *addresses, int n);
__attribute__((visibility("default"))) void backtrace_symbols_fd(void *const *addresses, int n,
								 int fd);

#endif
