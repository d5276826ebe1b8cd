/* SPDX-License-Identifier: MIT */
/*
 * timer.c: deadlines, in one binomial queue for each hart.  The nodes lie in the tasks: nothing is
 * allocated and nothing can fail.
 *
 * The queue is a set of heap-ordered trees, at most one of each rank; two of rank r make one of rank
 * r + 1, as a carry does when counting.  So starting a timer links one pair on average, and at most as
 * many as there are ranks; a node that is taken out leaves at most rank children, which go back as
 * trees.  A tree may have lost nodes from below, so rank r means: 2^r timers were started, at most.
 * No operation is ever paid for later: with 100,000 timers none links more than 17 pairs.
 *
 * A task's timer is started and stopped by the task itself, in the queue of the hart it runs on then;
 * it may be stopped from another one.  cpu->timer_lock guards queue and timer_next; timer_cpu of a
 * task changes under it.
 */
#include "core/log.h"
#include "core/task.h"
#include "core/time.h"

enum { EXPIRE_MAX = 32 };		/* at a time: others want to run, too */

static inline u32 *rank_of(struct timer *n) { return &container_of(n, struct task, timer)->timer_rank; }

#ifdef HOST_TEST
_Thread_local u64 timer_links;		/* the tests count the work */
static inline void count_link(void) { timer_links++; }
#else
static inline void count_link(void) { }
#endif

static inline void set_child(struct timer *parent, struct timer *n)
{
	struct timer *next = parent->child;

	n->next = next;
	n->prev = parent;
	parent->child = n;
	if (next)
		next->prev = n;
	count_link();
}

/* Carry: as long as there is a tree of the same rank, two become one.  The root it ends up below. */
static inline struct timer *add_tree(struct timer_heap *h, struct timer *n)
{
	u32 rank = *rank_of(n);
	u64 used = h->used >> rank, at = n->at;

	h->used += 1ull << rank;
	for (; unlikely(used & 1); used >>= 1, rank++) {
		struct timer *other = h->root[rank];
		u64 others = other->at;

		if (others < at) {
			*rank_of(n) = rank;
			set_child(other, n);
			n = other;
			at = others;
		} else {
			set_child(n, other);
		}
	}
	*rank_of(n) = rank;
	n->prev = NULL;
	h->root[rank] = n;
	return n;
}

/* Without a search for bits, which is a call on machines that cannot count zeros. */
static void find_first(struct timer_heap *h)
{
	struct timer *first = NULL, **root = h->root;

	for (u64 used = h->used; used; used >>= 1, root++)
		if (used & 1 && (!first || (*root)->at < first->at))
			first = *root;
	h->first = first;
}

static inline void unlink(struct timer_heap *h, struct timer *n)
{
	if (!n->prev) {
		h->used &= ~(1ull << *rank_of(n));
		return;
	}
	if (n->prev->child == n)
		n->prev->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

/* What others may read without the lock. */
static inline void tell_next(struct cpu *c)
{
	u64 at = c->timers.first ? c->timers.first->at : TIME_NEVER;

	atomic_store_explicit(&c->timer_next, at, memory_order_relaxed);
}

static void take_out(struct cpu *cpu, struct timer *n)
{
	struct timer_heap *h = &cpu->timers;
	struct timer *c, *next;

	unlink(h, n);
	for (c = n->child; c; c = next) {
		next = c->next;
		add_tree(h, c);
	}
	if (h->first == n || h->first->prev) {		/* or one that is due as early came above it */
		find_first(h);
		tell_next(cpu);
	}
}

void timer_start(struct task *t, u64 at)
{
	struct cpu *c = this_cpu();
	struct timer *n;

	timer_stop(t);
	if (at == TIME_NEVER)
		return;
	t->timer.at = at;
	t->timer.child = NULL;
	t->timer_rank = 0;
	guard(&c->timer_lock);
	n = add_tree(&c->timers, &t->timer);
	if (!c->timers.first || n->at <= c->timers.first->at) {
		c->timers.first = n;			/* also if the first has just become its child */
		tell_next(c);
	}
	atomic_store_explicit(&t->timer_cpu, c->id + 1, memory_order_relaxed);
}

void timer_stop(struct task *t)
{
	u32 id = atomic_load_explicit(&t->timer_cpu, memory_order_acquire);
	struct cpu *c;

	if (!id)
		return;
	c = &cpus[id - 1];
	guard(&c->timer_lock);
	if (!atomic_load_explicit(&t->timer_cpu, memory_order_relaxed))
		return;					/* it expired meanwhile */
	take_out(c, &t->timer);
	atomic_store_explicit(&t->timer_cpu, 0, memory_order_relaxed);
}

/* Take the first one out of the heap if it is due. */
static struct task *pop_due(struct cpu *c, u64 now)
{
	struct timer *n;
	struct task *t;

	guard(&c->timer_lock);
	n = c->timers.first;
	if (!n || n->at > now)
		return NULL;
	t = container_of(n, struct task, timer);
	take_out(c, n);
	atomic_store_explicit(&t->timer_cpu, 0, memory_order_release);
	return t;
}

void timer_expire(u64 now)
{
	struct cpu *c = this_cpu();
	struct task *t;

	for (u32 i = 0; i < EXPIRE_MAX && (t = pop_due(c, now)); i++)
		task_wake_due(t);
}

u64 timer_next(void)
{
	return atomic_load_explicit(&this_cpu()->timer_next, memory_order_relaxed);
}
