/* SPDX-License-Identifier: MIT */
/*
 * time.h: clocks and deadlines.  All times are nanoseconds in u64; deadlines are absolute on
 * the monotonic clock, 0 meaning "never".  Sums saturate instead of wrapping.
 */
#pragma once
#include "lib/base.h"

enum { NSEC_PER_USEC = 1000, NSEC_PER_MSEC = 1000000, NSEC_PER_SEC = 1000000000 };
#define TIME_NEVER	UINT64_MAX

struct clock_page;
void clock_init(void);			/* after arch_ticks_set_hz(); exec_init() did it before */
u64 clock_now(void);			/* monotonic, since the machine was switched on */
u64 clock_real(void);			/* since 1970, from the real-time clock read at boot */
void clock_set_real(u64 ns);		/* settimeofday; also used by the RTC driver */
u64 clock_real_offset(void);		/* clock_real() - clock_now(), may wrap */
void clock_publish(struct clock_page *p);	/* keep @p, which programs read, up to date */
u64 clock_ticks(u64 ns);		/* the first tick at which clock_ns() is not below @ns */

/* A factor below 2^shift, exact to 2^-63 of it: clocks of any rate convert by one multiplication.
 * Results below 2^63 (292 years in ns) never overflow on the way. */
struct scale { u64 factor, shift; };
extern struct scale clock_scale;	/* ticks to ns */
struct scale scale_of(u64 to, u64 from);	/* to / from; both below 2^32 */
static inline u64 scale_apply(struct scale s, u64 v)
{
	return (unsigned __int128)(v << s.shift) * s.factor >> 64;
}
static inline u64 clock_ns(u64 ticks) { return scale_apply(clock_scale, ticks); }

static inline u64 time_add(u64 a, u64 b) { return a + b < a ? TIME_NEVER : a + b; }

/* --- timers (core/timer.c): each task has one, in the heap of the hart that started it.  The
 * hardware is programmed when a hart goes idle or enters a program, not here. */
struct task;
void timer_start(struct task *t, u64 at);	/* wake @t at @at; current task or not running */
void timer_stop(struct task *t);
void timer_expire(u64 now);			/* executor: wake all that are due on this hart */
u64 timer_next(void);				/* earliest deadline of this hart or TIME_NEVER */
