/*
 * linger.h - what a program may ask linger. C99 and C++.
 *
 * Works in three ways without change: with liblinger.so preloaded, linked with -llinger, and where
 * linger is absent (then every function says so: see each one's "Absent"). Include it and compile;
 * nothing needs to be linked.
 *
 * All functions return 0 or a negative errno; outputs come last and are untouched on failure.
 * SPDX-License-Identifier: MIT
 */
#ifndef LINGER_H
#define LINGER_H

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bound by the loader, or NULL. Without noplt the linker makes them NULL for good in a program that is
 * not position-independent. clang has no such attribute: with it, link such a program with -llinger.
 */
#if defined(__GNUC__) && !defined(__clang__)
#define LINGER_WEAK_ __attribute__((weak, noplt))
#else
#define LINGER_WEAK_ __attribute__((weak))
#endif

/* The state of a loaded object, in the order of its life. */
enum linger_state {
	LINGER_LOADING = 1, /* being loaded; linger was not told of it yet */
	LINGER_LIVE,	    /* in use as far as the loader knows */
	LINGER_KEPT,	    /* its last handle was given up, and linger keeps it mapped */
	LINGER_CONDEMNED,   /* proven unreachable, to be closed */
	LINGER_CLOSING	    /* its last destructor runs or has run; unmapping is next */
};

struct linger_info {
	uint64_t id;	  /* the object's generation: this load and no other; 0 while LOADING */
	uint32_t state;	  /* enum linger_state */
	uint32_t startup; /* 1: loaded before main, never unloaded */
};

/* The function behind linger_query; NULL where linger is absent. Call linger_query. */
extern int linger_query_(const void *address, struct linger_info *ret) LINGER_WEAK_;

/*
 * linger_query - which loaded object is this address in?
 * @address: any address; need not be mapped. Segments are whole pages; a segment's end is outside.
 *
 * Returns 0, or -ENOENT (in no loaded object: heap, stack, JIT code, unmapped), -ENOSYS (linger is
 * absent or switched off).
 * The answer was true at one moment during the call; an object that nobody holds may go right after.
 *
 * An object is found from the end of its relocation, before its constructors, until its unmapping;
 * its IFUNC resolvers, which run during relocation, come too early to be found (so it is with
 * _dl_find_object(), too).
 *
 * Wait-free, MT-safe, async-signal-safe; takes no lock, allocates nothing, leaves errno and dlerror
 * alone. May be called from constructors, signal handlers, a collector's pause. Two loads when linger
 * is up to date. From a dlopen until the same thread's next dl* call (or its library's notice), an
 * address that linger does not know also costs one _dl_find_object() (glibc manual, "Dynamic Linker
 * Introspection"), and so does one in an object that is being closed or does not say when it is. An
 * object that has no _init and was opened by a call that bypasses linger is found from the next dl*
 * call of the program on; until then, if it was given the very place of another such object, the
 * answer may be that one's. Absent: -ENOSYS.
 */
static inline int linger_query(const void *address, struct linger_info *ret)
{
	return linger_query_ ? linger_query_(address, ret) : -ENOSYS;
}

/* --------------------------------------------------------------------- loading and unloading */

/* Copies the text, cut to errlen bytes with the NUL, if there is a buffer. */
static inline void linger_tell_(const char *text, char *err, size_t errlen)
{
	size_t n = 0;

	if (!err || !errlen)
		return;
	for (; text && n + 1 < errlen && text[n]; n++)
		err[n] = text[n];
	err[n] = '\0';
}

/* What linger_load gives; a handle of dlopen(3), to be seen as nothing but itself. */
typedef struct linger_lib linger_lib;

/*
 * linger_load - dlopen(3), called from your own module, which so is the caller.
 * @path, @flags: as for dlopen. @ret: the library; each load wants its unload.
 * @err: gets dlerror's text, cut to errlen bytes with the NUL, on failure; may be NULL.
 *
 * Returns 0, or -ELIBACC: it could not be loaded.
 * Blocks as dlopen does, and runs constructors: hold no lock of the runtime that one of them may want.
 * MT-safe. Absent: the same.
 */
