/* SPDX-License-Identifier: MIT */
/*
 * time.h: clocks and deadlines.  All times are nanoseconds in u64; deadlines are absolute on
 * the monotonic clock, 0 meaning "never".  Sums saturate instead of wrapping.
 */
#pragma once
#include "lib/base.h"

enum { NSEC_PER_USEC = 1000, NSEC_PER_MSEC = 1000000, NSEC_PER_SEC = 1000000000 };
#define TIME_NEVER	UINT64_MAX

u64 clock_now(void);			/* monotonic, since boot */
u64 clock_real(void);			/* since 1970, from the real-time clock read at boot */
void clock_set_real(u64 ns);		/* settimeofday; also used by the RTC driver */

static inline u64 time_add(u64 a, u64 b) { return a + b < a ? TIME_NEVER : a + b; }

/* Program the hart's timer for the earliest of its deadlines (core/timer.c). */
struct task;
void timer_start(struct task *t, u64 at);	/* wake @t at @at; one timer a task */
void timer_stop(struct task *t);
void timer_expire(void);			/* executor: wake all that are due on this hart */
u64 timer_next(void);				/* earliest deadline of this hart or TIME_NEVER */
