/*
 * plug_reloaded.c - what host_reloads opens again and again. Tests compile it in several versions:
 * VERSION (from 1), and as they need it PADDING (bytes before the code), DEPENDS (uses another library's
 * dependency_value), IS_DEPENDENCY (is that one), STATIC_TLS, UNUSED_UNIQUE, TELLS (has a destructor that says so); as C++,
 * THREAD_LOCAL (a thread-local object with a destructor) and UNIQUE (a variable that all instances
 * share).
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION 1
#endif
#define TEXT_(n) #n
#define TEXT(n) TEXT_(n)
#ifdef __cplusplus
extern "C" {
#endif

#ifdef PADDING
/* Moves the functions, so that an address means something else in another version. */
__asm__(".text\n.globl padding\n.type padding, %function\n"
	"padding: .skip " TEXT(PADDING) "\n.size padding, " TEXT(PADDING));
#endif

#ifdef IS_DEPENDENCY
int dependency_value(void);
int dependency_value(void)
{
	return VERSION;
}
#else
int value(void);
int use(void);
int wait_inside(int in, int out);
int opened(void);
extern int counter, constructed;
extern const char *const relocated[2];

#define FIRST 100000 * VERSION

int counter = FIRST;
int constructed;
/* Pointers, so in RELRO: written by the loader, read-only since. */
const char *const relocated[2] = { "the text of version " TEXT(VERSION), "its second text" };

__attribute__((constructor)) static void construct(void)
{
	constructed++;
}

#ifdef TELLS
__attribute__((destructor)) static void destruct(void)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "destructor of version %d, %s thread\n", VERSION,
			 gettid() == getpid() ? "main" : "another");

	/* Whatever the program has in its buffers comes later. */
	if (write(1, text, (size_t)n) != n)
		_exit(3);
}
#endif

#ifdef STATIC_TLS
static __thread volatile int per_thread __attribute__((tls_model("initial-exec"))) = VERSION;
#define PER_THREAD per_thread
#else
#define PER_THREAD VERSION
#endif

#ifdef UNIQUE
} /* a class has no C linkage */
template <int> struct shared {
	static int variable;
};
template <int n> int shared<n>::variable = VERSION;
extern "C" {
#define UNIQUE_VALUE (shared<1>::variable < 0)
#else
#define UNIQUE_VALUE 0
#endif

#ifdef UNUSED_UNIQUE
/* Defined, and bound by nobody: glibc unloads the library all the same. */
__asm__(".data\n.globl unused_unique\n.type unused_unique, %gnu_unique_object\n"
	".size unused_unique, 4\nunused_unique: .long 1\n.text");
#endif

#ifdef THREAD_LOCAL
struct per_thread_object {
	int value;
	~per_thread_object()
	{
		value = 0;
	}
};
static thread_local struct per_thread_object object = { VERSION };
#define OBJECT_VALUE (object.value < 0)
#else
#define OBJECT_VALUE 0
#endif

#ifdef DEPENDS
int dependency_value(void);
#else
#define dependency_value() 0
#endif

/* A thousand for each version, and the dependency's version. */
int value(void)
{
	return PER_THREAD * 1000 + dependency_value() + OBJECT_VALUE + UNIQUE_VALUE;
}

/* How often it was used in this instance; negative: what was loaded is not there any more. */
int use(void)
{
	if (counter < FIRST || counter >= FIRST + 100000)
		return -1;
	if (strcmp(relocated[0], "the text of version " TEXT(VERSION)) ||
	    strcmp(relocated[1], "its second text"))
		return -2;
	return ++counter - FIRST;
}

/* How often constructors have run in this instance. */
int opened(void)
{
	return constructed;
}

/* Behind the read stands a call that has not been bound yet. */
int wait_inside(int in, int out)
{
	char c = 0;

	if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
		return -1;
	return getpgid(0) > 0 && use() > 0 ? 1000 * VERSION : -2;
}
#endif

#ifdef __cplusplus
}
#endif
