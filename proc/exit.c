/* SPDX-License-Identifier: MIT */
/*
 * exit.c: the end of threads and processes, and who hears of it.
 *
 * A thread leaves in two steps: thread_leave(), still as itself, gives up memory, files and
 * robust locks; thread_gone(), called by the executor after its last poll, accounts its time and
 * frees it.  With its last thread a process becomes a zombie until its parent has asked, or is
 * released at once if nobody will.
 */
#include <asm/siginfo.h>
#include <linux/signal.h>
#include "core/log.h"
#include "core/time.h"
#include "core/timeline.h"
#include "proc/ipc.h"
#include "fs/streams.h"
#include "proc/job.h"
#include "proc/private.h"

void process_exit(struct process *p, s32 status)
{
	struct thread *t;
	guard(&p->lock);

	if (p->exiting)
		return;
	p->exiting = true;
	p->exit_status = status;
	TAILQ_FOREACH(t, &p->threads, link)
		task_interrupt(&t->task, WAIT_SIGNAL | WAIT_KILL);
}

void process_kill(struct process *p) { process_exit(p, SIGKILL); }

/* Its job's memory is used up: the process goes, and the report says why. */
void process_out_of_memory(struct process *p)
{
	log_warn("%s (%d): out of memory, killed", p->comm, p->pid);
	p->job->oom = true;
	p->death.signo = SIGKILL;
	process_exit(p, SIGKILL);
}

/* The first program of a job could not be run. */
void process_start_failed(struct thread *t, long error)
{
	t->proc->job->start_error = error;
	process_exit(t->proc, 127 << 8);
}

/* --- leaving --------------------------------------------------------------------------------------------- */

static void drop_memory(struct thread *t)
{
	struct process *p = t->proc;
	struct vm *v = NULL;

	{
		guard(&p->lock);
		if (--p->thread_live == 0) {
			v = p->vm;
			p->vm = NULL;
			if (v)
				memory_leaves();
		}
	}
	t->vm = NULL;
	vm_activate(NULL);
	vfork_done(p);
	if (v) {
		vm_put(v);
		memory_has_left();
	}
}

/* Who looks into the thread from outside holds its process's lock. */
static void drop_files(struct thread *t)
{
	struct files *files = t->files;
	struct fs_context *fs = t->fs;

	{
		guard(&t->proc->lock);
		t->files = NULL;
		t->fs = NULL;
	}
	files_put(files);
	fs_context_put(fs);
}

async long thread_leave(struct co *co, struct thread *t)
{
	if (t->vm && futex_thread_exit(t) == PENDING)
		return PENDING;
	if (t->traced && trace_end(t) == PENDING)
		return PENDING;
	drop_files(t);
	drop_memory(t);
	signal_thread_exit(t);
	return 0;
}

static void thread_account(struct thread *t)
{
	struct process *p = t->proc;
	u64 user = clock_ns(ctx_user_ticks(&t->ctx));
	u64 total = max(task_cpu_ns(&t->task), user);
	guard(&p->lock);

	p->user_ns += user;
	p->kernel_ns += total - user;
	p->instret += t->task.cpu_instret;
	p->job->user_ns += user;
	p->job->kernel_ns += total - user;
	p->job->instret += t->task.cpu_instret;
	atomic_fetch_add(&p->job->faults, t->faults);
}

/* Children lose their parent: the kernel waits for them.  proc_lock held. */
static void orphan_children(struct process *p)
{
	struct process *c;

	while ((c = LIST_FIRST(&p->children))) {
		LIST_REMOVE(c, sibling);
		c->parent = NULL;
		if (unlikely(c->parent_death))
			signal_kernel(c, c->parent_death);
		if (c->state == PROC_ZOMBIE)
			process_unpublish(c);
		else if (c->sid == p->sid)
			signal_orphans(c);
	}
}

static void process_ended(struct process *p)
{
	struct job *j = p->job;
	guard(&proc_lock);

	p->state = PROC_ZOMBIE;
	orphan_children(p);
	wake_all(&p->watchers);
	if (p->parent) {
		bool reap = signal_autoreap(p->parent);
		s32 status = p->exit_status;

		signal_parent(p, (status & 127) ? (status & 128) ? CLD_DUMPED : CLD_KILLED : CLD_EXITED,
			      (status & 127) ? status & 127 : status >> 8 & 255);
		if (reap)
			process_unpublish(p);
	} else {
		process_unpublish(p);
	}
	if (atomic_fetch_sub(&j->processes, 1) == 1 || p == j->main)
		wake_all(&j->wait);
}

/* A leader of a session takes its terminal from it. */
static void session_ended(struct process *p)
{
	struct tty *t = p->sid == p->pid ? process_tty(p) : NULL;

	if (t)
		tty_leave_session(t, true);
	tty_put(t);
}

void thread_gone(struct task *task)
{
	struct thread *t = thread_of(task);
	struct process *p = process_get(t->proc);
	bool last;

	thread_account(t);
	timeline(TL_EXIT, t->tid, 0, p->pid);
	trace_free(t);
	{
		guard(&proc_lock);
		thread_unpublish(t);
		last = !p->thread_count;
	}
	wake_all(&p->child_wait);		/* an exec may be waiting to be alone */
	if (last) {
		if (!p->exiting)
			p->exit_status = (t->exit_code & 255) << 8;
		alarm_stop(p);
		ptimers_stop(p);
		if (unlikely(p->job->ipc))
			ipc_process_exit(p);
		session_ended(p);
		process_ended(p);
	}
	thread_free(t);
	process_put(p);
}

/* --- times ----------------------------------------------------------------------------------------------- */

void thread_times(struct thread *t, u64 *user_ns, u64 *kernel_ns)
{
	*user_ns = clock_ns(ctx_user_ticks(&t->ctx));
	*kernel_ns = max(task_cpu_ns(&t->task), *user_ns) - *user_ns;
}

void process_times_locked(struct process *p, u64 *user_ns, u64 *kernel_ns)
{
	struct thread *t;
	u64 user, kernel;

	*user_ns = p->user_ns;
	*kernel_ns = p->kernel_ns;
	TAILQ_FOREACH(t, &p->threads, link) {
		thread_times(t, &user, &kernel);
		*user_ns += user;
		*kernel_ns += kernel;
	}
}

void process_times(struct process *p, u64 *user_ns, u64 *kernel_ns)
{
	guard(&p->lock);
	process_times_locked(p, user_ns, kernel_ns);
}
