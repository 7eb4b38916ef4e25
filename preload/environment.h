/*
 * environment.h - the settings, as the environment has them.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ENVIRONMENT_H
#define LGR_ENVIRONMENT_H

#include "settings.h"

extern struct lgr_settings lgr_settings;

/* LINGER as it was given, for the start record; NULL: not given. */
extern const char *lgr_settings_text;

/*
 * Reads LINGER. envp: the program's environment, or NULL when it is not known yet (a constructor
 * called dlopen before ours ran): then from /proc/self/environ. Prints the two things the shim ever
 * prints, unknown words and the help, and takes them out of the environment, so that child programs
 * do not say them again.
 */
void lgr_environment_read(char **envp);

/*
 * Where the environment could not be had when it was read: takes the words that were printed out of
 * it now, and prints nothing.
 */
void lgr_environment_forget(char **envp);

/* `children:off`: takes the shim out of the LD_PRELOAD that child programs get. */
void lgr_environment_hide(char **envp, const char *shim);

#endif
