#!/bin/bash
# a_start_that_fails_lets_the_program_run_and_keep.t - the same where linger keeps what is closed.
# SPDX-License-Identifier: MIT
exec "$(dirname "$0")/a_start_that_fails_lets_the_program_run.t" never
