/* SPDX-License-Identifier: MIT */
/*
 * harts.c: what an operation costs when several harts do it at once.  N processes perform the same operation,
 * each with things of its own ("own") or all with the same thing ("shared"); prints nanoseconds per operation,
 * of all processes together.
 *
 *	harts LINE N TIMES
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16 };

static void fail(const char *what)
{
	fprintf(stderr, "harts: %s: %s\n", what, strerror(errno));
	_exit(1);
}

#define must(call) ({ long r_ = (long)(call); if (r_ == -1) fail(#call); r_; })

static struct shared { int lock; long count; } *shared;
static int zero, file, ends[2];

/* --- one operation each; @me is the worker's number -------------------------------------------------- */

static void op_calls(int me)
{
	char c;

	must(syscall(SYS_getppid));
	must(read(zero, &c, 1));
}

static void op_faults(int me)
{
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	for (int i = 0; i < PAGES; i++)
		p[i * PAGE] = 1;
	must(munmap(p, PAGES * PAGE));
}

static void create_in(const char *dir, int me)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s/%d", dir, me);
	fd = must(open(name, O_CREAT | O_RDWR | O_TRUNC, 0600));
	must(write(fd, name, sizeof(name)));
	must(close(fd));
	must(unlink(name));
}

static void op_files(int me)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "/tmp/own%d", me);
	create_in(dir, 0);
}

static void op_fork(int me)
{
	pid_t pid = must(fork());

	if (!pid)
		_exit(0);
	must(waitpid(pid, NULL, 0));
}

static void op_pipe(int me)
{
	char c = 0;

	must(write(ends[1], &c, 1));
	must(read(ends[0], &c, 1));
}

static void op_directory(int me) { create_in("/tmp/all", me); }

static void op_file(int me)
{
	char data[64] = { 0 };

	must(pwrite(file, data, sizeof(data), 0));
}

static void op_lock(int me)
{
	while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &shared->lock, FUTEX_WAIT, 1, NULL, NULL, 0);
	shared->count++;
	__atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static const struct line { const char *name; void (*op)(int me); int own_pipe; } lines[] = {
	{ "own_calls", op_calls }, { "own_faults", op_faults }, { "own_files", op_files },
	{ "own_fork", op_fork }, { "own_pipe", op_pipe, 1 },
	{ "shared_pipe", op_pipe }, { "shared_directory", op_directory }, { "shared_file", op_file },
	{ "shared_lock", op_lock },
};

/* ------------------------------------------------------------------------------------------------------ */

static void worker(const struct line *l, int me, long times, int ready, int go)
{
	char dir[32], c = 0;

	snprintf(dir, sizeof(dir), "/tmp/own%d", me);
	mkdir(dir, 0700);
	if (l->own_pipe)
		must(pipe(ends));
	l->op(me);
	must(write(ready, &c, 1));
	must(read(go, &c, 1));			/* its end: all at once */
	while (times--)
		l->op(me);
	_exit(0);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static double run(const struct line *l, int n, long times)
{
	int ready[2], go[2], status;
	uint64_t begin;
	char c;

	must(pipe(ready));
	must(pipe(go));
	for (int i = 0; i < n; i++) {
		if (must(fork()))
			continue;
		close(go[1]);
		worker(l, i, times, ready[1], go[0]);
	}
	for (int i = 0; i < n; i++)
		must(read(ready[0], &c, 1));
	usleep(100000);				/* they all wait */
	begin = now();
	close(go[1]);
	for (int i = 0; i < n; i++) {
		must(wait(&status));
		if (status)
			fail("a worker");
	}
	return (double)(now() - begin) / n / times;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;
	long times = argc > 3 ? atol(argv[3]) : 0;

	if (n < 1 || times < 1)
		fail("usage: harts LINE N TIMES");
	mkdir("/tmp", 0777);
	mkdir("/tmp/all", 0777);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	zero = must(open("/dev/zero", O_RDONLY));
	file = must(open("/tmp/file", O_CREAT | O_RDWR, 0600));
	must(pipe(ends));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strcmp(lines[i].name, argv[1])) {
			printf("%s %.1f\n", lines[i].name, run(&lines[i], n, times));
			return 0;
		}
	fail("no such line");
}
