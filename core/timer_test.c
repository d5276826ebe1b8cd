/* SPDX-License-Identifier: MIT */
/* timer_test.c: deadlines: past, equal, never, restarted, stopped, and very many. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include "core/clock_page.h"
#include "core/test.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

enum { MANY = 100000 };
extern _Thread_local u64 timer_links;
static u64 woken_at[MANY];
static u32 woken, late;
static u64 last_deadline;

/* A bare task on a timer: its deadline is in tester.n. */
static long expires(struct co *co, struct task *t)
{
	struct tester *r = tester_of(t);

	if (clock_now() < (u64)r->n)
		return PENDING;				/* polled early: the timer is off now */
	if ((u64)r->n < last_deadline)
		late++;
	last_deadline = r->n;
	woken_at[woken++ % MANY] = clock_now();
	return 0;
}

static struct tester *start(u64 at)
{
	struct tester *r = tester_create(expires, NULL);

	r->n = at;
	timer_start(&r->t, at);
	return r;
}

static void reset(void)
{
	woken = late = 0;
	last_deadline = 0;
	check_chaos = false;
}

static void test_past_and_now(void **state)
{
	struct tester *a = start(1), *b = start(clock_now()), *c = start(clock_now() + 1);

	reset();
	exec_step();
	run_all();
	assert_int_equal(woken, 2);
	advance(1);
	assert_int_equal(woken, 3);
	reap(a);
	reap(b);
	reap(c);
	assert_int_equal(timer_next(), TIME_NEVER);
}

static void test_never(void **state)
{
	struct tester *a = start(TIME_NEVER);

	reset();
	assert_int_equal(a->t.timer_cpu, 0);
	assert_int_equal(timer_next(), TIME_NEVER);
	advance((u64)1 << 62);
	assert_int_equal(woken, 0);
	free(a);
}

static void test_equal(void **state)
{
	struct tester *t[100];
	u64 at = clock_now() + 500;

	reset();
	for (u32 i = 0; i < 100; i++)
		t[i] = start(at);
	advance(499);
	assert_int_equal(woken, 0);
	advance(1);
	assert_int_equal(woken, 100);
	for (u32 i = 0; i < 100; i++)
		reap(t[i]);
}

static void test_restart_and_stop(void **state)
{
	struct tester *a = start(clock_now() + 100), *b = start(clock_now() + 200);

	reset();
	timer_start(&a->t, clock_now() + 1000);
	a->n = clock_now() + 1000;
	assert_int_equal(timer_next(), b->n);
	timer_stop(&b->t);
	timer_stop(&b->t);
	assert_int_equal(timer_next(), a->n);
	advance(999);
	assert_int_equal(woken, 0);
	advance(1);
	assert_int_equal(woken, 1);
	reap(a);
	free(b);
}

static u32 rnd = 1;
static u32 next_random(u32 n)
{
	rnd = rnd * 1664525 + 1013904223;
	return (u32)(((u64)rnd * n) >> 32);
}

/* Start, restart and stop at random; what expires does so in order, at its time, once. */
static void test_many(void **state)
{
	static struct tester *t[MANY];
	static bool stopped[MANY];
	u32 expect = MANY;
	u64 base = clock_now();

	reset();
	for (u32 i = 0; i < MANY; i++)
		t[i] = start(base + 1 + next_random(1000000));
	for (u32 i = 0; i < MANY; i++) {
		u32 k = next_random(MANY);

		if (stopped[k])
			continue;
		if (i % 3 == 0) {
			timer_stop(&t[k]->t);
			stopped[k] = true;
			expect--;
		} else {
			t[k]->n = base + 1 + next_random(1000000);
			timer_start(&t[k]->t, t[k]->n);
		}
	}
	while (timer_next() != TIME_NEVER)
		advance(timer_next() - clock_now());
	assert_int_equal(woken, expect);
	assert_int_equal(late, 0);
	for (u32 i = 0; i < MANY; i++) {
		assert_int_equal(t[i]->finished, !stopped[i]);
		assert_int_equal(t[i]->t.timer_cpu, 0);
		free(t[i]);
	}
}

/* The dearest single operation with very many pending, in pairs linked: bounded by the ranks. */
static void test_no_spike(void **state)
{
	static struct tester *t[MANY];
	u64 base = clock_now(), worst = 0, total;

	reset();
	total = timer_links;
	for (u32 i = 0; i < MANY; i++) {
		u64 before = timer_links;

		t[i] = start(base + 1 + next_random(1000000));
		worst = max(worst, timer_links - before);
	}
	assert_in_range(worst, 1, 17);
	assert_in_range(timer_links - total, 1, MANY);
	for (u32 i = 0; i < MANY; i += 2) {
		u64 before = timer_links;

		timer_stop(&t[i]->t);
		worst = max(worst, timer_links - before);
	}
	assert_in_range(worst, 1, 17);
	while (timer_next() != TIME_NEVER) {
		u64 before = timer_links, due = woken;

		advance(timer_next() - clock_now());
		worst = max(worst, (timer_links - before) / (woken - due));
	}
	assert_in_range(worst, 1, 17);
	assert_int_equal(woken, MANY / 2);
	assert_int_equal(late, 0);
	for (u32 i = 0; i < MANY; i++)
		free(t[i]);
}

