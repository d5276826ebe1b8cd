/* SPDX-License-Identifier: MIT */
/*
 * clock.c: nanoseconds from the machine's ticks.  The scales are set once during boot; the only
 * thing that changes later is the distance to the time of day.
 */
#include <stdatomic.h>
#include "arch/arch.h"
#include "core/time.h"

struct scale clock_scale ro_after_init = { 1, 0 };
static struct scale to_ticks ro_after_init = { 1, 0 };
static _Atomic u64 real_offset;

/* to / from, for factors below 2^32; in two steps, since 128 bits by 64 is a library call. */
static struct scale scale_of(u64 to, u64 from)
{
	u64 high = to % from << 32, low = high % from << 32;

	return (struct scale){ to / from, high / from << 32 | low / from };
}

void clock_init(void)
{
	u64 hz = arch_ticks_hz();

	clock_scale = scale_of(NSEC_PER_SEC, hz);
	to_ticks = scale_of(hz, NSEC_PER_SEC);
}

u64 clock_now(void) { return clock_ns(arch_ticks()); }

u64 clock_ticks(u64 ns)
{
	return time_add(scale_apply(to_ticks, ns), to_ticks.frac ? 2 : 0);	/* both scales round down */
}

u64 clock_real_offset(void) { return atomic_load_explicit(&real_offset, memory_order_relaxed); }
u64 clock_real(void) { return clock_now() + clock_real_offset(); }

void clock_set_real(u64 ns)
{
	atomic_store_explicit(&real_offset, ns - clock_now(), memory_order_relaxed);
}