static inline int linger_load(const char *path, int flags, linger_lib **ret, char *err,
			      size_t errlen)
{
	void *handle = dlopen(path, flags);

	if (handle) {
		*ret = (linger_lib *)handle;
		return 0;
	}
	linger_tell_(dlerror(), err, errlen);
	return -ELIBACC;
}

/*
 * linger_unload - gives one load back; with the last one the library is asked to go (a request), and
 * goes when its policy has proven that nothing can reach it.
 * Returns 0, or -EINVAL: dlclose(3) refused. Not to be called more often than linger_load: a library
 * that has gone is not known by its handle. Callbacks for LINGER_CLOSE_REQUESTED run before it
 * returns. MT-safe. Absent or switched off: keeps the library and returns 0.
 */
static inline int linger_unload(linger_lib *lib)
{
	struct linger_info info;

	if (linger_query((void *)lib, &info) == -ENOSYS)
		return 0;
	return dlclose((void *)lib) == 0 ? 0 : -EINVAL;
}

/*
 * linger_lookup - the address of a symbol of the library or of what it needs.
 * Returns 0, or -ENOENT. A symbol whose address is NULL is found. MT-safe. Absent: the same.
 */
static inline int linger_lookup(linger_lib *lib, const char *name, void **ret)
{
	void *address;

	dlerror();
	address = dlsym((void *)lib, name);
	if (!address && dlerror())
		return -ENOENT;
	*ret = address;
	return 0;
}

/* ------------------------------------------------------------------------- the host's reports */

/*
 * A host is a language runtime that reports what its heap reaches. With policy:host a library whose
 * unloading was requested is closed in linger_reap, once every registered host has reported it
 * unreachable in a complete epoch that began after the request, and at the end of the last of these no
 * thread's stack or registers pointed into it, nothing that stays needed it, and it was not pinned. (What
 * was found so has to be reported anew by all: the reference may be in a heap by then.)
 * With policy:never the functions do the same, and nothing is closed; with policy:safe what nothing
 * leads into goes, reported or not, in a later dlopen or dlclose, callbacks and all; with policy:off the C
 * library unloads at the last linger_unload, as always.
 */
typedef struct linger_rt linger_rt;

extern int linger_host_(const char *name, linger_rt **ret) LINGER_WEAK_;
extern int linger_host_gone_(linger_rt *rt) LINGER_WEAK_;

/*
 * linger_host - registers a host, of which there may be 64 in one process.
 * @name: for people, in the log; copied.
 * Returns 0, -ENOSPC, or -ENOSYS (absent or off: then use NULL for the others, which do nothing).
 * What was kept before is not waited for. MT-safe; takes a leaf lock.
 */
static inline int linger_host(const char *name, linger_rt **ret)
{
	return linger_host_ ? linger_host_(name, ret) : -ENOSYS;
}

/* linger_host_gone - the runtime ends: its report is not waited for any more. 0, or -EINVAL. */
static inline int linger_host_gone(linger_rt *rt)
{
	return rt && linger_host_gone_ ? linger_host_gone_(rt) : 0;
}

/* A report under way. The libraries that are kept when it begins, and no others, are its subject. */
struct linger_epoch {
	uintptr_t lo, span; /* all of them lie in [lo, lo + span) */
};

extern const struct linger_epoch *linger_epoch_begin_(linger_rt *rt) LINGER_WEAK_;
extern void linger_mark_(const struct linger_epoch *epoch, const void *p) LINGER_WEAK_;
extern int linger_epoch_end_(linger_rt *rt, const struct linger_epoch *epoch,
			     int complete) LINGER_WEAK_;
extern int linger_reap_(linger_rt *rt) LINGER_WEAK_;

/*
 * linger_epoch_begin - begins a report. A host has one at a time; an unfinished one is aborted.
 * Returns the epoch; NULL: nothing is kept (or linger is absent), so there is nothing to mark.
 * May be called in a collector's pause: takes a leaf lock, calls neither the loader nor malloc. If
 * that lock is not to be had (a signal handler interrupted linger), returns NULL.
 */
