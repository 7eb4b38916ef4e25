/*
 * control.h - redirects that commands ask for while the program runs.
 *
 * With the setting `control` the process has a Unix socket, $XDG_RUNTIME_DIR/linger/PID.sock (else
 * /tmp/linger-UID/PID.sock), which its user and root may connect to. One line is a request, and what
 * comes back until the end of the connection is its answer:
 *
 *	redirect SPEC	(spec.h)	ok NUMBER
 *	restore NUMBER|all		ok COUNT
 *	redirects			a line each: NUMBER CHANGED UNBOUND OTHER GIVEN SYMBOL<tab>LIBRARY,
 *					then ok COUNT
 *	any of them			error SENTENCE
 *
 * There is no thread to serve it. It is served in the program's own dlopen, dlmopen and dlclose, and
 * where the command sends SIGURG to a thread that waits in a system call. That signal is ignored by
 * default: one that comes late, or to a program that has changed the action, does no harm.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_CONTROL_H
#define LGR_CONTROL_H

#include "base.h"

/* At start, where the setting is given. envp: NULL: not known. What fails is logged. */
void lgr_control_start(char **envp);

/*
 * In the hooks of dlopen, dlmopen and dlclose, with no lock of linger's: carries out what waits. The loader
 * is called, and constructors of replacing libraries run; dlerror's state is lost, errno is not.
 */
void lgr_control_serve(void);

/* In the child of a fork, whose only thread is the caller: it gets a socket of its own when it is next served. */
void lgr_control_forked(void);

/* When the process exits: the socket goes. */
void lgr_control_end(void);

#endif
