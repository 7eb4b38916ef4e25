#!/bin/bash
# loadNamespace and unloadNamespace of splines, a package with a compiled part, two rounds; another
# by dyn.load and dyn.unload; one that is not there. R starts through shell scripts: many processes.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need Rscript r-base-core

cat >"$TMP/program.R" <<'END'
compiled <- function(name) name %in% names(getLoadedDLLs())
for (round in 1:2) {
	loadNamespace("splines")
	basis <- splines::bs(0:4, df = 5)
	cat("round", round, dim(basis), sum(basis), compiled("splines"), "\n")
	unloadNamespace("splines")
	cat("unloaded:", !compiled("splines"), "\n")
}
rm(basis)
invisible(gc())
file <- system.file("libs", "tools.so", package = "tools")
dll <- dyn.load(file)
cat(dll[["name"]], is.loaded("Rmd5", PACKAGE = "tools"), "\n")
dyn.unload(file)
cat("unloaded:", !compiled("tools"), "\n")
cat(tryCatch(dyn.load("/not/there.so"), error = conditionMessage), "\n")
quit(status = 6)
END
same_with_linger Rscript --vanilla "$TMP/program.R"
like "the program works" "$(cat "$TMP/bare.out")" 'round 2 5 5.*TRUE.*unloaded: TRUE.*not/there'
is "its status arrives" "$(cat "$TMP/bare.status")" 6
really dlopen 9
really dlclose 3
really unload 3
