/* SPDX-License-Identifier: MIT */
/*
 * rcu.c: grace periods, one at a time, numbered by rcu_epoch.  A hart between two polls copies the
 * number to cpu->quiet; the period is over when every hart's is at least that, or RCU_ASLEEP.  What is
 * freed during a period waits for the next one: its unlinking must come before the number grows.
 *
 * The last hart to be quiet ends the period, frees what waited, and begins the next one if something
 * waits for it.  Two that are last at the same time cannot overlook each other: each stores its
 * own number, then looks at the others', with a fence between.
 *
 * cpu->freed is its owner's.  rcu.lock guards the rest; the functions that free run without it.
 */
#include "core/log.h"
#include "core/rcu.h"
#include "core/wait.h"

enum { RCU_HURRY = 256, RCU_MANY = 4096 };

_Atomic u64 rcu_epoch = 1;
static struct {
	spinlock_t	lock;
	struct rcu_list	now;		/* freed at the end of this period */
	struct rcu_list	next;		/* of the next one */
	_Atomic u64	count;		/* in both */
	_Atomic u32	busy;		/* a period is under way */
	bool		hurried;	/* in this period */
} rcu;

/* --- lists ------------------------------------------------------------------------------------------- */

static void append(struct rcu_list *to, struct rcu_list *from)
{
	if (!from->first)
		return;
	if (to->first)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->count += from->count;
	*from = (struct rcu_list){ 0 };
}

static void free_all(struct rcu_list l)
{
	struct rcu_head *next;

	for (struct rcu_head *h = l.first; h; h = next) {
		next = h->next;
		h->fn(h);
	}
}

/* Nobody but us: the next time between two polls is the time.  quiet = 0 says that there is work. */
void rcu_free(struct rcu_head *h, void (*fn)(struct rcu_head *h))
{
	struct cpu *c = this_cpu();
	struct rcu_list one = { h, h, 1 };

	check(!c->irq_depth);
	h->fn = fn;
	h->next = NULL;
	append(&c->freed, &one);
	atomic_store_explicit(&c->quiet, 0, memory_order_relaxed);
}

u64 rcu_waiting(void)
{
	return atomic_load_explicit(&rcu.count, memory_order_relaxed) + this_cpu()->freed.count;
}

/* --- periods ----------------------------------------------------------------------------------------- */

/* Locked; something is in rcu.next.  Its unlinking comes before the new number. */
static void begin_locked(void)
{
	append(&rcu.now, &rcu.next);
	rcu.hurried = false;
	atomic_store_explicit(&rcu.busy, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&rcu_epoch, 1, memory_order_acq_rel);
}

static bool behind(struct cpu *c, u64 epoch)
{
	return atomic_load_explicit(&c->quiet, memory_order_acquire) < epoch;
}

static bool all_quiet(void)
{
	u64 epoch = atomic_load_explicit(&rcu_epoch, memory_order_relaxed);

	for (u32 i = 0; i < cpu_total(); i++)
		if (behind(&cpus[i], epoch))
			return false;
	return true;
}

/* The end of a period: what may be freed now. */
static struct rcu_list end(void)
{
	struct rcu_list done = { 0 };

	if (!atomic_load_explicit(&rcu.busy, memory_order_relaxed) || !all_quiet())
		return done;
	guard(&rcu.lock);
	if (!rcu.now.first || !all_quiet())
		return done;				/* somebody else has ended it */
	append(&done, &rcu.now);
	atomic_fetch_sub_explicit(&rcu.count, done.count, memory_order_relaxed);
	atomic_store_explicit(&rcu.busy, 0, memory_order_relaxed);
	if (rcu.next.first)
		begin_locked();
	return done;
}

/* Programs have slices; who is in the way of so much ends his now. */
static void hurry(struct cpu *me)
{
	u64 epoch = atomic_load_explicit(&rcu_epoch, memory_order_relaxed);

	rcu.hurried = true;
	for (u32 i = 0; i < cpu_total(); i++)
		if (&cpus[i] != me && behind(&cpus[i], epoch)) {
			atomic_store_explicit(&cpus[i].resched, 1, memory_order_relaxed);
			arch_send_ipi(&cpus[i]);
		}
}

static void hand_in(struct cpu *c)
{
	guard(&rcu.lock);
	atomic_fetch_add_explicit(&rcu.count, c->freed.count, memory_order_relaxed);
	append(&rcu.next, &c->freed);
	if (!rcu.now.first)
		begin_locked();
	if (rcu.next.count > RCU_HURRY && !rcu.hurried)
		hurry(c);
}

static void be_quiet(struct cpu *c)
{
	u64 epoch = atomic_load_explicit(&rcu_epoch, memory_order_acquire);

	atomic_store_explicit(&c->quiet, epoch, memory_order_release);
}

void rcu_pass(struct cpu *c)
{
	struct rcu_list done = { 0 };

	if (cpu_total() == 1) {
		be_quiet(c);
		append(&done, &c->freed);
		free_all(done);
		return;
	}
	if (c->freed.first)
		hand_in(c);
	be_quiet(c);
	atomic_thread_fence(memory_order_seq_cst);	/* our number, then the others' */
	free_all(end());
}

/* Also what the functions that free have freed. */
bool rcu_sleep(struct cpu *c)
{
	if (c->freed.first)
		return false;
	atomic_store_explicit(&c->quiet, RCU_ASLEEP, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	return !atomic_load_explicit(&rcu.busy, memory_order_relaxed) || !all_quiet();
}

/* --- waiting ----------------------------------------------------------------------------------------- */

struct rcu_waiter {
	struct rcu_head	head;
	struct task	*task;
	_Atomic u32	over;
};

/* The waiter is gone when the task has seen that it is over; the task itself is not yet. */
static void wait_over(struct rcu_head *h)
{
	struct rcu_waiter *w = container_of(h, struct rcu_waiter, head);
	struct task *t = w->task;

	atomic_store_explicit(&w->over, 1, memory_order_release);
	task_wake(t);
}

async long rcu_wait(struct co *co)
{
	struct { struct rcu_waiter w; } *f = co_frame(co);

	co_begin(f);
	f->w.task = task_current();
	atomic_init(&f->w.over, 0);
	rcu_free(&f->w.head, wait_over);
	while (!atomic_load_explicit(&f->w.over, memory_order_acquire))
		co_pause();
	return 0;
	co_end();
}

async long rcu_settle(struct co *co)
{
	if (likely(!co_line(co) && rcu_waiting() < RCU_MANY))
		return 0;
	return rcu_wait(co);
}
