// SPDX-License-Identifier: MIT
/*
 * process.c: /proc/PID, /proc/PID/fd, /proc/PID/task.  Each lookup makes a new inode from what the
 * callbacks of struct procfs_processes say now; none is kept, so none goes stale.
 */
#include <linux/fcntl.h>
#include <string.h>
#include "fs/path.h"
#include "fs/procfs/private.h"
#include "lib/print.h"
#include "lib/text.h"

static const struct inode_ops proc_pid_ops, proc_fd_dir_ops, proc_fdinfo_dir_ops, proc_task_ops;

enum { SLOT_DIR = 0, SLOT_FD_DIR = 1, SLOT_TASK = 2, SLOT_FDINFO_DIR = 3, SLOT_FILES = 64, SLOT_FDS = 4096 };

/* The same object has the same number at each lookup. */
static struct inode *make(struct filesystem *fs, u32 mode, const struct inode_ops *ops,
			  const struct proc_node *n, u32 slot)
{
	u32 uid, gid;
	struct inode *ip;

	if (!processes->owner(n->pid, &uid, &gid))
		return NULL;
	ip = proc_inode(fs, mode, ops, n);
	if (!ip)
		return NULL;
	ip->ino = 1ul << 48 | (u64)n->pid << 16 | slot;
	ip->uid = uid;
	ip->gid = gid;
	return ip;
}

static long found(struct inode *ip, struct inode **out)
{
	*out = ip;
	return ip ? 0 : -ENOENT;
}

static bool name_is(const char *have, const char *name, u32 len)
{
	return have && strlen(have) == len && !memcmp(have, name, len);
}

/* --- /proc -------------------------------------------------------------------------------------- */

async long proc_root_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct proc_node n = { .pid = proc_number(name, len) };

	if (!processes || n.pid <= 0)
		return -ENOENT;
	return found(make(dir->fs, I_DIR | 0555, &proc_pid_ops, &n, SLOT_DIR), out);
}

static bool put_number(struct dir_sink *s, u64 v, u64 ino, u32 mode, u64 next)
{
	char name[24];
	int len = snprint(name, sizeof(name), "%lu", v);

	return s->add(s, name, len, ino, mode, next);
}

/* The position in the open directory that stands for our position @at. */
static u64 next_of(u64 at) { return DIR_LISTED + at; }

long proc_root_list(struct inode *dir, u64 *pos, struct dir_sink *s)
{
	s32 pid;

	while (processes && (pid = processes->next(*pos)) > 0) {
		if (!put_number(s, pid, 1ul << 48 | (u64)pid << 16, I_DIR, next_of(pid)))
			return 0;
		*pos = pid;
	}
	return 0;
}

static long number_link(s32 (*value)(void), char *buf, u32 size)
{
	char text[12];
	s32 v = processes ? value() : 0;
	int len = v > 0 ? snprint(text, sizeof(text), "%d", v) : -ENOENT;

	if (len > 0)
		memcpy(buf, text, min((u32)len, size));
	return min(len, (int)size);
}

static long self_readlink(struct inode *ip, char *buf, u32 size)
{
	return number_link(processes ? processes->self : NULL, buf, size);
}

static long thread_self_readlink(struct inode *ip, char *buf, u32 size)
{
	char text[40];
	int len;

	if (!processes || processes->self() <= 0)
		return -ENOENT;
	len = snprint(text, sizeof(text), "%d/task/%d", processes->self(), processes->thread_self());
	memcpy(buf, text, min((u32)len, size));
	return min((u32)len, size);
}

static long mounts_readlink(struct inode *ip, char *buf, u32 size)
{
	static const char text[] = "self/mounts";

	memcpy(buf, text, min((u32)sizeof(text) - 1, size));
	return min((u32)sizeof(text) - 1, size);
}

const struct inode_ops proc_self_ops = { .readlink = self_readlink, .free = proc_free };
const struct inode_ops proc_thread_self_ops = { .readlink = thread_self_readlink, .free = proc_free };
const struct inode_ops proc_mounts_ops = { .readlink = mounts_readlink, .free = proc_free };

