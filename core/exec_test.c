/* SPDX-License-Identifier: MIT */
/* exec_test.c: the executor on one hart: order, fairness, frames, accounting, slices. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include <unistd.h>
#include "core/test.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

/* --- order ------------------------------------------------------------------------------------ */

static u32 order[4096], ordered;

static long note(struct co *co, struct task *t)
{
	order[ordered++] = (u32)(uintptr_t)arg_of(t);
	return 0;
}

static void test_last_woken_runs_first(void **state)
{
	struct tester *t[4];

	ordered = 0;
	for (uintptr_t i = 0; i < 4; i++)
		t[i] = spawn(note, (void *)i);
	run_all();
	assert_int_equal(ordered, 4);
	assert_int_equal(order[0], 3);
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(order[i], i - 1);
	for (u32 i = 0; i < 4; i++)
		reap(t[i]);
}

static void test_more_than_the_ring_holds(void **state)
{
	enum { MANY = 3000 };
	static struct tester *t[MANY];

	ordered = 0;
	for (uintptr_t i = 0; i < MANY; i++) {
		t[i] = tester_create(note, (void *)i);
		task_requeue(&t[i]->t);
	}
	run_all();
	assert_int_equal(ordered, MANY);
	for (u32 i = 0; i < MANY; i++) {
		assert_int_equal(order[i], i);
		reap(t[i]);
	}
}

static long yielder(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);

	co_begin(f);
	for (f->i = 0; f->i < 5; f->i++) {
		order[ordered++] = (u32)(uintptr_t)arg_of(t);
		co_yield();
	}
	return 0;
	co_end();
}

/* More than the ring holds, so the backlog has to keep the order, too. */
static void test_yield_goes_round(void **state)
{
	enum { MANY = 700 };
	static struct tester *t[MANY];

	ordered = 0;
	for (uintptr_t i = 0; i < MANY; i++) {
		t[i] = tester_create(yielder, (void *)i);
		task_requeue(&t[i]->t);
	}
	run_all();
	for (u32 i = 0; i < 5 * MANY; i++)
		assert_int_equal(order[i], i % MANY);
	for (u32 i = 0; i < MANY; i++)
		reap(t[i]);
}

/* Two tasks that wake each other for ever would keep the slot; a third one must still run. */
static struct tester *ping, *pong;
static bool third_ran;
static u32 hops;

static long hopper(struct co *co, struct task *t)
{
	struct tester *const other = t == &ping->t ? pong : ping;

	if (third_ran || ++hops > 1000) {
		task_wake(&other->t);
		return 0;
	}
	task_wake(&other->t);
	return PENDING;
}

static long third(struct co *co, struct task *t)
{
	third_ran = true;
	return 0;
}

static void test_slot_does_not_starve(void **state)
{
	struct tester *t;

	third_ran = false;
	hops = 0;
	t = spawn(third, NULL);
	ping = tester_create(hopper, NULL);
	pong = tester_create(hopper, NULL);
	task_wake(&ping->t);
	run_all();
	assert_true(third_ran);
	assert_in_range(hops, 1, 20);
	reap(t);
	reap(ping);
	reap(pong);
}

/* --- states ------------------------------------------------------------------------------------- */

static long wakes_itself(struct co *co, struct task *t)
{
	if (++tester_of(t)->n == 5)
		return 0;
	task_wake(t);
	task_wake(t);
	return PENDING;
}

static void test_woken_while_running(void **state)
{
	struct tester *t = spawn(wakes_itself, NULL);

	run_all();
	assert_int_equal(t->n, 5);
	task_wake(&t->t);			/* done: nothing may happen */
	task_requeue(&t->t);
	run_all();
	assert_int_equal(t->n, 5);
	assert_true(exec_idle());
	reap(t);
}

static void test_woken_twice_is_polled_once(void **state)
{
	struct tester *t = tester_create(note, NULL);

	ordered = 0;
	task_wake(&t->t);
	assert_false(exec_idle());
	task_requeue(&t->t);
	task_wake(&t->t);
	run_all();
	assert_int_equal(ordered, 1);
	reap(t);
}

/* --- frames ------------------------------------------------------------------------------------- */

