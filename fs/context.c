// SPDX-License-Identifier: MIT
/*
 * context.c: where a program's path names start, and as whom it opens files.  root and cwd change
 * under tree_lock, for the path walk reads them under it.
 */
#include <string.h>
#include "fs/path.h"
#include "mem/heap.h"

static struct slab context_slab = SLAB("fs_context", struct fs_context);

struct fs_context *fs_context_create(void)
{
	struct fs_context *c = slab_alloc(&context_slab);

	if (!c)
		return NULL;
	*c = (struct fs_context){ .refs = 1, .umask = 022 };
	c->root = dentry_get(root_dentry);
	c->cwd = dentry_get(root_dentry);
	return c;
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = slab_alloc(&context_slab);

	if (!c)
		return NULL;
	guard(&tree_lock);
	guard(&from->lock);
	*c = (struct fs_context){
		.refs = 1, .umask = from->umask, .fsuid = from->fsuid, .fsgid = from->fsgid,
		.root = dentry_get(from->root), .cwd = dentry_get(from->cwd),
		.group_count = from->group_count,
	};
	memcpy(c->groups, from->groups, from->group_count * sizeof(u32));
	return c;
}

bool fs_has_group(struct fs_context *c, u32 gid)
{
	guard(&c->lock);
	for (u32 i = 0; i < c->group_count; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

void fs_context_set_groups(struct fs_context *c, const u32 *groups, u32 n)
{
	guard(&c->lock);
	memcpy(c->groups, groups, n * sizeof(u32));
	c->group_count = n;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void fs_context_put(struct fs_context *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	dentry_put(c->root);
	dentry_put(c->cwd);
	slab_free(&context_slab, c);
}

static void exchange(struct dentry **at, struct dentry *d)
{
	struct dentry *old;

	spin_lock(&tree_lock);
	old = *at;
	*at = d;
	spin_unlock(&tree_lock);
	dentry_put(old);
}

long fs_context_set_cwd(struct fs_context *c, struct dentry *d)
{
	long err = inode_is_dir(d->inode) ? inode_access(c, d->inode, MAY_EXEC) : -ENOTDIR;

	if (!err)
		exchange(&c->cwd, dentry_get(d));
	return err;
}

long fs_context_set_root(struct fs_context *c, struct dentry *d)
{
	long err = inode_is_dir(d->inode) ? inode_access(c, d->inode, MAY_EXEC) : -ENOTDIR;

	if (!err)
		exchange(&c->root, dentry_get(d));
	return err;
}

long fs_context_chdir(struct fs_context *c, const char *path)
{
	struct dentry *d;
	long err = path_walk(c, NULL, path, WALK_FOLLOW | WALK_DIR, &d);

	if (err)
		return err;
	err = fs_context_set_cwd(c, d);
	dentry_put(d);
	return err;
}

struct dentry *fs_context_root(struct fs_context *c)
{
	guard(&tree_lock);
	return dentry_get(c->root);
}

struct dentry *fs_context_cwd(struct fs_context *c)
{
	guard(&tree_lock);
	return dentry_get(c->cwd);
}
