#!/bin/bash
# malloc and getenv of R, which starts through shell scripts: with replacements that pass their calls on it
# works as before, in each process; a replaced getenv is seen. A function of libR itself, which packages with
# a compiled part call: they are loaded later.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
. "$HERE/redirects.sh"
need Rscript r-base-core

replacements LIBC
cat >"$TMP/program.R" <<'END'
cat("environment:", Sys.getenv("LINGER_SAYS", "nothing"), Sys.getenv("LC_ALL"), "\n")
loadNamespace("splines")
basis <- splines::bs(0:4, df = 5)
cat("basis", dim(basis), sum(basis), "\n")
unloadNamespace("splines")
set.seed(1)
m <- matrix(runif(250000), 500)
cat("product", format(sum(m %*% m), digits = 12), "\n")
cat("text", paste(sort(sapply(1:2000, function(i) sprintf("%x", i)))[c(1, 1000, 2000)]), "\n")
cat(tryCatch(dyn.load("/not/there.so"), error = conditionMessage), "\n")
quit(status = 6)
END
program() {
	begin Rscript --vanilla "$TMP/program.R"
}

same_redirected program 'malloc getenv' "malloc=$TMP/LIBC.so#pass_malloc" "getenv=$TMP/LIBC.so#pass_getenv"
like "the program works" "$(cat "$TMP/bare.out")" 'environment: nothing C.UTF-8.*basis 5 5.*not/there'
is "and has a status of its own" "$(cat "$TMP/bare.status")" 6

redirected other option program "malloc=$TMP/LIBC.so#other_malloc" "getenv=$TMP/LIBC.so#other_getenv"
were_called other malloc getenv
is "other: what is asked for is something else" "$(cat "$TMP/other.out")" \
	"$(sed 's/^environment: nothing/environment: something else/' "$TMP/bare.out")"
is "other: the status" "$(cat "$TMP/other.status")" 6