/* At the end of time, and just before it. */
static void test_end_of_time(void **state)
{
	struct tester *t[3] = { start(TIME_NEVER - 1), start(INT64_MAX), start((u64)INT64_MAX + 1) };

	reset();
	assert_int_equal(timer_next(), INT64_MAX);
	for (u32 i = 0; i < 3; i++) {
		timer_stop(&t[i]->t);
		free(t[i]);
	}
	assert_int_equal(timer_next(), TIME_NEVER);
}

/* All at once: the heap is emptied in one go, still in order. */
static void test_late(void **state)
{
	static struct tester *t[1000];

	reset();
	for (u32 i = 0; i < 1000; i++)
		t[i] = start(clock_now() + 1 + next_random(1000));
	advance(2000);
	assert_int_equal(woken, 1000);
	assert_int_equal(late, 0);
	for (u32 i = 0; i < 1000; i++)
		reap(t[i]);
}

/* --- clock ------------------------------------------------------------------------------------------ */

static void test_clock_scale(void **state)
{
	u64 ns;

	for (u32 i = 0; i < 100000; i++) {
		ns = (u64)next_random(~0u) << next_random(28);
		assert_true(clock_ns(clock_ticks(ns)) >= ns);
		assert_true(!ns || clock_ns(clock_ticks(ns) - 1) < ns);
	}
	assert_int_equal(clock_ticks(TIME_NEVER), TIME_NEVER);
	assert_int_equal(scale_apply(scale_of(NSEC_PER_SEC, 10000000), 123456789), 12345678900);
	assert_in_range(scale_apply(scale_of(NSEC_PER_SEC, 3000000), 3000000), 999999999, 1000000000);
	assert_in_range(scale_apply(scale_of(NSEC_PER_SEC, 32768), 32768ull * 86400 * 36500),
			100ull * 365 * 86400 * NSEC_PER_SEC - 1, 100ull * 365 * 86400 * NSEC_PER_SEC);
	assert_int_equal(scale_apply(scale_of(NSEC_PER_SEC, 4000000000), 8), 2);
}

/* What programs compute from the page they share is what the kernel says. */
static void test_clock_page(void **state)
{
	static struct clock_page p;
	u64 ns;

	clock_set_real(1700000000ull * NSEC_PER_SEC + 1);
	clock_publish(&p);
	assert_int_equal((unsigned __int128)(arch_ticks() << p.shift) * p.factor >> 64, clock_now());
	assert_int_equal(p.offset[0] + clock_now(), clock_real());
	assert_int_equal(p.offset[1] | p.offset[4] | p.offset[6] | p.offset[7], 0);
	clock_set_real(1600000000ull * NSEC_PER_SEC);
	assert_int_equal(p.offset[0] + clock_now(), clock_real());
	assert_int_equal(p.offset[5], p.offset[0]);
	assert_int_equal(p.offset[11], p.offset[0]);
	for (u32 i = 0; i < 1000000; i++) {
		ns = ((u64)next_random(~0u) << next_random(32)) & INT64_MAX;
		if (i % 3 == 0)
			ns = ns / NSEC_PER_SEC * NSEC_PER_SEC - i % 2;
		assert_int_equal(clock_page_seconds(&p, ns & INT64_MAX), (ns & INT64_MAX) / NSEC_PER_SEC);
	}
}

static void test_real_clock(void **state)
{
	clock_set_real(1700000000ull * NSEC_PER_SEC);
	assert_int_equal(clock_real(), 1700000000ull * NSEC_PER_SEC);
	advance(17);
	assert_int_equal(clock_real(), 1700000000ull * NSEC_PER_SEC + 17);
	assert_int_equal(clock_now() + clock_real_offset(), clock_real());
	assert_int_equal(time_add(TIME_NEVER - 5, 10), TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_past_and_now, one_hart),
		cmocka_unit_test_setup(test_never, one_hart),
		cmocka_unit_test_setup(test_equal, one_hart),
		cmocka_unit_test_setup(test_restart_and_stop, one_hart),
		cmocka_unit_test_setup(test_many, one_hart),
		cmocka_unit_test_setup(test_late, one_hart),
		cmocka_unit_test_setup(test_no_spike, one_hart),
		cmocka_unit_test_setup(test_end_of_time, one_hart),
		cmocka_unit_test_setup(test_clock_scale, one_hart),
		cmocka_unit_test_setup(test_clock_page, one_hart),
		cmocka_unit_test_setup(test_real_clock, one_hart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
