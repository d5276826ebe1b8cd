// SPDX-License-Identifier: MIT
/*
 * signalfd.c: pending signals as records to be read.  A signalfd is only a set of signals; whose they are
 * depends on who reads or polls.  What waits is queued at its process, whose lock comes first, and is
 * woken by every signal that is sent there.
 */
#include <linux/fcntl.h>
#include <linux/signalfd.h>
#include <string.h>
#include "fs/anon.h"
#include "fs/poll.h"
#include "proc/processfd.h"

static u64 set_of(const struct file *f) { return (u64)(uintptr_t)f->data; }

static struct signalfd_siginfo record(const struct siginfo_k *k)
{
	struct signalfd_siginfo s = {
		.ssi_signo = k->signo, .ssi_errno = k->error, .ssi_code = k->code,
		.ssi_pid = k->pid, .ssi_uid = k->uid,
	};

	if (k->signo == SIGCHLD && k->code > 0) {
		s.ssi_status = k->status;
		s.ssi_utime = k->utime;
		s.ssi_stime = k->stime;
	} else if (k->code == SI_TIMER) {
		s.ssi_tid = k->pid;
		s.ssi_uid = s.ssi_pid = 0;
		s.ssi_ptr = k->addr;
		s.ssi_int = k->addr;
	} else if (k->code < 0 && k->code != SI_TKILL) {
		s.ssi_ptr = k->addr;
		s.ssi_int = k->addr;
	} else if (k->code > 0) {
		s.ssi_addr = k->addr;
	}
	return s;
}

/* As many as there are and fit. */
static long take(struct thread *t, struct file *f, struct uio *u)
{
	struct signalfd_siginfo s;
	struct siginfo_k k;

	while (u->left >= sizeof(s) && signal_take(t, set_of(f), &k)) {
		s = record(&k);
		if (!anon_put(u, &s, sizeof(s))) {
			signal_send_thread(t, &k);	/* put it back */
			return -EFAULT;
		}
	}
	return u->done;
}

static async long signalfd_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct thread *t = thread_current();
	long r;

	if (!u->done && u->left < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	r = take(t, f, u);
	if (r || u->done)
		return r;
	guard(&t->proc->lock);
	if ((t->pending.set | t->proc->pending.set) & set_of(f))
		return file_pause();
	return u->nowait ? -EAGAIN : wait_on(&t->proc->watchers);
}

static u32 signalfd_poll(struct file *f, struct poller *p)
{
	struct thread *t = thread_current();

	guard(&t->proc->lock);
	if (p)
		poll_add(p, &t->proc->watchers);
	return (t->pending.set | t->proc->pending.set) & set_of(f) ? POLLIN : 0;
}

static const struct file_ops signalfd_ops = {
	.name = "signalfd", .read = signalfd_read, .seek = anon_seek, .poll = signalfd_poll,
};

bool signalfd_is(const struct file *f) { return f->ops == &signalfd_ops; }
void signalfd_set(struct file *f, u64 set) { f->data = (void *)(uintptr_t)set; }

struct file *signalfd_create(u64 set, u32 flags)
{
	return anon_file(&signalfd_ops, O_RDWR | flags, (void *)(uintptr_t)set);
}
