/* SPDX-License-Identifier: MIT */
/*
 * dump.c: who is there, and what everybody waits for: on panic, and when somebody types `t' on the serial
 * port.  Runs in interrupts and after the worst, so it takes no lock and changes nothing: as an RCU reader
 * it finds threads that are just ending, but none that are freed.
 */
#include "core/log.h"
#include "mem/errand.h"
#include "proc/job.h"
#include "proc/private.h"

enum { TASKS_MAX = 400, FRAMES_MAX = 32 };

static u32 shown;

static const char *state_words(const struct task *t)
{
	switch (atomic_load_explicit(&t->state, memory_order_relaxed)) {
	case 0:			return "asleep";
	case T_WAKE:		return "ready";
	case T_RUN:		return "runs";
	case T_RUN | T_WAKE:	return "runs, woken";
	default:		return "has ended";
	}
}

/* State, hart, chain of waits. */
static void show_rest(const struct task *t)
{
	const char *function;
	uintptr_t at = 0;
	u32 line;

	log_raw(", %s", state_words(t));
	for (u32 i = 0; i < cpu_total(); i++)
		if (current_of(&cpus[i]) == t)
			log_raw(" on hart %u", i);
	log_raw("\n");
	for (u32 i = 0; i < FRAMES_MAX && task_next_wait(t, &at, &function, &line); i++)
		log_raw("    %s:%u\n", function, line);
}

static void show_thread(struct thread *t)
{
	if (shown++ >= TASKS_MAX)
		return;
	log_raw("  thread %d of %d, %s, job %u, ", t->tid, t->proc->pid, t->proc->comm, t->proc->job->number);
	if (t->call_state == CALL_BEGUN)
		log_raw("in %s", syscall_name(thread_call(t)));
	else
		log_raw("last call %s", syscall_name(thread_call(t)));
	show_rest(&t->task);
}

static void show_task(const struct task *t)
{
	if (t->state & T_DONE || shown++ >= TASKS_MAX)
		return;
	log_raw("  kernel task %s", t->name);
	show_rest(t);
}

static void show_harts(void)
{
	for (u32 i = 0; i < cpu_total(); i++) {
		const struct cpu *c = &cpus[i];
		const struct task *t = current_of(c);

		log_raw("  hart %u: %s, %u in its ring, %lu polls, %lu idle, %lu interrupts\n", i,
			t ? t->name : "no task", atomic_load_explicit(&c->rq.tail, memory_order_relaxed) -
			atomic_load_explicit(&c->rq.head, memory_order_relaxed), c->count.polls,
			c->count.idles, c->count.irqs);
	}
}

static void dump(void)
{
	shown = 0;
	log_raw("tasks:\n");
	show_harts();
	threads_peek(show_thread);
	tasks_kept(show_task);
	errands_peek(show_task);
	if (shown > TASKS_MAX)
		log_raw("  and %u more\n", shown - TASKS_MAX);
	log_raw("end of tasks\n");
}

static void key(char c)
{
	if (c == 't')
		dump();
}

void dump_init(void)
{
	panic_dump = dump;
	log_key = key;
}
