/*
 * runtime.h - what the runtimes of these tests share, beside tests/hosts/host.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdarg.h>

#include "host.h"

/* Out of line: a buffer in a frame that stays is full of dead pointers, which keep what they point to. */
__attribute__((noinline, noreturn, unused, format(printf, 1, 2))) static void fail_aside(
	const char *format, ...)
{
	char text[512];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text) - 1, format, arguments);
	va_end(arguments);
	n = n > (int)sizeof(text) - 2 ? (int)sizeof(text) - 2 : n;
	text[n++] = '\n';
	if (write(2, text, (size_t)n) < 0)
		_exit(2);
	_exit(1);
}
#undef fail
#define fail(...) fail_aside(__VA_ARGS__)

/* Behind it no dead frame has an old pointer where the next frames leave a gap. */
__attribute__((noinline, unused)) static void clear_stack(void)
{
	char dead[16384];

	memset(dead, 0, sizeof(dead));
	__asm__ volatile("" : : "r"(dead) : "memory");
}

__attribute__((noinline, unused)) static void measure(unsigned long *rss, unsigned long *maps)
{
	char line[4096 + 128];
	FILE *f = fopen("/proc/self/status", "r");

	check(f, "/proc/self/status: %s", strerror(errno));
	*rss = *maps = 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "RssAnon:", 8))
			*rss = strtoul(line + 8, NULL, 10);
	fclose(f);
	f = fopen("/proc/self/maps", "r");
	check(f, "/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		++*maps;
	fclose(f);
	check(*rss && *maps, "/proc/self says nothing");
}

#endif
