/* SPDX-License-Identifier: MIT */
/*
 * clock.c: nanoseconds from the machine's ticks.  The scales are set once during boot; the only
 * thing that changes later is the distance to the time of day.
 */
#include <stdatomic.h>
#include "arch/arch.h"
#include "core/clock_page.h"
#include "core/time.h"

struct scale clock_scale ro_after_init;
static struct scale to_ticks ro_after_init;
static _Atomic u64 real_offset;
static struct clock_page *published ro_after_init;

/* By long division: 128 bits by 64 is a library call. */
struct scale scale_of(u64 to, u64 from)
{
	struct scale s = { 0, 0 };

	while (to >= from << s.shift)
		s.shift++;
	for (u32 i = 0; i < 64; i++) {
		to <<= 1;
		s.factor <<= 1;
		if (to >= from << s.shift) {
			to -= from << s.shift;
			s.factor |= 1;
		}
	}
	return s;
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
	u64 tick;

	if (ns >> 63)
		return TIME_NEVER;
	tick = scale_apply(to_ticks, ns);
	while (clock_ns(tick) < ns)
		tick++;				/* both scales round down: twice at most */
	return tick;
}

u64 clock_real_offset(void) { return atomic_load_explicit(&real_offset, memory_order_relaxed); }
u64 clock_real(void) { return clock_now() + clock_real_offset(); }

/* Real time, its coarse form and TAI (which leap seconds do not separate here) by their ABI numbers;
 * the others count from the start and keep their zeros. */
static void publish_real(u64 offset)
{
	static const u8 real[] = { 0, 5, 11 };

	for (u32 i = 0; i < ARRAY_SIZE(real); i++)
		__atomic_store_n(&published->offset[real[i]], offset, __ATOMIC_RELAXED);
}

void clock_set_real(u64 ns)
{
	u64 offset = ns - clock_now();

	atomic_store_explicit(&real_offset, offset, memory_order_relaxed);
	if (published)
		publish_real(offset);
}

void clock_publish(struct clock_page *p)
{
	p->factor = clock_scale.factor;
	p->shift = clock_scale.shift;
	p->inverse = CLOCK_PAGE_INVERSE;
	p->second = NSEC_PER_SEC;
	published = p;
	publish_real(clock_real_offset());
}
