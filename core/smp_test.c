/* SPDX-License-Identifier: MIT */
/*
 * smp_test.c: the same executor on several harts at once, with real interrupts: nothing is lost,
 * nothing runs twice.  Also runs under ThreadSanitizer.
 */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
// sanitize: thread
#include <unistd.h>
#include "core/test.h"

HEARING
enum { HARTS = 4, PATIENCE_S = 60 };

void kernel_timer_irq(void) { exec_timer_irq(); }
void kernel_hart_main(struct cpu *c)
{
	exec_init(c, c - cpus, c - cpus);
	exec_run();
}

/* Harts cannot be stopped: the tests run on one, then on all. */
static void start_harts(u32 n)
{
	while (cpu_total() < n) {
		u32 i = cpu_total();

		assert_int_equal(host_start_hart(&cpus[i]), 0);
		while (cpu_total() == i)
			usleep(100);
	}
}

static int on_one(void **state)
{
	start_harts(1);
	return 0;
}

static int on_all(void **state)
{
	start_harts(HARTS);
	return 0;
}

/* The test's thread is no hart: it starts tasks by interrupts. */
static void irq_wake(void *t) { task_wake(t); }
static struct tester *start(long (*main)(struct co *, struct task *), void *arg)
{
	static u32 next;
	struct tester *r = tester_create(main, arg);

	host_interrupt(&cpus[next++ % cpu_total()], irq_wake, &r->t);
	return r;
}

/* They are kept: a waker on another hart may be about to find out that one has ended. */
static struct tester *kept[4096];
static void finish(struct tester **t, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		for (u32 ms = 0; !atomic_load(&t[i]->finished); ms++) {
			if (ms == PATIENCE_S * 1000)
				fail_msg("task %u of %u hangs", i, n);
			usleep(1000);
		}
		assert_int_equal(atomic_load(&t[i]->finished), 1);
	}
	for (u32 i = 0; i < n; i++) {
		static u32 count;

		assert_null(atomic_load(&t[i]->t.w.q));
		kept[count++] = t[i];
	}
}

/* --- a ring of semaphores --------------------------------------------------------------------------- */

enum { RING_TASKS = 200, LAPS = 200 };
static struct sem links[RING_TASKS];

static long passes_on(struct co *co, struct task *t)
{
	struct { u32 lap; } *f = co_frame(co);
	const uintptr_t me = (uintptr_t)arg_of(t);
	long r;

	co_begin(f);
	for (f->lap = 0; f->lap < LAPS; f->lap++) {
		await(r = sem_acquire(&links[me], 1));
		sem_release(&links[(me + 1) % RING_TASKS], 1);
	}
	return 0;
	co_end();
}

static void test_ring(void **state)
{
	struct tester *t[RING_TASKS];

	for (u32 i = 0; i < RING_TASKS; i++)
		sem_init(&links[i], i % 20 == 0);
	for (uintptr_t i = 0; i < RING_TASKS; i++)
		t[i] = start(passes_on, (void *)i);
	finish(t, RING_TASKS);
}

/* --- a mutex and what it protects ---------------------------------------------------------------------- */

static struct mutex mutex;
static struct { u64 a, b; } guarded;

static long adds(struct co *co, struct task *t)
{
	struct { u32 i; u64 was; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 300; f->i++) {
		await(r = mutex_lock(&mutex));
		f->was = guarded.a++;
		if (f->i % 3 == 0)
			co_yield();
		assert(guarded.a == f->was + 1);
		guarded.b++;
		mutex_unlock(&mutex);
	}
	return 0;
	co_end();
}

static void test_mutex(void **state)
{
	struct tester *t[40];

	mutex_init(&mutex);
	guarded.a = guarded.b = 0;
	for (u32 i = 0; i < 40; i++)
		t[i] = start(adds, NULL);
	finish(t, 40);
	assert_int_equal(guarded.a, 40 * 300);
	assert_int_equal(guarded.b, 40 * 300);
}

