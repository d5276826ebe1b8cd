/* SPDX-License-Identifier: MIT */
/* timeline.c: the rings of tracepoints.  One writer, its hart, and one reader: no locks. */
#include "core/timeline.h"
#include "core/time.h"

struct timeline *timelines[CPU_MAX];

/* The first eight characters, as a little-endian number. */
static u64 short_name(const char *s)
{
	u64 v = 0;

	for (u32 i = 0; i < 8 && s[i]; i++)
		v |= (u64)(u8)s[i] << i * 8;
	return v;
}

/* When it is full the event is lost, not those before it: they are on their way out. */
static void put(struct timeline *l, u32 kind, u32 c, u64 a, u64 b)
{
	bool on = arch_irq_enabled();
	u64 head;

	arch_irq_off();
	head = atomic_load_explicit(&l->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&l->tail, memory_order_acquire) < l->size) {
		l->event[head & (l->size - 1)] = (struct timeline_event){ clock_now(), kind, c, a,
			kind == TL_RUN ? short_name((const char *)b) : b };
		atomic_store_explicit(&l->head, head + 1, memory_order_release);
	} else {
		atomic_fetch_add_explicit(&l->lost, 1, memory_order_relaxed);
	}
	if (on)
		arch_irq_on();
}

void timeline_init(struct timeline *l, u64 bytes)
{
	l->put = put;
	l->head = l->tail = l->lost = 0;
	for (l->size = 1; sizeof(*l) + 2 * l->size * sizeof(l->event[0]) <= bytes; )
		l->size *= 2;
}

/* Take at most @max events before position @until, which the caller has read from head. */
u32 timeline_take(struct timeline *l, u64 until, struct timeline_event *out, u32 max)
{
	u64 tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
	u32 n = 0;

	for (; n < max && tail != until; n++, tail++)
		out[n] = l->event[tail & (l->size - 1)];
	atomic_store_explicit(&l->tail, tail, memory_order_release);
	return n;
}
