/*
 * settings.h - the one table of settings, and the parser of `LINGER=word,word:value,...`.
 *
 * Used by the shim at start and by `linger run`, which judges the words before it starts anything.
 *
 * Rank 3: may include base.h, text.h, spec.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SETTINGS_H
#define LGR_SETTINGS_H

#include "base.h"
#include "spec.h"

#define LGR_REDIRECTS_MAX 64u

enum lgr_kind {
	LGR_WORD,     /* stands alone */
	LGR_CHOICE,   /* one of the words listed, separated by | */
	LGR_NUMBER,   /* decimal */
	LGR_SIZE,     /* decimal with K, M or G */
	LGR_TIME,     /* decimal with ns, us, ms or s */
	LGR_TIMES,    /* two of them, with .. between */
	LGR_STRING,   /* anything but nothing */
	LGR_REDIRECT, /* as spec.h has it; all that are given count */
};

/*
 * id, word, kind, form shown to people (for LGR_CHOICE: the choices), default, meaning. The last word
 * given wins, but redirects add up.
 */
#define LGR_SETTINGS(X)                                                                            \
	X(OFF, "off", LGR_WORD, "", "", "nothing is intercepted")                                  \
	X(HELP, "help", LGR_WORD, "", "", "print this table")                                      \
	X(POLICY, "policy", LGR_CHOICE, "safe|host|never|off", "safe",                             \
	  "when a closed object is unloaded: once nothing reaches it; reported; never; at once")   \
	X(LOG, "log", LGR_STRING, "FILE", "", "write the event log to FILE.PID")                   \
	X(LOG_MAX, "log_max", LGR_SIZE, "SIZE", "4M", "size of the log's ring")                    \
	X(CHILDREN, "children", LGR_CHOICE, "on|off", "on",                                        \
	  "whether child programs are preloaded too")                                              \
	X(REOPEN, "reopen", LGR_CHOICE, "same|fresh", "same",                                      \
	  "opening a kept object's unchanged file: the kept instance, or a new one")               \
	X(FRESH, "fresh", LGR_CHOICE, "kept|nodelete", "kept",                                     \
	  "which objects a changed file replaces")                                                 \
	X(KEPT_MAX, "kept_max", LGR_NUMBER, "N", "16", "hidden instances of one file")             \
	X(BUDGET, "budget", LGR_TIME, "TIME", "1ms", "time for a proof at the call")               \
	X(RETRY, "retry", LGR_TIMES, "TIME..TIME", "20ms..60s",                                    \
	  "when a kept object is looked at again")                                                 \
	X(SCAN, "scan", LGR_CHOICE, "word|byte", "word", "alignment of references searched for")   \
	X(SCRUB, "scrub", LGR_CHOICE, "off|on", "off", "clear memory that is freed")               \
	X(TRUST, "trust", LGR_STRING, "GLOB", "", "objects whose destructors are trusted")         \
	X(LEAKCHECK, "leakcheck", LGR_CHOICE, "off|on", "off", "close for real")                   \
	X(REDIRECT, "redirect", LGR_REDIRECT, LGR_REDIRECT_FORM, "",                               \
	  "redirect a symbol before any constructor runs; may be repeated")                        \
	X(OVERRIDE, "override", LGR_STRING, "off|GLOB", "off", "the newest definition wins")       \
	X(ARCHIVE, "archive", LGR_STRING, "off|DIR", "off", "keep copies of loaded files")         \
	X(ARCHIVE_MODE, "archive_mode", LGR_CHOICE, "copy|link|open", "copy",                      \
	  "how they are made and used")                                                            \
	X(ARCHIVE_MAX, "archive_max", LGR_SIZE, "SIZE", "1G", "size of the archive")               \
	X(CONTROL, "control", LGR_WORD, "", "",                                                    \
	  "let the user's commands redirect symbols while the program runs")

enum lgr_setting {
#define X(id, ...) LGR_SET_##id,
	LGR_SETTINGS(X)
#undef X
		LGR_SET_COUNT
};

enum lgr_policy { LGR_POLICY_SAFE, LGR_POLICY_HOST, LGR_POLICY_NEVER, LGR_POLICY_OFF };

/*
 * struct lgr_settings - the parsed settings.
 * number: the value; for LGR_CHOICE the choice's index, for LGR_WORD 1 when given, for LGR_TIMES the
 * lower one, and upper the other. text: for LGR_STRING, in the caller's own text (unescaped in place),
 * NUL-terminated; "" for a default of nothing.
 * redirect: as given, in the caller's own text, each valid and waiting for lgr_redirect_parse.
 */
struct lgr_settings {
	struct {
		bool given;
		uint64_t number, upper;
		const char *text;
	} of[LGR_SET_COUNT];
	char *redirect[LGR_REDIRECTS_MAX];
	unsigned redirects;
};

/* Told of each word that is not understood: the word as given, and what is wrong with it. */
typedef void lgr_settings_bad(void *arg, const char *word, size_t len, const char *problem);

/* Told each piece of the help text. */
typedef void lgr_settings_put(void *arg, const char *piece, size_t len);

/* Every setting at its default. */
void lgr_settings_init(struct lgr_settings *s);

/*
 * lgr_settings_apply - reads words into s, the last one winning over what s had; redirects add up.
 * @text: NUL-terminated; changed in place (separators become NUL) and referred to by s afterwards,
 *        so it must live as long as s.
 * @bad: called for each word that is not understood, which is otherwise ignored; may be NULL.
 * Returns how many words were not understood. Pure but for @text and @s.
 */
int lgr_settings_apply(struct lgr_settings *s, char *text, lgr_settings_bad *bad, void *arg);

/* Hands the table `LINGER=help` prints to put, piece by piece. */
void lgr_settings_help(lgr_settings_put *put, void *arg);

#endif
