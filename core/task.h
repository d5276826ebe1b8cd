/* SPDX-License-Identifier: MIT */
/*
 * task.h: what the executor runs.  A task is a coroutine: a main function, the frames of the
 * functions that wait, and one built-in waiter.  Programs' threads (proc/thread.h) embed one;
 * daemons are bare tasks.
 *
 * state: 0 asleep, WAKE queued, RUN being polled, RUN|WAKE woken while polled, DONE.
 * Whoever turns 0 into WAKE queues the task; nobody else does, so it is queued once.
 */
#pragma once
#include <stdatomic.h>
#include <sys/queue.h>
#include "core/co.h"
#include "core/cpu.h"
#include "core/spin.h"

struct waitq;
struct waiter {				/* one task waiting for one source */
	TAILQ_ENTRY(waiter)		link;
	_Atomic(struct waitq *)		q;	/* NULL: not queued (any more) */
	struct task			*task;
	u64				key;	/* futex address; permits wanted; WAIT_SHARED */
};

enum { T_RUN = 1, T_WAKE = 2, T_DONE = 4 };		/* task.state */
enum { WAIT_SIGNAL = 1, WAIT_KILL = 2 };		/* task.pending, task.mode */

struct task {
	_Atomic u32	state;
	_Atomic u32	pending;	/* WAIT_* : a signal, a deadly signal has arrived */
	_Atomic u32	mode;		/* WAIT_* that end the present sleep */
	u32		hart_hint;	/* where it ran last */
	struct task	*next;		/* in a run queue or inbox */
	uintptr_t	frames_end;
	long		(*main)(struct co *co, struct task *t);
	void		(*exit)(struct task *t);	/* after main has returned; may free t */
	struct waitq	*grant;		/* a sem_release() gave us what we waited for */
	struct waiter	w;		/* for functions that start over */
	u64		timer_at;	/* deadline of the present sleep, ns; 0: none */
	u32		timer_slot;	/* place in the hart's timer heap, 1-based; 0: not queued */
	u32		timer_cpu;
	const char	*name;		/* for dumps */
	u64		cpu_ns;		/* time spent in polls, a program's time included */
	u64		cpu_instret;	/* same in instructions */
	u32		high;		/* checked build: bytes of the deepest frame */
	u32		pad_;
	u64		frames[];
};

static inline struct task *task_current(void) { return this_cpu()->current; }
static inline uintptr_t co_limit(void) { return task_current()->frames_end; }

/* Prepare @t, whose @frames bytes of frames follow it, to run @main; task_wake() starts it. */
void task_init(struct task *t, const char *name, u32 frames,
	       long (*main)(struct co *co, struct task *t), void (*exit)(struct task *t));

/* Make @t run (again).  Any context, interrupts included; never blocks. */
void task_wake(struct task *t);

/* Announce a signal (WAIT_SIGNAL and perhaps WAIT_KILL): ends sleeps that allow it. */
void task_interrupt(struct task *t, u32 what);

/* Print the chain of waits of a sleeping task through log_raw(). Takes no lock. */
void task_backtrace(const struct task *t);

/* Yield the hart once (inside a framed function whose frame is f). */
#define co_yield() do { task_requeue(task_current()); co_pause(); } while (0)
void task_requeue(struct task *t);	/* wake it, behind all who are ready */

/* --- executor (core/exec.c) --------------------------------------------------------- */

void exec_init(struct cpu *c, u32 id, u32 hart);	/* once per hart, before anything else */
void exec_run(void) __attribute__((noreturn));		/* this hart's loop */
void exec_timer_irq(void);				/* from the timer interrupt */
bool exec_idle(void);					/* nothing is queued on any hart */

/* Start a program's slice now; resched is set when it ends.  Called before entering it. */
void exec_slice_begin(void);
bool exec_step(void);					/* one poll; false if nothing to do (tests) */
