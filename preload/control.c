/*
 * control.c - redirects that commands ask for while the program runs. See control.h.
 *
 * Owns: the listening socket, its file, and the action for SIGURG. Guard: `serving`, which is tried and
 * never waited for; whoever does not get it leaves the requests where they are.
 *
 * The handler calls the loader, which POSIX allows where it interrupted a function that is safe in
 * handlers (signal-safety(7)): so only behind a system call that waits, of those that are made by such
 * functions alone. An allocator makes system calls, too, but does not wait in any of these.
 * SPDX-License-Identifier: MIT
 */
#include "control.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <ucontext.h>

#include "fields.h"
#include "given.h"
#include "keep.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "pages.h"
#include "real.h"
#include "redirect.h"
#include "region.h"
#include "registry.h"
#include "sys.h"

#define SIGNALS 8u		  /* bytes of a kernel's set of them */
#define ROOM (UINT64_C(32) << 10) /* that a dlopen wants on an alternate signal stack */
#define BACKLOG 16
#define LISTED 256u
#define EINTR_ 4
#define ECONNREFUSED_ 111

static struct {
	int fd; /* negative: there is none */
	uint32_t pid;
	uint64_t dev, ino; /* what the descriptor is known by: programs close what is not theirs */
	bool ours;	   /* to be made: at start, or in a child whose fork handler ran */
} listening = { .fd = -1 };

static char directory[sizeof(lgr_region.control_path)];
static _Atomic bool serving;

/* ----------------------------------------------------------------------------- the socket's place */

static long user(void)
{
	return lgr_syscall(__NR_geteuid, 0, 0, 0, 0, 0, 0);
}

/* Of the user, and closed to all others; made where there is none. */
static bool is_private(const char *path)
{
	struct stat st = { .st_mode = 0 };

	lgr_syscall(__NR_mkdirat, AT_FDCWD, (long)path, 0700, 0, 0, 0);
	return lgr_syscall(__NR_newfstatat, AT_FDCWD, (long)path, (long)&st, AT_SYMLINK_NOFOLLOW, 0,
			   0) == 0 &&
	       S_ISDIR(st.st_mode) && !(st.st_mode & 077) && (long)st.st_uid == user();
}

static const char *find(char **envp, const char *name)
{
	const char *value = NULL;

	for (; envp && *envp && !value; envp++)
		value = lgr_after(*envp, name);
	return value;
}

/* False: it does not fit. */
static bool choose_directory(char **envp)
{
	const char *runtime = find(envp, "XDG_RUNTIME_DIR=");
	struct lgr_text t;

	lgr_text_init(&t, directory, sizeof(directory));
	if (runtime && *runtime == '/') {
		lgr_text_add(&t, runtime);
		lgr_text_add(&t, "/linger");
	} else {
		lgr_text_add(&t, "/tmp/linger-");
		lgr_text_add_number(&t, (uint64_t)user());
	}
	return !t.cut;
}

/* DIRECTORY/PID.sock. False: it does not fit into an address. */
static bool name_socket(struct sockaddr_un *address)
{
	struct lgr_text t;

	address->sun_family = AF_UNIX;
	lgr_text_init(&t, address->sun_path, sizeof(address->sun_path));
	lgr_text_add(&t, directory);
	lgr_text_add(&t, "/");
	lgr_text_add_number(&t, lgr_sys_getpid());
	lgr_text_add(&t, ".sock");
	return !t.cut;
}

static int new_socket(void)
{
	return (int)lgr_syscall(__NR_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				0, 0, 0);
}

/* Nobody listens: it is of a process that had our number, and has gone. */
static void remove_stale(const struct sockaddr_un *address)
{
	int fd = new_socket();

	if (fd < 0)
		return;
	if (lgr_syscall(__NR_connect, fd, (long)address, sizeof(*address), 0, 0, 0) ==
	    -ECONNREFUSED_)
		lgr_sys_unlink(address->sun_path);
	lgr_sys_close(fd);
}

