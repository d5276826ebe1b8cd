/* SPDX-License-Identifier: MIT */
/*
 * timer.c: deadlines, in one pairing heap for each hart.  The nodes lie in the tasks: nothing is
 * allocated, starting a timer costs one comparison, stopping one whose heap node has no children
 * (nearly all) unlinks it, and the price, logarithmic on average, is paid when the first one expires.
 *
 * A task's timer is started and stopped by the task itself, in the heap of the hart it runs on then;
 * it may be stopped from another one.  cpu->timer_lock guards heap and timer_next; timer_cpu of a
 * task changes under it.
 */
#include "core/log.h"
#include "core/task.h"
#include "core/time.h"

static inline struct timer *merge(struct timer *a, struct timer *b)
{
	if (b->at < a->at) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	b->prev = a;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* One heap of the siblings from @n on: pair them up, then join the pairs from the right. */
static struct timer *merge_siblings(struct timer *n)
{
	struct timer *pairs = NULL, *root = NULL, *next, *one;

	for (; n; n = next) {
		one = n;
		next = n->next;
		if (next) {
			n = next;
			next = n->next;
			one = merge(one, n);
		}
		one->next = pairs;
		pairs = one;
	}
	while ((one = pairs)) {
		pairs = one->next;
		root = root ? merge(root, one) : one;
	}
	return root;
}

static inline void set_root(struct cpu *c, struct timer *root)
{
	c->timers = root;
	atomic_store_explicit(&c->timer_next, root ? root->at : TIME_NEVER, memory_order_relaxed);
}

static void heap_remove(struct cpu *c, struct timer *n)
{
	struct timer *rest = n->child ? merge_siblings(n->child) : NULL;

	if (c->timers == n) {
		set_root(c, rest);
		return;
	}
	if (n->prev->child == n)
		n->prev->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->prev;
	if (rest)
		merge(c->timers, rest);			/* below the root: nothing of it is earlier */
}

void timer_start(struct task *t, u64 at)
{
	struct cpu *c = this_cpu();

	timer_stop(t);
	if (at == TIME_NEVER)
		return;
	t->timer.at = at;
	t->timer.child = NULL;
	guard(&c->timer_lock);
	set_root(c, c->timers ? merge(c->timers, &t->timer) : &t->timer);
	atomic_store_explicit(&t->timer_cpu, c->id + 1, memory_order_relaxed);
}

void timer_stop(struct task *t)
{
	u32 id = atomic_load_explicit(&t->timer_cpu, memory_order_acquire);

	if (!id)
		return;
	guard(&cpus[id - 1].timer_lock);
	if (!atomic_load_explicit(&t->timer_cpu, memory_order_relaxed))
		return;					/* it expired meanwhile */
	heap_remove(&cpus[id - 1], &t->timer);
	atomic_store_explicit(&t->timer_cpu, 0, memory_order_relaxed);
}

/* Take the first one out of the heap if it is due. */
static struct task *pop_due(struct cpu *c, u64 now)
{
	struct timer *n;
	struct task *t;

	guard(&c->timer_lock);
	n = c->timers;
	if (!n || n->at > now)
		return NULL;
	t = container_of(n, struct task, timer);
	heap_remove(c, n);
	atomic_store_explicit(&t->timer_cpu, 0, memory_order_release);
	return t;
}

void timer_expire(u64 now)
{
	struct cpu *c = this_cpu();
	struct task *t;

	while ((t = pop_due(c, now)))
		task_wake_due(t);
}

u64 timer_next(void)
{
	return atomic_load_explicit(&this_cpu()->timer_next, memory_order_relaxed);
}
