/* SPDX-License-Identifier: MIT */
/*
 * bench.c: guest instructions per operation.  Under QEMU's -icount shift=0 one instruction takes
 * one nanosecond of virtual time, so a clock counts instructions.  Each line runs several rounds
 * and prints the least; the empty loop is taken off.  Memory is counted once: a second round would
 * find what the first one left in the kernel's caches.
 *
 *	bench [LINE...]		prints "name value unit"; without arguments all lines
 *	bench --list		names only
 *	bench --count N LINE	one round of N operations (make profile)
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

enum { ROUNDS = 5 };

static uint64_t started, elapsed;
static double value;
static long count;				/* 0: as each line says */
static jmp_buf failed;
static char failure[200];

static uint64_t now(void)
{
	uint64_t ticks;

	__asm__ volatile("rdtime %0" : "=r"(ticks)::"memory");
	return ticks * 100;			/* QEMU's virt: 10 MHz */
}

void start(void)
{
	started = now();
}

void stop(void)
{
	elapsed += now() - started;
}

void result(double v)
{
	value = v;
}

void line_failed(const char *what)
{
	snprintf(failure, sizeof(failure), "%s", what);
	longjmp(failed, 1);
}

long must_(long r, const char *what)
{
	if (r < 0 && r > -4096) {
		snprintf(failure, sizeof(failure), "%s: %s", what, strerror(r == -1 ? errno : -r));
		longjmp(failed, 1);
	}
	return r;
}

static void empty_loop(long n)
{
	start();
	for (long i = 0; i < n; i++)
		__asm__ volatile("");
	stop();
}

static __attribute__((noinline)) double least(void (*run)(long), long n, int rounds)
{
	double best = 0;

	for (int i = 0; i < rounds; i++) {
		elapsed = 0;
		value = -1;
		run(n);
		double v = value >= 0 ? value : (double)elapsed / n;
		if (i == 0 || v < best)
			best = v;
	}
	return best;
}

extern const char tiny_begin[], tiny_end[];

const char *tiny_program(void)
{
	static const char path[] = "/tmp/tiny";

	mkdir("/tmp", 0777);
	int fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	must(write(fd, tiny_begin, tiny_end - tiny_begin));
	must(close(fd));
	return path;
}

static const struct line *const groups[] = {
	call_lines, file_lines, memory_lines, process_lines, wait_lines,
};

static void run_line(const struct line *l)
{
	if (setjmp(failed)) {
		printf("%s - %s\n", l->name, failure);
	} else {
		double v = least(l->run, count ? count : l->n, count || l->unit ? 1 : ROUNDS);

		if (!l->unit)
			v -= least(empty_loop, 10000, ROUNDS);
		if (count)
			printf("%s done\n", l->name);	/* costs the same whatever was measured */
		else
			printf("%s %.1f %s\n", l->name, v, l->unit ? l->unit : "instructions");
	}
	fflush(stdout);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return 1;
	return argc == 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--exit") == 0)
		_exit(0);
	if (argc == 4 && strcmp(argv[1], "--count") == 0) {
		count = atol(argv[2]);
		argc -= 2;
		argv += 2;
	}
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (const struct line *l = groups[g]; l->name; l++) {
			if (argc == 2 && strcmp(argv[1], "--list") == 0)
				puts(l->name);
			else if (wanted(l->name, argc, argv))
				run_line(l);
		}
	}
	return 0;
}
