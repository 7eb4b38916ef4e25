/*
 * wire.h - everything that crosses the process border, in one versioned header.
 *
 * Two layouts are read by other processes: the log file (a mapped ring) and the region (a
 * structure inside the shim's own data, found through an ELF note and read with
 * process_vm_readv(2)). Both carry a version; a reader refuses a version it does not know.
 * All integers are in the byte order of the machine; both sides are built for the same one.
 *
 * Rank 0: includes nothing of linger. Used by core, preload and tools alike.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_WIRE_H
#define LGR_WIRE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#define LGR_WIRE_VERSION 5u

/* ------------------------------------------------------------------ names */

/*
 * Events of the log. The second column is the name in `linger log` and in JSON; the third says
 * whether it is a call of the program (listed only by `linger log --calls`) or an event.
 */
#define LGR_EVENTS(X)                                                                              \
	X(START, "start", 0)                                                                       \
	X(OPEN, "open", 0)                                                                         \
	X(REQUEST, "request", 0)                                                                   \
	X(KEEP, "keep", 0)                                                                         \
	X(REOPEN, "reopen", 0)                                                                     \
	X(CLOSE, "close", 0)                                                                       \
	X(UNLOAD, "unload", 0)                                                                     \
	X(REDIRECT, "redirect", 0)                                                                 \
	X(RESTORE, "restore", 0)                                                                   \
	X(ARCHIVE, "archive", 0)                                                                   \
	X(ERROR, "error", 0)                                                                       \
	X(CALL_DLOPEN, "dlopen", 1)                                                                \
	X(CALL_DLMOPEN, "dlmopen", 1)                                                              \
	X(CALL_DLCLOSE, "dlclose", 1)

enum lgr_event {
#define X(id, name, call) LGR_EV_##id,
	LGR_EVENTS(X)
#undef X
		LGR_EV_COUNT
};

/*
 * Reasons: why an object is kept, or which part of linger had to be switched off. The third
 * column is the sentence `linger` shows to a person.
 */
#define LGR_REASONS(X)                                                                             \
	X(NONE, "", "")                                                                            \
	X(POLICY, "policy", "the policy keeps every object")                                       \
	X(HOST, "host", "the host runtime has not reported it unreachable")                        \
	X(PIN, "pin", "it is pinned")                                                              \
	X(REDIRECT, "redirect", "a redirect needs it")                                             \
	X(DEPENDENCY, "dependency", "another object needs it")                                     \
	X(MEMORY, "memory", "a word in memory points into it")                                     \
	X(STACK, "stack", "a thread's stack or registers point into it")                           \
	X(UNKNOWN, "unknown", "it cannot be seen whether something points into it")                \
	X(NODELETE, "nodelete", "glibc never unloads it")                                          \
	X(STATIC_TLS, "static-tls", "static TLS cannot be had twice, so it keeps its name")        \
	X(UNIQUE, "unique-symbols", "its STB_GNU_UNIQUE symbols would be shared with a new one")   \
	X(DEPENDENTS, "dependents", "a live object needs it, so no new one replaces it")           \
	X(KEPT_MAX, "kept-max", "kept_max hidden instances of its file are there already")         \
	X(E_GLIBC, "glibc-too-old", "linger needs glibc 2.35 or later")                            \
	X(E_NO_NEXT, "no-loader", "the real dl functions were not found behind linger")            \
	X(E_FIELDS, "loader-fields", "a private field of the loader was not found")                \
	X(E_MEMORY, "out-of-memory", "the kernel refused memory to linger")                        \
	X(E_REGISTRY, "registry-full", "the registry of objects is full")                          \
	X(E_LOG, "log-unwritable", "the log file could not be made")                               \
	X(E_SETTING, "setting-unavailable", "a setting has no effect in this version")             \
	X(E_HOLD, "not-held", "objects cannot be held, so glibc unloads as always")                \
	X(E_DETACH, "not-detached", "it still depends on its file, which somebody may overwrite")  \
	X(E_MAPS, "map-limit", "the process nears the kernel's limit of mappings")                 \
	X(E_REDIRECT, "not-redirected", "a redirect could not be made")                            \
	X(E_CONTROL, "no-control", "the control socket could not be made")                         \
	X(E_FORK, "fork-handlers", "the fork handlers could not be registered")                    \
	X(E_ARCHIVE, "archive-off", "the archive cannot be written, so nothing more goes there")   \
	X(E_SLOW, "not-archived", "copying its file to the archive would take too long")           \
	X(E_GONE, "file-gone", "its file cannot be read, so it is not archived")                   \
	X(E_NOEXEC, "archive-noexec", "nothing can be loaded from the archive, so it has copies")  \
	X(E_OFF, "off", "LINGER=off")