/* --- a bounded buffer: look, wait, be woken ---------------------------------------------------------------- */

enum { ITEMS = 4000, PRODUCERS = 6, CONSUMERS = 8, ROOM = 4 };
static struct {
	spinlock_t	lock;
	struct waitq	filled, drained;
	u64		item[ROOM];
	u32		count, closed;
	u64		sum_in, sum_out;
} buffer;

static async long put(u64 v)
{
	guard(&buffer.lock);
	if (buffer.count == ROOM)
		return wait_on(&buffer.drained);
	buffer.item[buffer.count++] = v;
	buffer.sum_in += v;
	wake_one(&buffer.filled);
	return 0;
}

static async long get(u64 *v)
{
	guard(&buffer.lock);
	if (!buffer.count)
		return buffer.closed == PRODUCERS ? -EPIPE : wait_on(&buffer.filled);
	*v = buffer.item[--buffer.count];
	buffer.sum_out += *v;
	wake_one(&buffer.drained);
	return 0;
}

static void close_one(void)
{
	guard(&buffer.lock);
	buffer.closed++;
	wake_all(&buffer.filled);
}

static long produces(struct co *co, struct task *t)
{
	struct { u64 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < ITEMS; f->i++) {
		await(r = put(f->i));
		assert(!r);
	}
	close_one();
	return 0;
	co_end();
}

static long consumes(struct co *co, struct task *t)
{
	struct { u64 v; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		await(r = get(&f->v));
		if (r)
			return 0;
		tester_of(t)->n++;
	}
	co_end();
}

static void test_buffer(void **state)
{
	struct tester *t[PRODUCERS + CONSUMERS];

	memset(&buffer, 0, sizeof(buffer));
	waitq_init(&buffer.filled);
	waitq_init(&buffer.drained);
	for (u32 i = 0; i < PRODUCERS + CONSUMERS; i++)
		t[i] = start(i < PRODUCERS ? produces : consumes, NULL);
	finish(t, PRODUCERS + CONSUMERS);
	assert_int_equal(buffer.sum_in, (u64)PRODUCERS * ITEMS * (ITEMS - 1) / 2);
	assert_int_equal(buffer.sum_out, buffer.sum_in);
}

/* --- interrupts against sleep -------------------------------------------------------------------------------- */

/* A device that answers by an interrupt: no lock between the answer and the sleep. */
struct request {
	_Atomic u32	done;
	_Atomic(struct task *) task;
};
static struct request *_Atomic device[64];

static void answer(void *arg)
{
	struct request *q = arg;
	struct task *t = q->task;

	atomic_store(&q->done, 1);			/* q may be gone */
	task_wake(t);
}

static async long submit_and_wait(struct co *co, u64 slot)
{
	struct { struct request q; } *f = co_frame(co);

	co_begin(f);
	f->q.done = 0;
	f->q.task = task_current();
	atomic_store(&device[slot], &f->q);
	while (!atomic_load(&f->q.done))
		co_pause();
	return 0;
	co_end();
}

static long client(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	const u64 slot = (u64)arg_of(t);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 200; f->i++)
		await(r = submit_and_wait(co, slot));
	return 0;
	co_end();
}

/* The test's thread is the device, until all requests are answered. */
static void serve(u32 clients, u32 requests)
{
	for (u32 served = 0; served < requests;) {
		for (u32 i = 0; i < clients; i++) {
			struct request *q = atomic_exchange(&device[i], NULL);

			if (!q)
				continue;
			host_interrupt(&cpus[served++ % cpu_total()], answer, q);
		}
	}
}

static void test_interrupts(void **state)
{
	struct tester *t[64];

	for (u64 i = 0; i < 64; i++)
		t[i] = start(client, (void *)i);
	serve(64, 64 * 200);
	finish(t, 64);
	for (u64 i = 0; i < 1; i++)			/* a lone one: harts sleep in between */
		t[i] = start(client, (void *)i);
	serve(1, 200);
	finish(t, 1);
}

/* --- timers ---------------------------------------------------------------------------------------------------- */

