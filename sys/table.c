/* SPDX-License-Identifier: MIT */
/*
 * table.c: all system calls by number, and the two ways to one: kernel_syscall(), straight from
 * the trap, and syscall_dispatch(), from the thread's run loop.  Both count the call against the
 * job.  A call is begun on one of the ways once; only what returned PENDING is called again.
 */
#include "core/log.h"
#include "core/timeline.h"
#include "lib/print.h"
#include "proc/job.h"
#include "proc/timeline.h"
#include "sys/sockets.h"
#include "sys/table.h"

/* One a line: whoever adds one changes no other line. */
#define LISTS(X)	\
	X(file_calls) \
	X(dir_calls) \
	X(stat_calls) \
	X(xattr_calls) \
	X(poll_calls) \
	X(epoll_calls) \
	X(event_calls) \
	X(pidfd_calls) \
	X(splice_calls) \
	X(socket_calls) \
	X(message_calls) \
	X(mem_calls) \
	X(numa_calls) \
	X(caps_calls) \
	X(vmcopy_calls) \
	X(ipc_calls) \
	X(process_calls) \
	X(signal_calls) \
	X(futex_calls) \
	X(sched_calls) \
	X(clock_calls) \
	X(timer_calls) \
	X(ident_calls)

#define DECLARE(list) extern const struct syscall list[];
#define ENTRY(list) list,
LISTS(DECLARE)
static const struct syscall *const lists[] = { LISTS(ENTRY) };

enum { CALL_LEAVES = -4098 };		/* result of call_leaves() */

const struct syscall *syscall_table[SYSCALLS] ro_after_init;
static struct syscall_body fast[SYSCALLS] ro_after_init, traced[SYSCALLS] ro_after_init;
const struct syscall_body *const syscall_fast = fast, *const syscall_traced = traced;
static u64 named[SYSCALLS / 64 + 1];		/* unknown calls the log has told of */

/* Stands for a body that must not be called from the trap. */
static async long call_leaves(struct co *co, const u64 *a) { return CALL_LEAVES; }

static void timeline_call(struct thread *t)
{
	timeline(TL_CALL, t->tid, ctx_number(&t->ctx), t->proc->pid);
}

static void timeline_return(struct thread *t, long r)
{
	timeline(TL_RETURN, t->tid, r == -ERESTART ? -EINTR : r, t->proc->pid);
}

/* Stands for all bodies while tracepoints are wanted: others pay nothing for them. */
static async long timed_call(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	long r;

	if (t->call_state != CALL_BEGUN)
		timeline_call(t);
	r = syscall_table[ctx_number(&t->ctx)]->fn(co, a);
	if (r != PENDING)
		timeline_return(t, r);
	return r;
}

void syscall_init(void)
{
	bool timed = timeline_wanted();

	socket_calls_init();
	sysctl_init();
	for (u32 i = 0; i < SYSCALLS; i++)
		fast[i].fn = traced[i].fn = call_leaves;
	for (u32 i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct syscall *s = lists[i]; s->name; s++) {
			assert(s->number < SYSCALLS && !syscall_table[s->number]);
			syscall_table[s->number] = s;
			if (!s->flags)
				fast[s->number].fn = timed ? timed_call : s->quick ? s->quick : s->fn;
		}
}

/* Linux's names of calls that have no row here, for messages. */
static const char *const absent[SYSCALLS] = {
#include "syscall_names.h"
	MACHINE_CALL_NAMES
};

const char *syscall_name(u32 number)
{
	if (number >= SYSCALLS)
		return "beyond the table";
	if (syscall_table[number])
		return syscall_table[number]->name;
	return absent[number] ? absent[number] : "unknown";
}

/* Threads of one job on several harts count together. */
static inline void call_count(_Atomic u64 *calls, u64 number, s64 n)
{
	atomic_fetch_add_explicit(&calls[number], n, memory_order_relaxed);
}

/* All numbers beyond the table count as one. */
static long call_unknown(struct thread *t, u64 number)
{
	struct job *j = t->proc->job;
	u64 n = min(number, (u64)SYSCALLS);

	if (number < SYSCALLS)
		call_count(j->calls, number, 1);
	if (!(named[n / 64] & 1ul << n % 64))
		log_warn("%s: system call %ld (%s) is not there: ENOSYS", t->proc->comm, (long)number,
			 syscall_name(n));
	named[n / 64] |= 1ul << n % 64;
	job_note(j, n, ENOSYS, "", "system call is not there");
	return -ENOSYS;
}

/* Store what the program gets.  An interrupted call leaves the registers alone: to run it again is to
 * do nothing; signal delivery decides. */
static void call_finish(struct thread *t, long r, u32 flags)
{
	t->call_state = CALL_DONE;
	if (unlikely(r == -ERESTART)) {
		t->restart = true;
		return;
	}
	if (unlikely(flags & CALL_NO_RESULT) && r >= 0)
		return;
	ctx_set_result(&t->ctx, r);
	ctx_skip_trap(&t->ctx);
}

static inline bool task_called(struct thread *t)
{
	return unlikely(atomic_load_explicit(&t->task.pending, memory_order_relaxed));
}

/* @body of @t's call has returned PENDING: it is what will be called again. */
static inline void call_begun(struct thread *t, long (*body)(struct co *co, const u64 *a))
{
	t->call_body = body;
	t->call_state = CALL_BEGUN;
}

