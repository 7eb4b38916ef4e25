/*
 * site.h - definitions that are redirected, and what is bound to them.
 *
 * A site is one symbol that some object defines, and a chain of redirects on it, the newest first. What a
 * slot of an object should lead to follows from the chain (lgr_site_target); pass.h makes it so.
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
#include "scope.h"

struct lgr_tie {
	struct lgr_tie *older; /* on the same site */
	struct lgr_tie *next;  /* of the same redirect */
	struct linger_redirect *redirect;
	struct lgr_site *site;
	bool gone; /* being taken back: its replacement is still recognised, but wanted by nobody */
	bool namesake; /* the replacement is a definition of the very name */
	bool doubtful; /* that, or another object's definition leads there, too */
};

struct lgr_site {
	struct lgr_site *next;	  /* of the same name */
	struct lgr_site *changed; /* in the pass under way */
	struct lgr_name *name;
	struct lgr_object *object; /* who defines it */
	uint64_t id;
	const struct lgr_elf *elf; /* as the index has it */
	uint32_t symbol;	   /* its number there */
	uint32_t stub;	   /* of an IFUNC: which resolver of ours stands in for its own, + 1 */
	uintptr_t value;   /* as found */
	uintptr_t address; /* what it is bound to without us; of an IFUNC what its resolver chose */
	uintptr_t
		original; /* the same, for who calls it as the previous: behind a jump at its entry */
	uintptr_t bound;  /* what the loader binds to it now */
	uintptr_t before; /* and did until the last pass */

	struct lgr_door *door;	 /* NULL: nobody has asked for it, or there is none */
	struct lgr_site *beside; /* another name that leads to the same door */

	struct lgr_tie *ties; /* the newest first */
	bool twin;	      /* another version of the name has the same address */
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
	uint64_t
		override; /* made by `override`, against definitions of objects with lower ids; else 0 */
	void **previous;
	struct lgr_tie *ties;
	struct lgr_tie *home; /* on the site that previous is about; NULL: nobody defines it now */
	bool leaving;	      /* somebody is restoring it */
	bool given;	      /* by a setting or the command: no program has the handle */
	void *handle[2];      /* on the module and the definer, where nothing else holds them */
	uint32_t n;	      /* whoever stays bound to the previous */
	uint32_t size;	      /* of all this */
	struct lgr_who own[];
};

/* The site of this symbol of an object in the index; made where there is none. NULL: there is no memory. */
struct lgr_site *lgr_site_get(struct lgr_object *object, struct lgr_name *name, uint32_t symbol);
struct lgr_site *lgr_site_find(const struct lgr_object *object, const struct lgr_name *name,
			       uint32_t symbol);

/* A symbol as it was found, before any redirect. name: its own; NULL: none of it is redirected. */
ElfW(Sym) lgr_site_found(const struct lgr_object *object, const struct lgr_name *name,
			 const struct lgr_elf *elf, uint32_t symbol);

/* Frees it, when nothing is tied to it any more. What it led to must have been put back. */
void lgr_site_put(struct lgr_site *site);

/* What a slot of this object should lead to. */
uintptr_t lgr_site_target(const struct lgr_site *site, const struct lgr_object *owner);

bool lgr_redirect_filters(const struct linger_redirect *r); /* it is not for everybody */

/* The object's path, the program's too, which takes a system call once. Guard: lgr_lock_registry. */
const char *lgr_redirect_path(const struct lgr_object *object);

/* Is the object meant by the redirect's filter? Does it belong to the replacement? */
bool lgr_redirect_means(const struct linger_redirect *r, const struct lgr_object *owner);
bool lgr_redirect_owns(const struct linger_redirect *r, const struct lgr_object *owner);

/* An object that belongs to a replacement; counted (lgr_object's singled). It is in the index. */
void lgr_site_single_out(struct lgr_object *object, bool on);

/* What everybody gets: the newest redirect without a filter. */
uintptr_t lgr_site_common(const struct lgr_site *site);
bool lgr_site_is_plain(const struct lgr_site *site); /* no redirect on it has a filter */
bool lgr_site_wants_door(const struct lgr_site *site);
void lgr_site_find_door(struct lgr_site *site);

/* Where the door is to lead: of several names, as the newest redirect among them says; 0: nowhere. */
uintptr_t lgr_door_target(const struct lgr_door *door);

/* What calls of the previous definition get: it, or, where the door would lead them back, what is behind that. */
uintptr_t lgr_site_original(const struct lgr_site *site);

/* ------------------------------------------------------------------------------ slots of its name */

const struct lgr_object *lgr_slot_owner(const struct lgr_name *name, uint32_t i);

/*
 * Whose reference it is, and the number of its symbol there: its owner's, or, of what the program has copied, the
 * library's. False: not known.
 */
bool lgr_slot_reference(const struct lgr_name *name, uint32_t i, struct lgr_found *ret);

/* Waits for its first call: it leads into its own object's PLT. */
bool lgr_slot_is_unbound(const struct lgr_name *name, uint32_t i, uintptr_t value);

/* Is this one of the addresses that the site has led to? Sets whether something else may have put it there. */
bool lgr_site_leads(const struct lgr_site *site, uintptr_t value, bool *ret_doubtful);

/* Of such an address that may be another definition's: is the slot bound to this one? */
bool lgr_site_has(const struct lgr_site *site, uint32_t i, uintptr_t value);

/* Does another site of the name lead there, too? Or only: one of another object? */
bool lgr_site_others_lead_to(const struct lgr_site *site, uintptr_t value, bool of_another);

/* A new tie: what holds its replacement by now holds it for another definition of the name. */
void lgr_site_know_others(const struct lgr_tie *tie);

/* The id of whose definition the loader's search finds for the slot; 0: nobody's, or it is not known. */
uint64_t lgr_slot_definer(const struct lgr_name *name, uint32_t i);

/* Would the loader bind the slot to this very definition? */
bool lgr_site_binds(const struct lgr_site *site, uint32_t i);

/* What the name's slot i is to the redirect, which is tied to the site: enum linger_verdict. */
int lgr_site_judge(const struct lgr_tie *tie, uint32_t i);

/* The same of a call that is bound inside, which a jump at the entry may lead on. */
int lgr_site_judge_call(const struct lgr_tie *tie);

#endif
