// SPDX-License-Identifier: MIT
/*
 * pidfd.c: a process as a file: readable once it has ended.  The file counts the process, which
 * outlives its number; an end, and the end of its number, wakes p->watchers.
 */
#include <linux/fcntl.h>
#include "fs/anon.h"
#include "fs/poll.h"
#include "proc/processfd.h"

static u32 pidfd_poll(struct file *f, struct poller *pl)
{
	struct process *p = f->data;

	if (!p)
		return 0;
	guard(&proc_lock);
	if (pl)
		poll_add(pl, &p->watchers);
	return p->state == PROC_ALIVE ? 0 : POLLIN | POLLRDNORM | (p->state == PROC_DEAD ? POLLHUP : 0);
}

static void pidfd_release(struct file *f)
{
	process_put(f->data);
}

static const struct file_ops pidfd_ops = { .name = "pidfd", .poll = pidfd_poll, .release = pidfd_release };

struct file *pidfd_create(struct process *p, u32 flags)
{
	struct file *f = anon_file(&pidfd_ops, O_RDWR | flags, p);

	if (f && p)
		process_get(p);
	return f;
}

void pidfd_fill(struct file *f, struct process *p)
{
	guard(&proc_lock);
	f->data = process_get(p);
}

long pidfd_process(struct file *f, struct process **p)
{
	guard(&proc_lock);
	if (f->ops != &pidfd_ops)
		return -EBADF;
	if (!f->data)
		return -ESRCH;
	*p = process_get(f->data);
	return 0;
}
