/* SPDX-License-Identifier: MIT */
/*
 * check_test.c: every mistake the checked build promises to find, in a child process that must die
 * of a panic with the right words; and what panic and log print.
 */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c
#include <sys/wait.h>
#include <unistd.h>
#include "core/lock_order.h"
#include "core/test.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

static spinlock_t lock, locks[LOCKS_HELD_MAX + 1];

/* Run @fn in a child that must panic; what it logs must contain @words. */
static void expect_panic(void (*fn)(void), const char *words)
{
	char text[4096] = "";
	size_t n = 0;
	ssize_t got;
	int p[2], status;

	assert_int_equal(pipe(p), 0);
	if (!fork()) {
		dup2(p[1], 2);
		one_calm_hart(NULL);
		fn();
		_exit(0);
	}
	close(p[1]);
	while ((got = read(p[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	close(p[0]);
	wait(&status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 99);
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in: %s", words, text);
}

static void run_one(long (*main)(struct co *, struct task *))
{
	spawn(main, NULL);
	run_all();
}

/* --- the mistakes --------------------------------------------------------------------------------- */

static long keeps_lock(struct co *co, struct task *t)
{
	spin_lock(&lock);
	return 0;
}
static void lock_kept(void) { run_one(keeps_lock); }

static long waits_with_lock(struct co *co, struct task *t)
{
	struct { u32 x; } *f = co_frame(co);

	co_begin(f);
	spin_lock(&lock);
	co_pause();
	return 0;
	co_end();
}
static void lock_across_wait(void) { run_one(waits_with_lock); }

static void lock_twice(void)
{
	spin_lock(&lock);
	spin_lock(&lock);
}

/* Classes of three variables and of an array; nothing need deadlock. */
static spinlock_t first, second, third, row[4];

static u64 own_address(const spinlock_t *l) { return (uintptr_t)l; }

static void take_both(spinlock_t *a, spinlock_t *b)
{
	guard(a);
	guard(b);
}

static void lock_circle(void)
{
	lock_order_start(own_address);
	take_both(&first, &second);
	take_both(&second, &third);
	take_both(&first, &third);
	take_both(&third, &first);
}

static void lock_row(void)
{
	lock_order_start(own_address);
	lock_order_array(row, sizeof(row));
	take_both(&row[0], &row[3]);
	take_both(&first, &row[2]);
	take_both(&row[3], &row[1]);
}

/* Who only tries has nobody to wait for. */
static void lock_tried(void)
{
	lock_order_start(own_address);
	take_both(&first, &second);
	{
		guard(&second);
		assert(spin_try(&first));
		spin_unlock(&first);
	}
	panic("as it should be");
}

static void unlock_unlocked(void) { spin_unlock(&lock); }

static void too_many_locks(void)
{
	for (u32 i = 0; i <= LOCKS_HELD_MAX; i++)
		spin_lock(&locks[i]);
}

static void locks_in_irq(void *arg) { spin_lock(&lock); }
static void lock_in_interrupt(void)
{
	host_interrupt(&cpus[0], locks_in_irq, NULL);
	for (;;)
		pause();
}

static long leaves_irqs_off(struct co *co, struct task *t)
{
	arch_irq_off();
	return 0;
}
static void interrupts_off(void) { run_one(leaves_irqs_off); }

static async long one(struct co *co)
{
	struct { u32 x; } *f = co_frame(co);

	co_begin(f);
	co_yield();
	return 0;
	co_end();
}
static async long other(struct co *co)
{
	struct { u32 x; } *f = co_frame(co);

	co_begin(f);
	co_yield();
	return 0;
	co_end();
}
static long fickle(struct co *co, struct task *t)
{
	struct { u32 x; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = tester_of(t)->n++ ? other(co) : one(co));
	return 0;
	co_end();
}
static void another_function(void) { run_one(fickle); }

static void queue_unlocked(void)
{
	struct waitq q;
	struct waiter w = { 0 };

	waitq_init(&q);
	wait_add(&q, &w);
}

static long sleeps_twice(struct co *co, struct task *t)
{
	struct waitq q[2];

	waitq_init(&q[0]);
	waitq_init(&q[1]);
	return wait_on(&q[0]) == PENDING ? wait_on(&q[1]) : 0;
}
static void two_sleeps(void) { run_one(sleeps_twice); }

static void test_mistakes_are_found(void **state)
{
	expect_panic(lock_kept, "ended with 1 spin locks held");
	expect_panic(lock_across_wait, "waits_with_lock:");
	expect_panic(lock_twice, "taken twice");
	expect_panic(unlock_unlocked, "not held");
	expect_panic(lock_circle, "which comes later");
	expect_panic(lock_circle, " before 0x");
	expect_panic(lock_row, "not in the order of their addresses");
	expect_panic(lock_tried, "as it should be");
	expect_panic(too_many_locks, "more than 32 spin locks");
	expect_panic(lock_in_interrupt, "taken in an interrupt");
	expect_panic(interrupts_off, "interrupts off");
	expect_panic(another_function, "one:");
	expect_panic(another_function, "resumed as other");
	expect_panic(queue_unlocked, "assertion failed");
	expect_panic(two_sleeps, "assertion failed");
}

/* --- poison and chaos ------------------------------------------------------------------------------- */

static long looks_at_frame(struct co *co, struct task *t)
{
	struct { u8 bytes[64]; } *f = co_frame(co);

	co_begin(f);
	for (u32 i = 0; i < 64; i++)
		assert(f->bytes[i] == 0xa5);
	memset(f, 1, sizeof(*f));
	co_yield();
	for (u32 i = 0; i < 64; i++)
		assert(f->bytes[i] == 1);
	return 0;
	co_end();
}

static void test_frames_are_poisoned(void **state)
{
	struct tester *t[50];

	for (u32 i = 0; i < 50; i++)
		t[i] = spawn(looks_at_frame, NULL);
	run_all();
	for (u32 i = 0; i < 50; i++) {
		assert_int_equal(t[i]->t.high, 72);
		reap(t[i]);
	}
}

static long counts_polls(struct co *co, struct task *t)
{
	static struct waitq q;

	if (!tester_of(t)->n++)
		waitq_init(&q);
	return wait_quiet(&q);
}

static void test_polls_are_repeated(void **state)
{
	struct tester *t[100];
	u32 polls = 0, again = 0;

	for (u32 i = 0; i < 100; i++)
		t[i] = spawn(counts_polls, NULL);
	run_all();
	for (u32 i = 0; i < 100; i++) {
		polls += t[i]->n;
		free(t[i]);
	}
	assert_in_range(polls, 103, 140);
	for (u32 i = 0; i < 800; i++) {
		struct tester *r = tester_create(counts_polls, NULL);

		cpus[0].current = &r->t;
		again += co_again();
		cpus[0].current = NULL;
		cpus[0].slot = NULL;
		free(r);
	}
	assert_in_range(again, 50, 150);
}

/* --- panic and log ------------------------------------------------------------------------------------ */

static void dump(void) { log_raw("all tasks here\n"); }
static void tell(const char *message) { log_raw("host: %s\n", message); }
static void dies(void)
{
	panic_dump = dump;
	panic_hook = tell;
	panic("the answer is %d", 42);
}
static void dump_panics(void) { panic("again"); }
static void dies_twice(void)
{
	panic_dump = dump_panics;
	panic("first");
}

static void test_panic(void **state)
{
	expect_panic(dies, "panic: the answer is 42\n");
	expect_panic(dies, "all tasks here\nhost: the answer is 42\n");
	expect_panic(dies_twice, "panic: first");
}

static void test_log(void **state)
{
	void (*old)(char c) = log_putc;

	log_putc = hear;
	memset(said, 0, sizeof(said));
	host_clock = 1234567890;
	log_warn("%s is %u", "it", 7);
	log_info("not this");
	log_level = LOG_INFO;
	log_info("but this");
	log_debug("nor this");
	log_level = LOG_QUIET;
	log_error("quiet");
	log_level = LOG_WARN;
	log_raw("raw %x\n", 255);
	log_warn("%600s|", "long");
	log_putc = old;
	assert_memory_equal(said, "[    1.234567] warn: it is 7\n"
			    "[    1.234567] info: but this\nraw ff\n[    1.234567] warn:   ", 86);
	assert_int_equal(strlen(strstr(said, "raw ff\n")), 7 + 511);
	assert_true(arch_irq_enabled());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mistakes_are_found, one_calm_hart),
		cmocka_unit_test_setup(test_frames_are_poisoned, one_hart),
		cmocka_unit_test_setup(test_polls_are_repeated, one_hart),
		cmocka_unit_test_setup(test_panic, one_calm_hart),
		cmocka_unit_test_setup(test_log, one_calm_hart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