enum lgr_reason {
#define X(id, name, text) LGR_RSN_##id,
	LGR_REASONS(X)
#undef X
		LGR_RSN_COUNT
};

/* States of an object, in the order of its life. Names as in `linger ls`. */
#define LGR_STATES(X)                                                                              \
	X(NONE, "none")                                                                            \
	X(LOADING, "loading")                                                                      \
	X(LIVE, "live")                                                                            \
	X(KEPT, "kept")                                                                            \
	X(CONDEMNED, "condemned")                                                                  \
	X(CLOSING, "closing")                                                                      \
	X(GONE, "gone")

enum lgr_state {
#define X(id, name) LGR_ST_##id,
	LGR_STATES(X)
#undef X
		LGR_ST_COUNT
};

/* Properties of an object, as bits. Names as in `linger ls`. */
#define LGR_FLAGS(X)                                                                               \
	X(STARTUP, "startup", 1u << 0)	     /* loaded before main, never unloaded by glibc */     \
	X(NODELETE, "nodelete", 1u << 1)     /* DF_1_NODELETE */                                   \
	X(UNIQUE, "unique", 1u << 2)	     /* defines an STB_GNU_UNIQUE symbol */                \
	X(TLS, "tls", 1u << 3)		     /* has a PT_TLS segment */                            \
	X(STATIC_TLS, "static-tls", 1u << 4) /* DF_STATIC_TLS */                                   \
	X(INITFIRST, "initfirst", 1u << 5)   /* DF_1_INITFIRST */                                  \
	X(TEXTREL, "textrel", 1u << 6)	     /* relocations against read-only segments */          \
	X(NOTICED, "noticed", 1u << 7)	     /* announces itself before its constructors */        \
	X(FINISHES, "finishes", 1u << 8)     /* announces itself before its unmapping */           \
	X(NAMESPACE, "namespace", 1u << 9)   /* in a namespace made by dlmopen */                  \
	X(VDSO, "vdso", 1u << 10)	     /* the kernel's own object */                         \
	X(MAIN, "main", 1u << 11)	     /* the program itself */                              \
	X(HELD, "held", 1u << 12)	     /* the loader does not unload it without us */        \
	X(LIBC, "libc", 1u << 13)	     /* opened by libc itself (iconv, NSS): left to it */  \
	X(UNNAMED, "unnamed", 1u << 14)	     /* kept, and out of every lookup by name */           \
	X(HIDDEN, "hidden", 1u << 15)	     /* and without its file's identity */                 \
	X(DETACHED, "detached", 1u << 16)    /* mapped from a private copy of its file */          \
	X(OUTDATED, "outdated", 1u << 17)    /* its path leads to other bytes by now */            \
	X(PROVEN, "proven", 1u << 18)	     /* nothing reaches it, as far as is known now */      \
	X(REQUESTED, "requested", 1u << 19)  /* who asked to be told of its request will be */     \
	X(REAPED, "reaped", 1u << 20)	     /* proven, and about to be closed */                  \
	X(SOUGHT, "sought", 1u << 21)	     /* what points at it is being looked for */           \
	X(GLOBAL, "global", 1u << 22)	     /* opened with RTLD_GLOBAL, as far as was seen */

enum lgr_flag {
#define X(id, name, bit) LGR_FL_##id = (bit),
	LGR_FLAGS(X)
#undef X
};

