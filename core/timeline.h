/* SPDX-License-Identifier: MIT */
/*
 * timeline.h: tracepoints: what happened when, on which hart.  Always compiled in: one load and one branch
 * while nobody wants to know.  Each hart writes to a ring of its own, which proc/timeline.c empties.
 */
#pragma once
#include "core/cpu.h"

enum timeline_kind {	/* c; a; b.  docs/protocol.md */
	TL_RUN = 1,	/* -; task; its name: the hart begins to poll it */
	TL_IDLE,	/* the hart sleeps */
	TL_WAKE,	/* -; the task that is made ready */
	TL_IRQ,		/* the machine's number of the cause */
	TL_IRQ_END,
	TL_CALL,	/* tid; number; pid: a system call begins */
	TL_RETURN,	/* tid; result; pid */
	TL_FAULT,	/* tid; address; pid */
	TL_FAULT_END,	/* tid; -; pid */
	TL_THREAD,	/* tid; task; pid: a new thread */
	TL_NAME,	/* tid; name; rest of it: it is called so from now on */
	TL_EXIT,	/* tid; -; pid */
	TL_JOB,		/* number: its program starts */
	TL_JOB_END,
};

struct timeline_event { u64 time; u32 kind, c; u64 a, b; };

/* Positions only grow.  Only its hart writes head and lost, interrupts off; only who empties it tail. */
struct timeline {
	void		(*put)(struct timeline *l, u32 kind, u32 c, u64 a, u64 b);
	_Atomic u64	head, tail, lost;
	u32		size;			/* events, a power of two */
	struct timeline_event event[];
};
extern struct timeline *timelines[CPU_MAX];	/* NULL: off */

void timeline_init(struct timeline *l, u64 bytes);
u32 timeline_take(struct timeline *l, u64 until, struct timeline_event *out, u32 max);
/* From now on this hart writes; after exec_init(). */
static inline void timeline_attach(struct cpu *c) { c->timeline = timelines[c->id]; }

static inline void timeline(u32 kind, u32 c, u64 a, u64 b)
{
	struct timeline *l = this_cpu()->timeline;

	if (unlikely(l))
		l->put(l, kind, c, a, b);
}
