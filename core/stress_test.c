/* SPDX-License-Identifier: MIT */
/*
 * stress_test.c: everything that waits, mixed at random on four harts with real interrupts, by rounds.  Each
 * round has a seed of its own that says who does what, how often and when; it is printed when the round
 * fails or hangs.  STRESS_SECONDS (5) says how long, STRESS_SEED which round to begin with.
 */
// links: core/chan.c core/event.c core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
// sanitize: thread
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "core/chan.h"
#include "core/event.h"
#include "core/rcu.h"
#include "core/seq.h"
#include "core/test.h"

HEARING
enum { HARTS = 4, ACTORS = 24, PATIENCE_S = 60, ROUND = 60, THINGS = 4, PARCELS = 64 };

void kernel_timer_irq(void) { exec_timer_irq(); }
void kernel_hart_main(struct cpu *c)
{
	exec_init(c, c - cpus, c - cpus);
	exec_run();
}

/* --- what they share ---------------------------------------------------------------------------------- */

struct thing { struct rcu_head rcu; _Atomic u32 refs; u32 value; };
struct parcel { struct chan_item item; u64 number; };

static struct {
	struct mutex	mutex;
	struct rwlock	rw;
	struct sem	sem;
	struct chan	chan;
	struct event	event;
	struct waitq	q;
	seqlock_t	seq;
	spinlock_t	seq_writers;
	_Atomic u64	pair[2];
	_Atomic(struct thing *) thing[THINGS];
	u64		plain, written;		/* under mutex; under rw */
	_Atomic s64	permits, parcels, things;
} all;

static _Atomic u32 live;
static struct actor *actors[ACTORS];
struct actor { struct rcu_head rcu; u64 random, left, now; struct waiter w[2]; u32 id; bool done; struct task t; };

static struct actor *actor_of(struct task *t) { return container_of(t, struct actor, t); }

static u32 below(struct actor *a, u32 n)
{
	a->random = a->random * 6364136223846793005ull + 1442695040888963407ull;
	return (a->random >> 33) % n;
}

/* --- what they do: each starts with a fresh frame -------------------------------------------------------- */

static async long do_mutex(struct co *co, struct actor *a)
{
	struct { u64 was; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&all.mutex));
	f->was = all.plain++;
	if (below(a, 2))
		co_yield();
	assert(all.plain == f->was + 1);
	mutex_unlock(&all.mutex);
	return 0;
	co_end();
}