/*
 * Private fields of glibc's link map that linger uses (include/link.h there), as offsets found by
 * value; the bit l_global as offset * 32 + bit.
 */
#define LGR_FIELDS(X)                                                                              \
	X(SERIAL, "l_serial")		 /* which load this was */                                 \
	X(HANDLES, "l_direct_opencount") /* dlopens less dlcloses */                               \
	X(HOLDS, "l_tls_dtor_count")	 /* pending thread-local destructors */                    \
	X(NODELETE, "l_nodelete_active")                                                           \
	X(ALIASES, "l_libname") /* names it was asked for by */                                    \
	X(SONAME, "l_info[DT_SONAME]")                                                             \
	X(FILE, "l_file_id")	 /* device, inode */                                               \
	X(SCOPE, "l_searchlist") /* {list, count}; of the program: global scope */                 \
	X(SCOPES, "l_scope")	 /* of these, where it looks its symbols up */                     \
	X(NEEDS, "l_initfini")	 /* dependencies */                                                \
	X(BOUND, "l_reldeps")	 /* those by relocation */                                         \
	X(GLOBAL, "l_global")	 /* whether it is in the global scope */

enum lgr_field {
#define X(id, name) LGR_FIELD_##id,
	LGR_FIELDS(X)
#undef X
		LGR_FIELD_COUNT
};

/* Counters that `linger stat` shows. */
#define LGR_COUNTERS(X)                                                                            \
	X(CALLS_DLOPEN, "calls_dlopen")                                                            \
	X(CALLS_DLMOPEN, "calls_dlmopen")                                                          \
	X(CALLS_DLCLOSE, "calls_dlclose")                                                          \
	X(REQUESTS, "requests")                                                                    \
	X(KEEPS, "keeps")                                                                          \
	X(REOPENS, "reopens")                                                                      \
	X(CLOSES, "closes")                                                                        \
	X(UNLOADS, "unloads")                                                                      \
	X(HIDES, "hides")                                                                          \
	X(DETACHES, "detaches")                                                                    \
	X(SCANS, "scans")		/* looks at the whole process */                           \
	X(SCANS_UNSEEN, "scans_unseen") /* of these: could not see everything */                   \
	X(SNAPSHOTS, "snapshots")	/* of these: in a forked copy */                           \
	X(SCANNED_BYTES, "scanned_bytes")                                                          \
	X(SCAN_NS, "scan_ns")                                                                      \
	X(LONGEST_SCAN_NS, "longest_scan_ns")                                                      \
	X(LONGEST_PAUSE_NS, "longest_pause_ns") /* of the other threads */                         \
	X(PROVEN, "proven")			/* objects that nothing reached */                 \
	X(PROVEN_AT_CALL, "proven_at_call")	/* of these: in the dlclose that gave them up */   \
	X(WITNESSED, "witnessed")		/* rereads that found the witness still there */   \
	X(REDIRECTS, "redirects")		/* made */                                         \
	X(RESTORES, "restores")                                                                    \
	X(SLOTS_WRITTEN, "slots_written")   /* by both */                                          \
	X(SLOTS_RETRIED, "slots_retried")   /* of these: again, behind a first call */             \
	X(ARCHIVED, "archived")		    /* objects whose file is in the archive */             \
	X(ARCHIVED_BYTES, "archived_bytes") /* copied to it by this process */

enum lgr_counter {
#define X(id, name) LGR_N_##id,
	LGR_COUNTERS(X)
#undef X
		LGR_N_COUNT
};

/*
 * Where a witness stands, and what lgr_witness.at is there. The second column is the name in JSON.
 */
