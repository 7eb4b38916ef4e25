/*
 * site.h - definitions that are redirected, and what is bound to them.
 *
 * A site is one symbol that some object defines, and a chain of redirects on it, the newest first. What a
 * slot of an object should lead to follows from the chain (lgr_site_target); a pass (lgr_sites_apply)
 * makes it so, in this order:
 *
 *  1. the slots of the replacement's own module, which must not come to call itself;
 *  2. the definition: the symbol's value in memory, which the loader reads for whatever it binds from now
 *     on (new objects, first calls, dlsym, RTLD_DEEPBIND, exactly this version);
 *  3. the slots that are bound already, from the index: where the word still is what this definition, or
 *     one of its redirects, has led to;
 *  4. where that is asked for, a jump at the function's entry (door.h);
 *  5. the slots once more, because a thread in the middle of a first call (elf/dl-runtime.c, _dl_fixup) puts what it
 *     has read before 2 into a slot after 3 (lazy.h).
 *
 * A slot that waits for its first call is left alone: it will find 2. Only where its object is to
 * get something else than everybody (a filter, or a module of the replacement's) it is bound at once.
 *
 * All of these: the caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SITE_H
#define LGR_SITE_H

#include "door.h"
#include "index.h"
#include "linger.h"

struct lgr_tie {
	struct lgr_tie *older; /* on the same site */
	struct lgr_tie *next;  /* of the same redirect */
	struct linger_redirect *redirect;
	struct lgr_site *site;
	bool gone; /* being taken back: its replacement is still recognised, but wanted by nobody */
};

struct lgr_site {
	struct lgr_site *next;	  /* of the same name */
	struct lgr_site *changed; /* in the pass under way */
	struct lgr_name *name;
	struct lgr_object *object; /* who defines it */
	uint64_t id;
	struct lgr_elf elf;
	uint32_t symbol;   /* its number there */
	uint32_t stub;	   /* of an IFUNC: which resolver of ours stands in for its own, + 1 */
	uintptr_t value;   /* as found */
	uintptr_t address; /* what it is bound to without us; of an IFUNC what its resolver chose */
	uintptr_t
		original; /* the same, for who calls it as the previous: behind a jump at its entry */
	uintptr_t bound;  /* what the loader binds to it now */
	uintptr_t before; /* and did until the last pass */
	uintptr_t
		from; /* the same in a pass, if nothing else can have put that into a slot; or 0 */

	struct lgr_door door;

	struct lgr_tie *ties; /* the newest first */
	bool twin;	      /* another version of the name has the same address */
	bool plain;	      /* in a pass: no filter */
	bool lazy;	      /* slots waited for their first call when it changed last */
	bool in_pass;
};

/* An object by its place in the registry; still the same one if the id is. */
struct lgr_who {
	struct lgr_object *object;
	uint64_t id;
};

struct linger_redirect {
	struct linger_redirect *next, *last;
	uint64_t number;       /* a newer one's is higher */
	struct lgr_name *name; /* NULL: by address */
	const char *version;   /* NULL: none asked for */
	uintptr_t address;     /* of the definition, where it is known by that */
	uintptr_t replacement;
	struct lgr_who module;	 /* the replacing object; none: code that no object has */
	struct lgr_who caller;	 /* the only one, or the one left out */
	struct lgr_who provider; /* whose definition alone is meant */
	const char *callers;	 /* glob; NULL: all */
	uint32_t flags;		 /* enum linger_redirect_flag */
	uint32_t namespace;
	void **previous;
	struct lgr_tie *ties;
	struct lgr_tie *home; /* on the site that previous is about; NULL: nobody defines it now */
	bool namesake;	      /* the replacement is a definition of the very name */
	bool leaving;	      /* somebody is restoring it */
	bool override;	      /* made by `override`: its module's definition against an older one */
	void *handle[2];      /* on the module and the definer, where nothing else holds them */
	uint32_t n;	      /* whoever stays bound to the previous */
	uint32_t size;	      /* of all this */
	struct lgr_who own[];
};

/* The site of this symbol; made where there is none. NULL: there is no memory. */
struct lgr_site *lgr_site_get(struct lgr_object *object, const struct lgr_elf *elf,
			      struct lgr_name *name, uint32_t symbol);
struct lgr_site *lgr_site_find(const struct lgr_object *object, const struct lgr_name *name,
			       uint32_t symbol);

/* Frees it, when nothing is tied to it any more. What it led to must have been put back. */
void lgr_site_put(struct lgr_site *site);

/* What a slot of this object should lead to. */
uintptr_t lgr_site_target(const struct lgr_site *site, const struct lgr_object *owner);

/* Is the object meant by the redirect's filter? Does it belong to the replacement? */
bool lgr_redirect_means(const struct linger_redirect *r, const struct lgr_object *owner);
bool lgr_redirect_owns(const struct linger_redirect *r, const struct lgr_object *owner);

/* An object that belongs to a replacement; counted (lgr_object's singled). It is in the index. */
void lgr_site_single_out(struct lgr_object *object, bool on);

/* Puts the site on the list of those that the next pass is about. */
void lgr_site_changed(struct lgr_site *site);

struct lgr_site *lgr_sites_changed(void); /* the list */

/*
 * The pass, in two steps. The first returns 0, or, with nothing changed and the list as it was, -EPERM (a
 * definition cannot be written), -EOPNOTSUPP (an entry has no room for such a jump), -ENOMEM. The second
 * fails with -EBUSY where an entry cannot be written; then the chains are to be put back, and passed through
 * again. *ret_lazy: slots were left to first calls, which may be under way in another thread.
 */
int lgr_sites_prepare(void);
const struct lgr_site *lgr_sites_refused(void); /* by the last one that failed */
int lgr_sites_commit(bool *ret_lazy);

/* The slots once more (5). Returns how many had to be written. */
uint32_t lgr_sites_verify(void);
void lgr_sites_settled(void); /* empties the list */

/* Binds the slots of one object, which is in the index. */
void lgr_sites_apply_to(const struct lgr_object *object);

/* What the name's slot i is to the redirect, which is tied to the site: enum linger_verdict. */
int lgr_site_judge(const struct lgr_tie *tie, uint32_t i);

/* The same of a call that is bound inside, which a jump at the entry may lead on. */
int lgr_site_judge_call(const struct lgr_tie *tie);

#endif
