/* SPDX-License-Identifier: MIT */
/* timeline_test.c: rings of tracepoints: off, in order, full, and written by interrupts meanwhile. */
// links: core/timeline.c core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include "core/test.h"
#include "core/timeline.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

enum { BYTES = sizeof(struct timeline) + 64 * sizeof(struct timeline_event) };
static struct timeline_event out[64];

static int with_ring(void **state)
{
	one_hart(state);
	timelines[0] = malloc(BYTES);
	timeline_init(timelines[0], BYTES);
	timeline_attach(this_cpu());
	return 0;
}

static int without(void **state)
{
	cpus[0].timeline = NULL;
	free(timelines[0]);
	timelines[0] = NULL;
	return 0;
}

static void test_off(void **state)
{
	cpus[0].timeline = NULL;
	timeline(TL_CALL, 1, 2, 3);
	assert_int_equal(timelines[0]->head, 0);
}

static void test_order_and_room(void **state)
{
	struct timeline *l = timelines[0];
	u64 lost = 0;

	assert_int_equal(l->size, 64);
	for (u32 round = 0; round < 10; round++) {
		for (u32 i = 0; i < 50 + round * 3; i++) {
			host_advance(1);
			timeline(TL_CALL, round, i, 7);
		}
		lost += 50 + round * 3 > 64 ? 50 + round * 3 - 64 : 0;
		assert_int_equal(l->lost, lost);
		assert_int_equal(timeline_take(l, l->head, out, 10), 10);
		assert_int_equal(timeline_take(l, l->head, out + 10, 54), min(40 + round * 3, 54u));
		assert_int_equal(timeline_take(l, l->head, out, 0), 0);
		for (u32 i = 0; i < min(50 + round * 3, 64u); i++) {
			assert_int_equal(out[i].kind, TL_CALL);
			assert_int_equal(out[i].c, round);
			assert_int_equal(out[i].a, i);
			assert_true(!i || out[i].time > out[i - 1].time);
		}
	}
	assert_int_equal(timeline_take(l, l->head, out, 64), 0);
}

/* Only what was there when one looked: a flush that writes events itself comes to an end. */
static void test_until(void **state)
{
	struct timeline *l = timelines[0];
	u64 until;

	for (u32 i = 0; i < 5; i++)
		timeline(TL_IDLE, i, 0, 0);
	until = l->head;
	timeline(TL_IDLE, 5, 0, 0);
	assert_int_equal(timeline_take(l, until, out, 64), 5);
	assert_int_equal(timeline_take(l, until, out, 64), 0);
	assert_int_equal(timeline_take(l, l->head, out, 64), 1);
	assert_int_equal(out[0].c, 5);
}

static long ends(struct co *co, struct task *t) { return 0; }

static void test_tasks(void **state)
{
	struct timeline *l = timelines[0];
	struct tester *r = spawn(ends, NULL);
	char name[9] = "";

	run_all();
	assert_int_equal(timeline_take(l, l->head, out, 64), 2);
	assert_int_equal(out[0].kind, TL_WAKE);
	assert_ptr_equal((void *)out[0].a, &r->t);
	assert_int_equal(out[1].kind, TL_RUN);
	assert_ptr_equal((void *)out[1].a, &r->t);
	memcpy(name, &out[1].b, 8);
	assert_string_equal(name, "tester");
	reap(r);
}

static _Atomic u32 interrupts;
static void from_interrupt(void *arg) { timeline(TL_IRQ, atomic_fetch_add(&interrupts, 1), 0, 0); }

/* Each event of both is there, whole, and each kind in order. */
static void test_interrupts(void **state)
{
	struct timeline *l = timelines[0];
	u32 next = 0, next_irq = 0, n;

	interrupts = 0;
	for (u32 i = 0; i < 2000; i++) {
		if (i % 7 == 0)
			host_interrupt(&cpus[0], from_interrupt, NULL);
		timeline(TL_CALL, i, 0, 0);
		n = timeline_take(l, l->head, out, 64);
		for (u32 k = 0; k < n; k++)
			assert_int_equal(out[k].c, out[k].kind == TL_IRQ ? next_irq++ : next++);
	}
	n = timeline_take(l, l->head, out, 64);
	for (u32 k = 0; k < n; k++)
		next_irq += out[k].kind == TL_IRQ;
	assert_int_equal(next, 2000);
	assert_int_equal(next_irq, interrupts);
	assert_int_equal(l->lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_off, with_ring, without),
		cmocka_unit_test_setup_teardown(test_order_and_room, with_ring, without),
		cmocka_unit_test_setup_teardown(test_until, with_ring, without),
		cmocka_unit_test_setup_teardown(test_tasks, with_ring, without),
		cmocka_unit_test_setup_teardown(test_interrupts, with_ring, without),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
