/* SPDX-License-Identifier: MIT */
/*
 * sys/xattr.c: the calls on extended attributes: four, each by path, by path of a link itself, and by
 * descriptor.  All start over: what is copied between program and kernel lies in a buffer of one poll.
 */
#include <asm/unistd.h>
#include <linux/xattr.h>
#include "fs/notify.h"
#include "fs/xattr.h"
#include "mem/heap.h"
#include "sys/path.h"

enum by { PATH, LINK, FD };

/* The inode a call means, counted. */
static async long find(enum by by, const u64 *a, struct inode **out)
{
	struct dentry *d;
	struct file *f;
	long r;

	if (by == FD) {
		f = file_current(a[0]);
		r = !f || f->flags & O_PATH ? -EBADF : 0;
		if (!r)
			*out = inode_get(f->inode);
		file_put(f);
		return r;
	}
	r = place_walk(AT_FDCWD, a[0], by == PATH ? WALK_FOLLOW : 0, &d);
	if (r)
		return r;
	*out = inode_get(d->inode);
	dentry_put(d);
	return 0;
}

static async long read_name(char name[XATTR_NAME_MAX_LEN + 1], uaddr_t at)
{
	long n = user_string(name, at, XATTR_NAME_MAX_LEN + 1);

	return n == -ENAMETOOLONG || !n ? -ERANGE : min(n, 0l);
}

/* --- set ------------------------------------------------------------------------------------------ */

static async long set_copied(struct inode *ip, const char *name, const u64 *a)
{
	void *value = heap_alloc(max(a[3], 1ul));
	long r = value ? user_read(value, a[2], a[3]) : -ENOMEM;

	if (!r)
		r = xattr_set(fs_current(), ip, name, value, a[3], a[4]);
	if (!r)
		notify_alias(ip, IN_ATTRIB);
	heap_free(value);
	return r;
}

static async long set(enum by by, const u64 *a)
{
	char name[XATTR_NAME_MAX_LEN + 1];
	struct inode *ip;
	long r = find(by, a, &ip);

	if (r)
		return r;
	if ((u32)a[4] & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
		r = -EINVAL;
	else if (!(r = read_name(name, a[1])))
		r = a[3] > XATTR_VALUE_MAX ? -E2BIG : set_copied(ip, name, a);
	inode_put(ip);
	return r;
}

static async long sys_setxattr(struct co *co, const u64 *a) { return set(PATH, a); }
static async long sys_lsetxattr(struct co *co, const u64 *a) { return set(LINK, a); }
static async long sys_fsetxattr(struct co *co, const u64 *a) { return set(FD, a); }

/* --- get and list ------------------------------------------------------------------------------------ */

/* Through a buffer of @size bytes, as many as the program has room for: what @fill() leaves in it. */
static async long fetch(struct inode *ip, const char *name, uaddr_t to, u64 size)
{
	u32 room = min(size, (u64)XATTR_VALUE_MAX);
	void *buf = room ? heap_alloc(room) : NULL;
	long r = -ENOMEM, err;

	if (buf || !room)
		r = name ? xattr_get(fs_current(), ip, name, buf, room) :
			   xattr_list(fs_current(), ip, buf, room);
	if (r > 0 && room && (err = user_write(to, buf, r)))
		r = err;
	if (r == -ERANGE && size >= XATTR_VALUE_MAX)
		r = -E2BIG;
	heap_free(buf);
	return r;
}

static async long get(enum by by, const u64 *a)
{
	char name[XATTR_NAME_MAX_LEN + 1];
	struct inode *ip;
	long r = find(by, a, &ip);

	if (r)
		return r;
	if (!(r = read_name(name, a[1])))
		r = fetch(ip, name, a[2], a[3]);
	inode_put(ip);
	return r;
}

static async long list(enum by by, const u64 *a)
{
	struct inode *ip;
	long r = find(by, a, &ip);

	if (r)
		return r;
	r = fetch(ip, NULL, a[1], a[2]);
	inode_put(ip);
	return r;
}

static async long sys_getxattr(struct co *co, const u64 *a) { return get(PATH, a); }
static async long sys_lgetxattr(struct co *co, const u64 *a) { return get(LINK, a); }
static async long sys_fgetxattr(struct co *co, const u64 *a) { return get(FD, a); }
static async long sys_listxattr(struct co *co, const u64 *a) { return list(PATH, a); }
static async long sys_llistxattr(struct co *co, const u64 *a) { return list(LINK, a); }
static async long sys_flistxattr(struct co *co, const u64 *a) { return list(FD, a); }

/* --- remove ------------------------------------------------------------------------------------------- */

static async long drop(enum by by, const u64 *a)
{
	char name[XATTR_NAME_MAX_LEN + 1];
	struct inode *ip;
	long r = find(by, a, &ip);

	if (r)
		return r;
	if (!(r = read_name(name, a[1])) && !(r = xattr_remove(fs_current(), ip, name)))
		notify_alias(ip, IN_ATTRIB);
	inode_put(ip);
	return r;
}

static async long sys_removexattr(struct co *co, const u64 *a) { return drop(PATH, a); }
static async long sys_lremovexattr(struct co *co, const u64 *a) { return drop(LINK, a); }
static async long sys_fremovexattr(struct co *co, const u64 *a) { return drop(FD, a); }

const struct syscall xattr_calls[] = {
	ROW(setxattr, 5, 0, "sspux"),
	ROW(lsetxattr, 5, 0, "sspux"),
	ROW(fsetxattr, 5, 0, "dspux"),
	ROW(getxattr, 4, 0, "sspu"),
	ROW(lgetxattr, 4, 0, "sspu"),
	ROW(fgetxattr, 4, 0, "dspu"),
	ROW(listxattr, 3, 0, "spu"),
	ROW(llistxattr, 3, 0, "spu"),
	ROW(flistxattr, 3, 0, "dpu"),
	ROW(removexattr, 2, 0, "ss"),
	ROW(lremovexattr, 2, 0, "ss"),
	ROW(fremovexattr, 2, 0, "ds"),
	{ 0 },
};
