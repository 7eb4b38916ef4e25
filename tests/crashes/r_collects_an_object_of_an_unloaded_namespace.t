#!/bin/bash
# R: unloadNamespace of data.table while a table of it lives. The table's finaliser is a function of the library, and
# runs when the table is collected.
#
# This holder ends with the collection. Another never does: R's list of functions that packages offer to each other
# has one of data.table, and R takes none out of it; unless somebody else puts another in its place.
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
	mapped <- function() any(grepl("data_table.so", readLines("/proc/self/maps"), fixed = TRUE))
	# As the work of a real program would: other values where the deleted ones were.
	overwrite <- function() {
		cells <- vector("pairlist", 1e6)
		invisible(gc())
	}
	deeper <- function(n) if (n) deeper(n - 1)
	deeper(300)
	# Says what it finds, and changes it if told.
	ends <- file.path(Sys.getenv("TMP"), "ends.so")
	dyn.load(ends)
	dyn.unload(ends)
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
export TMP
EXPECTED=$'3 rows\ncollected'
crashes r Rscript --vanilla program.R
lives r /data_table.so Rscript --vanilla program.R
EXPECTED=$'3 rows\ncollected\nits function is registered'
ENDS=callable PATIENCE=0.5 holds_on its_function_stays_registered /data_table.so Rscript --vanilla program.R end
EXPECTED=$'3 rows\ncollected\nits function is forgotten'
ENDS=forget unloads somebody_else_forgets_it /data_table.so Rscript --vanilla program.R end
