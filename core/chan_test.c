/* SPDX-License-Identifier: MIT */
/* chan_test.c: channels, mailboxes, events, oneshots, RCU on one hart: order, bounds, signals, deadlines. */
// links: core/chan.c core/event.c core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include "core/chan.h"
#include "core/event.h"
#include "core/rcu.h"
#include "core/test.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

struct parcel { struct chan_item item; u32 number; };
static struct parcel parcel[8];
static struct chan ch;

static u32 number_of(struct chan_item *i) { return container_of(i, struct parcel, item)->number; }

static void parcels_init(u32 limit)
{
	for (u32 i = 0; i < 8; i++)
		parcel[i].number = i;
	chan_init(&ch, limit);
}

static void test_try(void **state)
{
	struct chan_item *i;

	parcels_init(2);
	assert_int_equal(chan_try_receive(&ch, &i), -EAGAIN);
	assert_int_equal(chan_try_send(&ch, &parcel[0].item), 0);
	assert_int_equal(chan_try_send(&ch, &parcel[1].item), 0);
	assert_int_equal(chan_try_send(&ch, &parcel[2].item), -EAGAIN);
	chan_close(&ch);
	assert_int_equal(chan_try_send(&ch, &parcel[2].item), -EPIPE);
	for (u32 n = 0; n < 2; n++) {
		assert_int_equal(chan_try_receive(&ch, &i), 0);
		assert_int_equal(number_of(i), n);
	}
	assert_int_equal(chan_try_receive(&ch, &i), -EPIPE);
}

static long sends(struct co *co, struct task *t)
{
	struct { u64 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 8; f->i++) {
		await(r = chan_send(&ch, &parcel[f->i].item));
		if (r)
			break;
	}
	tester_of(t)->n = f->i;
	return 0;
	co_end();
}

static long receives(struct co *co, struct task *t)
{
	struct { struct chan_item *i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		await(r = chan_receive(&ch, &f->i));
		if (r) {
			tester_of(t)->arg = (void *)r;
			return 0;
		}
		assert_int_equal(number_of(f->i), tester_of(t)->n);
		tester_of(t)->n++;
	}
	co_end();
}

static void test_bounds(void **state)
{
	struct tester *s, *r;

	parcels_init(3);
	s = spawn(sends, NULL);
	run_all();
	assert_int_equal(ch.count, 3);
	r = spawn(receives, NULL);
	run_all();
	assert_int_equal(s->n, 8);
	assert_int_equal(r->n, 8);
	assert_int_equal(r->finished, 0);
	chan_close(&ch);
	run_all();
	assert_ptr_equal(r->arg, (void *)-EPIPE);
	reap(s);
	reap(r);
}

static void test_signals(void **state)
{
	struct tester *t[2];

	parcels_init(1);
	t[0] = spawn(receives, NULL);
	run_all();
	task_interrupt(&t[0]->t, WAIT_SIGNAL);
	run_all();
	assert_ptr_equal(t[0]->arg, (void *)-EINTR);
	t[1] = spawn(sends, NULL);
	run_all();
	task_interrupt(&t[1]->t, WAIT_SIGNAL);
	run_all();
	assert_int_equal(t[1]->n, 1);
	reap(t[0]);
	reap(t[1]);
}

/* --- mailboxes ----------------------------------------------------------------------------------- */

static struct mailbox box;

static long collects(struct co *co, struct task *t)
{
	struct { u64 none; } *f = co_frame(co);
	struct chan_item *i;
	long r;

	co_begin(f);
	while (tester_of(t)->n < 6) {
		await(r = mailbox_wait(&box));
		for (i = mailbox_take(&box); i; i = i->next) {
			assert_int_equal(number_of(i), tester_of(t)->n);
			tester_of(t)->n++;
		}
	}
	return 0;
	co_end();
}

static void test_mailbox(void **state)
{
	struct tester *t = spawn(collects, NULL);

	parcels_init(0);
	mailbox_init(&box, &t->t);
	run_all();
	for (u32 i = 0; i < 6; i++) {
		mailbox_send(&box, &parcel[i].item);
		if (i % 3 == 2)
			run_all();
	}
	reap(t);
}

/* --- events -------------------------------------------------------------------------------------- */

static struct event ev;
static long listens(struct co *co, struct task *t)
{
	struct { u64 seen; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->seen = 0;
	for (;;) {
		await(r = event_wait(&ev, &f->seen, (u64)tester_of(t)->arg));
		if (r) {
			tester_of(t)->arg = (void *)r;
			return 0;
		}
		tester_of(t)->n++;
	}
	co_end();
}

static void test_event(void **state)
{
	struct tester *t[2];

	event_init(&ev);
	t[0] = spawn(listens, NULL);
	t[1] = spawn(listens, (void *)(START + 100ul));
	run_all();
	event_raise(&ev);
	run_all();
	event_raise(&ev);
	event_raise(&ev);				/* seen as one */
	run_all();
	assert_int_equal(t[0]->n, 2);
	assert_int_equal(t[1]->n, 2);
	advance(100);
	assert_ptr_equal(t[1]->arg, (void *)-ETIMEDOUT);
	task_interrupt(&t[0]->t, WAIT_SIGNAL);
	run_all();
	assert_ptr_equal(t[0]->arg, (void *)-EINTR);
	reap(t[0]);
	reap(t[1]);
}

static struct oneshot shot;
static long asks(struct co *co, struct task *t)
{
	long r = oneshot_wait(&shot, (u64)arg_of(t));

	if (r == PENDING)
		return r;
	tester_of(t)->n = r;
	return 0;
}

static void test_oneshot(void **state)
{
	struct tester *t[3];

	oneshot_init(&shot);
	t[0] = spawn(asks, NULL);
	t[1] = spawn(asks, (void *)WAIT_KILL);
	run_all();
	for (u32 i = 0; i < 2; i++)
		task_interrupt(&t[i]->t, WAIT_SIGNAL | WAIT_KILL);
	run_all();
	assert_int_equal(t[1]->n, -EINTR);
	assert_int_equal(t[0]->finished, 0);
	oneshot_set(&shot, 42);
	t[2] = spawn(asks, NULL);
	run_all();
	assert_int_equal(t[0]->n, 42);
	assert_int_equal(t[2]->n, 42);
	for (u32 i = 0; i < 3; i++)
		reap(t[i]);
}

/* --- RCU ----------------------------------------------------------------------------------------- */

static u32 freed;
static void count_freed(struct rcu_head *h) { freed++; }
static struct rcu_head heads[3];

static long frees(struct co *co, struct task *t)
{
	struct { u64 none; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (u32 i = 0; i < 3; i++)
		rcu_free(&heads[i], count_freed);
	assert_int_equal(freed, 0);			/* this poll may still look */
	assert_int_equal(rcu_waiting(), 3);
	await(r = rcu_wait(co));
	assert_int_equal(freed, 3);
	await(r = rcu_settle(co));
	tester_of(t)->n = 1;
	return r;
	co_end();
}

static void test_rcu(void **state)
{
	struct tester *t = spawn(frees, NULL);

	freed = 0;
	run_all();
	assert_int_equal(t->n, 1);
	assert_int_equal(rcu_waiting(), 0);
	reap(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_try, one_hart),
		cmocka_unit_test_setup(test_bounds, one_hart),
		cmocka_unit_test_setup(test_signals, one_hart),
		cmocka_unit_test_setup(test_mailbox, one_hart),
		cmocka_unit_test_setup(test_event, one_hart),
		cmocka_unit_test_setup(test_oneshot, one_hart),
		cmocka_unit_test_setup(test_rcu, one_calm_hart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