/* High up, out of the way of programs that count on the lowest free one (detach.c). */
static int move_up(int fd)
{
	int high = lgr_sys_dup_from(fd, lgr_min(lgr_sys_descriptor_limit() / 4 * 3, 4096));

	if (high < 0)
		return fd;
	lgr_sys_close(fd);
	return high;
}

static bool listen_at(const struct sockaddr_un *address)
{
	struct lgr_file now = { 0 };
	struct lgr_text t;
	int fd;

	remove_stale(address);
	fd = new_socket();
	if (fd < 0)
		return false;
	fd = move_up(fd);
	if (lgr_syscall(__NR_bind, fd, (long)address, sizeof(*address), 0, 0, 0) < 0 ||
	    lgr_syscall(__NR_listen, fd, BACKLOG, 0, 0, 0, 0) < 0 ||
	    lgr_sys_file_at(fd, "", &now) < 0) {
		lgr_sys_close(fd);
		return false;
	}
	listening.dev = now.dev;
	listening.ino = now.ino;
	listening.pid = lgr_sys_getpid();
	listening.fd = fd;
	lgr_text_init(&t, lgr_region.control_path, sizeof(lgr_region.control_path));
	lgr_text_add(&t, address->sun_path);
	return true;
}

static bool has_socket(void)
{
	struct lgr_file now;

	if (listening.fd >= 0 && (lgr_sys_file_at(listening.fd, "", &now) < 0 ||
				  now.ino != listening.ino || now.dev != listening.dev)) {
		lgr_sys_unlink(lgr_region.control_path);
		listening.fd = -1;
	}
	return listening.fd >= 0;
}

/* Where it has none yet, and may have one. In another process that shares our memory (vfork): false. */
static bool make_socket(void)
{
	struct sockaddr_un address;

	if (listening.pid && listening.pid != lgr_sys_getpid())
		return false;
	if (has_socket())
		return true;
	if (!listening.ours)
		return false;
	if (name_socket(&address) && is_private(directory) && listen_at(&address))
		return true;
	listening.ours = false;
	atomic_store(&lgr_region.control, 0);
	lgr_log_error(LGR_RSN_E_CONTROL, directory);
	return false;
}

/* ------------------------------------------------------------------------------------ requests */

static struct {
	struct linger_redirect *redirect;
	uint64_t number;
	bool given;
	char name[256], library[256];
} listed[LISTED] LGR_BIG;

static char request[16384] LGR_BIG, answer[65536] LGR_BIG;

static void put_name(const struct linger_redirect *r, char *to, size_t size)
{
	struct lgr_text t;

	lgr_text_init(&t, to, size);
	if (!r->name) {
		lgr_text_add(&t, "0x");
		lgr_text_add_hex(&t, r->address);
		return;
	}
	lgr_text_add(&t, r->name->text);
	if (r->version) {
		lgr_text_add(&t, "@");
		lgr_text_add(&t, r->version);
	}
}

