/* SPDX-License-Identifier: MIT */
/* exec_explore.c: sleep, wake, steal and idle in every order: nothing is lost, nothing runs twice. */
#include "test/explore/explore.h"

static struct actor a, b, c;
static struct waitq q;
static spinlock_t lock;
static u32 flag, polls;
static _Atomic u32 aflag;

static void all_ended(void)
{
	must(a.ended);
	must(!b.t.main || b.ended);
	must(!c.t.main || c.ended);
	must(exec_idle());
}

/* --- look and queue up under the lock of the one who wakes ------------------------------------------ */

static async long wait_flag(void)
{
	guard(&lock);
	return flag ? 0 : wait_on(&q);
}
static long sleeper(struct co *co, struct task *t) { return wait_flag(); }

static long waker(struct co *co, struct task *t)
{
	guard(&lock);
	flag++;
	wake_one(&q);
	return 0;
}

static void sleep_wake(void)
{
	waitq_init(&q);
	actor_start(&a, 0, sleeper, NULL);
	actor_start(&b, 1, waker, NULL);
}
const struct scenario exec_sleep_wake = { "sleep-wake", 2, sleep_wake, all_ended };

/* Two wake, one after the other's success or at the same time. */
static void double_wake(void)
{
	sleep_wake();
	actor_start(&c, 2, waker, NULL);
}
const struct scenario exec_double_wake = { "double-wake", 3, double_wake, all_ended };

/* --- an interrupt sets a flag; no lock ------------------------------------------------------------- */

static long listener(struct co *co, struct task *t)
{
	return atomic_load_explicit(&aflag, memory_order_acquire) ? 0 : PENDING;
}

static void answer(void *task)
{
	atomic_store_explicit(&aflag, 1, memory_order_release);
	task_wake(task);
}
static void ring(void) { explore_interrupt(0, answer, &a.t); }
static void ring_other(void) { explore_interrupt(1, answer, &a.t); }

static void irq(void) { actor_start(&a, 0, listener, NULL); }
const struct scenario exec_irq = { "irq-wake", 1, irq, all_ended, { ring } };
const struct scenario exec_irq_other = { "irq-wake-other-hart", 2, irq, all_ended, { ring_other } };

/* Woken by two interrupts on two harts, polled on either. */
static long counts(struct co *co, struct task *t)
{
	polls++;
	return atomic_load_explicit(&aflag, memory_order_acquire) ? 0 : PENDING;
}
static void irq2(void) { actor_start(&a, 0, counts, NULL); }
const struct scenario exec_irq_two = { "irq-wake-twice", 2, irq2, all_ended, { ring, ring_other } };

/* --- stealing --------------------------------------------------------------------------------------- */

static long runs_once(struct co *co, struct task *t)
{
	must(!actor_of(t)->result++);
	return 0;
}

static long spreads(struct co *co, struct task *t)
{
	task_requeue(&b.t);
	task_requeue(&c.t);
	return 0;
}

static void made(struct actor *x)
{
	memset(x, 0, sizeof(*x));
	task_init(&x->t, "made", sizeof(x->frames), runs_once, actor_exit);
}

static void steal(void)
{
	made(&b);
	made(&c);
	actor_start(&a, 0, spreads, NULL);
}
const struct scenario exec_steal = { "steal-push", 2, steal, all_ended };
const struct scenario exec_steal3 = { "steal-push-three-harts", 3, steal, all_ended };

/* --- the hart that idles is the only one that can run it --------------------------------------------- */

static long waits_for_b(struct co *co, struct task *t)
{
	task_requeue(&b.t);
	while (!atomic_load_explicit(&aflag, memory_order_acquire))
		arch_relax();
	return 0;
}

static long helps(struct co *co, struct task *t)
{
	atomic_store_explicit(&aflag, 1, memory_order_release);
	return 0;
}

static void help(void)
{
	memset(&b, 0, sizeof(b));
	task_init(&b.t, "helper", sizeof(b.frames), helps, actor_exit);
	actor_start(&a, 0, waits_for_b, NULL);
}
const struct scenario exec_help = { "idle-hart-is-kicked", 2, help, all_ended };

static void irq_queues_b(void *task) { task_requeue(&b.t); }
static void ring_for_b(void) { explore_interrupt(0, irq_queues_b, NULL); }
static long stays(struct co *co, struct task *t)
{
	while (!atomic_load_explicit(&aflag, memory_order_acquire))
		arch_relax();
	return 0;
}
/* Hart 0 takes the interrupt and is busy; hart 1 has to come for the inbox. */
static void help_irq(void)
{
	memset(&b, 0, sizeof(b));
	task_init(&b.t, "helper", sizeof(b.frames), helps, actor_exit);
	actor_start(&a, 0, stays, NULL);
}
const struct scenario exec_help_irq = { "inbox-of-a-busy-hart", 2, help_irq, all_ended, { ring_for_b } };

