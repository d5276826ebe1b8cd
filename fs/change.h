/* SPDX-License-Identifier: MIT */
/*
 * change.h: changes that take time: to names and sizes on disks.  A change is an errand: once begun it is
 * carried out whatever becomes of who asked for it.  A call begins it where a memory file system
 * would have done the work, keeps it in its frame, and awaits change_end().
 */
#pragma once
#include "fs/path.h"

struct change;

/* Are names in @dir changed by these functions, rather than by name_create() and so on? */
static inline bool names_on_disk(const struct dentry *dir) { return dir->inode->ops->on_disk; }

/* All give the begun change in *@out, or -errno.  Names and texts are copied. */
long change_create(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode, u32 rdev,
		   const char *target, struct change **out);
/* The same for open(): a name that is there is fine, too. */
long change_open(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode,
		 struct change **out);
long change_link(struct fs_context *c, struct dentry *dir, const struct last *l, struct dentry *old,
		 struct change **out);
long change_remove(struct fs_context *c, struct dentry *dir, const struct last *l, bool directory,
		   struct change **out);
long change_rename(struct fs_context *c, struct dentry *from, const struct last *old,
		   struct dentry *to, const struct last *new, u32 flags, struct change **out);
long change_truncate(struct inode *ip, u64 size, struct change **out);
long change_allocate(struct inode *ip, u32 mode, u64 at, u64 len, struct change **out);

/* SEEK_DATA and SEEK_HOLE, no change but as long: the result is the place. */
long change_seek(struct inode *ip, u64 at, bool hole, struct change **out);

/* Its result, when it has come; *@g is gone then.  A deadly signal ends the wait, not the change. */
async long change_end(struct change **g);
/* The same for change_open(): also what the name stands for, counted, and whether it is new. */
async long change_opened(struct change **g, struct dentry **d, bool *created);

/* --- fs/disk/names.c for the path walk -------------------------------------------------------------- */

enum { LOOK_START = 1 };
/* tree_lock held.  The name, uncounted; -ENOENT; PENDING, somebody is looking it up; an error of theirs;
 * -ENOMEM; or LOOK_START: call disk_look_start() without the lock, then ask again. */
long disk_look(struct dentry *dir, struct name n, struct dentry **out);
long disk_look_start(struct dentry *dir, struct name n);		/* 0, -ENOMEM */
/* Drop up to @n cached names that nobody uses, of @fs or (NULL) any: how many. */
u32 disk_names_evict(struct filesystem *fs, u32 n);