/* The quick body is none for this case. */
static long call_real(struct thread *t)
{
	long (*body)(struct co *co, const u64 *a) = syscall_table[ctx_number(&t->ctx)]->fn;
	long r = body(t->call_co, ctx_args(&t->ctx));

	if (r == PENDING)
		call_begun(t, body);
	return r;
}

/* From the trap, interrupts off.  What it returns is in a0 when the program goes on behind the trap. */
long kernel_syscall(struct context *ctx)
{
	struct thread *t = container_of(ctx, struct thread, ctx);
	u64 number = ctx_number(ctx);

	if (unlikely(number >= SYSCALLS))
		return ARCH_LEAVE;
	check(t->task.given == TASK_NOT_GIVEN);
	call_count(t->calls, number, 1);
	return t->calls_fast[number].fn(t->call_co, ctx_args(ctx));
}
_Static_assert(PENDING == ARCH_SWITCH && PENDING == TASK_NOT_GIVEN, "each means: somebody else goes on");
_Static_assert(ARCH_LEAVE != -ERESTART && ARCH_LEAVE != CALL_LEAVES && ARCH_LEAVE != NOT_NOW, "no body's result");

/* It wants the run loop, is not for the quick body, or a signal is there. */
long kernel_syscall_leave(struct context *ctx, long r)
{
	struct thread *t = container_of(ctx, struct thread, ctx);

	if (r == NOT_NOW && likely((r = call_real(t)) > PENDING && !task_called(t)))
		return r;
	if (r == PENDING)
		return ARCH_SWITCH;
	if (r == CALL_LEAVES)
		call_count(t->calls, ctx_number(&t->ctx), -1);	/* not begun */
	else if (r != ARCH_LEAVE)
		call_finish(t, r, 0);
	return ARCH_LEAVE;
}

/* A call that was begun goes on: its result or PENDING.  May be given: task_given(). */
static inline async long call_again(struct thread *t)
{
	long r = t->call_body(t->call_co, ctx_args(&t->ctx));

	return unlikely(r == NOT_NOW) ? call_real(t) : r;
}

/* The thread has the hart again: true if its call is over and its program may go on. */
static inline bool call_ends(struct thread *t)
{
	long r;

	if (unlikely(t->call_state != CALL_BEGUN)) {
		t->call_state = CALL_NEW;		/* it waits for a page: the run loop looks for it */
		return false;
	}
	vm_activate(t->vm);
	r = task_given(&t->task);
	if (unlikely((r == PENDING && (r = call_again(t)) <= PENDING) || task_called(t))) {
		if (r != PENDING)
			call_finish(t, r, 0);
		return false;
	}
	ctx_set_result(&t->ctx, r);
	ctx_skip_trap(&t->ctx);
	t->call_state = CALL_NEW;
	co_afresh(t->call_co);
	return true;
}

/* From the trap, interrupts off: the call of @ctx waits.  If the next task is a thread that waited in a
 * call as well, its program goes on with no way back through the executor. */
struct context *kernel_switch(struct context *ctx)
{
	struct thread *t = container_of(ctx, struct thread, ctx);
	struct task *next;

	if (likely(t->call_state == CALL_NEW))
		call_begun(t, t->calls_fast[ctx_number(ctx)].fn);
	ctx_save_fp(ctx);
	next = exec_switch();
	if (unlikely(!next || next->main != thread_run))
		return NULL;
	t = thread_of(next);
	if (unlikely(!call_ends(t)))
		return NULL;
	ctx_check_fp(&t->ctx);
	return &t->ctx;
}

/* The slow way: calls that want all registers, traced ones, those that are not there. */
async long syscall_dispatch(struct co *co)
{
	struct {
		long	result;
	} *f = co_frame(co);
	struct thread *const t = thread_current();
	const u64 number = ctx_number(&t->ctx);
	const struct syscall *const s = number < SYSCALLS ? syscall_table[number] : NULL;
	long r;

	co_begin(f);
	timeline_call(t);
	if (t->traced)
		await(r = trace_enter(t));
	if (s) {
		call_count(t->calls, number, 1);
		await(f->result = s->fn(co, ctx_args(&t->ctx)));
	} else {
		f->result = call_unknown(t, number);
	}
	if (t->traced)
		await(r = trace_exit(t, f->result));
	timeline_return(t, f->result);
	call_finish(t, f->result, s ? s->flags : 0);
	return 0;
	co_end();
}

/* After CAUSE_SYSCALL: bring the call to its end, wherever it is. */
async long syscall_continue(struct co *co, struct thread *t)
{
	long r;

	if (t->call_state == CALL_DONE)
		return 0;
	if (t->call_state == CALL_NEW)
		return syscall_dispatch(co);
	r = task_given(&t->task);
	if (r == PENDING && (r = call_again(t)) == PENDING)
		return r;
	call_finish(t, r, 0);
	return 0;
}

/* --- what --explain tells ------------------------------------------------------------------------------ */

long syscall_refuse(long error, const char *what, u64 value)
{
	struct thread *t = thread_current();
	u32 call = thread_call(t);
	char detail[48];

	snprint(detail, sizeof(detail), "%s 0x%lx", what, value);
	log_info("%s: %s refused: %s", t->proc->comm, syscall_name(call), detail);
	job_note(t->proc->job, call, -error, "", detail);
	return error;
}

long syscall_note(long error, const char *path)
{
	struct thread *t = thread_current();

	job_note(t->proc->job, thread_call(t), -error, path, "");
	return error;
}
