/* SPDX-License-Identifier: MIT */
/* wait_test.c: queues, signals against waits, deadlines, fair locks; on one hart. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include "core/test.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

static struct waitq wq;
static u32 order[1024], ordered;
static bool open_gate;

/* --- queues --------------------------------------------------------------------------------------- */

/* Wait until the gate is open or somebody passed us through (tester.n). */
static long at_gate(struct co *co, struct task *t)
{
	long r;

	if (!open_gate && !tester_of(t)->n) {
		r = wait_on(&wq);
		if (r != PENDING)
			order[ordered++] = 1000;
		return r;
	}
	order[ordered++] = (u32)(uintptr_t)arg_of(t);
	return 0;
}

static struct tester *gate[10];

static void line_up(void)
{
	waitq_init(&wq);
	open_gate = false;
	ordered = 0;
	check_chaos = false;
	for (uintptr_t i = 0; i < 10; i++) {
		gate[i] = tester_create(at_gate, (void *)i);
		task_requeue(&gate[i]->t);
	}
	run_all();
	assert_int_equal(ordered, 0);
}

static void test_wake_one_is_fifo(void **state)
{
	line_up();
	for (u32 i = 0; i < 10; i++) {
		gate[i]->n = 1;
		assert_int_equal(wake_one(&wq), 1);
		run_all();
		assert_int_equal(ordered, i + 1);
		assert_int_equal(order[i], i);
		reap(gate[i]);
	}
	assert_int_equal(wake_one(&wq), 0);
	assert_true(waitq_empty(&wq));
}

static void test_wake_all(void **state)
{
	line_up();
	open_gate = true;
	assert_int_equal(wake_all(&wq), 10);
	run_all();
	assert_int_equal(ordered, 10);
	for (u32 i = 0; i < 10; i++)
		reap(gate[i]);
}

/* A wakeup without a reason: back into the queue. */
static void test_spurious(void **state)
{
	line_up();
	for (u32 i = 0; i < 10; i++)
		task_wake(&gate[i]->t);
	run_all();
	assert_int_equal(ordered, 0);
	open_gate = true;
	assert_int_equal(wake_all(&wq), 10);
	run_all();
	for (u32 i = 0; i < 10; i++)
		reap(gate[i]);
}

static void test_shared_waiters_pass_it_on(void **state)
{
	line_up();
	for (u32 i = 0; i < 3; i++)
		gate[i]->t.w.key = WAIT_SHARED;
	open_gate = true;
	assert_int_equal(wake_one(&wq), 4);
	assert_int_equal(wake_all(&wq), 6);
	run_all();
	for (u32 i = 0; i < 10; i++)
		reap(gate[i]);
}

static void test_signals_end_waits(void **state)
{
	line_up();
	for (u32 i = 0; i < 10; i++)
		task_interrupt(&gate[i]->t, WAIT_SIGNAL);
	run_all();
	assert_int_equal(ordered, 10);
	for (u32 i = 0; i < 10; i++) {
		assert_int_equal(order[i], 1000);
		reap(gate[i]);
	}
	assert_true(waitq_empty(&wq));
}

/* --- modes ------------------------------------------------------------------------------------------ */

enum how { HOW_ON, HOW_KILL, HOW_QUIET };
static long once(struct co *co, struct task *t)
{
	struct { long r; } *f = co_frame(co);

	co_begin(f);
	switch ((enum how)(uintptr_t)arg_of(t)) {
	case HOW_ON:
		f->r = wait_on(&wq);
		break;
	case HOW_KILL:
		f->r = wait_kill(&wq);
		break;
	case HOW_QUIET:
		f->r = wait_quiet(&wq);
		break;
	}
	if (f->r == PENDING)
		co_pause();
	tester_of(t)->n = f->r;
	return 0;
	co_end();
}

static void expect_mode(enum how how, u32 what, bool before, bool ends)
{
	struct tester *t = tester_create(once, (void *)(uintptr_t)how);

	waitq_init(&wq);
	check_chaos = false;
	if (before)
		task_interrupt(&t->t, what);
	task_wake(&t->t);
	run_all();
	if (!before)
		task_interrupt(&t->t, what);
	run_all();
	assert_int_equal(t->finished, ends);
	if (ends)
		assert_int_equal(t->n, before ? -EINTR : PENDING);
	wake_all(&wq);
	run_all();
	reap(t);
}