static async long deep(struct co *co, u32 depth, u32 *reached)
{
	struct { u64 a, b; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->a = depth;
	*reached = max(*reached, depth);
	co_yield();
	await(r = deep(co, depth + 1, reached));
	assert(f->a == depth);
	return r;
	co_end();
}

static long digger(struct co *co, struct task *t) { return deep(co, 1, arg_of(t)); }

static void test_frames_run_out(void **state)
{
	u32 reached = 0;
	struct tester *t = spawn(digger, &reached);
	void (*old)(char c) = log_putc;

	log_putc = hear;			/* the checked build says which one */
	run_all();
	log_putc = old;
	/* 24 bytes a level; and a header must fit behind the last frame. */
	assert_int_equal(reached, (TEST_FRAMES - 8) / 24);
	if (t->t.high)				/* the checked build */
		assert_int_equal(t->t.high, reached * 24);
	reap(t);
}

static async long inner(struct co *co, u32 n)
{
	struct { u32 i, sum; } *f = co_frame(co);

	co_begin(f);
	f->sum = 0;
	for (f->i = 1; f->i <= n; f->i++) {
		co_yield();
		f->sum += f->i;
	}
	return f->sum;
	co_end();
}

static long outer(struct co *co, struct task *t)
{
	struct { u32 i; long sum; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->sum = 0;
	for (f->i = 0; f->i < 10; f->i++) {
		await(r = inner(co, f->i));
		f->sum += r;
	}
	tester_of(t)->n = f->sum;
	return 0;
	co_end();
}

static void test_nested_frames(void **state)
{
	struct tester *t[20];

	for (u32 i = 0; i < 20; i++)
		t[i] = spawn(outer, NULL);
	run_all();
	for (u32 i = 0; i < 20; i++) {
		assert_int_equal(t[i]->n, 165);
		reap(t[i]);
	}
}

static async long sleeper(struct co *co)
{
	struct { u64 x; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = wait_until(0));
	return r;
	co_end();
}

static long sleeper_main(struct co *co, struct task *t)
{
	struct { u32 x; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = sleeper(co));
	assert(r == -EINTR);
	return 0;
	co_end();
}

static void test_backtrace(void **state)
{
	struct tester *t = spawn(sleeper_main, NULL);
	void (*old)(char c) = log_putc;

	run_all();
	memset(said, 0, sizeof(said));
	log_putc = hear;
	task_backtrace(&t->t);
	log_putc = old;
	assert_non_null(strstr(said, "#0 sleeper_main:"));
	assert_non_null(strstr(said, "#1 sleeper:"));
	assert_null(strstr(said, "#2"));
	task_interrupt(&t->t, WAIT_KILL);
	run_all();
	reap(t);
}

/* --- time ----------------------------------------------------------------------------------------- */

static long works(struct co *co, struct task *t)
{
	assert(task_cpu_ns(t) == (u64)tester_of(t)->n * 1000);
	host_advance(1000);
	assert(task_cpu_ns(t) == (u64)(tester_of(t)->n + 1) * 1000);
	if (++tester_of(t)->n == 3)
		return 0;
	task_requeue(t);
	return PENDING;
}

static void test_time_is_accounted(void **state)
{
	struct tester *a, *b;

	host_advance(5000);
	run_all();
	a = spawn(works, NULL);
	b = spawn(works, NULL);
	run_all();
	host_advance(7000);			/* idle: nobody's */
	run_all();
	assert_int_equal(task_cpu_ns(&a->t), 3000);
	assert_int_equal(task_cpu_ns(&b->t), 3000);
	reap(a);
	reap(b);
}

static u32 slices;

/* As proc/run.c does: enter until the slice is over. */
static long program(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);

	co_begin(f);
	for (f->i = 0; f->i < 10; f->i++) {
		while (exec_slice_begin()) {
			assert(!arch_irq_enabled());
			arch_irq_on();
			host_advance(NSEC_PER_MSEC);	/* the program runs; the timer may come */
		}
		assert(arch_irq_enabled());
		order[slices++] = (u32)(uintptr_t)arg_of(t);
		co_yield();
	}
	return 0;
	co_end();
}

static void test_slices(void **state)
{
	u64 t0 = clock_now();
	struct tester *a, *b;

	slices = 0;
	a = tester_create(program, (void *)1);
	b = tester_create(program, (void *)2);
	task_requeue(&a->t);
	task_requeue(&b->t);
	run_all();
	assert_int_equal(slices, 20);
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(order[i], 1 + i % 2);
	assert_in_range(clock_now() - t0, 20 * 4 * NSEC_PER_MSEC, 20 * 5 * (u64)NSEC_PER_MSEC);
	reap(a);
	reap(b);
}

static long naps(struct co *co, struct task *t)
{
	struct { u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->until = clock_now() + 1500000;
	await(r = wait_until(f->until));
	assert(r == -ETIMEDOUT);
	tester_of(t)->n = clock_now() - f->until;
	return 0;
	co_end();
}

/* A deadline cuts the slice of a program short. */
static void test_deadline_preempts(void **state)
{
	struct tester *a = tester_create(naps, NULL), *b = tester_create(program, NULL);

	slices = 0;
	task_requeue(&a->t);
	task_requeue(&b->t);
	run_all();
	assert_in_range(a->n, 0, NSEC_PER_MSEC);
	reap(a);
	reap(b);
}

/* --- interrupts ----------------------------------------------------------------------------------- */

static void irq_wake(void *arg) { task_wake(arg); }

static long wants_three(struct co *co, struct task *t)
{
	return ++tester_of(t)->n < 3 ? PENDING : 0;
}

static void test_interrupts_wake(void **state)
{
	struct tester *t = spawn(wants_three, NULL);

	run_all();
	assert_int_equal(t->n, 1);
	host_interrupt(&cpus[0], irq_wake, &t->t);
	while (exec_idle())
		;
	run_all();
	assert_int_equal(t->n, 2);
	arch_irq_off();
	host_interrupt(&cpus[0], irq_wake, &t->t);
	assert_true(exec_idle());			/* pending */
	arch_irq_on();
	assert_false(exec_idle());
	assert_int_equal(cpus[0].resched, 1);
	run_all();
	reap(t);
}

/* The loop goes to sleep; an interrupt comes at the last moment before it shuts them out. */
static struct tester *wanted;
static jmp_buf out;

static void strike(void)
{
	host_before_irq_off = NULL;
	host_interrupt(&cpus[0], irq_wake, &wanted->t);
}

static long leaves(struct co *co, struct task *t)
{
	if (!tester_of(t)->n++) {
		host_before_irq_off = strike;
		return PENDING;
	}
	longjmp(out, 1);
}

static void test_interrupt_before_sleep(void **state)
{
	wanted = spawn(leaves, NULL);
	alarm(10);
	if (!setjmp(out))
		exec_run();
	alarm(0);
	assert_int_equal(wanted->n, 2);
	assert_int_equal(cpus[0].count.idles, 0);
	free(wanted);
}

/* The same with a timer: the clock jumps to it. */
static long naps_and_leaves(struct co *co, struct task *t)
{
	if (!tester_of(t)->n++)
		return wait_until(START + 5000000);
	assert(clock_now() == START + 5000000);
	longjmp(out, 1);
}

static void test_timer_ends_idleness(void **state)
{
	struct tester *t = spawn(naps_and_leaves, NULL);

	alarm(10);
	if (!setjmp(out))
		exec_run();
	alarm(0);
	assert_int_equal(cpus[0].count.idles, 1);
	assert_int_equal(cpus[0].timer_armed, TIME_NEVER);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_last_woken_runs_first, one_calm_hart),
		cmocka_unit_test_setup(test_more_than_the_ring_holds, one_hart),
		cmocka_unit_test_setup(test_yield_goes_round, one_calm_hart),
		cmocka_unit_test_setup(test_slot_does_not_starve, one_calm_hart),
		cmocka_unit_test_setup(test_woken_while_running, one_calm_hart),
		cmocka_unit_test_setup(test_woken_twice_is_polled_once, one_hart),
		cmocka_unit_test_setup(test_frames_run_out, one_calm_hart),
		cmocka_unit_test_setup(test_nested_frames, one_calm_hart),
		cmocka_unit_test_setup(test_nested_frames, one_hart),
		cmocka_unit_test_setup(test_backtrace, one_hart),
		cmocka_unit_test_setup(test_time_is_accounted, one_calm_hart),
		cmocka_unit_test_setup(test_slices, one_calm_hart),
		cmocka_unit_test_setup(test_deadline_preempts, one_calm_hart),
		cmocka_unit_test_setup(test_interrupts_wake, one_calm_hart),
		cmocka_unit_test_setup(test_interrupt_before_sleep, one_calm_hart),
		cmocka_unit_test_setup(test_timer_ends_idleness, one_calm_hart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