#define LGR_PLACES(X)                                                                              \
	X(NONE, "none")                                                                            \
	X(MEMORY, "memory")	 /* at: its address */                                             \
	X(REGISTER, "register")	 /* at: which word of the thread's register set, then vectors */   \
	X(SIGNAL, "signal")	 /* at: the signal whose handler it is */                          \
	X(ALTSTACK, "altstack")	 /* of the thread tid */                                           \
	X(TIMER, "timer")	 /* at: the POSIX timer's number */                                \
	X(EPOLL, "epoll")	 /* at: the descriptor; data of one of its members */              \
	X(ROBUST, "robust-list") /* of the thread tid */                                           \
	X(OBJECT, "object")	 /* at: the id of another kept object that needs it */             \
	X(WATCH, "watch")	 /* at: the id of the object whose linger_on names it */           \
	X(UNSEEN, "unseen")	 /* at: enum lgr_unseen */

enum lgr_place {
#define X(id, name) LGR_PL_##id,
	LGR_PLACES(X)
#undef X
		LGR_PL_COUNT
};

/* How the word at a witness means an address. */
#define LGR_ENCODINGS(X)                                                                           \
	X(PLAIN, "plain")                                                                          \
	X(TAGGED, "tagged")   /* with something in the bits above 47 */                            \
	X(DOUBLED, "doubled") /* 2 * address + 1 */                                                \
	X(MANGLED, "mangled") /* glibc's PTR_MANGLE */                                             \
	X(UNALIGNED, "unaligned")                                                                  \
	X(RELATIVE, "relative") /* a 32-bit distance in code */

enum lgr_encoding {
#define X(id, name) LGR_EN_##id,
	LGR_ENCODINGS(X)
#undef X
		LGR_EN_COUNT
};

/* What could not be seen, so that everything is kept. The third column is shown to a person. */
#define LGR_UNSEEN(X)                                                                              \
	X(NOTHING, "nothing", "")                                                                  \
	X(TIME, "time", "looking would take longer than the budget allows")                        \
	X(PROC, "proc", "/proc/self cannot be read")                                               \
	X(STOP, "stop", "the other threads could not be stopped (a debugger, or no permission)")   \
	X(STOP_TIME, "stop-time", "a thread did not stop in time (it may be inside vfork)")        \
	X(SECCOMP, "seccomp", "a system-call filter might kill the process for looking")           \
	X(VALGRIND, "valgrind", "the program runs in valgrind")                                    \
	X(SPACE, "space", "there is no room for the notes a look takes")                           \
	X(FORK, "fork", "no snapshot could be made")                                               \
	X(SNAPSHOT, "snapshot", "the snapshot misses memory that is not copied by fork")           \
	X(DEVICE, "device", "a device's memory is mapped")                                         \
	X(UNREADABLE, "unreadable", "a page that is there could not be read")                      \
	X(URING, "io_uring", "io_uring requests may hold pointers")                                \
	X(UFFD, "userfaultfd", "a userfaultfd may hold back pages")                                \
	X(PIPE, "pipe", "unread bytes in a pipe or socket of the process to itself")               \
	X(QUEUED, "queued", "a signal that waits to be delivered may carry a pointer")             \
	X(CODE, "code", "code made at run time cannot be read on this machine")                    \
	X(GLIBC, "glibc", "something private of glibc was not found")                              \
	X(LOADING, "loading", "it was closed inside a constructor or destructor")                  \
	X(TOLD, "told", "whoever asked is told first, in the next dlopen or dlclose that looks")   \
	X(RESTORED, "restored",                                                                    \
	  "a redirect needed it; the next dlopen or dlclose that looks will tell")

enum lgr_unseen {
#define X(id, name, text) LGR_UN_##id,
	LGR_UNSEEN(X)
#undef X
		LGR_UN_COUNT
};

/* One reference that keeps an object. */
struct lgr_witness {
	uint32_t place;	   /* enum lgr_place */
	uint32_t encoding; /* enum lgr_encoding */
	uint64_t at;
	uint64_t value;	      /* the address in the object, decoded; 0: none */
	uint64_t time_ns;     /* when it was seen, CLOCK_MONOTONIC */
	uint32_t tid;	      /* REGISTER, ALTSTACK, ROBUST: whose; else 0 */
	uint32_t holder_slot; /* OBJECT, WATCH: of the registry */
};

