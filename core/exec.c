/* SPDX-License-Identifier: MIT */
/*
 * exec.c: the executor, a loop on each hart that polls the tasks that are ready.
 *
 * A hart owns its queues: the slot (the task woken last, whose data is hot, runs next, but not for
 * ever), the ring and, behind it, the backlog.  Only the owner puts tasks there, and only outside
 * interrupts; other harts may take from the ring.  Interrupts touch nothing but the inbox (lock-free,
 * anyone may empty it).  So no interrupt is ever off for the sake of a queue.
 *
 * test/model/ has models of ring_push(), ring_take(), ring_take_one(), kick(), task_wake(), begin(), park() and
 * idle(): change them together.
 *
 * A task is in one queue at most: see its state in task.h.  No lock is held while a task is polled.
 */
#include <string.h>
#include "core/check.h"
#include "core/log.h"
#include "core/rcu.h"
#include "core/time.h"
#include "core/timeline.h"
#include "core/wait.h"

/* How long a task in the slot waits for the current one while other harts have nothing to do. */
enum { SHARE_NS = 50 * NSEC_PER_USEC };
enum { SLOT_BUDGET = 16, DUE_BUDGET = 8, STEAL_MAX = 32 };
_Static_assert(CPU_MAX <= 64 && STEAL_MAX <= RING / 2, "idle_harts is a word; loot fits a ring");

struct cpu cpus[CPU_MAX];
_Atomic u32 cpu_count;
static _Atomic u64 idle_harts;			/* bit i: hart i sleeps, or is about to */

/* --- queues ---------------------------------------------------------------------------------- */

/* Something can be taken from this hart: let an idle one come for it. */
static void kick_idle(struct cpu *c)
{
	u64 idle;

	atomic_thread_fence(memory_order_seq_cst);	/* what was queued, then who sleeps */
	idle = atomic_load_explicit(&idle_harts, memory_order_relaxed);
	if (idle >> c->id & 1)
		return;					/* will look for itself */
	while (idle) {
		u64 bit = idle & -idle;
		u64 old = atomic_fetch_and(&idle_harts, ~bit);

		if (old & bit) {
			arch_send_ipi(&cpus[__builtin_ctzll(bit)]);
			return;
		}
		idle = old;				/* somebody else kicked that one */
	}
}

static inline void kick(struct cpu *c)
{
	if (unlikely(atomic_load_explicit(&cpu_count, memory_order_relaxed) > 1))
		kick_idle(c);
}

static void inbox_push(struct cpu *c, struct task *t)
{
	struct task *head = atomic_load_explicit(&c->inbox, memory_order_relaxed);

	do
		t->next = head;
	while (!atomic_compare_exchange_weak_explicit(&c->inbox, &head, t,
			memory_order_release, memory_order_relaxed));
	atomic_store_explicit(&c->resched, 1, memory_order_relaxed);
	kick(c);
}

static inline bool inbox_empty(struct cpu *c)
{
	return !atomic_load_explicit(&c->inbox, memory_order_relaxed);
}

static inline bool ring_empty(struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_relaxed) ==
	       atomic_load_explicit(&r->tail, memory_order_relaxed);
}

