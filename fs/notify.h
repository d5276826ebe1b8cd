/* SPDX-License-Identifier: MIT */
/*
 * notify.h: telling watches (inotify) what happens to files.  Whoever changes something calls one of
 * the functions below, which cost a load and a branch while nobody watches anything.  Masks are IN_*
 * of the Linux ABI; that something is a directory is found out here.  See notify.c.
 */
#pragma once
#include <linux/inotify.h>
#include "fs/dentry.h"
#include "fs/files.h"

extern _Atomic u32 notify_watches;		/* how many there are */
static inline bool notify_on(void)
{
	return unlikely(atomic_load_explicit(&notify_watches, memory_order_relaxed));
}

/* To those who watch @ip itself. */
void notify_inode(struct inode *ip, u32 mask);
/* To those who watch the directory: about the entry @name, which stands for @ip. */
void notify_entry(struct inode *dir, struct name name, const struct inode *ip, u32 mask, u32 cookie);
/* To both; takes tree_lock. */
void notify_dentry(struct dentry *d, u32 mask);
/* The same where only the inode is known: by one of its names.  Takes tree_lock. */
void notify_alias(struct inode *ip, u32 mask);
/* tree_lock held: a name moved.  @victim was in its way, or NULL. */
void notify_move(struct inode *from, struct name old, struct inode *to, struct name new, struct inode *ip,
		 struct inode *victim);
/* The last name is gone, and nobody uses the file any more: watches end. */
void notify_gone(struct inode *ip);
void notify_unmount(struct filesystem *fs);

static inline void notify_file(struct file *f, u32 mask)
{
	if (notify_on() && f->dentry)
		notify_dentry(f->dentry, mask);
}

/* --- inotify ------------------------------------------------------------------------------------ */

enum { NOTIFY_INSTANCES = 128, NOTIFY_EVENTS = 16384, NOTIFY_WATCHES = 65536 };

long inotify_create(u32 flags, struct file **out);		/* -EMFILE, -ENOMEM */
bool inotify_is(const struct file *f);
long inotify_watch(struct file *f, struct inode *ip, u32 mask);	/* the watch's number */
long inotify_unwatch(struct file *f, s32 wd);