static inline const struct linger_epoch *linger_epoch_begin(linger_rt *rt)
{
	return rt && linger_epoch_begin_ ? linger_epoch_begin_(rt) : NULL;
}

/*
 * linger_mark - the runtime's heap, its stacks or its tables hold this pointer.
 * @epoch: not NULL. @p: any value at all.
 * Lock-free, allocates nothing; from any number of threads at once, and in signal handlers. Your own
 * barrier orders the marks before linger_epoch_end.
 */
static inline void linger_mark(const struct linger_epoch *epoch, const void *p)
{
	if ((uintptr_t)p - epoch->lo < epoch->span)
		linger_mark_(epoch, p);
}

/*
 * linger_epoch_end - ends the report. @epoch: NULL is allowed, and does nothing.
 * @complete: 0 if the collection was aborted, or has not seen all of the heap: then everything counts
 * as marked.
 * Decides, and queues for linger_reap; closes nothing. What a marked library needs counts as marked. If
 * anything is unmarked everywhere, looks at the stacks of all threads, which it stops for that: call it
 * where no pointer can move from a stack to a place the report has seen already, in the collector's pause
 * for instance. Takes a leaf lock, calls neither the loader nor malloc.
 * Returns how many libraries wait for linger_reap now (0 unless the policy is host), or -EINVAL: not this
 * host's epoch. The epoch is gone either way.
 */
static inline int linger_epoch_end(linger_rt *rt, const struct linger_epoch *epoch, int complete)
{
	return rt && epoch && linger_epoch_end_ ? linger_epoch_end_(rt, epoch, complete) : 0;
}

/*
 * linger_reap - runs the callbacks and the real closes of what all hosts have reported, on this thread,
 * with the others running.
 * Hold no lock of the runtime: it waits for the loader, behind a slow constructor for instance, and
 * destructors and callbacks run in it. Not in a collector's pause, not in a finaliser that runs in one.
 * Called inside a constructor or destructor it does nothing.
 * Returns how many libraries have gone.
 */
static inline int linger_reap(linger_rt *rt)
{
	return rt && linger_reap_ ? linger_reap_(rt) : 0;
}

/* ------------------------------------------------------------------------------------ callbacks */

enum linger_when {
	LINGER_CLOSE_REQUESTED = 1, /* the last handle was given up: drop the roots that the library
				       owns (stable pointers), and exclude its data from the roots */
	LINGER_UNLOADING,	    /* before its destructors: unlink what is threaded through it */
	LINGER_UNLOADED /* it is gone: purge tables of addresses. Only ranges are told */
};

struct linger_range {
	uintptr_t lo, hi; /* [lo, hi), whole pages */
};

struct linger_closing {
	uint64_t id; /* the object's generation */
	uint32_t when, ranges;
	const struct linger_range *range; /* valid during the callback */
};

typedef void linger_callback(const struct linger_closing *closing, void *arg);
extern int linger_on_(const void *anchor, uint32_t when, linger_callback *fn,
		      void *arg) LINGER_WEAK_;

/*
 * linger_on - calls fn when something becomes of the library that anchor lies in: by address, so that
 * nested and concurrent loads cannot be mistaken. From its constructors on; more than one is allowed;
 * they are forgotten when it has gone. LINGER_CLOSE_REQUESTED comes again when it was opened again and
 * closed again.
 * fn is called with no lock of linger's held; CLOSE_REQUESTED in the unload that caused it, the others
 * in linger_reap, inside the loader's lock, as destructors are. It may load and unload, but not reap.
 * Returns 0, -ENOENT (no library there), -EPERM (loaded before main, it never goes), -EINVAL, -ENOMEM,
 * -ENOSYS (absent).
 */
static inline int linger_on(const void *anchor, enum linger_when when, linger_callback *fn,
			    void *arg)
{
	return linger_on_ ? linger_on_(anchor, (uint32_t)when, fn, arg) : -ENOSYS;
}

/* ------------------------------------------------------------------------------ pins and vouches */