/* ----------------------------------------------------------------- the log */

/*
 * FILE.PID: one head, then a ring of slots. A record takes one or more consecutive slots (modulo
 * the ring). A slot is valid for absolute index k when its seq is k + 1; in all but a record's
 * first one with LGR_LOG_CONTINUES. Writers reserve with one fetch_add on next, invalidate, copy,
 * and publish the first slot last, so a record whose writer died in the middle, or which is being
 * overwritten, is recognised and skipped.
 */
#define LGR_LOG_MAGIC "LINGERLG"
#define LGR_LOG_SLOT 64u
#define LGR_LOG_PAYLOAD (LGR_LOG_SLOT - 8u)
#define LGR_LOG_HEAD 8192u
#define LGR_LOG_CONTINUES (UINT64_C(1) << 63)

struct lgr_log_slot {
	_Atomic uint64_t seq;
	uint8_t data[LGR_LOG_PAYLOAD];
};
static_assert(sizeof(struct lgr_log_slot) == LGR_LOG_SLOT, "slot layout");

/* Begins in the first slot's data; path bytes follow at once, without a terminating NUL. */
struct lgr_log_record {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t id;	  /* the object's, 0 where there is none */
	uint64_t arg;	  /* calls: the flags given to dlopen, the namespace given to dlmopen */
	uint32_t tid;
	uint16_t event;	 /* enum lgr_event */
	uint16_t reason; /* enum lgr_reason */
	uint32_t path_len;
	uint32_t spare;
};
static_assert(sizeof(struct lgr_log_record) == 40, "record layout");

/* A record's share of the first slot, and the longest path one can carry. */
#define LGR_LOG_PATH_MAX 4096u

struct lgr_log_head {
	char magic[8];
	uint32_t version;
	uint32_t head_size; /* LGR_LOG_HEAD: where the ring begins in the file */
	uint64_t slots;	    /* slots in the ring */
	uint64_t start_ns;  /* CLOCK_MONOTONIC at the start record */
	uint64_t start_realtime_ns;
	uint32_t pid;
	uint32_t ppid;
	uint32_t tid;
	uint32_t forked;	  /* 1: begun by a fork without exec */
	_Atomic uint64_t next;	  /* absolute index of the next free slot */
	_Atomic uint64_t records; /* records ever written; what is not readable any more is lost */
	char version_text[32];	  /* linger's version */
	char libc_text[32];	  /* the C library's */
	char settings[1024];	  /* the value of LINGER, as far as it fits */
	char exe[4096];		  /* the program's path */
};
static_assert(sizeof(struct lgr_log_head) <= LGR_LOG_HEAD, "head fits");

/* -------------------------------------------------------------- the region */

/*
 * The shim carries an ELF note, name "linger", type LGR_NOTE_TYPE, whose descriptor is an int64_t:
 * the distance in bytes from the descriptor's own address to struct lgr_region.
 */
#define LGR_NOTE_NAME "linger"
#define LGR_NOTE_TYPE 1u
#define LGR_REGION_MAGIC "LINGERRG"
#define LGR_OBJECT_CHUNK 128u /* objects in one chunk */
#define LGR_CHUNKS 2048u      /* so at most 262,144 objects at once */

/* A file as it was when it was asked about: what a change of it is recognised by. */
struct lgr_file {
	uint64_t dev, ino;
	uint64_t size;
	uint64_t changed_ns; /* the later one of mtime and ctime, CLOCK_REALTIME */
	uint64_t known_ns;   /* since when it is known to be like this; 0: it is not known */
};

/*
 * One loaded object. A reader in another process copies it whole, then its strings, then reads id
 * again: a different id means that the slot was reused and the copy is worthless.
 */
