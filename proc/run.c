/* SPDX-License-Identifier: MIT */
/*
 * run.c: a thread's life, on one screen.  Entering a program is a function call that returns why
 * it stopped; whatever has to wait is awaited here, so a blocked program is these few frames.
 */
#include <asm/siginfo.h>
#include <linux/signal.h>
#include "core/timeline.h"
#include "core/rcu.h"
#include "core/wait.h"
#include "lib/print.h"
#include "proc/job.h"
#include "proc/private.h"

/* A fault in the program that nobody could mend: the signal for it. */
static void fault_signal(struct thread *t, long error)
{
	uaddr_t at = ctx_fault_address(&t->ctx);

	if (error == -EIO)
		signal_force(t, SIGBUS, BUS_ADRERR, at);
	else if (error == -ENOMEM && !t->proc->exiting)
		process_out_of_memory(t->proc);
	else if (error != -ENOMEM)
		signal_force(t, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, at);
}

static void trap_signal(struct thread *t, enum cause cause)
{
	uaddr_t at = ctx_fault_address(&t->ctx);

	switch (cause) {
	case CAUSE_ILLEGAL:
		signal_force(t, SIGILL, ILL_ILLOPC, ctx_pc(&t->ctx));
		break;
	case CAUSE_BREAKPOINT:
		signal_force(t, SIGTRAP, TRAP_BRKPT, ctx_pc(&t->ctx));
		break;
	case CAUSE_MISALIGNED:
		signal_force(t, SIGBUS, BUS_ADRALN, at);
		break;
	case CAUSE_ACCESS:
		signal_force(t, SIGBUS, BUS_OBJERR, at);
		break;
	default:
		break;
	}
}

/* From the trap, interrupts off: the usual fault is over before anybody else has noticed. */
bool kernel_page_fault(struct context *ctx)
{
	struct thread *t = container_of(ctx, struct thread, ctx);

	timeline(TL_FAULT, t->tid, ctx_fault_address(ctx), t->proc->pid);
	long r = vm_fault(t->vm, ctx_fault_address(ctx), ctx_fault_access(ctx));

	if (r != PENDING)
		timeline(TL_FAULT_END, t->tid, 0, t->proc->pid);
	if (likely(!r && !atomic_load_explicit(&t->task.pending, memory_order_relaxed))) {
		t->faults++;
		return true;
	}
	t->call_state = r == PENDING ? CALL_FAULT : CALL_NEW;
	return false;
}

static async long fault_handle(struct thread *t)
{
	long r = vm_fault(t->vm, ctx_fault_address(&t->ctx), ctx_fault_access(&t->ctx));

	if (r == PENDING)
		return r;
	timeline(TL_FAULT_END, t->tid, 0, t->proc->pid);
	t->faults++;
	if (unlikely(r < 0))
		fault_signal(t, r);
	return 0;
}

/* What a new thread does before its first instruction. */
static async long thread_begin(struct co *co, struct thread *t)
{
	long r;

	if (t->start) {
		r = exec_program(co, t->start);
		if (r != PENDING) {
			exec_args_free(t->start);
			t->start = NULL;
		}
		return r;
	}
	if (t->set_child_tid && user_write(t->set_child_tid, &t->tid, sizeof(t->tid)) == PENDING)
		return PENDING;
	t->set_child_tid = 0;
	return 0;
}

static async long trap_handle(struct co *co, struct thread *t)
{
	enum cause cause = ctx_cause(&t->ctx);

	if (likely(cause == CAUSE_SYSCALL))
		return syscall_continue(co, t);
	if (cause == CAUSE_FAULT)
		return fault_handle(t);
	trap_signal(t, cause);
	return 0;
}

static bool waits(const struct thread *t)
{
	return t->call_state == CALL_BEGUN || t->call_state == CALL_FAULT;
}

/* Run the program until it stops for a reason that is dealt with here: 0.  Else the hart may be another
 * task's by now, and the result is that one's. */
static long program_run(struct thread *t)
{
	struct context *stopped = arch_user_enter(&t->ctx);
	struct task *now = task_current();

	if (likely(stopped == &t->ctx && !waits(t)))
		return 0;
	return !now || (now->main == thread_run && waits(thread_of(now))) ? PENDING : HANDED;
}

static async long thread_loop(struct co *co, struct thread *t)
{
	struct { u8 none; } *f = co_frame(co);
	long r;

	co_begin(f);
	t->call_co = co;
	await(r = thread_begin(co, t));
	if (r < 0)
		process_start_failed(t, r);
	for (;;) {
		if (atomic_load_explicit(&t->task.pending, memory_order_relaxed)) {
			await(r = signal_deliver(co, t, t->restart));
			t->restart = false;
			if (r < 0)
				break;
		}
		t->restart = false;
		if (!exec_slice_begin()) {
			co_yield();
			continue;
		}
		t->call_state = CALL_NEW;
		co_afresh(co);		/* calls from the trap begin afresh */
		await_after(program_run(t), r = trap_handle(co, t));
	}
	await(r = thread_leave(co, t));
	await(r = rcu_settle(co));		/* who ends many threads waits for them */
	return 0;
	co_end();
}

/* Task main: in each poll the program's memory is there, and its registers are safe afterwards. */
long thread_run(struct co *co, struct task *task)
{
	struct thread *t = thread_of(task);
	long r;

	vm_activate(t->vm);
	r = thread_loop(co, t);
	if (likely(task_current() == task)) {
		ctx_save_fp(&t->ctx);
		if (unlikely(t->proc->cpu_watch))
			cputime_check(t);
	}
	return r;
}
