#!/bin/bash
# R: unloadNamespace of data.table while a table of it lives. The table's finaliser is a function of the library, and
# runs when the table is collected. The holder ends with the collection.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need Rscript r-base-core
[ -e /usr/lib/R/site-library/data.table ] || bail 'data.table is missing: install the Debian package r-cran-data.table'

cat >program.R <<'END'
d <- data.table::data.table(a = 1:3, b = letters[1:3])
cat(nrow(d), "rows\n")
unloadNamespace("data.table")
rm(d)
invisible(gc())
cat("collected\n")
if (length(commandArgs(TRUE))) {
	mapped <- function() any(grepl("data.table.so", readLines("/proc/self/maps"), fixed = TRUE))
	# As the work of a real program would: other values where the deleted ones were.
	overwrite <- function() {
		for (i in 1:20) lapply(1:500, function(n) list(n, as.character(n), new.env()))
		invisible(gc())
	}
	other <- Sys.getenv("OTHER")
	until <- Sys.time() + as.numeric(Sys.getenv("PATIENCE"))
	while (mapped() && Sys.time() < until) {
		overwrite()
		dyn.load(other)
		dyn.unload(other)
		Sys.sleep(0.01)
	}
}
END
EXPECTED='3 rows
collected'
crashes r Rscript --vanilla program.R
lives r '/data.table.so' Rscript --vanilla program.R
unloads r '/data.table.so' Rscript --vanilla program.R end