struct lgr_object {
	_Atomic uint64_t id; /* generation; 0: the slot is free. Written last, cleared first */
	uint64_t map;	     /* address of glibc's struct link_map */
	uint64_t serial;     /* glibc's own load number (l_serial), UINT64_MAX where not found */
	uint64_t lo, hi;     /* [lo, hi): first and last mapped byte + 1, page-rounded */
	uint64_t bytes;	     /* mapped bytes, without holes between segments */
	uint64_t path;	     /* address of a NUL-terminated string */
	uint64_t soname;     /* same; 0: none */
	uint32_t path_len, soname_len;
	_Atomic uint32_t state; /* enum lgr_state */
	_Atomic uint32_t flags; /* enum lgr_flag */
	uint32_t namespace;	/* ordinal of the link namespace, 0 the base */
	uint8_t build_id_len;
	uint8_t build_id[35];
	uint32_t segments; /* used entries of segment[] */
	struct {
		uint64_t lo, hi; /* [lo, hi), page-rounded, ascending, disjoint */
	} segment[4];
	struct lgr_file file; /* as it was when the object was taken in */
	/* linger's own: the registry's chains and marks, and what preload/names.c must undo. */
	uint32_t slot, next, mark, next_kept;
	uint32_t used;	  /* the last marking that found it in use (preload/group.c) */
	uint32_t let_go;  /* handles given up on an object that glibc will not unload */
	uint64_t kept_ns; /* when it was kept last, CLOCK_MONOTONIC */
	uint64_t names;	  /* struct lgr_names, 0: none */
	uint64_t pin;	  /* address of a page of its file, mapped so that its inode stays, or 0 */
	int32_t copy;	  /* descriptor of the private copy of its file, -1: none */
	uint32_t refused; /* reasons logged already, as bits */
	uint64_t copy_dev, copy_ino; /* what that descriptor is known by */
	uint64_t bound;		     /* struct bound of preload/group.c, 0: none */
	uint64_t unreported;	     /* hosts that have not reported it unreachable, as bits */
	uint64_t kept_as;	     /* which keeping this was: an epoch sees those before it */
	uint64_t watches;	     /* struct lgr_watch, 0: none */
	uint64_t slots;		     /* struct lgr_indexed, 0: it is not in the index */
	uint64_t archived;	     /* its key in the archive (preload/archive.c), 0: none */
	uint32_t reason;	     /* enum lgr_reason: why it is kept */
	_Atomic uint32_t pins;
	uint32_t redirects; /* that need it */
	uint32_t singled;   /* redirects that it is to get something else of than everybody */
	struct lgr_witness witness; /* where the reason is MEMORY, STACK, DEPENDENCY or UNKNOWN */
};
static_assert(sizeof(struct lgr_object) == 408, "object layout");

/* What the process can say about linger itself. */
enum lgr_phase { LGR_PH_NEW, LGR_PH_STARTING, LGR_PH_ON, LGR_PH_OFF };

struct lgr_region {
	char magic[8];
	uint32_t version;
	uint32_t size;
	uint32_t pid;
	_Atomic uint32_t phase;		 /* enum lgr_phase */
	uint32_t off_reason;		 /* enum lgr_reason, when phase is LGR_PH_OFF */
	_Atomic uint32_t policy;	 /* enum lgr_policy: index into safe, host, never, off */
	_Atomic uint32_t holding;	 /* 1: objects are held; 0: not yet, or not possible */
	uint32_t field[LGR_FIELD_COUNT]; /* where in a link map, 0: not found */
	uint64_t start_ns;
	_Atomic uint64_t slots_used;	   /* high-water mark of objects */
	_Atomic uint64_t objects;	   /* objects loaded now */
	_Atomic uint64_t loads;		   /* objects ever seen; the newest id */
	_Atomic uint64_t kept, kept_bytes; /* kept now */
	_Atomic uint64_t counter[LGR_N_COUNT];
	_Atomic uint64_t errors[LGR_RSN_COUNT];
	char version_text[32];
	char log_path[512];	  /* empty: no log */
	_Atomic uint32_t control; /* 1: asked for, and not impossible */
	char control_path[112];	  /* the control socket's; empty: there is none, or not yet */
	_Atomic uint64_t chunk[LGR_CHUNKS]; /* addresses of struct lgr_object[LGR_OBJECT_CHUNK] */
};

#endif