static long naps(struct co *co, struct task *t)
{
	struct { u32 i; u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 30; f->i++) {
		f->until = clock_now() + ((u64)arg_of(t) * 7919 + f->i * 104729) % 700000;
		await(r = wait_until(f->until));
		assert(r == -ETIMEDOUT && clock_now() >= f->until);
	}
	return 0;
	co_end();
}

static void test_naps(void **state)
{
	struct tester *t[300];

	for (u64 i = 0; i < 300; i++)
		t[i] = start(naps, (void *)i);
	finish(t, 300);
}

/* Wakeup, deadline and signal race for each wait; whatever wins, nothing is left behind. */
static struct waitq racing;
static _Atomic u32 won[3];

static long races(struct co *co, struct task *t)
{
	struct { u32 i; struct waiter w; u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 300; f->i++) {
		memset(&f->w, 0, sizeof(f->w));
		f->deadline = clock_now() + 20000 + f->i * 300;
		{
			guard(&racing.lock);
			wait_add(&racing, &f->w);
		}
		await(r = wait_woken(&f->w, f->deadline));
		assert(!f->w.q);
		atomic_fetch_add(&won[r == 0 ? 0 : r == -EINTR ? 1 : 2], 1);
		if (r == -EINTR)
			task_pending_clear(t, WAIT_SIGNAL);
	}
	return 0;
	co_end();
}

struct troublemaker { struct tester **victims; u32 n; bool signals; };
static long troubles(struct co *co, struct task *t)
{
	struct { u32 i; u64 until; } *f = co_frame(co);
	struct troublemaker *const m = arg_of(t);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 500; f->i++) {
		if (m->signals)
			task_interrupt(&m->victims[f->i % m->n]->t, WAIT_SIGNAL);
		else
			wake_one(&racing);
		f->until = clock_now() + 30000;
		await(r = wait_until(f->until));
	}
	return 0;
	co_end();
}

static void test_races(void **state)
{
	enum { VICTIMS = 20 };
	struct tester *t[VICTIMS + 2];
	struct troublemaker m[2] = { { t, VICTIMS, false }, { t, VICTIMS, true } };

	won[0] = won[1] = won[2] = 0;
	waitq_init(&racing);
	for (u32 i = 0; i < VICTIMS; i++)
		t[i] = start(races, NULL);
	for (u32 i = 0; i < 2; i++)
		t[VICTIMS + i] = start(troubles, &m[i]);
	finish(t, VICTIMS + 2);
	assert_int_equal(won[0] + won[1] + won[2], VICTIMS * 300);
	assert_true(won[0] && won[1] && won[2]);
	assert_true(waitq_empty(&racing));
}

/* A signal that comes just when the victim falls asleep: it has no other way to wake up. */
static _Atomic u32 heard, called;
enum { CALLS = 3000 };

static long hears(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < CALLS; f->i++) {
		await(r = wait_until(0));
		assert(r == -EINTR);
		task_pending_clear(t, WAIT_SIGNAL);
		atomic_store(&heard, f->i + 1);
	}
	return 0;
	co_end();
}

static long calls(struct co *co, struct task *t)
{
	struct task *victim = arg_of(t);
	u32 patience = 1000;

	while (atomic_load(&heard) == called && called && patience--)
		;
	if (atomic_load(&heard) == called) {
		if (called == CALLS)
			return 0;
		atomic_fetch_add(&called, 1);
		task_interrupt(victim, WAIT_SIGNAL);
	}
	task_requeue(t);
	return PENDING;
}

static void test_signal_falling_asleep(void **state)
{
	struct tester *t[2];

	heard = called = 0;
	t[0] = start(hears, NULL);
	t[1] = start(calls, &t[0]->t);
	finish(t, 2);
}

/* --- stealing ------------------------------------------------------------------------------------------------------ */

/* Each stays in its poll until all are polled: one on each hart. */
static _Atomic u32 meeting;
static long meets(struct co *co, struct task *t)
{
	atomic_fetch_add(&meeting, 1);
	while (atomic_load(&meeting) < HARTS)
		arch_relax();
	return 0;
}

