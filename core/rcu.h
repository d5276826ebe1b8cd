/* SPDX-License-Identifier: MIT */
/*
 * rcu.h: memory that others may still be looking at.  Who follows a pointer that may be taken away does
 * nothing special: a poll is a reader from its beginning to its end, and so is an interrupt handler.
 * Who takes an object away unlinks it, then frees it by rcu_free(): not before every hart has been
 * between two polls, or asleep.  So no pointer to such an object is kept across a wait without a
 * reference; and what was found without one may be about to die: take a reference by ref_try().
 *
 * A waker is the reader that matters most: it has a bare pointer to a task that it may wake just as that
 * one ends, and it unlocks a queue whose owner it has woken.  Hence tasks, and objects that have wait
 * queues and die when somebody woken by them says so, are freed by rcu_free().
 *
 * On one hart everything is freed when the present poll ends.  On many, what waits is one grace period's
 * and its successor's; if that is much (RCU_HURRY), harts that run programs are told to hurry, and who
 * makes more of it waits in rcu_settle().
 */
#pragma once
#include "core/co.h"
#include "core/cpu.h"

/* Not in interrupts.  @fn runs between two polls, on any hart: it must not wait; it may wake, and free. */
void rcu_free(struct rcu_head *h, void (*fn)(struct rcu_head *h));
/* Until all who look now have looked.  0; no signal ends it. */
async long rcu_wait(struct co *co);
/* The same if very much waits to be freed, else nothing. */
async long rcu_settle(struct co *co);
u64 rcu_waiting(void);				/* objects that are not freed yet, about */

/* Of a counted object found by a reader: false, it is dying. */
static inline bool ref_try(_Atomic u32 *refs)
{
	u32 n = atomic_load_explicit(refs, memory_order_relaxed);

	do
		if (unlikely(!n))
			return false;
	while (unlikely(!atomic_compare_exchange_weak_explicit(refs, &n, n + 1,
			memory_order_acquire, memory_order_relaxed)));
	return true;
}

/* Publish @v at *@p: who finds it finds all that was stored in it before. */
#define rcu_publish(p, v)	atomic_store_explicit(p, v, memory_order_release)
#define rcu_read(p)		atomic_load_explicit(p, memory_order_acquire)

/* --- for the executor ------------------------------------------------------------------------------- */

extern _Atomic u64 rcu_epoch;
#define RCU_ASLEEP UINT64_MAX			/* cpu->quiet: looks at nothing */

/* Nothing was freed here, and nobody waits for this hart. */
static inline bool rcu_idle(struct cpu *c)
{
	return atomic_load_explicit(&c->quiet, memory_order_relaxed) ==
	       atomic_load_explicit(&rcu_epoch, memory_order_relaxed);
}

void rcu_pass(struct cpu *c);			/* between two polls, if !rcu_idle() */
bool rcu_sleep(struct cpu *c);			/* interrupts off: false, there is something to do first */

/* Before it looks at anything: who ends a period sees us, or we see what was unlinked before. */
static inline void rcu_awake(struct cpu *c)
{
	atomic_store_explicit(&c->quiet, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

/* For arch/: an interrupt begins, its handler is a reader. */
static inline void irq_enter(struct cpu *c)
{
	c->irq_depth++;
	c->count.irqs++;
	if (atomic_load_explicit(&c->quiet, memory_order_relaxed) == RCU_ASLEEP)
		rcu_awake(c);
}