/* --- two for one idle hart after the other: both are needed at once ---------------------------------- */

static _Atomic u32 meeting;
static long meets(struct co *co, struct task *t)
{
	atomic_fetch_add(&meeting, 1);
	while (atomic_load(&meeting) < 3)
		arch_relax();
	return 0;
}
static void irq_queues_both(void *arg)
{
	task_requeue(&b.t);
	task_requeue(&c.t);
}
static void ring_for_both(void) { explore_interrupt(1, irq_queues_both, NULL); }
static void meet(void)
{
	made(&b);
	made(&c);
	b.t.main = c.t.main = meets;
	actor_start(&a, 0, meets, NULL);
}
const struct scenario exec_meet = { "kick-the-rest", 3, meet, all_ended, { ring_for_both } };

/* --- what a waker wrote before, plainly ---------------------------------------------------------------- */

static u32 plain;
static long reads_plain(struct co *co, struct task *t)
{
	if (!actor_of(t)->result++) {
		atomic_store_explicit(&aflag, 1, memory_order_relaxed);
		return PENDING;
	}
	must(plain == 7);
	return 0;
}
static long writes_plain(struct co *co, struct task *t)
{
	while (!atomic_load_explicit(&aflag, memory_order_relaxed))
		arch_relax();
	plain = 7;
	task_wake(&b.t);
	return 0;
}
static void plain_data(void)
{
	plain = 0;
	actor_start(&b, 1, reads_plain, NULL);
	actor_start(&a, 0, writes_plain, NULL);
}
const struct scenario exec_plain = { "plain-data", 2, plain_data, all_ended };

/* --- two interrupts on one hart ------------------------------------------------------------------------ */

static void irq_queues_c(void *task) { task_requeue(&c.t); }
static void ring_for_c(void) { explore_interrupt(0, irq_queues_c, NULL); }
static void two_irqs(void)
{
	made(&b);
	made(&c);
	actor_start(&a, 0, runs_once, NULL);
}
const struct scenario exec_two_irqs = { "two-in-the-inbox", 2, two_irqs, all_ended,
					{ ring_for_b, ring_for_c } };

/* --- the hart is handed over in the midst of a poll -------------------------------------------------------- */

static _Atomic(struct task *) turn;
static long takes_turns(struct co *co, struct task *t)
{
	struct actor *other = t == &a.t ? &b : &a;

	if (atomic_load_explicit(&turn, memory_order_acquire) == t) {
		u32 n = ++actor_of(t)->result;

		atomic_store_explicit(&turn, &other->t, memory_order_release);
		task_wake(&other->t);
		if (n == 2)
			return 0;
	}
	arch_irq_off();
	t = exec_switch();				/* from here on we may be polled elsewhere */
	arch_irq_on();
	return t ? HANDED : PENDING;
}
static long disturbs(struct co *co, struct task *t)
{
	task_wake(&a.t);
	task_wake(&b.t);
	return 0;
}
static void turns(void)
{
	actor_start(&a, 0, takes_turns, NULL);
	actor_start(&b, 0, takes_turns, NULL);
	actor_start(&c, 1, disturbs, NULL);
	atomic_store(&turn, &a.t);
}
const struct scenario exec_turns = { "switch-within-a-poll", 2, turns, all_ended };

/* --- a ring that is full ------------------------------------------------------------------------------- */

static struct task many[RING + 2];
static u32 counted;
static bool ran[RING + 2];
static long counts_one(struct co *co, struct task *t)
{
	must(!ran[t - many]);
	ran[t - many] = true;
	counted++;
	return 0;
}
static long fills(struct co *co, struct task *t)
{
	for (u32 i = 0; i < RING + 2; i++)
		task_requeue(&many[i]);
	return 0;
}
static void full(void)
{
	counted = 0;
	memset(ran, 0, sizeof(ran));
	for (u32 i = 0; i < RING + 2; i++)
		task_init(&many[i], "many", 0, counts_one, NULL);
	actor_start(&a, 0, fills, NULL);
}
static void all_counted(void) { must(a.ended && counted == RING + 2); }
const struct scenario exec_full = { "full-ring", 1, full, all_counted };

/* --- a signal against falling asleep ----------------------------------------------------------------- */

static long sleeps(struct co *co, struct task *t)
{
	long r = wait_until(0);

	if (r == PENDING)
		return r;
	must(r == -EINTR);
	return 0;
}

static long signals(struct co *co, struct task *t)
{
	task_interrupt(&a.t, WAIT_SIGNAL);
	return 0;
}

static void signal_sleep(void)
{
	actor_start(&a, 0, sleeps, NULL);
	actor_start(&b, 1, signals, NULL);
}
const struct scenario exec_signal = { "signal-sleep", 2, signal_sleep, all_ended };
