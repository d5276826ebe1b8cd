/* SPDX-License-Identifier: MIT */
/*
 * fuzz-exec.c [SEED [ROUNDS]]: runs a real program whose file was damaged: bits, bytes and words of its
 * headers, its length.  The kernel may refuse it, or let it run and die; nothing else.
 */
#include "fuzz.h"

enum { HEADERS = 64 + 8 * 56, ROOM = 1 << 20 };
static char image[ROOM];

static long load(const char *path)
{
	int fd = open(path, O_RDONLY, 0);
	long n = read(fd, image, ROOM);

	close(fd);
	return n;
}

static const unsigned long edges[] = {
	0, 1, 2, 4095, 4096, 65535, 0x7fffffff, 0xffffffff, USER_END - PAGE, USER_END, USER_END + 1,
	0x7fffffffffffffff, -1ul, -4096ul, KERNEL_ADDRESS, 0x10000, 0x10001, 0x12000, 0x3ffffff000,
};

static void damage(unsigned long *s, long n)
{
	size_t at = any(s) % HEADERS;

	switch (any(s) % 5) {
	case 0: image[at] ^= 1 << any(s) % 8; break;
	case 1: image[at] = any(s); break;
	case 2: *(unsigned long *)(image + (at & ~7ul)) = edges[any(s) % COUNT(edges)]; break;
	case 3: *(unsigned short *)(image + (at & ~1ul)) = any(s) % 300; break;
	case 4: *(unsigned long *)(image + (at & ~7ul)) += (any(s) % 65536) - 32768; break;
	}
}

static void save(const char *path, unsigned long *s, long n)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755);

	if (any(s) % 8 == 0)
		n = any(s) % (n + 1);
	check(write(fd, image, n) == n);
	close(fd);
}

static bool run(char *path)
{
	static const long soon[4] = { 0, 0, 0, 50000 };
	char *argv[] = { path, "3", NULL };
	int status = 0, quiet;
	long pid = fork();

	if (!pid) {
		quiet = open("/dev/null", O_RDWR, 0);
		call(__NR_dup3, quiet, 1, 0);
		call(__NR_dup3, quiet, 2, 0);
		call(__NR_setitimer, 0, soon, 0);
		execve(path, argv, environ);
		exit(99);
	}
	check(wait(pid, &status) == pid);
	return status != 99 << 8;
}

int main(int argc, char **argv, char **envp)
{
	unsigned long s = first_seed(argc, argv) * 2654435761 + 1;
	long rounds = argc > 2 ? number(argv[2]) : 500, accepted = 0;
	static char *const programs[] = { "/bin/count", "/bin/hello", "/bin/args" };

	for (long i = 0; i < rounds; i++) {
		long n = load(programs[i % COUNT(programs)]);

		check(n > HEADERS);
		for (long k = any(&s) % 4; k >= 0; k--)
			damage(&s, n);
		save("/tmp/damaged", &s, n);
		accepted += run("/tmp/damaged");
	}
	unlink("/tmp/damaged");
	print("%ld of %ld damaged programs were run\n", accepted, rounds);
	return 0;
}