extern int linger_pin_(const void *p, int on) LINGER_WEAK_;
extern int linger_vouch_(linger_rt *rt, const void *lo, const void *hi, int on) LINGER_WEAK_;

/*
 * linger_pin - the library at p stays as long as it is pinned: a foreign call is under way in it.
 * Counted. Wait-free, async-signal-safe. Returns 0, -ENOENT, or -ENOSYS (absent: nothing goes anyway).
 */
static inline int linger_pin(const void *p)
{
	return linger_pin_ ? linger_pin_(p, 1) : -ENOSYS;
}

/* linger_unpin - takes one pin back. Returns as linger_pin, and -EINVAL: it was not pinned. */
static inline int linger_unpin(const void *p)
{
	return linger_pin_ ? linger_pin_(p, 0) : -ENOSYS;
}

/*
 * linger_vouch - the host marks what is in [lo, hi) itself (a heap, the stacks of its own threads), so
 * linger does not look there. @on: 0 takes it back.
 * Returns 0, -EINVAL, -ENOSPC (256 ranges), or -ENOENT: it was not vouched for.
 */
static inline int linger_vouch(linger_rt *rt, const void *lo, const void *hi, int on)
{
	return rt && linger_vouch_ ? linger_vouch_(rt, lo, hi, on) : 0;
}

/* ------------------------------------------------------------------------------------ redirects */

/*
 * A redirect leads every binding of a definition (GOT entries, function pointers and vtables that the
 * loader filled in or copied, dlsym, what is loaded later) to a replacement, until it is restored. Of several on
 * one definition the newest wins; each knows its previous; they are restored in any order. A redirected
 * call costs what a call through the PLT costs.
 *
 * The module that the replacement is in, and what was loaded, or stays, for it alone, stay bound to the previous
 * definition, by dlsym, too: a replacement may call what it replaces by its name.
 * Replaced and replacing objects are kept loaded as long as the redirect stands; with policy:off, not a
 * definition that came after it (LINGER_LATER).
 *
 * A slot that waits for its first call is bound at once where its object is to get something else than the others
 * (filters, the replacing module): to what the loader's search finds at that moment, not at the call.
 * Where two definitions of a name lead to one address, or one leads to the other, it is the loader's search at the
 * restore that tells whose a slot is that had its first call meanwhile.
 * The dlsym of another namespace's own libc knows no filters: it gives what all callers get.
 *
 * Out of reach: calls that the linker bound inside an object (static, hidden, protected, -Bsymbolic, LTO);
 * pointers that the program has stored by itself. The report counts the first (linger_report).
 */
typedef struct linger_redirect linger_redirect;

enum linger_redirect_flag {
	/* Nobody need define the name yet: it takes effect when somebody does, before constructors; of a
	 * kept library that is opened again, behind them, and of several such at once, any. */
	LINGER_LATER = 1,
	LINGER_ALL_BUT = 2,  /* callers, or caller, is who is left out */
	LINGER_COMPLETE = 4, /* refuse, unless every binding can be reached */
	LINGER_AT_ENTRY = 8, /* at the function's entry, too, which reaches every call: its object
				was built with -fpatchable-function-entry=N, N at least 5 */
	LINGER_SELF = 16     /* the replacing module's own bindings, too */
};

struct linger_change {
	/* What: NAME or NAME@VERSION. NAME alone is the default version, and what else has its address
	 * under this name. A definition without a version answers for any, as it does to the loader. Of
	 * several definitions that of the global scope, in search order, else the one loaded first, but
	 * none in the replacing module; when it goes, the next one (at the entry: if that has no room
	 * there, one that comes later and has). NULL: see address. */
	const char *symbol;
	const void *address; /* symbol is NULL: the start of a definition, under all its names */
	const void *replacement; /* what gets called instead */
	const char *
		callers; /* only objects whose path matches: * is anything, ? one character; NULL: all */
	const void *caller; /* only the object that this address is in; NULL: see callers */
	const void
		*provider; /* only a definition in the object that this address is in; NULL: any */
	/* Kept up to date by linger (atomic stores) while the redirect stands: the previous definition;
	 * NULL while there is none. The pointer's own place must stay as long. NULL: not wanted. */
	void **previous;
	unsigned flags;	     /* enum linger_redirect_flag */
	unsigned namespace_; /* of dlmopen, by its number; 0: the base. For names only */
};

