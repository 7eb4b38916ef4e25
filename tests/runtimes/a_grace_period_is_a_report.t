#!/bin/bash
# a_grace_period_is_a_report.t - threads call through a pointer that RCU protects, a writer replaces the
# library behind it 2,000 times, and each goes after a grace period. Without one the program crashes,
# except where a thread is inside the library or has its address: that linger sees by itself.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/runtimes.sh"
build_host rcu_host -lurcu-qsbr -lurcu-common
build_library rcu_library 5

run_plain plain timeout 300 ./rcu_host 200 ./rcu_library*.so
well 'without linger' plain
as_host linger ./rcu_host 2000 ./rcu_library*.so
well '2,000 replacements' linger
like 'the log says so' "$(count_events linger.log unload '/rcu_library[1-5].so')" '^2000$'

PLANT=grace as_host linger ./rcu_host 100 ./rcu_library*.so
like 'without a grace period it crashes' "$(cat linger)" '^status 139'
LATE=1 PLANT=grace as_host linger ./rcu_host 100 ./rcu_library*.so
well 'threads inside, and with the address in a register, keep the library' linger
