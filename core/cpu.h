/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: what one hart knows.  this_cpu() is a register on every machine.  Only the hart
 * itself writes its struct, except for the fields marked atomic.
 */
#pragma once
#include <stdatomic.h>
#include "arch/arch.h"
#include "core/spin.h"
#include "lib/base.h"

struct task;
struct timeline;
struct timer;

/* Deadlines of a hart (core/timer.c): a tree for each rank in used. */
enum { TIMER_RANKS = 64 };
struct timer_heap {
	struct timer	*first;		/* the root that is due first */
	u64		used;
	struct timer	*root[TIMER_RANKS];
};

/* Run queue of a hart: the owner pushes at tail, anyone takes at head. */
enum { RING = 256, LOCKS_HELD_MAX = 32 };
struct ring {
	_Atomic u32		head, tail;
	_Atomic(struct task *)	buf[RING];
};

/* Memory to be freed when nobody looks at it any more: core/rcu.h. */
struct rcu_head {
	struct rcu_head	*next;
	void		(*fn)(struct rcu_head *h);
};
struct rcu_list {
	struct rcu_head	*first, *last;
	u64		count;
};

struct cpu {
	u64			arch[8];	/* first; private to arch/ and known to its assembly */
	_Atomic(struct task *)	current;	/* being polled; NULL in the executor itself */
	_Atomic(struct task *)	slot;		/* woken last, runs next: its data is hot */
	u32			slot_runs;
	u32			irq_depth;	/* counted by arch/ */
	_Atomic(struct task *)	inbox;		/* from interrupts; newest first */
	_Atomic u32		resched;	/* the slice is over: yield at the next chance */
	u32			id;		/* 0, 1, ... in order of start */
	u64			ticks, instret;	/* arch_ticks() and arch_instret() at the last change of hands */
	u64			now;		/* clock at the end of the last poll, ns */
	_Atomic u64		timer_next;	/* earliest deadline in the heap, TIME_NEVER: none */
	u64			timer_armed;	/* what the hardware is programmed to, ns */
	struct task		*backlog, *backlog_last;	/* what the ring had no room for */
	struct task		*due, *due_last;	/* their deadline has come: before the ring */
	u32			due_runs;	/* in a row; the ring must have its turn */
	struct timer_heap	timers;		/* under timer_lock, as is timer_next */
	spinlock_t		timer_lock;
	u32			hart;		/* the machine's number */
	_Atomic u64		quiet;		/* RCU: epoch last seen between two polls, or RCU_ASLEEP */
	struct rcu_list		freed;		/* in this poll */
	struct timeline		*timeline;	/* where tracepoints write; NULL: nowhere */
	void *_Atomic		mmu;		/* address space loaded, struct vm *; owned by mem/ */
	void *_Atomic		mmu_kept;	/* that was when the hart went to sleep; same */
	struct {
		u64	polls, wakes, idles, irqs, steals, idle_ns, ipis;
	} count;
	struct ring		rq;
#ifdef CHECKED
	u32			locks_held;
	u32			chaos;
	spinlock_t		*held[LOCKS_HELD_MAX];
#endif
} __attribute__((aligned(128)));

enum { CPU_MAX = 16 };
extern struct cpu cpus[CPU_MAX];
extern _Atomic u32 cpu_count;		/* harts running: cpus[0] ... */

static inline u32 cpu_total(void) { return atomic_load_explicit(&cpu_count, memory_order_acquire); }
static inline struct cpu *this_cpu(void) { return arch_cpu(); }
/* Before hart @c sleeps: it need not be woken because translations change; vm_activate() looks. */
static inline void cpu_leave_mmu(struct cpu *c)
{
	if (cpu_total() > 1 && c->mmu) {
		atomic_store_explicit(&c->mmu_kept, c->mmu, memory_order_relaxed);
		atomic_store_explicit(&c->mmu, NULL, memory_order_release);
	}
}
/* Whom a hart polls; of another hart: for comparison only. */
static inline struct task *current_of(const struct cpu *c)
{
	return atomic_load_explicit(&c->current, memory_order_relaxed);
}