static void test_modes(void **state)
{
	for (u32 before = 0; before < 2; before++) {
		expect_mode(HOW_ON, WAIT_SIGNAL, before, true);
		expect_mode(HOW_ON, WAIT_SIGNAL | WAIT_KILL, before, true);
		expect_mode(HOW_KILL, WAIT_SIGNAL, before, false);
		expect_mode(HOW_KILL, WAIT_SIGNAL | WAIT_KILL, before, true);
		expect_mode(HOW_QUIET, WAIT_SIGNAL | WAIT_KILL, before, false);
	}
}

static void test_pending_is_cleared(void **state)
{
	struct tester *t = tester_create(once, (void *)HOW_ON);

	waitq_init(&wq);
	check_chaos = false;
	task_interrupt(&t->t, WAIT_SIGNAL);
	task_pending_clear(&t->t, WAIT_SIGNAL);
	task_wake(&t->t);
	run_all();
	assert_int_equal(t->finished, 0);
	assert_int_equal(wake_one(&wq), 1);
	run_all();
	reap(t);
}

/* --- deadlines -------------------------------------------------------------------------------------- */

static long until(struct co *co, struct task *t)
{
	long r = open_gate ? 7 : wait_on_until(&wq, (u64)arg_of(t));

	if (r == PENDING)
		return r;
	tester_of(t)->n = r;
	return 0;
}

static void test_deadlines(void **state)
{
	struct tester *t[4];

	waitq_init(&wq);
	open_gate = false;
	t[0] = spawn(until, (void *)1);			/* past */
	t[1] = spawn(until, (void *)(START + 500ul));
	t[2] = spawn(until, (void *)(START + 1000ul));
	t[3] = spawn(until, NULL);			/* never */
	run_all();
	assert_int_equal(t[0]->n, -ETIMEDOUT);
	advance(499);
	assert_int_equal(t[1]->finished, 0);
	advance(1);
	assert_int_equal(t[1]->n, -ETIMEDOUT);
	open_gate = true;
	assert_int_equal(wake_all(&wq), 2);
	run_all();
	assert_int_equal(t[2]->n, 7);
	assert_int_equal(t[3]->n, 7);
	assert_int_equal(timer_next(), TIME_NEVER);
	for (u32 i = 0; i < 4; i++)
		reap(t[i]);
}