extern int linger_redirect_(const struct linger_change *changes, size_t n, linger_redirect **ret,
			    char *err, size_t errlen) LINGER_WEAK_;
extern int linger_restore_(linger_redirect *const *redirects, size_t n) LINGER_WEAK_;
extern int linger_previous_(const linger_redirect *redirect, void **ret) LINGER_WEAK_;

/*
 * linger_redirect_all - makes n changes, all of them or none.
 * @ret: n handles, to be restored; untouched on failure. They cost memory until then.
 * @err: gets one sentence on failure, cut to errlen bytes with the NUL; may be NULL.
 *
 * Returns 0, or
 *  -EINVAL	a change is malformed: neither or both of symbol and address, no replacement
 *  -ENOENT	nobody defines the name (and no LINGER_LATER), or no definition begins at the address
 *  -ENODATA	the name is defined, but not in that version
 *  -EOPNOTSUPP	a thread-local symbol; data that the program has its own copy of (a COPY relocation);
 *		a definition in ld.so, the vDSO, a sanitizer's runtime, or one that linger itself needs;
 *		LINGER_AT_ENTRY where the entry cannot be patched
 *  -EXDEV	LINGER_COMPLETE, and something is out of reach (an IFUNC's resolver may look like that)
 *  -EPERM	the kernel refuses to make the pages writable; with LINGER_AT_ENTRY, or to make what was
 *		written executable (PR_SET_MDWE, systemd's MemoryDenyWriteExecute)
 *  -EBUSY	called where it cannot be done: in a signal handler that interrupted linger
 *  -ENOMEM, -ENOSYS (absent or switched off)
 *
 * Other threads may be calling, loading and binding meanwhile: each call gets the one or the other
 * definition, and when this returns every later one gets the new one. Waits for the loader's lock (not
 * to be called with a lock that a constructor may want), and, in a program of several threads, for
 * those that are in the middle of their first call through an unbound slot of that name (at most 50
 * ms; a slot that is still missing then is set right in a later dl* call, and the report says so). May
 * be called in constructors and destructors. MT-safe, not async-signal-safe.
 */
static inline int linger_redirect_all(const struct linger_change *changes, size_t n,
				      linger_redirect **ret, char *err, size_t errlen)
{
	if (linger_redirect_)
		return linger_redirect_(changes, n, ret, err, errlen);
	linger_tell_("linger is absent or switched off", err, errlen);
	return -ENOSYS;
}

/* linger_redirect_one - one change, as linger_redirect_all. */
static inline int linger_redirect_one(const struct linger_change *change, linger_redirect **ret,
				      char *err, size_t errlen)
{
	return linger_redirect_all(change, 1, ret, err, errlen);
}

/*
 * linger_restore_all - takes n redirects back, in whatever order they were made; the handles are gone.
 * What they led to the replacement leads to where it would lead without them; slots and protections are
 * as they were found. A thread may still be in the replacement when this returns.
 * Returns 0, or -EINVAL, with nothing done: one of them is no redirect. Waits and may be called as
 * linger_redirect_all. Absent: -ENOSYS.
 */
static inline int linger_restore_all(linger_redirect *const *redirects, size_t n)
{
	return linger_restore_ ? linger_restore_(redirects, n) : -ENOSYS;
}
static inline int linger_restore(linger_redirect *redirect)
{
	return linger_restore_all(&redirect, 1);
}

/*
 * linger_previous - what the replacement stands in for now: the next older redirect's replacement, else
 * the definition itself (of an IFUNC, what its resolver chose). An older redirect counts if it has no filter
 * or the same; of an address with several names or versions, if it is of the one that stands first in the
 * symbol table.
 * Returns 0, -ENOENT (nobody defines the name yet), -EINVAL, -ENOSYS. Takes a leaf lock.
 */
static inline int linger_previous(const linger_redirect *redirect, void **ret)
{
	return linger_previous_ ? linger_previous_(redirect, ret) : -ENOSYS;
}

