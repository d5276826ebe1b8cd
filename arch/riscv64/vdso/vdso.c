/* SPDX-License-Identifier: MIT */
/*
 * vdso.c (riscv64): code programs call instead of a system call; names and version as Linux has them.
 * Linked as a shared object of one page, which holds the clock's parameters, too (vdso.ld).  Runs in
 * user mode: nothing here may be relied upon by the kernel.
 */
#include <asm/unistd.h>
#include "core/clock_page.h"

enum {	/* as in <linux/time.h>; other clocks need the kernel */
	REALTIME = 0, MONOTONIC = 1, MONOTONIC_RAW = 4, REAL_COARSE = 5, MONOTONIC_COARSE = 6,
	BOOTTIME = 7, TAI = 11,
	HERE = 1 << REALTIME | 1 << MONOTONIC | 1 << MONOTONIC_RAW | 1 << REAL_COARSE |
	       1 << MONOTONIC_COARSE | 1 << BOOTTIME | 1 << TAI,
};
enum { COARSE_NS = 4000000, NS_PER_US = 1000 };

struct timespec { s64 sec, nsec; };
struct timeval { s64 sec, usec; };

static struct clock_page page __attribute__((section(".clock"), used));

static inline long call2(long number, u64 a, u64 b)
{
	register long a7 __asm__("a7") = number;
	register u64 a0 __asm__("a0") = a, a1 __asm__("a1") = b;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1) : "memory");
	return a0;
}

/* What changes is volatile: loaded once, whole. */
static inline u64 offset_of(u64 id) { return *(volatile u64 *)&page.offset[id]; }

static inline u64 monotonic(void)
{
	u64 ticks;

	__asm__ volatile("rdtime %0" : "=r"(ticks));
	return (unsigned __int128)(ticks << page.shift) * page.factor >> 64;
}

static inline void split(u64 ns, s64 *sec, s64 *rest)
{
	*sec = clock_page_seconds(&page, ns);
	*rest = ns - *sec * page.second;
}

/* Ids are ints, sign-extended by the caller: the negative ones are large here. */
static inline bool is_here(u64 id) { return id <= TAI && HERE >> id & 1; }

long __vdso_clock_gettime(u64 id, struct timespec *ts)
{
	if (id == MONOTONIC) {
		split(monotonic(), &ts->sec, &ts->nsec);
		return 0;
	}
	if (id != REALTIME && !is_here(id))
		return call2(__NR_clock_gettime, id, (u64)ts);
	split(monotonic() + offset_of(id), &ts->sec, &ts->nsec);
	return 0;
}

long __vdso_gettimeofday(struct timeval *tv, void *zone)
{
	if (zone)
		return call2(__NR_gettimeofday, (u64)tv, (u64)zone);
	if (tv) {
		split(monotonic() + offset_of(REALTIME), &tv->sec, &tv->usec);
		tv->usec /= NS_PER_US;
	}
	return 0;
}

long __vdso_clock_getres(u64 id, struct timespec *ts)
{
	if (!is_here(id))
		return call2(__NR_clock_getres, id, (u64)ts);
	if (ts)
		*ts = (struct timespec){ 0, id == REAL_COARSE || id == MONOTONIC_COARSE ? COARSE_NS : 1 };
	return 0;
}
