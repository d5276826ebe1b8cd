// SPDX-License-Identifier: MIT
/* memory.c: the devices without hardware: null, zero, full, random, urandom, kmsg. */
#include <linux/fcntl.h>
#include "core/log.h"
#include "dev/driver.h"
#include "fs/files.h"
#include "fs/inode.h"
#include "fs/path.h"
#include "fs/poll.h"
#include "fs/streams.h"

static long done(struct uio *u)
{
	return u->done ? (long)u->done : u->fault ? -EFAULT : 0;
}

static async long null_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return 0;
}

static async long null_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return uio_skip(u, u->left);
}

static async long zero_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	uio_out_zero(u, min(u->left, (u64)FILE_BATCH));
	return u->left && !u->fault ? file_pause() : done(u);
}

/* The short and quick ones. */
enum { QUICK = 16 << 10 };

static long null_try_read(struct file *f, uaddr_t to, u64 n)
{
	return likely(n <= QUICK && user_range_ok(to, n)) ? 0 : NOT_NOW;
}

static long null_try_write(struct file *f, uaddr_t from, u64 n)
{
	return likely(n <= QUICK && user_range_ok(from, n)) ? (long)n : NOT_NOW;
}

static long zero_try_read(struct file *f, uaddr_t to, u64 n)
{
	if (unlikely(n > QUICK || !user_range_ok(to, n) || arch_clear_out(to, n)))
		return NOT_NOW;
	return n;
}

static async long full_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return u->left ? -ENOSPC : 0;
}

enum { RANDOM_CHUNK = 256, RANDOM_BATCH = 32 << 10 };

static async long random_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	u8 buf[RANDOM_CHUNK];

	for (u32 moved = 0; u->left && !u->fault; moved += sizeof(buf)) {
		u32 n = min(u->left, (u64)sizeof(buf));

		if (moved >= RANDOM_BATCH)
			return file_pause();

		random_bytes(buf, n);
		uio_out(u, buf, n);
	}
	return done(u);
}

static async long random_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	u8 buf[RANDOM_CHUNK];

	for (u32 moved = 0; u->left && !u->fault; moved += sizeof(buf)) {
		if (moved >= RANDOM_BATCH)
			return file_pause();
		random_add(buf, uio_in(u, buf, min(u->left, (u64)sizeof(buf))));
	}
	return done(u);
}

/* What a program wants in the kernel's log: one line a write. */
static async long kmsg_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	char line[200];
	size_t n = uio_in(u, line, min(u->left, sizeof(line) - 1));

	if (!n)
		return u->fault ? -EFAULT : 0;
	line[n - (line[n - 1] == '\n')] = 0;
	log_info("program: %s", line);
	uio_skip(u, u->left);
	return u->done;
}

/* Always ready, which goes without saying for those that cannot be in an epoll. */
static u32 ready_poll(struct file *f, struct poller *p)
{
	return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

/* Everything is at position 0. */
static long no_seek(struct file *f, s64 offset, u32 whence)
{
	return 0;
}

static const struct file_ops null_ops = {
	.read = null_read, .write = null_write, .seek = no_seek,
	.try_read = null_try_read, .try_write = null_try_write,
};
static const struct file_ops zero_ops = {
	.try_read = zero_try_read, .try_write = null_try_write,
	.read = zero_read, .write = null_write, .seek = no_seek,
};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .seek = no_seek,
};
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .seek = no_seek, .poll = ready_poll,
};
static const struct file_ops kmsg_ops = {
	.read = null_read, .write = kmsg_write, .seek = no_seek, .poll = ready_poll,
};

static const struct char_device memory_devices[] = {
	{ "null", 0666, DEV_NULL, &null_ops, NULL },
	{ "zero", 0666, 0x105, &zero_ops, NULL },
	{ "full", 0666, 0x107, &full_ops, NULL },
	{ "random", 0666, 0x108, &random_ops, NULL },
	{ "urandom", 0666, 0x109, &random_ops, NULL },
	{ "kmsg", 0644, 0x10b, &kmsg_ops, NULL },
};

long memory_devices_add(void)
{
	long err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(memory_devices) && !err; i++)
		err = devfs_add(&memory_devices[i]);
	return err;
}

struct file *null_open(u32 flags)
{
	struct file *f = file_create(&null_ops, flags, NULL);

	if (!f || file_place(f, "/dev/null", I_CHR | 0666, DEV_NULL))
		return f;
	file_put(f);
	return NULL;
}
