/* SPDX-License-Identifier: MIT */
/* sys/ipc.c: System V shared memory, semaphores, messages; POSIX message queues: the calls' arguments. */
#include <asm/siginfo.h>
#include <asm/unistd.h>
#include "lib/timespec.h"
#include "proc/ipc.h"
#include "sys/path.h"

static async long sys_shmget(struct co *co, const u64 *a) { return shm_get(a[0], a[1], a[2]); }
static async long sys_shmat(struct co *co, const u64 *a) { return shm_attach(a[0], a[1], a[2]); }
static async long sys_shmdt(struct co *co, const u64 *a) { return shm_detach(a[0]); }
static async long sys_shmctl(struct co *co, const u64 *a) { return shm_control(a[0], a[1], a[2]); }

static async long sys_semget(struct co *co, const u64 *a) { return sem_get(a[0], a[1], a[2]); }
static async long sys_semop(struct co *co, const u64 *a) { return sem_operate(co, a[0], a[1], a[2], 0); }
static async long sys_semtimedop(struct co *co, const u64 *a)
{
	return sem_operate(co, a[0], a[1], a[2], a[3]);
}
static async long sys_semctl(struct co *co, const u64 *a) { return sem_control(a[0], a[1], a[2], a[3]); }

static async long sys_msgget(struct co *co, const u64 *a) { return msg_get(a[0], a[1]); }
static async long sys_msgsnd(struct co *co, const u64 *a) { return msg_send(co, a[0], a[1], a[2], a[3]); }
static async long sys_msgrcv(struct co *co, const u64 *a)
{
	return msg_receive(co, a[0], a[1], a[2], a[3], a[4]);
}
static async long sys_msgctl(struct co *co, const u64 *a) { return msg_control(a[0], a[1], a[2]); }

/* --- POSIX message queues ------------------------------------------------------------------------------- */

enum { PRIORITIES = 32768 };

static async long sys_mq_open(struct co *co, const u64 *a)
{
	struct mq_attr_k attr;
	u32 flags = a[1];
	struct file *f;
	char *name;
	long r;

	if (a[3] && flags & O_CREAT && (r = user_get(attr, a[3])))
		return r;
	if ((r = path_from_user(a[0], 0, &name)) < 0)
		return r;
	r = mqueue_open(name, flags, a[2], a[3] && flags & O_CREAT ? &attr : NULL, &f);
	return r ? r : fd_install(thread_current()->files, f, 0, true);
}

static async long sys_mq_unlink(struct co *co, const u64 *a)
{
	char *name;
	long r = path_from_user(a[0], 0, &name);

	return r < 0 ? r : mqueue_unlink(name);
}

static long queue_get(u64 fd, u32 mode, struct file **out)
{
	struct file *f = file_current(fd);

	if (f && mqueue_is(f) && (mode == MAY_READ ? file_readable(f) : mode == MAY_WRITE ? file_writable(f) : true)) {
		*out = f;
		return 0;
	}
	file_put(f);
	return -EBADF;
}

static async long read_deadline(uaddr_t at, u64 *until)
{
	struct timespec_k ts;
	long r;

	*until = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, until)))
		return r;
	*until = max(*until, 1ull);
	return 0;
}

static async long sys_mq_timedsend(struct co *co, const u64 *a)
{
	struct { struct file *file; u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[3] >= PRIORITIES)
		return -EINVAL;
	await(r = read_deadline(a[4], &f->until));
	if (r || (r = queue_get(a[0], MAY_WRITE, &f->file)))
		return r;
	await(r = mqueue_send(co, f->file, a[1], a[2], a[3], f->until));
	file_put(f->file);
	return r;
	co_end();
}

static async long sys_mq_timedreceive(struct co *co, const u64 *a)
{
	struct { struct file *file; u64 until; u32 priority; long n; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_deadline(a[4], &f->until));
	if (r || (r = queue_get(a[0], MAY_READ, &f->file)))
		return r;
	await(r = mqueue_receive(co, f->file, a[1], a[2], &f->priority, f->until));
	file_put(f->file);
	if (r < 0 || !a[3])
		return r;
	f->n = r;
	await(r = user_put(a[3], f->priority));
	return r ? r : f->n;
	co_end();
}

struct event { u64 value; s32 signo, kind; u8 rest[48]; };	/* struct sigevent */

static async long sys_mq_notify(struct co *co, const u64 *a)
{
	struct mq_notify_k n;
	struct event e;
	struct file *f;
	long r;

	if (a[1]) {
		if ((r = user_get(e, a[1])))
			return r;
		if (e.kind == SIGEV_THREAD)		/* by a netlink socket */
			return syscall_refuse(-EINVAL, "mq_notify: SIGEV_THREAD", e.kind);
		if ((e.kind != SIGEV_NONE && e.kind != SIGEV_SIGNAL) ||
		    (e.kind == SIGEV_SIGNAL && (u32)e.signo > SIG_MAX))
			return -EINVAL;
		n = (struct mq_notify_k){ e.signo, e.kind, e.value };
	}
	if ((r = queue_get(a[0], 0, &f)))
		return r;
	r = mqueue_notify(f, a[1] ? &n : NULL);
	file_put(f);
	return r;
}

static async long sys_mq_getsetattr(struct co *co, const u64 *a)
{
	struct mq_attr_k new, old;
	struct file *f;
	long r;

	if (a[1]) {
		if ((r = user_get(new, a[1])))
			return r;
		if (new.flags & ~(s64)O_NONBLOCK)
			return -EINVAL;
	}
	if (a[2] && (r = user_commit(a[2], sizeof(old), ACCESS_WRITE)) == PENDING)
		return r;
	if ((r = queue_get(a[0], 0, &f)))
		return r;
	mqueue_attributes(f, a[1] ? &new : NULL, &old);
	file_put(f);
	return a[2] ? user_put(a[2], old) : 0;
}

const struct syscall ipc_calls[] = {
	ROW(shmget, 3, 0, "xux"),
	ROW(shmat, 3, 0, "dpx"),
	ROW(shmdt, 1, 0, "p"),
	ROW(shmctl, 3, 0, "dxp"),
	ROW(semget, 3, 0, "xdx"),
	ROW(semop, 3, 0, "dpu"),
	ROW(semtimedop, 4, 0, "dpup"),
	ROW(semctl, 4, 0, "ddxx"),
	ROW(msgget, 2, 0, "xx"),
	ROW(msgsnd, 4, 0, "dpux"),
	ROW(msgrcv, 5, 0, "dpudx"),
	ROW(msgctl, 3, 0, "dxp"),
	ROW(mq_open, 4, 0, "sfop"),
	ROW(mq_unlink, 1, 0, "s"),
	ROW(mq_timedsend, 5, 0, "dpuup"),
	ROW(mq_timedreceive, 5, 0, "dpupp"),
	ROW(mq_notify, 2, 0, "dp"),
	ROW(mq_getsetattr, 3, 0, "dpp"),
	{ 0 },
};
