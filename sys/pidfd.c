/* SPDX-License-Identifier: MIT */
/*
 * pidfd.c: pidfd_open, pidfd_send_signal, pidfd_getfd; process_madvise.  clone and waitid take them as
 * well.
 */
#include <asm/unistd.h>
#include <linux/mman.h>
#include "proc/processfd.h"
#include "sys/path.h"
#include "sys/signals.h"

/* A process of this job; a thread is -EINVAL. */
static long find_process(s32 pid, struct process **out)
{
	struct process *p = process_find(pid);
	struct thread *t;

	if (p && p->job == process_current()->job) {
		*out = p;
		return 0;
	}
	process_put(p);
	if (p || !(t = thread_find(pid)))
		return -ESRCH;
	process_put(t->proc);
	return -EINVAL;
}

static async long sys_pidfd_open(struct co *co, const u64 *a)
{
	u32 flags = a[1];
	struct process *p;
	struct file *f;
	long r;

	if (flags & ~(u32)O_NONBLOCK)
		return syscall_refuse(-EINVAL, "pidfd_open flags", flags);
	if ((s32)a[0] <= 0)
		return -EINVAL;
	if ((r = find_process(a[0], &p)))
		return r;
	f = pidfd_create(p, flags);
	process_put(p);
	return f ? fd_install(thread_current()->files, f, 0, true) : -ENOMEM;
}

static long process_of(u64 fd, struct process **p)
{
	struct file *f = file_current(fd);
	long r = f ? pidfd_process(f, p) : -EBADF;

	file_put(f);
	return r;
}

static async long sys_pidfd_send_signal(struct co *co, const u64 *a)
{
	struct siginfo_k info = signal_from_me(a[1], 0);
	struct process *p;
	long r;

	if ((u32)a[3])
		return syscall_refuse(-EINVAL, "pidfd_send_signal flags", (u32)a[3]);
	if ((r = process_of(a[0], &p)))
		return r;
	if (a[2])
		r = signal_read_info(a[2], a[1], p->pid, &info);
	if (!r)
		r = p->state == PROC_DEAD ? -ESRCH : signal_try(p, &info);
	process_put(p);
	return r;
}

static bool may_look_into(const struct process *p) { return process_may_look(p, false); }

static async long sys_pidfd_getfd(struct co *co, const u64 *a)
{
	struct process *p;
	struct file *f;
	long r;

	if ((u32)a[2])
		return -EINVAL;
	if ((r = process_of(a[0], &p)))
		return r;
	if (p->state != PROC_ALIVE)
		r = -ESRCH;
	else if (!may_look_into(p))
		r = -EPERM;
	else if (!(f = process_file(p->pid, a[1])))
		r = -EBADF;
	else
		r = fd_install(thread_current()->files, f, 0, true);
	process_put(p);
	return r;
}

/* --- advice about another's memory: what may be given is a hint, and changes nothing -------------------- */

static bool may_advise(s32 advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED || advice == MADV_COLLAPSE;
}

static async long advise_each(struct vm *v, uaddr_t iov, u64 n)
{
	struct uvec range;
	u64 done = 0;
	long r;

	for (u64 i = 0; i < n; i++) {
		if ((r = user_get(range, iov + i * sizeof(range))))
			return r;
		r = range.base % PAGE_SIZE || !user_range_ok(range.base, range.len) ? -EINVAL :
		    vm_range_mapped(v, range.base, range.len) ? 0 : -ENOMEM;
		if (r)
			return done ? (long)done : r;
		done += range.len;
	}
	return done;
}

static async long sys_process_madvise(struct co *co, const u64 *a)
{
	struct vm *v = NULL;
	struct process *p;
	long r;

	if ((u32)a[4] || a[2] > 1024)
		return -EINVAL;
	if ((r = process_of(a[0], &p)))
		return r;
	if (!may_advise(a[3]))
		r = -EINVAL;
	else if (!may_look_into(p))
		r = -EPERM;
	else
		v = process_space(p);
	process_put(p);
	if (!r)
		r = v ? advise_each(v, a[1], a[2]) : -ESRCH;
	vm_put(v);
	return r;
}

const struct syscall pidfd_calls[] = {
	ROW(process_madvise, 5, 0, "dpudx"),
	ROW(pidfd_open, 2, 0, "dx"),
	ROW(pidfd_send_signal, 4, 0, "dSpx"),
	ROW(pidfd_getfd, 3, 0, "ddx"),
	{ 0 }
};
