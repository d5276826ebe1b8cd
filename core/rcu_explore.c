/* SPDX-License-Identifier: MIT */
/* rcu_explore.c: epoch against free, in every order; wakers against tasks that end. */
#include "core/rcu.h"
#include "test/explore/explore.h"

struct thing { struct rcu_head rcu; u32 value; };

static struct actor a, b, c;
static struct thing things[3];
static _Atomic(struct thing *) current;
static u32 freed;

static void thing_free(struct rcu_head *h)
{
	struct thing *t = container_of(h, struct thing, rcu);

	freed++;
	explore_free(t, sizeof(*t));
}

static void things_init(void)
{
	for (u32 i = 0; i < 3; i++)
		things[i] = (struct thing){ .value = 7 };
	freed = 0;
	rcu_publish(&current, &things[0]);
}

static u32 look(void) { return rcu_read(&current)->value; }

static void replace(u32 by)
{
	struct thing *old = rcu_read(&current);

	things[by].value = 7;
	rcu_publish(&current, &things[by]);
	rcu_free(&old->rcu, thing_free);
}

/* --- readers ------------------------------------------------------------------------------------------- */

static long reads(struct co *co, struct task *t)
{
	must(look() == 7);
	if (actor_of(t)->result++)
		return 0;
	task_requeue(t);
	return PENDING;
}

static long replaces(struct co *co, struct task *t)
{
	replace(++actor_of(t)->result);
	if (actor_of(t)->result == 2)
		return 0;
	task_requeue(t);
	return PENDING;
}

static void read_replace(void)
{
	things_init();
	actor_start(&a, 0, reads, NULL);
	actor_start(&b, 1, replaces, NULL);
}
static void all_freed(void)
{
	must(a.ended && b.ended);
	must(freed == 2 && !rcu_waiting());
}
const struct scenario rcu_replace = { "rcu-replace", 2, read_replace, all_freed };

/* One hart sleeps, an interrupt wakes it: its handler reads. */
static void irq_reads(void *arg) { must(look() == 7); }
static void ring(void) { explore_interrupt(0, irq_reads, NULL); }
static long replaces_once(struct co *co, struct task *t)
{
	replace(1);
	return 0;
}
static void irq(void)
{
	things_init();
	actor_start(&b, 1, replaces_once, NULL);
}
static void one_freed(void)
{
	must(b.ended && freed == 1 && !rcu_waiting());
}
const struct scenario rcu_irq = { "rcu-irq-reads", 2, irq, one_freed, { ring } };

/* Two free at the same time. */
static long frees_own(struct co *co, struct task *t)
{
	rcu_free(&((struct thing *)actor_of(t)->arg)->rcu, thing_free);
	return 0;
}
static void two_free(void)
{
	things_init();
	actor_start(&a, 0, frees_own, &things[1]);
	actor_start(&b, 1, frees_own, &things[2]);
}
const struct scenario rcu_two = { "rcu-two-free", 2, two_free, all_freed };

/* --- waiting for readers ---------------------------------------------------------------------------------- */

static long replaces_and_waits(struct co *co, struct task *t)
{
	struct { struct thing *old; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->old = rcu_read(&current);
	rcu_publish(&current, &things[1]);
	await(r = rcu_wait(co));
	freed++;
	explore_free(f->old, sizeof(*f->old));
	return r;
	co_end();
}
static void wait_for_readers(void)
{
	things_init();
	actor_start(&a, 0, reads, NULL);
	actor_start(&b, 1, replaces_and_waits, NULL);
}
static void waited(void)
{
	must(a.ended && b.ended && freed == 1);
}
const struct scenario rcu_waits = { "rcu-wait", 2, wait_for_readers, waited };

/* --- a task ends while somebody is about to wake it --------------------------------------------------------- */

static struct rcu_head dying;
static void dead(struct rcu_head *h)
{
	freed++;
	explore_free(&a.t, sizeof(a.t));
}
/* Who finds it here may wake it. */
static _Atomic(struct task *) known;
static void ends(struct task *t)
{
	atomic_store_explicit(&known, NULL, memory_order_relaxed);
	rcu_free(&dying, dead);
}

static struct waitq q;
static spinlock_t lock;
static u32 flag;
static async long flagged(void)
{
	guard(&lock);
	return flag ? 0 : wait_on(&q);
}
static long waits(struct co *co, struct task *t) { return flagged(); }
static long wakes(struct co *co, struct task *t)
{
	guard(&lock);
	flag = 1;
	wake_one(&q);
	return 0;
}
static long disturbs(struct co *co, struct task *t)
{
	struct task *victim = rcu_read(&known);

	if (victim)
		task_wake(victim);
	return 0;
}
static void end_wake(void)
{
	waitq_init(&q);
	flag = freed = 0;
	actor_start(&a, 0, waits, NULL);
	a.t.exit = ends;
	rcu_publish(&known, &a.t);
	actor_start(&b, 1, wakes, NULL);
	actor_start(&c, 2, disturbs, NULL);
}
static void gone(void) { must(b.ended && freed == 1); }
const struct scenario rcu_task = { "task-ends-when-woken", 3, end_wake, gone };

/* --- counted objects found without a lock -------------------------------------------------------------------- */

struct counted { struct rcu_head rcu; _Atomic u32 refs; u32 value; };
static struct counted object;
static _Atomic(struct counted *) slot;

static void object_free(struct rcu_head *h)
{
	freed++;
	explore_free(&object, sizeof(object));
}
static void object_put(struct counted *o)
{
	if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	o->value = 0;
	rcu_free(&o->rcu, object_free);
}
static long finds(struct co *co, struct task *t)
{
	struct counted *o = rcu_read(&slot);

	if (!o || !ref_try(&o->refs))
		return 0;
	must(o->value == 7);
	object_put(o);
	return 0;
}
static long closes(struct co *co, struct task *t)
{
	struct counted *o = rcu_read(&slot);

	atomic_store_explicit(&slot, NULL, memory_order_relaxed);
	object_put(o);
	return 0;
}
static void find_close(void)
{
	object = (struct counted){ .refs = 1, .value = 7 };
	freed = 0;
	rcu_publish(&slot, &object);
	actor_start(&a, 0, finds, NULL);
	actor_start(&b, 1, closes, NULL);
}
static void closed(void) { must(a.ended && b.ended && freed == 1); }
const struct scenario rcu_counted = { "rcu-find-close", 2, find_close, closed };
