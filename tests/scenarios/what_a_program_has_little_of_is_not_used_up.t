#!/bin/bash
# what_a_program_has_little_of_is_not_used_up.t - promise S: keeping a library neither breaks a limit of
# file sizes (which kills), nor closes or uses up descriptors, nor namespaces, nor reads what libc
# unloaded by itself in another thread.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

# Freed memory is filled, so that nothing that is read there passes for a link map.
export MALLOC_PERTURB_=165
# The one that was built: a file as young as a copy is compared with what the descriptor has.
for what in size descriptors namespaces iconv; do
	same_with_linger "$what" "$(host spares)" $what "$(plug base)"
done