/* Copies what there is to say of all, the newest first. Returns how many. */
static size_t list(void)
{
	struct lgr_text t;
	size_t n = 0;

	if (!lgr_keep_enter())
		return 0;
	if (lgr_lock(&lgr_lock_registry)) {
		for (struct linger_redirect *r = lgr_redirects; r && n < LISTED; r = r->next) {
			if (!lgr_redirect_is(r))
				continue;
			listed[n].redirect = r;
			listed[n].number = r->number;
			listed[n].given = r->given;
			put_name(r, listed[n].name, sizeof(listed[n].name));
			lgr_text_init(&t, listed[n].library, sizeof(listed[n].library));
			lgr_text_add(&t,
				     r->module.object ? lgr_redirect_path(r->module.object) : "");
			n++;
		}
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_keep_leave();
	return n;
}

static void say_ok(struct lgr_text *to, uint64_t number)
{
	lgr_text_add(to, "ok ");
	lgr_text_add_number(to, number);
	lgr_text_add(to, "\n");
}

static int count(const struct linger_binding *binding, void *arg)
{
	uint64_t *n = arg;

	if (binding->verdict == LINGER_CHANGED)
		n[0]++;
	else if (binding->verdict == LINGER_UNBOUND)
		n[1]++;
	else
		n[2]++;
	return 0;
}

static void tell_redirects(struct lgr_text *to)
{
	size_t all = list();

	for (size_t i = all; i--;) {
		uint64_t n[3] = { 0, 0, 0 };

		if (linger_report_(listed[i].redirect, count, n) == -EINVAL)
			continue; /* restored meanwhile */
		lgr_text_add_number(to, listed[i].number);
		for (int k = 0; k < 3; k++) {
			lgr_text_add(to, " ");
			lgr_text_add_number(to, n[k]);
		}
		lgr_text_add(to, listed[i].given ? " 1 " : " 0 ");
		lgr_text_add(to, listed[i].name);
		lgr_text_add(to, "\t");
		lgr_text_add(to, listed[i].library);
		lgr_text_add(to, "\n");
	}
	say_ok(to, all);
}

static void say_error(struct lgr_text *to, const char *why)
{
	lgr_text_add(to, "error ");
	lgr_text_add(to, why);
	lgr_text_add(to, "\n");
}

/* number: UINT64_MAX: all that were given. */
static void restore(uint64_t number, struct lgr_text *to)
{
	static linger_redirect *chosen[LISTED] LGR_BIG;
	size_t all = list(), n = 0;
	int error;

	for (size_t i = 0; i < all; i++) {
		bool meant = number == UINT64_MAX ? listed[i].given : listed[i].number == number;

		if (meant && !listed[i].given) {
			say_error(to,
				  "the program has made it by itself, and it alone may restore it");
			return;
		}
		if (meant)
			chosen[n++] = listed[i].redirect;
	}
	if (!n && number != UINT64_MAX) {
		say_error(to, "there is no redirect of that number; `linger redirects` lists them");
		return;
	}
	error = n ? linger_restore_(chosen, n) : 0;
	if (error)
		say_error(to, error == -EBUSY ? "it cannot be done now; try again"
					      : "there is no memory, or a page is kept read-only");
	else
		say_ok(to, n);
}

static void redirect(char *spec, struct lgr_text *to)
{
	char reason[512];
	struct lgr_text why;
	uint64_t number;

	lgr_text_init(&why, reason, sizeof(reason));
	number = lgr_given_make(spec, &why);
	if (!number) {
		say_error(to, reason);
		return;
	}
	say_ok(to, number);
	if (*reason) {
		lgr_text_add(to, reason);
		lgr_text_add(to, "\n");
	}
}

static void carry_out(struct lgr_text *to)
{
	const char *spec = lgr_after(request, "redirect "), *which = lgr_after(request, "restore ");
	uint64_t number;

	if (spec)
		redirect(request + (spec - request), to);
	else if (which && lgr_equal(which, "all"))
		restore(UINT64_MAX, to);
	else if (which && lgr_number(&which, &number) && !*which)
		restore(number, to);
	else if (lgr_equal(request, "redirects"))
		tell_redirects(to);
	else
		say_error(to, "there is no such request");
}

/* ----------------------------------------------------------------------------------- the peers */

static bool may_ask(int fd)
{
	struct ucred peer = { 0, 0, 0 };
	unsigned size = sizeof(peer);

	if (lgr_syscall(__NR_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&peer, (long)&size, 0) <
	    0)
		return false;
	return !peer.uid || (long)peer.uid == user();
}

/* Whoever connects has its line sent before it sends the signal. One that is not whole is no request. */
static bool receive(int fd)
{
	long n = lgr_syscall(__NR_recvfrom, fd, (long)request, sizeof(request) - 1, MSG_DONTWAIT, 0,
			     0);

	if (n <= 0 || request[n - 1] != '\n')
		return false;
	request[n - 1] = '\0';
	return true;
}

/* Who has given up was told that nothing was done, so nothing may be. Sending nothing at all fails then. */
static bool still_waits(int fd)
{
	return lgr_syscall(__NR_sendto, fd, (long)answer, 0, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0) ==
	       0;
}

static void serve_one(int fd)
{
	struct lgr_text to;

	if (!may_ask(fd) || !receive(fd) || !still_waits(fd))
		return;
	lgr_text_init(&to, answer, sizeof(answer));
	carry_out(&to);
	lgr_syscall(__NR_sendto, fd, (long)answer, (long)to.len, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

static int next_peer(void)
{
	return (int)lgr_syscall(__NR_accept4, listening.fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				0);
}

static void serve_all(void)
{
	int fd;

	while ((fd = next_peer()) >= 0) {
		serve_one(fd);
		lgr_sys_close(fd);
	}
}

/* False: this thread is inside linger, or another one serves. */
static bool enter(void)
{
	return !lgr_lock_held(&lgr_lock_registry) && !lgr_lock_held(&lgr_lock_log) &&
	       !atomic_exchange(&serving, true);
}

/* loader: it may be called. Without, a child of a fork still gets its socket. */
static void serve(bool loader)
{
	int saved;

	if (!lgr_fields_libc_is_ready() || !enter())
		return;
	saved = *lgr_libc.errno_location();
	if (make_socket() && loader)
		serve_all();
	*lgr_libc.errno_location() = saved;
	atomic_store(&serving, false);
}

void lgr_control_serve(void)
{
	if (lgr_unlikely(atomic_load_explicit(&lgr_region.control, memory_order_relaxed)))
		serve(true);
}

/* ------------------------------------------------------------------------------------ the signal */

/* Interrupted where the thread waits. */
struct waiting {
	uint64_t nr, operation; /* the system call and its second argument */
	uintptr_t at;
};

#ifdef __x86_64__
/*
 * In a handler the number of the system call is lost, unless the call is to be made again: then rip is at
 * the instruction once more, and rax is the number. Else the number is what was put there just before,
 * with at most a load of an argument in between. That it was made, and not just about to, rcx tells.
 */
static bool find_call(const ucontext_t *context, struct waiting *ret)
{
	const greg_t *r = context->uc_mcontext.gregs;
	const uint8_t *at = (const uint8_t *)r[REG_RIP];
	bool again = r[REG_RAX] != -EINTR_;
	uint32_t nr;

	if (!again)
		at -= 2;
	if (r[REG_RCX] != (greg_t)at + 2 || at[0] != 0x0f || at[1] != 0x05)
		return false;
	ret->at = (uintptr_t)at;
	ret->nr = (uint64_t)r[REG_RAX];
	ret->operation = (uint64_t)r[REG_RSI];
	for (uintptr_t back = 5; !again && back <= lgr_min(13, ret->at % LGR_PAGE); back++) {
		if (*(at - back) != 0xb8) /* mov $nr,%eax */
			continue;
		lgr_copy(&nr, at - back + 1, sizeof(nr));
		ret->nr = nr;
		return true;
	}
	return again;
}

/* As debuggers and unwinders know the end of a handler. */
__asm__(".text\n"
	".type lgr_control_return, @function\n"
	"lgr_control_return:\n"
	"\tmov $15, %rax\n"
	"\tsyscall\n"
	".size lgr_control_return, . - lgr_control_return\n");
void lgr_control_return(void) __attribute__((visibility("hidden")));
#define RETURN_FLAG 0x04000000u /* SA_RESTORER */
#define RETURN lgr_control_return
#else
static bool find_call(const ucontext_t *context, struct waiting *ret)
{
	const mcontext_t *r = &context->uc_mcontext;
	const uint32_t *at = (const uint32_t *)r->pc - ((long)r->regs[0] == -EINTR_);

	ret->at = (uintptr_t)at;
	ret->nr = r->regs[8];
	ret->operation = r->regs[1];
	return *at == 0xd4000001; /* svc 0 */
}
#define RETURN_FLAG 0u
#define RETURN NULL
#endif

/*
 * Those that wait for something outside. Of futex the one kind that semaphores and condition variables use,
 * but no lock of an allocator or of the loader.
 */
static bool may_be_interrupted(const struct waiting *w)
{
	switch (w->nr) {
#ifdef __NR_poll
	case __NR_poll:
	case __NR_select:
	case __NR_epoll_wait:
	case __NR_pause:
#endif
	case __NR_ppoll:
	case __NR_pselect6:
	case __NR_epoll_pwait:
	case __NR_read:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_accept:
	case __NR_accept4:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_rt_sigtimedwait:
	case __NR_rt_sigsuspend: return true;
	case __NR_futex: return (w->operation & 0x7f) == 9; /* FUTEX_WAIT_BITSET */
	default: return false;
	}
}

static bool is_loaders_or_ours(uintptr_t at)
{
	const struct lgr_object *object = lgr_registry_object(lgr_pages_find(at));

	return object &&
	       (lgr_map_of(object) == lgr_libc.ld_so || lgr_map_of(object) == lgr_libc.self);
}

/* On an alternate signal stack, which may be small. */
static bool has_room(const ucontext_t *context)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t lo = (uintptr_t)context->uc_stack.ss_sp;

	return here < lo || here - lo >= context->uc_stack.ss_size || here - lo >= ROOM;
}

/* Inside no load of this thread's, and of nobody else's. */
static bool loader_is_free(void)
{
	uint32_t depth;

	if (!lgr_loader_try())
		return false;
	lgr_loader_unlock();
	lgr_loads_find_lock();
	depth = lgr_loads_try();
	if (depth)
		lgr_loads_unlock();
	return depth == 1;
}

static bool is_safe(const ucontext_t *context)
{
	struct waiting w;

	return find_call(context, &w) && may_be_interrupted(&w) && !is_loaders_or_ours(w.at) &&
	       has_room(context) && loader_is_free();
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	int saved = *lgr_libc.errno_location();

	if (lgr_on() && atomic_load(&lgr_region.control))
		serve(is_safe(context));
	*lgr_libc.errno_location() = saved;
}

struct action {
	uintptr_t handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/*
 * Every other signal waits until the handler is done: a handler of the program that jumps out of its
 * system call must not jump out of the loader.
 */
static void take_signal(void)
{
	struct action was = { 0 };
	struct action new = { .handler = (uintptr_t)on_signal,
			      .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | RETURN_FLAG,
			      .restorer = RETURN,
			      .mask = ~UINT64_C(0) };

	if (lgr_syscall(__NR_rt_sigaction, SIGURG, 0, (long)&was, SIGNALS, 0, 0) == 0 &&
	    was.handler <= 1) /* SIG_DFL, SIG_IGN */
		lgr_syscall(__NR_rt_sigaction, SIGURG, (long)&new, 0, SIGNALS, 0, 0);
}

/* ------------------------------------------------------------------------------ start, fork, end */

void lgr_control_start(char **envp)
{
	if (!choose_directory(envp)) {
		lgr_log_error(LGR_RSN_E_CONTROL, find(envp, "XDG_RUNTIME_DIR="));
		return;
	}
	listening.ours = true;
	atomic_store(&lgr_region.control, 1);
	if (make_socket())
		take_signal();
}

void lgr_control_forked(void)
{
	if (has_socket())
		lgr_sys_close(listening.fd);
	listening.fd = -1;
	listening.pid = 0;
	lgr_region.control_path[0] = '\0';
	atomic_store(&serving, false);
}

void lgr_control_end(void)
{
	if (listening.fd < 0 || listening.pid != lgr_sys_getpid())
		return;
	if (has_socket()) {
		lgr_sys_unlink(lgr_region.control_path);
		lgr_sys_close(listening.fd);
	}
	listening.ours = false;
	listening.fd = -1;
}