/* Waiters in frames: two queues at once, as poll() does. */
static struct waitq two[2];
static long selects(struct co *co, struct task *t)
{
	struct { struct waiter w[2]; u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	memset(f, 0, sizeof(*f));
	f->deadline = (u64)arg_of(t);
	for (u32 i = 0; i < 2; i++) {
		guard(&two[i].lock);
		wait_add(&two[i], &f->w[i]);
	}
	await(r = wait_woken(&f->w[0], f->deadline));
	tester_of(t)->n = r;
	wait_cancel(&f->w[1]);
	return 0;
	co_end();
}

static struct tester *start_select(u64 deadline)
{
	struct tester *t = spawn(selects, (void *)deadline);

	waitq_init(&two[0]);
	waitq_init(&two[1]);
	run_all();
	return t;
}

static void test_wait_woken(void **state)
{
	struct tester *t = start_select(0);

	wake_one(&two[1]);				/* a hint only: goes on waiting for [0] */
	run_all();
	assert_int_equal(t->finished, 0);
	wake_one(&two[0]);
	run_all();
	assert_int_equal(t->n, 0);
	reap(t);

	t = start_select(clock_now() + 10);
	advance(10);
	assert_int_equal(t->n, -ETIMEDOUT);
	reap(t);

	t = start_select(clock_now() + 10);
	task_interrupt(&t->t, WAIT_SIGNAL);
	run_all();
	assert_int_equal(t->n, -EINTR);
	reap(t);

	/* Woken, timed out and interrupted before it runs: woken counts. */
	t = start_select(clock_now() + 10);
	wake_one(&two[0]);
	task_interrupt(&t->t, WAIT_SIGNAL);
	advance(10);
	assert_int_equal(t->n, 0);
	reap(t);
	assert_true(waitq_empty(&two[0]) && waitq_empty(&two[1]));
}

/* --- locks ------------------------------------------------------------------------------------------- */

static struct sem sem;
static long takes(struct co *co, struct task *t)
{
	struct { u32 x; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = sem_acquire(&sem, tester_of(t)->n));
	order[ordered++] = (u32)(uintptr_t)arg_of(t);
	return r;
	co_end();
}

static struct tester *taker(uintptr_t name, long n)
{
	struct tester *t = tester_create(takes, (void *)name);

	t->n = n;
	task_requeue(&t->t);
	run_all();
	return t;
}

static void test_sem_is_fifo(void **state)
{
	struct tester *t[4];

	check_chaos = false;
	sem_init(&sem, 2);
	ordered = 0;
	t[0] = taker(0, 1);
	t[1] = taker(1, 5);				/* must wait: 1 left */
	t[2] = taker(2, 1);				/* could go, but stands behind */
	t[3] = taker(3, 1);
	assert_int_equal(ordered, 1);
	assert_false(sem_try(&sem, 1));
	sem_release(&sem, 3);
	run_all();
	assert_int_equal(ordered, 1);
	sem_release(&sem, 1);
	run_all();
	assert_int_equal(ordered, 2);
	assert_int_equal(order[1], 1);
	sem_release(&sem, 9);
	run_all();
	assert_int_equal(order[2] + order[3], 5);
	assert_int_equal(sem.count, 7);
	assert_true(sem_try(&sem, 7));
	assert_false(sem_try(&sem, 1));
	for (u32 i = 0; i < 4; i++)
		reap(t[i]);
}

static struct mutex mutex;
static struct rwlock rw;
static u32 inside, readers, most_readers, rounds;

static long excludes(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 50; f->i++) {
		await(r = mutex_lock(&mutex));
		assert(!inside++);
		assert(!mutex_try(&mutex));
		co_yield();
		assert(inside-- == 1);
		rounds++;
		mutex_unlock(&mutex);
	}
	return 0;
	co_end();
}

static void test_mutex(void **state)
{
	struct tester *t[10];

	mutex_init(&mutex);
	rounds = 0;
	for (u32 i = 0; i < 10; i++)
		t[i] = spawn(excludes, NULL);
	run_all();
	assert_int_equal(rounds, 500);
	assert_int_equal(mutex.s.count, 1);
	for (u32 i = 0; i < 10; i++)
		reap(t[i]);
}

static long reads(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 20; f->i++) {
		await(r = read_lock(&rw));
		assert(!inside);
		most_readers = max(most_readers, ++readers);
		co_yield();
		readers--;
		read_unlock(&rw);
	}
	return 0;
	co_end();
}

static long writes(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 20; f->i++) {
		await(r = write_lock(&rw));
		assert(!inside++ && !readers);
		co_yield();
		assert(inside-- == 1 && !readers);
		write_unlock(&rw);
	}
	return 0;
	co_end();
}

static void test_rwlock(void **state)
{
	struct tester *t[12];

	rwlock_init(&rw);
	most_readers = 0;
	for (u32 i = 0; i < 12; i++)
		t[i] = spawn(i % 4 ? reads : writes, NULL);
	run_all();
	assert_in_range(most_readers, 2, 9);
	assert_int_equal(rw.s.count, RW_MAX);
	for (u32 i = 0; i < 12; i++)
		reap(t[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_wake_one_is_fifo, one_hart),
		cmocka_unit_test_setup(test_wake_all, one_hart),
		cmocka_unit_test_setup(test_spurious, one_hart),
		cmocka_unit_test_setup(test_shared_waiters_pass_it_on, one_hart),
		cmocka_unit_test_setup(test_signals_end_waits, one_hart),
		cmocka_unit_test_setup(test_modes, one_hart),
		cmocka_unit_test_setup(test_pending_is_cleared, one_hart),
		cmocka_unit_test_setup(test_deadlines, one_hart),
		cmocka_unit_test_setup(test_wait_woken, one_hart),
		cmocka_unit_test_setup(test_sem_is_fifo, one_hart),
		cmocka_unit_test_setup(test_mutex, one_hart),
		cmocka_unit_test_setup(test_mutex, one_calm_hart),
		cmocka_unit_test_setup(test_rwlock, one_hart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
