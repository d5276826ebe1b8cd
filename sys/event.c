/* SPDX-License-Identifier: MIT */
/* event.c: eventfd2, timerfd_create, timerfd_settime, timerfd_gettime, signalfd4, inotify. */
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/timerfd.h>
#include "fs/eventfd.h"
#include "fs/notify.h"
#include "lib/timespec.h"
#include "proc/processfd.h"
#include "sys/path.h"

enum { EFD_SEMAPHORE = 1, FLAGS = O_CLOEXEC | O_NONBLOCK, SIGSET_SIZE = 8 };

static long install(struct file *f, u32 flags)
{
	return f ? fd_install(thread_current()->files, f, 0, flags & O_CLOEXEC) : -ENOMEM;
}

static async long sys_eventfd2(struct co *co, const u64 *a)
{
	u32 flags = a[1];

	if (flags & ~(u32)(FLAGS | EFD_SEMAPHORE))
		return -EINVAL;
	return install(eventfd_create(a[0], flags & O_NONBLOCK, flags & EFD_SEMAPHORE), flags);
}

/* --- timers ------------------------------------------------------------------------------------------- */

static async long sys_timerfd_create(struct co *co, const u64 *a)
{
	u32 flags = a[1];
	bool real = (u32)a[0] == CLOCK_REALTIME || (u32)a[0] == CLOCK_REALTIME_ALARM;
	bool alarm = (u32)a[0] == CLOCK_REALTIME_ALARM || (u32)a[0] == CLOCK_BOOTTIME_ALARM;

	if (flags & ~(u32)FLAGS)
		return -EINVAL;
	if (!real && !alarm && (u32)a[0] != CLOCK_MONOTONIC && (u32)a[0] != CLOCK_BOOTTIME)
		return -EINVAL;
	if (alarm && process_current()->euid)
		return -EPERM;
	return install(timerfd_create(real, flags & O_NONBLOCK), flags);
}

struct setting { struct timespec_k every, value; };

static long timer_get(u64 fd, struct file **f)
{
	*f = file_current(fd);
	if (!*f)
		return -EBADF;
	if (timerfd_is(*f))
		return 0;
	file_put(*f);
	return -EINVAL;
}

static struct setting setting_of(struct file *f)
{
	struct timer_setting s = timerfd_get(f);

	return (struct setting){ ns_timespec(s.every), ns_timespec(s.left) };
}

static async long sys_timerfd_settime(struct co *co, const u64 *a)
{
	const u32 flags = a[1];
	struct setting new, old;
	u64 at, every;
	struct file *f;
	long r = user_get(new, a[2]);

	if (r)
		return r;
	if (flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if ((r = timespec_ns(&new.value, &at)) || (r = timespec_ns(&new.every, &every)))
		return r;
	if (a[3] && (r = user_commit(a[3], sizeof(old), ACCESS_WRITE)))
		return r;
	if ((r = timer_get(a[0], &f)))
		return r;
	old = setting_of(f);
	r = timerfd_set(f, at, every, flags & TFD_TIMER_ABSTIME, flags & TFD_TIMER_CANCEL_ON_SET);
	file_put(f);
	return r || !a[3] ? r : user_put(a[3], old);
}

static async long sys_timerfd_gettime(struct co *co, const u64 *a)
{
	struct setting now;
	struct file *f;
	long r = timer_get(a[0], &f);

	if (r)
		return r;
	now = setting_of(f);
	file_put(f);
	return user_put(a[1], now);
}

/* --- signals ------------------------------------------------------------------------------------------ */

/* A new one, or another set for one that is there. */
static async long sys_signalfd4(struct co *co, const u64 *a)
{
	u32 flags = a[3];
	struct file *f;
	u64 set;
	long r;

	if (a[2] != SIGSET_SIZE)
		return -EINVAL;
	if ((r = user_get(set, a[1])))
		return r;
	if (flags & ~(u32)FLAGS)
		return -EINVAL;
	set &= ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
	if ((s32)a[0] == -1)
		return install(signalfd_create(set, flags & O_NONBLOCK), flags);
	if (!(f = file_current(a[0])))
		return -EBADF;
	r = signalfd_is(f) ? (s32)a[0] : -EINVAL;
	if (r >= 0)
		signalfd_set(f, set);
	file_put(f);
	return r;
}

/* --- files watched --------------------------------------------------------------------------------------- */

static async long sys_inotify_init1(struct co *co, const u64 *a)
{
	u32 flags = a[0];
	struct file *f;
	long r;

	if (flags & ~(u32)FLAGS)
		return -EINVAL;
	r = inotify_create(flags & O_NONBLOCK, &f);
	return r ? r : install(f, flags);
}

static long inotify_get(u64 fd, struct file **f)
{
	*f = file_current(fd);
	if (!*f)
		return -EBADF;
	if (inotify_is(*f))
		return 0;
	file_put(*f);
	return -EINVAL;
}

enum { WATCH_FLAGS = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |
		     IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR | (int)IN_ONESHOT };

static async long watch(struct file *f, uaddr_t path, u32 mask)
{
	struct dentry *d;
	long r = place_walk(AT_FDCWD, path, (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) |
			    (mask & IN_ONLYDIR ? WALK_DIR : 0), &d);

	if (r)
		return r;
	r = inode_access(fs_current(), d->inode, MAY_READ);
	if (!r)
		r = inotify_watch(f, d->inode, mask);
	dentry_put(d);
	return r;
}

static async long sys_inotify_add_watch(struct co *co, const u64 *a)
{
	u32 mask = a[2];
	struct file *f;
	long r;

	if (mask & ~(u32)WATCH_FLAGS || !mask)
		return -EINVAL;
	if (!(f = file_current(a[0])))
		return -EBADF;
	r = -EINVAL;
	if (inotify_is(f) && !(mask & IN_MASK_ADD && mask & IN_MASK_CREATE))
		r = watch(f, a[1], mask);
	file_put(f);
	return r;
}

static async long sys_inotify_rm_watch(struct co *co, const u64 *a)
{
	struct file *f;
	long r = inotify_get(a[0], &f);

	if (r)
		return r;
	r = inotify_unwatch(f, a[1]);
	file_put(f);
	return r;
}

const struct syscall event_calls[] = {
	ROW(inotify_init1, 1, 0, "f"),
	ROW(inotify_add_watch, 3, 0, "dsx"),
	ROW(inotify_rm_watch, 2, 0, "dd"),
	ROW(eventfd2, 2, 0, "ux"),
	ROW(timerfd_create, 2, 0, "df"),
	ROW(timerfd_settime, 4, 0, "dxpp"),
	ROW(timerfd_gettime, 2, 0, "dp"),
	ROW(signalfd4, 4, 0, "dpuf"),
	{ 0 }
};
