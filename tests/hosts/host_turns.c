/*
 * host_turns.c - opens and closes one library after another, each a file of its own.
 *
 * usage: host_turns TIMES LIBRARY FOLDER: copies the library to a new name in the folder for each turn.
 * Prints how many mappings and how many KiB of memory there were at the end of a turn: at most, and on
 * the average of all that it looked at.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "host.h"

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	struct stat st;

	check(in >= 0 && out >= 0 && fstat(in, &st) == 0, "%s: %s", to, strerror(errno));
	check(sendfile(out, in, NULL, (size_t)st.st_size) == st.st_size, "%s: %s", to,
	      strerror(errno));
	close(in);
	close(out);
}

/* read, not stdio: no memory of its own. */
static long lines_of(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	long lines = 0;
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	close(fd);
	return lines;
}

static long resident_kib(void)
{
	char text[128] = "", *end;
	int fd = open("/proc/self/statm", O_RDONLY);

	check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "statm: %s", strerror(errno));
	close(fd);
	strtol(text, &end, 10);
	return strtol(end, NULL, 10) * 4;
}

int main(int argc, char **argv)
{
	long times = argc > 1 ? atol(argv[1]) : 0, most = 0, maps = 0, kib = 0, looks = 0, n;
	char path[4096];

	check(argc == 4, "usage: host_turns TIMES LIBRARY FOLDER");
	for (long i = 0; i < times; i++) {
		snprintf(path, sizeof(path), "%s/turn%ld.so", argv[3], i);
		copy(argv[2], path);
		close_handle(open_path(path, RTLD_NOW));
		unlink(path);
		if (i % 50)
			continue;
		n = lines_of("/proc/self/maps");
		most = n > most ? n : most;
		maps += n;
		kib += resident_kib();
		looks++;
	}
	printf("most=%ld maps=%ld kib=%ld\n", most, maps / looks, kib / looks);
	return 0;
}
