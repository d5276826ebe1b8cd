/* SPDX-License-Identifier: MIT */
/*
 * clone.c: new threads and processes.  Each resource is one decision: shared and counted, or copied.
 * Everything is acquired first; thread_publish() is the step that cannot fail.
 */
#include <string.h>
#include <linux/sched.h>
#include "core/log.h"
#include "mem/heap.h"
#include "proc/job.h"
#include "proc/private.h"

#define CLONE_KNOWN (CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK |	\
		     CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |	\
		     CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID |	\
		     CLONE_IO | CLONE_CLEAR_SIGHAND | CLONE_PIDFD)

static long clone_check(const struct clone_request *q)
{
	u64 f = q->flags;

	if (f & ~(u64)CLONE_KNOWN)
		return syscall_refuse(-EINVAL, "clone flags", f & ~(u64)CLONE_KNOWN);
	if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)))
		return -EINVAL;
	if (f & CLONE_SIGHAND && f & CLONE_CLEAR_SIGHAND)
		return -EINVAL;
	if (f & CLONE_PIDFD && f & (CLONE_THREAD | CLONE_DETACHED))
		return syscall_refuse(-EINVAL, "clone flags with CLONE_PIDFD", f);
	if (q->exit_signal < 0 || q->exit_signal > SIG_MAX)
		return -EINVAL;
	return 0;
}

static long clone_sighand(struct process *to, struct process *from, u64 flags)
{
	long err;

	if (!(flags & CLONE_SIGHAND)) {
		err = sighand_copy(to, from);
		if (flags & CLONE_CLEAR_SIGHAND)
			sighand_exec(to->sighand);
		return err;
	}
	err = sighand_need(from);
	if (err)
		return err;
	atomic_fetch_add(&from->sighand->refs, 1);
	to->sighand = from->sighand;
	return 0;
}

static struct process *clone_process(struct thread *t, const struct clone_request *q)
{
	struct process *from = t->proc, *p = process_create(from->job, from);
	long err;

	if (!p)
		return NULL;
	p->exit_signal = q->flags & CLONE_PARENT ? from->exit_signal : q->exit_signal;
	if (unlikely(p->reset_on_fork)) {
		p->reset_on_fork = false;
		p->nice = max(p->nice, 0);
	}
	err = clone_sighand(p, from, q->flags);
	p->vm = q->flags & CLONE_VM ? vm_get(from->vm) : vm_fork(from->vm, ctx_sp(&t->ctx));
	if (!err && p->vm)
		return p;
	process_discard(p);
	return NULL;
}

static struct thread *clone_thread(struct thread *t, struct process *p, u64 flags)
{
	struct files *files = flags & CLONE_FILES ? files_get(t->files) : files_copy(t->files);
	struct fs_context *fs = flags & CLONE_FS ? fs_context_get(t->fs) : fs_context_copy(t->fs);
	struct thread *n = files && fs ? thread_create(p, files, fs) : NULL;

	if (n)
		return n;
	if (files)
		files_put(files);
	if (fs)
		fs_context_put(fs);
	return NULL;
}

static void clone_registers(struct thread *n, struct thread *t, const struct clone_request *q)
{
	ctx_copy(&n->ctx, &t->ctx);
	ctx_set_result(&n->ctx, 0);
	ctx_skip_trap(&n->ctx);
	if (q->stack)
		ctx_set_sp(&n->ctx, q->stack);
	if (q->flags & CLONE_SETTLS)
		ctx_set_tls(&n->ctx, q->tls);
	if (q->flags & CLONE_THREAD)
		ctx_expect_fp(&n->ctx);
	n->sig_mask = t->sig_mask;
	n->set_child_tid = q->flags & CLONE_CHILD_SETTID ? q->child_tid : 0;
	n->clear_child_tid = q->flags & CLONE_CHILD_CLEARTID ? q->child_tid : 0;
	if (!(q->flags & CLONE_VM) || q->flags & CLONE_VFORK) {
		n->altstack_sp = t->altstack_sp;
		n->altstack_size = t->altstack_size;
		n->altstack_flags = t->altstack_flags;
	}
}

/* A process that is being killed makes nothing new. */
static long clone_publish(struct thread *t, struct thread *n, const struct clone_request *q)
{
	struct process *p = n->proc;
	guard(&proc_lock);
	s32 id = pid_new();

	if (id < 0 || t->proc->exiting)
		return -EAGAIN;
	n->tid = id;
	if (p != t->proc) {
		p->pid = id;
		p->parent = q->flags & CLONE_PARENT ? t->proc->parent : t->proc;
		p->vforked = q->flags & CLONE_VFORK;
		process_publish(p);
	}
	thread_publish(n);
	return 0;
}

async long thread_clone(const struct clone_request *q, struct thread **out)
{
	struct thread *t = thread_current(), *n;
	struct process *p = t->proc;
	long r = clone_check(q);

	if (!r && q->flags & CLONE_PARENT_SETTID)
		r = user_commit(q->parent_tid, sizeof(s32), ACCESS_WRITE);
	if (r)
		return r;
	p = q->flags & CLONE_THREAD ? t->proc : clone_process(t, q);
	if (!p)
		return t->proc->job->process_limit ? -EAGAIN : -ENOMEM;
	n = clone_thread(t, p, q->flags);
	r = -ENOMEM;
	if (!n)
		goto out;
	clone_registers(n, t, q);
	r = clone_publish(t, n, q);
	if (!r) {
		if (q->flags & CLONE_PARENT_SETTID && user_write(q->parent_tid, &n->tid, sizeof(s32)))
			log_debug("clone: parent_tid vanished");
		*out = n;
		return 0;
	}
	files_put(n->files);
	fs_context_put(n->fs);
	thread_free(n);
out:
	if (p != t->proc)
		process_discard(p);
	return r;
}

/* --- vfork: the parent waits until the child has given back the memory ---------------------------------- */

async long vfork_wait(struct process *child)
{
	guard(&proc_lock);
	return child->vforked ? wait_kill(&child->vfork_wait) : 0;
}

void vfork_done(struct process *p)
{
	guard(&proc_lock);
	if (p->vforked) {
		p->vforked = false;
		wake_all(&p->vfork_wait);
	}
}
