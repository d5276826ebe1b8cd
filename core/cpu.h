/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: what one hart knows.  this_cpu() is a register on every machine.  Only the hart
 * itself writes its struct, except for the fields marked atomic.
 */
#pragma once
#include <stdatomic.h>
#include "arch/arch.h"
#include "lib/base.h"

struct task;

/* Run queue of a hart: the owner pushes at tail, anyone takes at head. */
enum { RING = 256 };
struct ring {
	_Atomic u32		head, tail;
	_Atomic(struct task *)	buf[RING];
};

struct cpu {
	u64			arch[8];	/* first; private to arch/ and known to its assembly */
	struct task		*current;	/* being polled; NULL in the executor itself */
	u32			id;		/* 0, 1, ... in order of start */
	u32			hart;		/* the machine's number */
	_Atomic u32		resched;	/* the slice is over: yield at the next chance */
	_Atomic u32		timer_due;	/* set by the timer interrupt */
	u32			irq_depth;
	u32			slot_runs;
	struct task		*slot;		/* woken last, runs next: its data is hot */
	_Atomic(struct task *)	inbox;		/* from interrupts, other harts, and overflow */
	_Atomic u64		quiet;		/* RCU: epoch last seen between two polls */
	u64			slice_end;	/* time at which resched is set, ns */
	u64			timer_armed;	/* what the timer is programmed to, ns */
	void			*mmu;		/* address space loaded, struct vm *; owned by mem/ */
	struct {
		u64	polls, wakes, idles, irqs, steals;
	} count;
	struct ring		rq;
#ifdef CHECKED
	u32			locks_held;
	u32			chaos;
#endif
} __attribute__((aligned(128)));

enum { CPU_MAX = 64 };
extern struct cpu cpus[CPU_MAX];
extern u32 cpu_count;			/* harts running */

static inline struct cpu *this_cpu(void) { return arch_cpu(); }