static long spreads(struct co *co, struct task *t)
{
	struct tester **all = arg_of(t);

	for (u32 i = 0; i < HARTS; i++)
		task_requeue(&all[i]->t);
	return 0;
}

static void test_idle_harts_steal(void **state)
{
	struct tester *all[HARTS + 1];

	for (u32 round = 0; round < 100; round++) {
		atomic_store(&meeting, 0);
		for (u32 i = 0; i < HARTS; i++)
			all[i] = tester_create(meets, NULL);
		all[HARTS] = start(spreads, all);
		finish(all, HARTS + 1);
	}
}

/*
 * A hart announces that it sleeps and is called at once, for something that another takes before it looks.  Then
 * it must not sleep without being announced: nobody would call it for what comes next.
 */
static struct { _Atomic u32 present, at_door, leave, taken, done; } door;
static void spin_until(_Atomic u32 *what, u32 value)
{
	while (atomic_load(what) < value)
		arch_relax();
}

static void stands_at_door(void)
{
	if (atomic_exchange(&host_before_irq_off, NULL)) {
		atomic_store(&door.at_door, 1);
		spin_until(&door.taken, 1);
	}
}

static long stays(struct co *co, struct task *t)
{
	atomic_fetch_add(&door.present, 1);
	spin_until(&door.leave, (uintptr_t)arg_of(t));
	return 0;
}

static long goes_to_sleep(struct co *co, struct task *t)
{
	atomic_store(&host_before_irq_off, stands_at_door);
	return 0;
}

static long takes(struct co *co, struct task *t)
{
	atomic_store(&door.taken, 1);
	spin_until(&door.done, 1);
	return 0;
}

static long is_last(struct co *co, struct task *t)
{
	atomic_store(&door.done, 1);
	return 0;
}

static long calls_the_sleeper(struct co *co, struct task *t)
{
	struct tester **all = arg_of(t);

	spin_until(&door.present, 2);			/* so one hart has nothing to do */
	task_requeue(&all[0]->t);
	spin_until(&door.at_door, 1);
	task_requeue(&all[1]->t);
	atomic_store(&door.leave, 1);			/* a second hart is free, and takes it */
	spin_until(&door.taken, 1);
	usleep(5000);					/* the first one looks and sleeps */
	task_requeue(&all[2]->t);
	spin_until(&door.done, 1);
	atomic_store(&door.leave, 2);
	return 0;
}

static void test_called_before_sleep(void **state)
{
	struct tester *t[6];

	memset(&door, 0, sizeof(door));
	t[0] = tester_create(goes_to_sleep, NULL);
	t[1] = tester_create(takes, NULL);
	t[2] = tester_create(is_last, NULL);
	t[3] = start(stays, (void *)1);
	t[4] = start(stays, (void *)2);
	t[5] = start(calls_the_sleeper, t);
	finish(t, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ring, on_one),
		cmocka_unit_test_setup(test_mutex, on_one),
		cmocka_unit_test_setup(test_buffer, on_one),
		cmocka_unit_test_setup(test_interrupts, on_one),
		cmocka_unit_test_setup(test_naps, on_one),
		cmocka_unit_test_setup(test_races, on_one),
		cmocka_unit_test_setup(test_signal_falling_asleep, on_one),
		cmocka_unit_test_setup(test_ring, on_all),
		cmocka_unit_test_setup(test_mutex, on_all),
		cmocka_unit_test_setup(test_buffer, on_all),
		cmocka_unit_test_setup(test_interrupts, on_all),
		cmocka_unit_test_setup(test_naps, on_all),
		cmocka_unit_test_setup(test_races, on_all),
		cmocka_unit_test_setup(test_signal_falling_asleep, on_all),
		cmocka_unit_test_setup(test_idle_harts_steal, on_all),
		cmocka_unit_test_setup(test_called_before_sleep, on_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
