/* SPDX-License-Identifier: MIT */
/*
 * bench.h: what a line of the benchmark is.  A line's function performs its operation n times
 * and brackets what is to be counted with start() and stop(); set-up stays outside.  A call that
 * must not fail is wrapped in must(): it ends the line, not the program.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct line {
	const char *name;
	void (*run)(long n);
	long n;			/* operations a round */
	const char *unit;	/* NULL: instructions */
};

extern const struct line call_lines[], file_lines[], memory_lines[], process_lines[], wait_lines[];

void start(void);
void stop(void);
void result(double value);	/* instead of start and stop: the line knows its value */
long must_(long r, const char *what);
void line_failed(const char *what) __attribute__((noreturn));
const char *tiny_program(void);	/* path of a static program of a few instructions */

#define must(call) must_((long)(call), #call)

/* A bare system call: what libc adds is not ours to measure. */
static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
		: "+r"(a0)
		: "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
		: "memory");
	return a0;
}

#define sys(...)			     sys_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define sys_(nr, a, b, c, d, e, f, ...) \
	sys6((long)(nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
