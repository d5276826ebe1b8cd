// SPDX-License-Identifier: MIT
/*
 * procfs.c: /proc.  Files that do not belong to a process are in the tree; processes' directories
 * come and go with lookups (process.c).  Content is made when a file is first read, and again when a
 * program goes back to its beginning; an open file owns its copy.
 */
#include <string.h>
#include "core/log.h"
#include "fs/dentry.h"
#include "fs/files.h"
#include "fs/procfs/private.h"
#include "lib/text.h"
#include "mem/heap.h"

enum { ENTRIES_MAX = 48, CONTENT_FIRST = 1024, CONTENT_MAX = 4 << 20 };

static struct { const char *name; long (*read)(struct text *t); } entries[ENTRIES_MAX];
static u32 entry_count;
static struct filesystem *proc_fs;		/* the instance on /proc */
const struct procfs_processes *processes ro_after_init;

void procfs_register(const struct procfs_processes *p)
{
	processes = p;
}

/* --- content ----------------------------------------------------------------------------------- */

struct content {
	size_t	len;
	char	text[];
};

static long generate(const struct proc_node *n, struct text *t)
{
	if (n->of_node)
		return n->of_node(n, t);
	if (n->sysctl)
		return sysctl_text(n->sysctl, t);
	return n->text ? n->text(t) : n->file->read(n->pid, t);
}

/* What does not fit is made again in a buffer four times as large. */
static long content_make(const struct proc_node *n, struct content **out)
{
	for (size_t size = CONTENT_FIRST; size <= CONTENT_MAX; size *= 4) {
		struct content *c = heap_alloc(sizeof(*c) + size);
		struct text t;
		long err;

		if (!c)
			return -ENOMEM;
		text_init(&t, c->text, size);
		err = generate(n, &t);
		if (!err && !t.overflow) {
			c->len = t.len;
			*out = c;
			return 0;
		}
		heap_free(c);
		if (err)
			return err;
	}
	return -ENOMEM;
}

static long content_refresh(struct file *f)
{
	struct content *c;
	long err = content_make(proc_node(f->inode), &c);

	if (err)
		return err;
	heap_free(f->data);
	f->data = c;
	return 0;
}

static async long proc_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct content *c = f->data;
	long err;
	size_t n;

	if (!c || (!*pos && !u->done)) {
		if ((err = content_refresh(f)))
			return err;
		c = f->data;
	}
	if (*pos >= c->len)
		return 0;
	n = uio_out(u, c->text + *pos, min(u->left, c->len - *pos));
	*pos += n;
	return n ? (long)n : -EFAULT;
}

static long proc_seek(struct file *f, s64 offset, u32 whence)
{
	s64 to = whence == 1 ? (s64)f->pos + offset : offset;

	if (whence > 1 || to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

static void proc_release(struct file *f)
{
	heap_free(f->data);
}

static const struct file_ops proc_file_ops = {
	.read = proc_read, .seek = proc_seek, .release = proc_release,
};

static long proc_open(struct inode *ip, struct file *f)
{
	f->ops = &proc_file_ops;
	return 0;
}

const struct inode_ops proc_text_ops = { .open = proc_open, .free = proc_free };

/* --- inodes -------------------------------------------------------------------------------------- */

struct inode *proc_inode(struct filesystem *fs, u32 mode, const struct inode_ops *ops,
			 const struct proc_node *node)
{
	struct proc_node *copy = heap_alloc(sizeof(*copy));
	struct inode *ip = copy ? inode_create(fs, mode, ops) : NULL;

	if (!ip) {
		heap_free(copy);
		return NULL;
	}
	*copy = *node;
	ip->data = copy;
	ip->nlink = inode_is_dir(ip) ? 2 : 1;
	return ip;
}

void proc_free(struct inode *ip)
{
	heap_free(ip->data);
}

static const struct inode_ops proc_dir_ops = { .free = proc_free };

static struct dentry *add(struct dentry *dir, const char *name, u32 mode, const struct inode_ops *ops,
			  const struct proc_node *node)
{
	struct inode *ip = proc_inode(dir->inode->fs, mode, ops, node);

	if (ip)
		ip->nlink--;		/* dentry_add() counts the name */
	return ip ? dentry_add(dir, name, ip) : NULL;
}

static struct dentry *subdirectory(struct dentry *dir, const char *name, u32 len)
{
	struct name n = name_of(name, len);
	char copy[NAME_MAX_LEN + 1];
	struct dentry *d;

	spin_lock(&tree_lock);
	d = dentry_find(dir, n);
	spin_unlock(&tree_lock);
	if (d || len > NAME_MAX_LEN)
		return d;
	memcpy(copy, name, len);
	copy[len] = 0;
	return add(dir, copy, I_DIR | 0555, &proc_dir_ops, &(struct proc_node){ });
}

/* Directories on the way are made as needed: "sys/kernel/pid_max". */
static void enter(struct filesystem *fs, const char *name, long (*read)(struct text *t))
{
	struct dentry *dir = fs->root;

	for (const char *slash; dir && (slash = strchr(name, '/')); name = slash + 1)
		dir = subdirectory(dir, name, slash - name);
	if (!dir || !add(dir, name, I_REG | 0444, &proc_text_ops, &(struct proc_node){ .text = read }))
		log_error("procfs: no memory for %s", name);
}

void procfs_add(const char *name, long (*read)(struct text *t))
{
	assert(entry_count < ENTRIES_MAX);
	entries[entry_count].name = name;
	entries[entry_count++].read = read;
	if (proc_fs)
		enter(proc_fs, name, read);
}

s64 proc_number(const char *name, u32 len)
{
	s64 v = 0;

	if (!len || len > 9 || (len > 1 && *name == '0'))
		return -1;
	for (; len; len--, name++) {
		if (*name < '0' || *name > '9')
			return -1;
		v = v * 10 + (*name - '0');
	}
	return v;
}

/* --- mounting ------------------------------------------------------------------------------------- */

static const struct inode_ops proc_root_ops = {
	.lookup = proc_root_lookup, .list = proc_root_list, .free = proc_free,
};

static long proc_mount(struct filesystem *fs, const char *options)
{
	struct inode *ip = proc_inode(fs, I_DIR | 0555, &proc_root_ops, &(struct proc_node){ });

	if (!ip || !(fs->root = dentry_root(ip)))
		return -ENOMEM;
	add(fs->root, "self", I_LNK | 0777, &proc_self_ops, &(struct proc_node){ });
	add(fs->root, "thread-self", I_LNK | 0777, &proc_thread_self_ops, &(struct proc_node){ });
	add(fs->root, "mounts", I_LNK | 0777, &proc_mounts_ops, &(struct proc_node){ });
	add(fs->root, "sys", I_DIR | 0555, proc_sys_ops, &(struct proc_node){ });
	for (u32 i = 0; i < entry_count; i++)
		enter(fs, entries[i].name, entries[i].read);
	if (!proc_fs)
		proc_fs = fs;
	return 0;
}

const struct fs_type procfs_type = {
	.name = "proc", .magic = 0x9fa0, .nodev = true, .mount = proc_mount,
};