/* --- links to objects --------------------------------------------------------------------------- */

static long link_target(struct inode *ip, struct dentry **out)
{
	struct proc_node *n = proc_node(ip);
	struct file *f;

	if (n->link)
		return n->link->target(n->pid, out);
	f = processes->fd(n->pid, n->fd);
	if (!f)
		return -ENOENT;
	*out = file_dentry(f);
	file_put(f);
	return *out ? 0 : -ENOMEM;
}

static long link_readlink(struct inode *ip, char *buf, u32 size)
{
	struct dentry *d;
	long n, err = link_target(ip, &d);

	if (err)
		return err;
	n = dentry_path(d, root_dentry, buf, size);
	dentry_put(d);
	return n;
}

static const struct inode_ops proc_link_ops = {
	.readlink = link_readlink, .jump = link_target, .free = proc_free,
};

/* --- /proc/PID ------------------------------------------------------------------------------------ */

static long read_mounts(s32 pid, struct text *t)
{
	return mounts_text(t);
}
static const struct procfs_file own_files[] = { { "mounts", 0444, read_mounts }, { NULL, 0, NULL } };

static struct inode *make_file(struct filesystem *fs, s32 pid, const struct procfs_file *f, u32 slot)
{
	struct proc_node n = { .pid = pid, .file = f };

	return make(fs, I_REG | f->mode, &proc_text_ops, &n, slot);
}

static struct inode *make_link(struct filesystem *fs, s32 pid, const struct procfs_link *l, u32 slot)
{
	struct proc_node n = { .pid = pid, .link = l };

	return make(fs, I_LNK | 0777, &proc_link_ops, &n, slot);
}

static async long proc_pid_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct proc_node n = { .pid = proc_node(dir)->pid };

	if (name_is("fd", name, len))
		return found(make(dir->fs, I_DIR | 0500, &proc_fd_dir_ops, &n, SLOT_FD_DIR), out);
	if (name_is("fdinfo", name, len))
		return found(make(dir->fs, I_DIR | 0555, &proc_fdinfo_dir_ops, &n, SLOT_FDINFO_DIR), out);
	if (name_is("task", name, len) && dir->ops == &proc_pid_ops)
		return found(make(dir->fs, I_DIR | 0555, &proc_task_ops, &n, SLOT_TASK), out);
	for (u32 i = 0; processes->files[i].name; i++)
		if (name_is(processes->files[i].name, name, len))
			return found(make_file(dir->fs, n.pid, &processes->files[i], SLOT_FILES + i), out);
	for (u32 i = 0; processes->links[i].name; i++)
		if (name_is(processes->links[i].name, name, len))
			return found(make_link(dir->fs, n.pid, &processes->links[i], 2 * SLOT_FILES + i), out);
	for (u32 i = 0; own_files[i].name; i++)
		if (name_is(own_files[i].name, name, len))
			return found(make_file(dir->fs, n.pid, &own_files[i], 3 * SLOT_FILES + i), out);
	return -ENOENT;
}

/* The n-th name of a process's directory and its kind; NULL: no more. */
static const char *pid_entry(u64 n, u32 *mode)
{
	*mode = I_DIR;
	if (n < 3)
		return (const char *[]){ "fd", "fdinfo", "task" }[n];
	n -= 3;
	*mode = I_REG;
	for (const struct procfs_file *f = processes->files; f->name; f++)
		if (!n--)
			return f->name;
	*mode = I_LNK;
	for (const struct procfs_link *l = processes->links; l->name; l++)
		if (!n--)
			return l->name;
	*mode = I_REG;
	for (const struct procfs_file *f = own_files; f->name; f++)
		if (!n--)
			return f->name;
	return NULL;
}