enum linger_verdict {
	LINGER_CHANGED = 1, /* leads to the replacement */
	LINGER_UNBOUND,	    /* waits for its first call, and will lead there */
	LINGER_NEWER,	    /* leads to the replacement of a newer redirect */
	LINGER_OWN,	    /* of the replacing module, its or an older redirect's: leads to the
			       previous definition */
	LINGER_NOT_MEANT,   /* its object is not among the callers asked for */
	LINGER_OTHER, /* holds something else: another version or definition, or what the program put there */
	LINGER_REFUSED,	 /* the kernel refuses to make its page writable */
	LINGER_INTERNAL, /* a call that the linker bound inside the object; at is the instruction.
			       Where the entry is redirected: LINGER_CHANGED */

	LINGER_UNSETTLED /* a thread that was in its first call has put the previous one back */
};

enum linger_binding_kind {
	LINGER_SLOT_JUMP = 1, /* of the PLT (JUMP_SLOT) */
	LINGER_SLOT_GOT,      /* of the GOT (GLOB_DAT): calls without a PLT, addresses taken */
	LINGER_SLOT_DATA,     /* a word in data: function pointers, vtables (R_X86_64_64, ABS64) */
	LINGER_SLOT_COPY,     /* data copied into the program */
	LINGER_SLOT_TLS,      /* of a thread-local variable */
	LINGER_CALL_INTERNAL  /* no slot: a call inside the object */
};

struct linger_binding {
	uint64_t id; /* the object it is in */
	const void *at;
	unsigned kind;	     /* enum linger_binding_kind */
	unsigned verdict;    /* enum linger_verdict; 0 in linger_each_slot */
	const char *symbol;  /* the name it is bound by */
	const char *version; /* NULL: none */
};
typedef int linger_visit_binding(const struct linger_binding *binding, void *arg);

struct linger_symbol {
	const char *name, *version; /* version NULL: none */
	const void *address; /* of an IFUNC the resolver's; NULL where it is not defined here */
	size_t size;
	unsigned type, bind, visibility; /* STT_, STB_, STV_ of elf.h */
	unsigned defined;
	unsigned hidden; /* an old version, to which nothing new is linked */
};
typedef int linger_visit_symbol(const struct linger_symbol *symbol, void *arg);

extern int linger_report_(const linger_redirect *redirect, linger_visit_binding *visit,
			  void *arg) LINGER_WEAK_;
extern int linger_each_slot_(const void *inside, linger_visit_binding *visit,
			     void *arg) LINGER_WEAK_;
extern int linger_each_symbol_(const void *inside, linger_visit_symbol *visit,
			       void *arg) LINGER_WEAK_;

/*
 * linger_report - what has become of every binding of the redirect's name, as it is now.
 * visit is called with no lock held, and ends the report by returning anything but 0. Strings are valid
 * during the call.
 * Returns 0, what visit returned, -EINVAL, -ENOMEM, -EBUSY, -ENOSYS. Reads the code of the replaced object for
 * calls bound inside it.
 */
static inline int linger_report(const linger_redirect *redirect, linger_visit_binding *visit,
				void *arg)
{
	return linger_report_ ? linger_report_(redirect, visit, arg) : -ENOSYS;
}

/*
 * linger_each_slot, linger_each_symbol - the bindings, and the symbols, of the object that inside lies
 * in, until visit returns anything but 0. The caller keeps the object loaded; strings live as long as it.
 * No lock is held: visit may do as it likes. Return 0, what visit returned, -ENOENT, -ENOSYS.
 */
static inline int linger_each_slot(const void *inside, linger_visit_binding *visit, void *arg)
{
	return linger_each_slot_ ? linger_each_slot_(inside, visit, arg) : -ENOSYS;
}
static inline int linger_each_symbol(const void *inside, linger_visit_symbol *visit, void *arg)
{
	return linger_each_symbol_ ? linger_each_symbol_(inside, visit, arg) : -ENOSYS;
}

#ifdef __cplusplus
}
#endif
#endif
