// SPDX-License-Identifier: MIT
/*
 * sysctl.c: /proc/sys: the kernel's settings, to be read.  They are a table of paths, handed in by who
 * knows them; directories and files are made by each lookup, so they take no memory until then.
 */
#include <string.h>
#include "fs/procfs/private.h"
#include "lib/text.h"

static const struct sysctl *settings;		/* sorted so that a directory's are together */

static const struct inode_ops sys_dir_ops;

void procfs_sysctl(const struct sysctl *table) { settings = table; }

long sysctl_text(const struct sysctl *s, struct text *t)
{
	if (s->read)
		s->read(t);
	else
		text_add(t, "%s\n", s->fixed);
	return 0;
}

/* A directory's node knows the first setting in it, and in fd how much of its path is the directory's,
 * with the slash behind it. */
static const struct sysctl *first_of(const struct proc_node *dir)
{
	return dir->sysctl ? dir->sysctl : settings;
}

static bool inside(const struct sysctl *s, const struct proc_node *dir)
{
	return s && s->path && !strncmp(s->path, first_of(dir)->path, dir->fd);
}

static u32 component(const char *s)
{
	const char *end = strchr(s, '/');

	return end ? (u32)(end - s) : (u32)strlen(s);
}

static u64 number(const struct sysctl *s, u32 depth)
{
	return 1ul << 49 | (u64)(s - settings) << 8 | depth;
}

static async long sys_lookup(struct inode *ip, const char *name, u32 len, struct inode **out)
{
	const struct proc_node *dir = proc_node(ip);
	struct proc_node n = { 0 };

	for (const struct sysctl *s = first_of(dir); inside(s, dir); s++) {
		const char *rest = s->path + dir->fd;
		u32 have = component(rest);
		bool below = rest[have];

		if (have != len || memcmp(rest, name, len))
			continue;
		n.sysctl = s;
		n.fd = dir->fd + len + 1;
		*out = proc_inode(ip->fs, below ? I_DIR | 0555 : I_REG | 0444,
				  below ? &sys_dir_ops : &proc_text_ops, &n);
		if (*out)
			(*out)->ino = number(s, below ? n.fd : 0);
		return *out ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

/* Positions count settings; of those with one name the first is shown. */
static long sys_list(struct inode *ip, u64 *pos, struct dir_sink *sink)
{
	const struct proc_node *dir = proc_node(ip);
	const char *before = "";
	u64 at = 0;

	for (const struct sysctl *s = first_of(dir); inside(s, dir); s++, at++) {
		const char *rest = s->path + dir->fd;
		u32 len = component(rest);
		bool again = component(before) == len && !memcmp(before, rest, len);

		before = rest;
		if (at < *pos || again)
			continue;
		if (!sink->add(sink, rest, len, number(s, rest[len] ? dir->fd + len + 1 : 0),
			       rest[len] ? I_DIR : I_REG, DIR_LISTED + at + 1))
			return 0;
		*pos = at + 1;
	}
	return 0;
}

static const struct inode_ops sys_dir_ops = { .lookup = sys_lookup, .list = sys_list, .free = proc_free };
const struct inode_ops *const proc_sys_ops = &sys_dir_ops;