/* Owner only: false if it is full. */
static inline bool ring_push(struct ring *r, struct task *t)
{
	u32 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (unlikely(tail - atomic_load_explicit(&r->head, memory_order_acquire) == RING))
		return false;
	atomic_store_explicit(&r->buf[tail % RING], t, memory_order_relaxed);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

/* Anyone: take half of what is there, at most @max: look first, then claim all with one CAS. */
static inline u32 ring_take(struct ring *r, struct task **out, u32 max)
{
	u32 n, head = atomic_load_explicit(&r->head, memory_order_acquire);

	do {
		u32 left = atomic_load_explicit(&r->tail, memory_order_acquire) - head;

		if (unlikely(left > RING))
			left = 0;			/* head was stale; the CAS would fail */
		n = min(max, left - left / 2);
		for (u32 i = 0; i < n; i++)
			out[i] = atomic_load_explicit(&r->buf[(head + i) % RING],
						      memory_order_relaxed);
	} while (n && !atomic_compare_exchange_weak_explicit(&r->head, &head, head + n,
			memory_order_acq_rel, memory_order_acquire));
	return n;
}

/* Anyone: the oldest, or NULL. */
static inline struct task *ring_take_one(struct ring *r)
{
	u32 head = atomic_load_explicit(&r->head, memory_order_acquire);
	struct task *t;

	do {
		if (head == atomic_load_explicit(&r->tail, memory_order_acquire))
			return NULL;
		t = atomic_load_explicit(&r->buf[head % RING], memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(&r->head, &head, head + 1,
			memory_order_acq_rel, memory_order_acquire));
	return t;
}

static void list_push(struct task **first, struct task **last, struct task *t)
{
	t->next = NULL;
	if (*first)
		(*last)->next = t;
	else
		*first = t;
	*last = t;
}

static inline void append(struct cpu *c, struct task *t)
{
	if (unlikely(c->backlog) || unlikely(!ring_push(&c->rq, t)))
		list_push(&c->backlog, &c->backlog_last, t);
}

static void backlog_refill(struct cpu *c)
{
	struct task *t;

	while ((t = c->backlog)) {
		struct task *next = t->next;		/* t may be stolen and run at once */

		if (!ring_push(&c->rq, t))
			return;
		c->backlog = next;
	}
}

/* Move what interrupts left at @from to the queue of @c, oldest first. */
static __attribute__((noinline)) void inbox_drain(struct cpu *from, struct cpu *c)
{
	struct task *t = atomic_exchange_explicit(&from->inbox, NULL, memory_order_acquire);
	struct task *fifo = NULL, *next;

	for (; t; t = next) {
		next = t->next;
		t->next = fifo;
		fifo = t;
	}
	for (; fifo; fifo = next) {
		next = fifo->next;
		append(c, fifo);
	}
}

/* Queue @t behind all who are ready on @c, this hart. */
static void run_later(struct cpu *c, struct task *t)
{
	if (unlikely(!inbox_empty(c)))
		inbox_drain(c, c);
	append(c, t);
	kick(c);
}

/* Tasks came to our ring from where nobody saw them on their way: who looked then may sleep now. */
static inline void kick_rest(struct cpu *c)
{
	if (!ring_empty(&c->rq))
		kick(c);
}

static struct task *steal_from(struct cpu *v, struct cpu *c)
{
	struct task *t, *loot[STEAL_MAX];
	u32 n;

	if (!inbox_empty(v))
		inbox_drain(v, c);
	n = ring_take(&v->rq, loot, STEAL_MAX);
	for (u32 i = 0; i < n; i++)
		append(c, loot[i]);
	c->count.steals += n;
	t = ring_take_one(&c->rq);
	if (t)
		kick_rest(c);
	return t;
}

static __attribute__((noinline)) struct task *steal(struct cpu *c)
{
	struct task *t;

	u32 n = cpu_total();

	for (u32 i = 1; i < n; i++)
		if ((t = steal_from(&cpus[(c->id + i) % n], c)))
			return t;
	return NULL;
}

/* Those whose time has come go before those who only want to go on, but not for ever. */
static struct task *next_due(struct cpu *c)
{
	struct task *t = c->due;

	if (!t || c->due_runs++ >= DUE_BUDGET) {
		c->due_runs = 0;
		return NULL;
	}
	c->due = t->next;
	return t;
}

static __attribute__((noinline)) struct task *next_queued(struct cpu *c)
{
	struct task *t;

	atomic_store_explicit(&c->resched, 0, memory_order_relaxed);
	if (unlikely(!inbox_empty(c)))
		inbox_drain(c, c);
	if (unlikely(c->due) && (t = next_due(c)))
		return t;
	if (unlikely(c->backlog) && ring_empty(&c->rq))
		backlog_refill(c);
	if (unlikely(!(t = ring_take_one(&c->rq))))
		return c->due ? next_due(c) : steal(c);
	kick_rest(c);
	return t;
}

static __attribute__((always_inline)) inline struct task *next_task(struct cpu *c)
{
	struct task *t = atomic_load_explicit(&c->slot, memory_order_relaxed);

	if (likely(t)) {
		atomic_store_explicit(&c->slot, NULL, memory_order_relaxed);
		if (likely(c->slot_runs++ < SLOT_BUDGET))
			return t;
		run_later(c, t);
	}
	c->slot_runs = 0;
	return next_queued(c);
}

static __attribute__((noinline)) void timer_program(struct cpu *c, u64 at)
{
	c->timer_armed = at;
	arch_timer_set(clock_ticks(at));
}

static inline void timer_arm(struct cpu *c, u64 at)
{
	if (unlikely(at < c->timer_armed))		/* else it comes early enough */
		timer_program(c, at);
}

/* --- waking ---------------------------------------------------------------------------------- */

/* @t, whose turn it is to be queued, goes to the slot, or from an interrupt to the inbox. */
static __attribute__((noinline)) void wake_slowly(struct cpu *c, struct task *t)
{
	struct task *old;

	timeline(TL_WAKE, 0, (u64)t, 0);
	if (c->irq_depth) {
		inbox_push(c, t);
		return;
	}
	old = atomic_load_explicit(&c->slot, memory_order_relaxed);
	atomic_store_explicit(&c->slot, t, memory_order_relaxed);
	if (old)
		run_later(c, old);
	else if (atomic_load_explicit(&idle_harts, memory_order_relaxed))
		timer_arm(c, clock_now() + SHARE_NS);	/* then the current task may go to another hart */
}

void task_wake(struct task *t)
{
	struct cpu *c = this_cpu();

	/* Release: the task sees what was done before it is polled. */
	if (atomic_fetch_or_explicit(&t->state, T_WAKE, memory_order_acq_rel))
		return;					/* queued, running or done already */
	c->count.wakes++;
	if (likely(!c->irq_depth && !c->timeline &&
		   !atomic_load_explicit(&c->slot, memory_order_relaxed) &&
		   !atomic_load_explicit(&idle_harts, memory_order_relaxed)))
		atomic_store_explicit(&c->slot, t, memory_order_relaxed);
	else
		wake_slowly(c, t);
}

void task_requeue(struct task *t)
{
	struct cpu *c = this_cpu();

	if (atomic_fetch_or_explicit(&t->state, T_WAKE, memory_order_acq_rel))
		return;					/* running: poll() puts it last */
	c->count.wakes++;
	if (unlikely(c->irq_depth))
		inbox_push(c, t);
	else
		run_later(c, t);
}

void task_wake_due(struct task *t)
{
	struct cpu *c = this_cpu();

	if (atomic_fetch_or_explicit(&t->state, T_WAKE, memory_order_acq_rel))
		return;
	c->count.wakes++;
	timeline(TL_WAKE, 0, (u64)t, 0);
	list_push(&c->due, &c->due_last, t);
}

/* --- one poll -------------------------------------------------------------------------------- */

/* Undo what the last sleep left: a task may be polled early, or go on without having been woken. */
static inline void leave_sleep(struct task *t)
{
	if (unlikely(atomic_load_explicit(&t->w.q, memory_order_acquire)))
		wait_cancel(&t->w);
	if (atomic_load_explicit(&t->timer_cpu, memory_order_relaxed))
		timer_stop(t);
	if (atomic_load_explicit(&t->mode, memory_order_relaxed))
		atomic_store_explicit(&t->mode, 0, memory_order_relaxed);
}

/* Time goes to @t from when the one before it gave up the hart: the search for it included. */
static inline void account(struct cpu *c, struct task *t)
{
	u64 ticks = arch_ticks(), instret = arch_instret();

	t->cpu_ticks += ticks - c->ticks;
	t->cpu_instret += instret - c->instret;
	c->ticks = ticks;
	c->instret = instret;
}

/* The time since the last poll is nobody's. */
static void skip_time(struct cpu *c)
{
	u64 before = c->now;

	c->ticks = arch_ticks();
	c->now = clock_ns(c->ticks);
	c->instret = arch_instret();
	c->count.idle_ns += c->now - before;
}

static inline void expire_timers(struct cpu *c)
{
	if (unlikely(atomic_load_explicit(&c->timer_next, memory_order_relaxed) <= c->now))
		timer_expire(c->now);
}

static inline void set_current(struct cpu *c, struct task *t)
{
	atomic_store_explicit(&c->current, t, memory_order_relaxed);
}

static inline void begin(struct cpu *c, struct task *t)
{
	atomic_exchange_explicit(&t->state, T_RUN, memory_order_acquire);	/* sees what wakers did */
	set_current(c, t);
	atomic_thread_fence(memory_order_seq_cst);	/* then t looks at its pending: exec_prod() */
	c->count.polls++;
	timeline(TL_RUN, 0, (u64)t, (u64)t->name);
}

/* The current task sleeps, unless it was woken while it ran. */
static inline void park(struct cpu *c, struct task *t)
{
	if (atomic_fetch_sub_explicit(&t->state, T_RUN, memory_order_acq_rel) != T_RUN)
		run_later(c, t);
}

static void finish(struct task *t)
{
	leave_sleep(t);
	atomic_store_explicit(&t->state, T_DONE, memory_order_release);
	if (t->exit)
		t->exit(t);
}

/* Poll @t, and whoever the hart was handed to meanwhile: see exec_switch(). */
static inline void poll(struct cpu *c, struct task *t)
{
	long r;

	begin(c, t);
	do {
		leave_sleep(t);
		check_before_poll(t);
		r = t->main((struct co *)t->frames, t);
		t = current_of(c);
		if (unlikely(!t))
			return;
	} while (unlikely(r == HANDED) || check_after_poll(t, r));
	set_current(c, NULL);
	account(c, t);
	c->now = clock_ns(c->ticks);
	expire_timers(c);				/* whoever slept comes before t */
	if (unlikely(r != PENDING))
		finish(t);
	else
		park(c, t);
}

void task_run(struct task *t)
{
	struct cpu *c = this_cpu();
	struct task *outer = current_of(c);
	long r;

	atomic_store_explicit(&t->state, T_RUN, memory_order_relaxed);
	set_current(c, t);
	c->count.polls++;
	check_before_poll(t);
	r = t->main((struct co *)t->frames, t);
	set_current(c, outer);
	if (r != PENDING)
		finish(t);
	else if (atomic_fetch_sub_explicit(&t->state, T_RUN, memory_order_acq_rel) != T_RUN)
		run_later(c, t);
}

u64 task_cpu_ns(const struct task *t)
{
	return clock_ns(t->cpu_ticks + (t == task_current() ? arch_ticks() - this_cpu()->ticks : 0));
}

u64 task_cpu_instret(const struct task *t)
{
	return t->cpu_instret + (t == task_current() ? arch_instret() - this_cpu()->instret : 0);
}

/* --- loop ------------------------------------------------------------------------------------ */

bool exec_step(void)
{
	struct cpu *c = this_cpu();
	struct task *t;

	if (unlikely(!rcu_idle(c)))
		rcu_pass(c);
	t = next_task(c);
	if (likely(t)) {
		poll(c, t);
		return true;
	}
	skip_time(c);
	expire_timers(c);
	return !inbox_empty(c) || !ring_empty(&c->rq) || c->backlog || c->due || c->freed.first;
}

/* What this hart could run now without looking into slots and backlogs, which are their owners'. */
static bool work_in_sight(struct cpu *c)
{
	for (u32 i = 0; i < cpu_total(); i++)
		if (!inbox_empty(&cpus[i]) || !ring_empty(&cpus[i].rq))
			return true;
	return false;
}

/* Announce that we sleep, look once more, sleep.  Interrupts are off from the announcement on: who answers it
 * by an IPI takes it back, too, so that IPI has to end arch_wait(). */
static void idle(struct cpu *c)
{
	u64 bit = (u64)1 << c->id;

	arch_irq_off();
	atomic_fetch_or(&idle_harts, bit);
	atomic_thread_fence(memory_order_seq_cst);
	if (!work_in_sight(c) && rcu_sleep(c)) {
		c->count.idles++;
		cpu_leave_mmu(c);
		timer_arm(c, timer_next());
		timeline(TL_IDLE, 0, 0, 0);
		arch_wait();
	}
	arch_irq_on();
	atomic_fetch_and(&idle_harts, ~bit);
	rcu_awake(c);
	skip_time(c);
	expire_timers(c);
}

void exec_run(void)
{
	struct cpu *c = this_cpu();

	arch_irq_on();
	for (;;)
		if (!exec_step())
			idle(c);
}

bool exec_idle(void)
{
	for (u32 i = 0; i < cpu_total(); i++)
		if (atomic_load_explicit(&cpus[i].slot, memory_order_relaxed))
			return false;
	return !work_in_sight(this_cpu());
}

void exec_init(struct cpu *c, u32 id, u32 hart)
{
	memset((char *)c + sizeof(c->arch), 0, sizeof(*c) - sizeof(c->arch));
	c->id = id;
	c->hart = hart;
	c->timer_next = c->timer_armed = TIME_NEVER;
	arch_cpu_init(c);
	if (!id)
		clock_init();
	skip_time(c);
	if (cpu_total() < id + 1)			/* harts start one after the other */
		atomic_store(&cpu_count, id + 1);
}

/* --- slices ---------------------------------------------------------------------------------- */

static inline void slice_arm(struct cpu *c)
{
	timer_arm(c, min(c->now + EXEC_SLICE_NS, atomic_load_explicit(&c->timer_next, memory_order_relaxed)));
}

static inline void deadline_arm(struct cpu *c)
{
	timer_arm(c, atomic_load_explicit(&c->timer_next, memory_order_relaxed));
}

bool exec_slice_begin(void)
{
	struct cpu *c = this_cpu();

	arch_irq_off();
	slice_arm(c);
	if (likely(!atomic_load_explicit(&c->resched, memory_order_relaxed)))
		return true;
	arch_irq_on();
	return false;
}

/*
 * No clock is read here but for the accounts.  exec_slice_begin() armed the timer for the end of the slice,
 * and resched is not set: so it has not fired, and does as soon as a program is entered if the slice is
 * over or a deadline has come meanwhile.
 */
struct task *exec_switch(void)
{
	struct cpu *c = this_cpu();
	struct task *t = current_of(c);

	if (unlikely(atomic_load_explicit(&c->resched, memory_order_relaxed)) || check_no_switch())
		return NULL;
	if (unlikely(!rcu_idle(c)))
		return NULL;				/* somebody waits for the end of this poll */
	if (!atomic_load_explicit(&c->slot, memory_order_relaxed) && ring_empty(&c->rq))
		return NULL;
	account(c, t);
	park(c, t);
	t = next_task(c);
	if (unlikely(!t)) {
		set_current(c, NULL);			/* others took what there was */
		return NULL;
	}
	begin(c, t);
	leave_sleep(t);
	deadline_arm(c);
	return t;
}

void exec_ipi(void)
{
	struct cpu *c = this_cpu();

	c->count.ipis++;
	atomic_store_explicit(&c->resched, 1, memory_order_relaxed);
}

/* begin() does it the other way round: who is current, then what is pending. */
void exec_prod(struct task *t)
{
	struct cpu *self = this_cpu();

	atomic_thread_fence(memory_order_seq_cst);
	for (u32 i = 0, n = cpu_total(); i < n; i++)
		if (&cpus[i] != self && current_of(&cpus[i]) == t)
			arch_send_ipi(&cpus[i]);
}

/* It may have been armed for somebody who needs it no more; whoever needs it arms it again. */
void exec_timer_irq(void)
{
	struct cpu *c = this_cpu();

	c->timer_armed = TIME_NEVER;
	arch_timer_quiet();
	atomic_store_explicit(&c->resched, 1, memory_order_relaxed);
}
