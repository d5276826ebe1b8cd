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
#include "core/cpu.h"
#include "core/spin.h"

struct co;
struct waitq;
struct wait_call;
struct waiter {				/* one task waiting for one source */
	TAILQ_ENTRY(waiter)		link;
	_Atomic(struct waitq *)		q;	/* NULL: not queued (any more) */
	union {
		struct task		*task;
		struct wait_call	*call;	/* with WAIT_CALL */
	};
	u64				key;	/* futex address; permits wanted; WAIT_SHARED, WAIT_CALL */
};

struct timer {				/* node of a hart's heap: core/timer.c */
	struct timer	*child;		/* the first one */
	struct timer	*next;		/* sibling */
	struct timer	*prev;		/* sibling, or the parent of a first child; NULL: a root */
	u64		at;		/* deadline, ns */
};

#define TASK_NOT_GIVEN	(-4096L)			/* task.given: PENDING */
enum { T_RUN = 1, T_WAKE = 2, T_DONE = 4 };		/* task.state */
enum { WAIT_SIGNAL = 1, WAIT_KILL = 2 };		/* task.pending, task.mode */

struct task {
	_Atomic u32	state;
	_Atomic u32	pending;	/* WAIT_* : a signal, a deadly signal has arrived */
	_Atomic u32	mode;		/* WAIT_* that end the present sleep */
	_Atomic u32	timer_cpu;	/* hart in whose heap the timer is + 1; 0: not armed */
	uintptr_t	frames_end;
	struct task	*next;		/* in a run queue or inbox */
	struct waiter	w;		/* for functions that start over */
	struct waitq	*grant;		/* a sem_release() gave us what we waited for */
	long		(*main)(struct co *co, struct task *t);
	void		(*exit)(struct task *t);	/* after main has returned; may free t */
	u64		cpu_ticks;	/* time spent in polls, a program's time included */
	u64		cpu_instret;	/* same in instructions */
	struct timer	timer;		/* deadline of the present sleep */
	const char	*name;		/* for dumps */
	u32		timer_rank;	/* of the tree below timer */
	s32		given;		/* result of the call it waits in, from its waker: task_give() */
#ifdef CHECKED
	u32		high;		/* bytes of the deepest frame */
#endif
	u64		frames[];
};
_Static_assert(sizeof(struct task) <= 192, "tasks are many");

static inline struct task *task_current(void) { return current_of(this_cpu()); }

/*
 * Wakers are bare pointers, so a task that has ended is freed by rcu_free() (core/rcu.h): a waker
 * elsewhere may still be about to look at its state.
 */

/* Prepare @t, whose @frames bytes of frames follow it, to run @main; task_wake() starts it. */
void task_init(struct task *t, const char *name, u32 frames,
	       long (*main)(struct co *co, struct task *t), void (*exit)(struct task *t));

/* For dumps: tasks of the kernel that stay for ever say so once, during boot.  The first ones are kept. */
enum { TASKS_KEPT = 96 };
void task_keep(struct task *t);
void tasks_kept(void (*fn)(const struct task *t));

/* Make @t run (again), next on this hart.  Any context, interrupts included; never blocks. */
void task_wake(struct task *t);
void task_requeue(struct task *t);	/* the same, behind all who are ready */
void task_wake_due(struct task *t);	/* its deadline has come: before them; executor only */

/* The first poll of @t, which nobody else knows yet, in the midst of the present task's, to which its
 * time is accounted; no spin lock is held.  Work that need not wait is over without a switch. */
void task_run(struct task *t);

/*
 * The call in which @t waits is over, with this result: it is not called again.  For calls whose body starts
 * over and holds nothing, which know what is done for them meanwhile; by the waker, before it takes the
 * waiter out of its queue under the lock of those who change what it waits for, or by the task itself
 * before it gives up the hart.  Whoever calls such a body again asks task_given() first.
 */
static inline void task_give(struct task *t, s32 result) { t->given = result; }
static inline long task_given(struct task *t)
{
	long r = t->given;

	if (r != TASK_NOT_GIVEN)
		t->given = TASK_NOT_GIVEN;
	return r;
}

/* Announce a signal (WAIT_SIGNAL and perhaps WAIT_KILL): ends sleeps that allow it.  It stays
 * announced until task_pending_clear(): sleeps that allow it fail at once. */
void task_interrupt(struct task *t, u32 what);
static inline void task_pending_clear(struct task *t, u32 what)
{
	atomic_fetch_and(&t->pending, ~what);
}

/* The chain of waits of a sleeping task, from the root on: function and line of the next one behind *@at, which
 * begins with 0.  False at the end, and when the task goes on meanwhile.  Takes no lock. */
bool task_next_wait(const struct task *t, uintptr_t *at, const char **function, u32 *line);
/* Print it through log_raw(). */
void task_backtrace(const struct task *t);

/* Time and instructions used so far; of the current task, too. */
u64 task_cpu_ns(const struct task *t);
u64 task_cpu_instret(const struct task *t);

/* Long work ends early if the task shall end. */
static inline bool task_killed(void)
{
	return atomic_load_explicit(&task_current()->pending, memory_order_relaxed) & WAIT_KILL;
}

/* Yield the hart once (inside a framed function whose frame is f). */
#define co_yield() do { task_requeue(task_current()); co_pause(); } while (0)

enum { EXEC_SLICE_NS = 4000000 };		/* that a program runs while others are ready */

/* --- executor (core/exec.c) --------------------------------------------------------- */

void exec_init(struct cpu *c, u32 id, u32 hart);	/* once per hart, before anything else */
void exec_run(void) __attribute__((noreturn));		/* this hart's loop */
void exec_timer_irq(void);				/* from the timer interrupt */
void exec_ipi(void);					/* from another hart's interrupt */
/* If another hart polls @t now, interrupt what it does: a program stops for a look at task->pending. */
void exec_prod(struct task *t);
bool exec_idle(void);					/* nothing is queued on any hart: a hint */

/*
 * Call it each time before a program is entered.  Arms the timer for the end of the slice (of
 * this poll: entering again does not lengthen it) or an earlier deadline.  True: enter the
 * program now; interrupts are off so that none is missed.  False: the slice is over, or an
 * interrupt woke somebody: co_yield() first.
 */
bool exec_slice_begin(void);
/*
 * The current task waits as if its main had returned PENDING, and in the same poll this hart goes on
 * with the task that is returned, which is current now; any hart may poll the former one.  NULL: there
 * is no other, or time for timers and interrupts; look at task_current().  Interrupts are off, and
 * remain off.  Whoever calls this has done what the former's main does at its end, and does what the
 * next one's does first; it may enter the program of the next one, whose slice has begun.  In the end
 * main returns PENDING for the task that is current then (NULL is fine), or HANDED.
 */
struct task *exec_switch(void);
#define HANDED		(-4099L)	/* result of a main: poll the task that is current now */
bool exec_step(void);					/* one poll; false if nothing to do (tests) */