static async long do_rwlock(struct co *co, struct actor *a)
{
	struct { bool write; u64 was; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->write = !below(a, 4);
	if (f->write)
		await(r = write_lock(&all.rw));
	else
		await(r = read_lock(&all.rw));
	f->was = f->write ? ++all.written : all.written;
	if (below(a, 2))
		co_yield();
	assert(all.written == f->was);
	if (f->write)
		write_unlock(&all.rw);
	else
		read_unlock(&all.rw);
	return 0;
	co_end();
}

static async long do_sem(struct co *co, struct actor *a)
{
	struct { u64 n; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->n = 1 + below(a, 3);
	await(r = sem_acquire(&all.sem, f->n));
	assert(atomic_fetch_sub(&all.permits, f->n) >= (s64)f->n);
	if (below(a, 2))
		co_yield();
	atomic_fetch_add(&all.permits, f->n);
	sem_release(&all.sem, f->n);
	return 0;
	co_end();
}

static async long do_send(struct co *co, struct actor *a)
{
	struct { struct parcel *p; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->p = malloc(sizeof(*f->p));
	f->p->number = below(a, 1000) + 1;
	atomic_fetch_add(&all.parcels, f->p->number);
	await(r = chan_send(&all.chan, &f->p->item));
	if (r) {
		atomic_fetch_sub(&all.parcels, f->p->number);
		free(f->p);
	}
	return r;
	co_end();
}

/* Never the last to wait: who finds nothing goes on. */
static async long do_receive(struct co *co, struct actor *a)
{
	struct chan_item *i;

	for (u32 n = below(a, 4); n; n--)
		if (!chan_try_receive(&all.chan, &i)) {
			atomic_fetch_sub(&all.parcels, container_of(i, struct parcel, item)->number);
			free(container_of(i, struct parcel, item));
		}
	return 0;
}

static async long do_event(struct co *co, struct actor *a)
{
	struct { u64 seen, until; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->seen = 0;
	f->until = clock_now() + below(a, 50000);
	if (below(a, 2))
		event_raise(&all.event);
	do
		await(r = event_wait(&all.event, &f->seen, f->until));
	while (!r);
	assert(r == -ETIMEDOUT || r == -EINTR);
	return 0;
	co_end();
}

static async long do_any(struct co *co, struct actor *a)
{
	struct { u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->until = clock_now() + below(a, 100000);
	memset(a->w, 0, sizeof(a->w));
	{
		guard(&all.q.lock);
		wait_add(&all.q, &a->w[0]);
	}
	{
		guard(&all.event.q.lock);
		a->w[1].key = WAIT_SHARED;
		wait_add(&all.event.q, &a->w[1]);
	}
	await(r = wait_any(a->w, 2, f->until));
	assert(!a->w[0].q && !a->w[1].q);
	return 0;
	co_end();
}

static async long do_wake(struct co *co, struct actor *a)
{
	if (below(a, 2))
		wake_one(&all.q);
	else
		wake_all(&all.q);
	return 0;
}

static async long do_seq(struct co *co, struct actor *a)
{
	u64 x, y;
	u32 n;

	if (!below(a, 3)) {
		guard(&all.seq_writers);
		seq_write_begin(&all.seq);
		atomic_fetch_add_explicit(&all.pair[0], 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&all.pair[1], 1, memory_order_relaxed);
		seq_write_end(&all.seq);
	}
	do {
		n = seq_read_begin(&all.seq);
		x = atomic_load_explicit(&all.pair[0], memory_order_relaxed);
		y = atomic_load_explicit(&all.pair[1], memory_order_relaxed);
	} while (seq_read_again(&all.seq, n));
	assert(x == y);
	return 0;
}

static void thing_free(struct rcu_head *h)
{
	struct thing *t = container_of(h, struct thing, rcu);

	t->value = 0;
	free(t);
	atomic_fetch_sub(&all.things, 1);
}

static void thing_put(struct thing *t)
{
	if (t && atomic_fetch_sub(&t->refs, 1) == 1)
		rcu_free(&t->rcu, thing_free);
}

/* Replace one, or find one and keep it across a wait. */
static async long do_thing(struct co *co, struct actor *a)
{
	struct { struct thing *t; } *f = co_frame(co);
	const u32 which = a->id % THINGS;

	co_begin(f);
	if (!below(a, 3)) {
		f->t = malloc(sizeof(*f->t));
		*f->t = (struct thing){ .refs = 1, .value = 7 };
		atomic_fetch_add(&all.things, 1);
		thing_put(atomic_exchange(&all.thing[which], f->t));
		return 0;
	}
	f->t = rcu_read(&all.thing[which]);
	if (!f->t || !ref_try(&f->t->refs))
		return 0;
	co_yield();
	assert(f->t->value == 7);
	thing_put(f->t);
	return 0;
	co_end();
}

/* Others are woken for no reason, and interrupted; they may have ended. */
static async long do_disturb(struct co *co, struct actor *a)
{
	struct actor *victim = __atomic_load_n(&actors[below(a, ACTORS)], __ATOMIC_ACQUIRE);

	if (!victim)
		return 0;
	if (below(a, 2))
		task_wake(&victim->t);
	else
		task_interrupt(&victim->t, WAIT_SIGNAL);
	return 0;
}

static async long do_nap(struct co *co, struct actor *a)
{
	struct { u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->until = clock_now() + below(a, 20000);
	await(r = wait_until(f->until));
	return 0;
	co_end();
}

static async long do_rcu_wait(struct co *co, struct actor *a)
{
	return rcu_wait(co);
}

struct deed { async long (*fn)(struct co *co, struct actor *a); };
static const struct deed deeds[] = {
	{ do_mutex }, { do_rwlock }, { do_sem }, { do_send }, { do_receive }, { do_receive }, { do_event },
	{ do_any }, { do_wake }, { do_seq }, { do_thing }, { do_thing }, { do_disturb }, { do_disturb },
	{ do_nap }, { do_rcu_wait },
};

static long acts(struct co *co, struct task *t)
{
	struct { u32 deed; } *f = co_frame(co);
	struct actor *const a = actor_of(t);
	long r;

	co_begin(f);
	for (; a->left; a->left--) {
		f->deed = below(a, ARRAY_SIZE(deeds));
		await(r = deeds[f->deed].fn(co, a));
		if (atomic_load_explicit(&t->pending, memory_order_relaxed))
			task_pending_clear(t, WAIT_SIGNAL);
	}
	return 0;
	co_end();
}

static void actor_free(struct rcu_head *h)
{
	free(container_of(h, struct actor, rcu));
	atomic_fetch_sub(&live, 1);
}

/* Who disturbs may still have found it. */
static void ends(struct task *t)
{
	struct actor *a = actor_of(t);

	assert(!t->w.q && !t->grant && !t->timer_cpu);
	__atomic_store_n(&actors[a->id], NULL, __ATOMIC_RELEASE);
	rcu_free(&a->rcu, actor_free);
}

/* --- rounds -------------------------------------------------------------------------------------------- */

static void shared_init(void)
{
	memset(&all, 0, sizeof(all));
	mutex_init(&all.mutex);
	rwlock_init(&all.rw);
	sem_init(&all.sem, 4);
	atomic_store(&all.permits, 4);
	chan_init(&all.chan, 3);
	event_init(&all.event);
	waitq_init(&all.q);
}

static void irq_wake(void *t) { task_wake(t); }
/* From now on others find it; it may have ended before we wake it: we are a reader. */
static void irq_begin(void *arg)
{
	struct actor *a = arg;

	__atomic_store_n(&actors[a->id], a, __ATOMIC_RELEASE);
	task_wake(&a->t);
}
static void irq_nothing(void *t) { }

static void actor_begin(u32 id, u64 seed)
{
	struct actor *a = calloc(1, sizeof(*a) + 512);

	task_init(&a->t, "actor", 512, acts, ends);
	a->random = seed * 2654435761u + id;
	a->left = 1 + below(a, ROUND);
	a->id = id;
	host_interrupt(&cpus[below(a, cpu_total())], irq_begin, a);
}

static bool over(void) { return !atomic_load(&live) && !atomic_load(&all.things); }

static void receive_all(void)
{
	struct chan_item *i;

	while (!chan_try_receive(&all.chan, &i)) {
		atomic_fetch_sub(&all.parcels, container_of(i, struct parcel, item)->number);
		free(container_of(i, struct parcel, item));
	}
}

/* Channels must not stay full, or senders would wait for ever. */
static long drains(struct co *co, struct task *t)
{
	struct { u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	while (atomic_load(&live)) {
		receive_all();
		f->until = clock_now() + 100000;
		await(r = wait_until(f->until));
	}
	receive_all();
	for (u32 i = 0; i < THINGS; i++)
		thing_put(atomic_exchange(&all.thing[i], NULL));
	return 0;
	co_end();
}

static void run_round(u64 seed)
{
	static struct tester *drain;

	shared_init();
	atomic_store(&live, ACTORS);
	for (u32 i = 0; i < ACTORS; i++)
		actor_begin(i, seed);
	drain = tester_create(drains, NULL);
	host_interrupt(&cpus[0], irq_wake, &drain->t);
	for (u32 us = 0; !over() || !atomic_load(&drain->finished); us += 200) {
		if (us > PATIENCE_S * 1000000u)
			fail_msg("hangs: %u live, %ld things", atomic_load(&live), (long)atomic_load(&all.things));
		host_interrupt(&cpus[us / 200 % cpu_total()], irq_nothing, NULL);
		usleep(200);
	}
	assert_int_equal(all.parcels, 0);
	assert_int_equal(all.permits, 4);
	assert_int_equal(all.sem.count, 4);
	assert_int_equal(all.mutex.s.count, 1);
	assert_int_equal(all.rw.s.count, RW_MAX);
	assert_true(waitq_empty(&all.q) && waitq_empty(&all.event.q));
}

static u64 setting(const char *name, u64 otherwise)
{
	return getenv(name) ? strtoull(getenv(name), NULL, 0) : otherwise;
}

/* @seed is known whatever happens. */
static void say(u64 seed)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "# round %lu\n", seed);

	if (write(2, text, n) < 0)
		return;
}

static void test_mixed(void **state)
{
	u64 until = time(NULL) + setting("STRESS_SECONDS", 5);
	u64 seed = setting("STRESS_SEED", time(NULL) * 1000ull), first = seed;

	for (; (u64)time(NULL) < until || seed == first; seed++) {
		say(seed);
		run_round(seed);
	}
	print_message("# %lu rounds, seeds from %lu\n", seed - first, first);
}

static int start_harts(void **state)
{
	while (cpu_total() < HARTS) {
		u32 i = cpu_total();

		assert_int_equal(host_start_hart(&cpus[i]), 0);
		while (cpu_total() == i)
			usleep(100);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(test_mixed, start_harts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