static long proc_pid_list(struct inode *dir, u64 *pos, struct dir_sink *s)
{
	const char *name;
	u32 mode;

	while ((name = pid_entry(*pos, &mode))) {
		if (!s->add(s, name, strlen(name), dir->ino + SLOT_FDS + *pos, mode, next_of(*pos + 1)))
			return 0;
		++*pos;
	}
	return 0;
}

static const struct inode_ops proc_pid_ops = {
	.lookup = proc_pid_lookup, .list = proc_pid_list, .free = proc_free,
};

/* --- /proc/PID/fd ------------------------------------------------------------------------------------ */

static u32 fd_mode(struct file *f)
{
	static const u16 modes[] = { 0500, 0300, 0700, 0000 };

	return modes[f->flags & O_ACCMODE];
}

static async long proc_fd_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	s64 fd = proc_number(name, len);
	struct proc_node n = { .pid = proc_node(dir)->pid, .fd = fd };
	struct file *f = fd < 0 ? NULL : processes->fd(n.pid, fd);
	u32 mode;

	if (!f)
		return -ENOENT;
	mode = fd_mode(f);
	file_put(f);
	return found(make(dir->fs, I_LNK | mode, &proc_link_ops, &n, SLOT_FDS + fd), out);
}

/* Positions are one above the descriptor. */
static long proc_fd_list(struct inode *dir, u64 *pos, struct dir_sink *s)
{
	s32 pid = proc_node(dir)->pid;
	s64 fd;

	while ((fd = processes->next_fd(pid, (s64)*pos - 1)) >= 0) {
		if (!put_number(s, fd, dir->ino + SLOT_FDS + fd, I_LNK, next_of(fd + 1)))
			return 0;
		*pos = fd + 1;
	}
	return 0;
}

static const struct inode_ops proc_fd_dir_ops = {
	.lookup = proc_fd_lookup, .list = proc_fd_list, .free = proc_free,
};

/* --- /proc/PID/fdinfo -------------------------------------------------------------------------------- */

static long read_fdinfo(const struct proc_node *n, struct text *t)
{
	struct file *f = processes->fd(n->pid, n->fd);

	if (!f)
		return -ENOENT;
	text_add(t, "pos:\t%lu\nflags:\t0%o\nino:\t%lu\n", f->pos, f->flags, f->inode ? f->inode->ino : 0);
	file_put(f);
	return 0;
}

static async long proc_fdinfo_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	s64 fd = proc_number(name, len);
	struct proc_node n = { .pid = proc_node(dir)->pid, .fd = fd, .of_node = read_fdinfo };
	struct file *f = fd < 0 ? NULL : processes->fd(n.pid, fd);

	if (!f)
		return -ENOENT;
	file_put(f);
	return found(make(dir->fs, I_REG | 0444, &proc_text_ops, &n, SLOT_FDS + fd), out);
}

static const struct inode_ops proc_fdinfo_dir_ops = {
	.lookup = proc_fdinfo_lookup, .list = proc_fd_list, .free = proc_free,
};

/* --- /proc/PID/task ----------------------------------------------------------------------------------- */

static const struct inode_ops proc_thread_ops = {
	.lookup = proc_pid_lookup, .list = proc_pid_list, .free = proc_free,
};

static async long proc_task_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct proc_node n = { .pid = proc_node(dir)->pid };
	s64 tid = proc_number(name, len);

	if (tid <= 0 || processes->next_thread(n.pid, tid - 1) != tid)
		return -ENOENT;
	n.pid = tid;
	return found(make(dir->fs, I_DIR | 0555, &proc_thread_ops, &n, SLOT_DIR), out);
}

static long proc_task_list(struct inode *dir, u64 *pos, struct dir_sink *s)
{
	s32 tid;

	while ((tid = processes->next_thread(proc_node(dir)->pid, *pos)) > 0) {
		if (!put_number(s, tid, 1ul << 48 | (u64)tid << 16, I_DIR, next_of(tid)))
			return 0;
		*pos = tid;
	}
	return 0;
}

static const struct inode_ops proc_task_ops = {
	.lookup = proc_task_lookup, .list = proc_task_list, .free = proc_free,
};
