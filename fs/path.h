/* SPDX-License-Identifier: MIT */
/*
 * path.h: from a path to a dentry.  The walk starts over: called again after PENDING it begins at
 * the front, finds what was read meanwhile in the tree, and gets further.  It allocates nothing.
 *
 * Path strings of programs live in a scratch buffer of the hart, which is ours until the function
 * that is being polled returns: there are two, for calls with two paths.
 */
#pragma once
#include "core/cpu.h"
#include "fs/dentry.h"
#include "fs/files.h"

enum {	/* flags of a walk */
	WALK_FOLLOW = 1,	/* the last component too, if it is a symbolic link */
	WALK_DIR = 2,		/* must lead to a directory */
	WALK_EMPTY = 4,		/* "" is where we start */
	WALK_SECOND = 8,	/* use the scratch buffer of the second path for links */
	WALK_NO_LINKS = 16,	/* any symbolic link is -ELOOP (openat2) */
	WALK_BENEATH = 32,	/* leaving the start is -EXDEV (openat2) */
	WALK_IN_ROOT = 64,	/* the start is the root (openat2) */
	WALK_NO_MAGIC = 128,	/* links of /proc are -ELOOP (openat2) */
	WALK_NO_XDEV = 256,	/* crossing a mount is -EXDEV (openat2) */
	WALK_CACHED = 1024,	/* what the tree does not know is -EAGAIN (openat2) */
	WALK_WORDS = 512,	/* the path is in a scratch buffer: reading whole words is fine */
};

enum last_kind { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct last {			/* last component; the name lies in the path or in the scratch buffer */
	struct name	name;
	enum last_kind	kind;
	bool		slash;	/* a slash follows it */
};

/* The hart's scratch buffer @which (0, 1), a page; NULL: no memory.  Links of a walk with WALK_SECOND
 * use what is behind the second. */
enum { SCRATCHES = 2 };
extern char *path_scratch_pages[CPU_MAX][SCRATCHES];
char *path_scratch_make(u32 which);
void path_scratch_all(void);			/* for all harts there are, beforehand */
static inline char *path_scratch(u32 which)
{
	char *p = path_scratch_pages[this_cpu()->id][which];

	return likely(p) ? p : path_scratch_make(which);
}

/* Copy a program's path into scratch buffer @which (0, 1): its length; -EFAULT, -ENAMETOOLONG,
 * -ENOMEM, PENDING. */
async long path_from_user_slowly(uaddr_t path, u32 which, char **out);
static inline async long path_from_user(uaddr_t path, u32 which, char **out)
{
	char *s = path_scratch_pages[this_cpu()->id][which];
	long n;

	if (likely(s && user_range_ok(path, PATH_MAX_LEN))) {
		*out = s += path % sizeof(u64);		/* words are words for both sides */
		n = arch_string_in(s, path, PATH_MAX_LEN);
		if (likely((u64)n < PATH_MAX_LEN))
			return n;
	}
	return path_from_user_slowly(path, which, out);
}

/*
 * The dentry @path leads to if the tree knows all of its names and none of them is a link, "." or a
 * directory that is closed to somebody: most paths.  NULL: path_walk() will say.  tree_lock is held, and
 * keeps what is returned: there is no reference.  @path is in a scratch buffer: whole words are read.
 */
struct dentry *path_peek(struct fs_context *c, const char *path);

/* Walk @path from @at (NULL: the working directory).  *@out is counted, its mounts are followed.
 * 0, -errno or PENDING. */
async long path_walk(struct fs_context *c, struct dentry *at, const char *path, u32 flags,
		     struct dentry **out);
/* Up to the directory of the last component, counted, which is searchable; the component itself is
 * not looked at, except that with WALK_FOLLOW a symbolic link there is followed. */
async long path_parent(struct fs_context *c, struct dentry *at, const char *path, u32 flags,
		       struct dentry **dir, struct last *last);

/* --- changing names (fs/names.c): decide under tree_lock, then commit ------------------------------- */

/* All take what path_parent() gave; -EROFS, -EACCES, -EPERM, -ENOENT, ... */
long name_create(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode, u32 rdev,
		 const char *target, struct dentry **out);	/* @out may be NULL; counted */
long name_link(struct fs_context *c, struct dentry *dir, const struct last *l, struct dentry *old);
long name_remove(struct fs_context *c, struct dentry *dir, const struct last *l, bool directory);
long name_rename(struct fs_context *c, struct dentry *from, const struct last *old, struct dentry *to,
		 const struct last *new, u32 flags);		/* RENAME_* */

/* May @c change names in @dir, and remove @d from it?  tree_lock held. */
long name_may_change(struct fs_context *c, struct dentry *dir);
long name_special(const struct last *l, bool directory);	/* why ".", "..", "/" are not removed */
long name_may_remove(struct fs_context *c, struct dentry *dir, struct dentry *d);

/* --- opening (fs/open.c) ----------------------------------------------------------------------------- */

/* One linux_dirent64, whole or not at all: 0, -EINVAL there is no room, -EFAULT. */
struct change;
long dirent_put(struct uio *u, const char *name, u32 len, u64 ino, u8 type, u64 next);

/* Like file_open(), with openat2's resolve flags in @walk and a second half that may wait: for a
 * fifo, file_open_wait() must be awaited after it. */
async long path_open(struct fs_context *c, struct dentry *at, const char *path, u32 flags, u32 mode,
		     u32 walk, struct file **out, struct change **more);
/* On disks: when path_open() has set *@more, which then is what to wait for, this is called until it
 * leaves it NULL: starts over each time. */
async long path_open_more(struct fs_context *c, u32 flags, struct file **out, struct change **more);
async long file_open_wait(struct file *f);
/* A file on @d (for itself, memfd, descriptors' links); no access check. */
long dentry_open(struct dentry *d, u32 flags, struct file **out);
/* The dentry of @f, made up if it has none: counted; NULL: no memory. */
struct dentry *file_dentry(struct file *f);

/* Let @f, which the kernel made, be the file at @path if that is what it should be; else an inode
 * without a name.  False: no memory. */
bool file_place(struct file *f, const char *path, u32 mode, u32 rdev);

/* As whom the kernel itself walks: "/", user 0. */
extern struct fs_context kernel_context;

/* --- mounts (fs/mount.c) -------------------------------------------------------------------------------- */

long mount_new(struct dentry *at, const char *type, const char *source, u32 fs_flags, const char *options);
void fs_type_add(const struct fs_type *type);		/* tests; others are listed in mount.c */
/* On a block device: begun, and to be waited for; the errand's result is that of mounting. */
struct blk;
struct errand;
bool mount_needs_device(const char *type);
long mount_disk(struct dentry *at, const char *type, const char *source, struct blk *b, u32 fs_flags,
		const char *options, struct errand **out);
long disk_remount(struct filesystem *fs, u32 fs_flags, const char *options, struct errand **out);
/* *@out: what is still to be done to a disk, NULL: nothing. */
long mount_remove(struct dentry *root, bool lazy, struct errand **out);
struct text;
long mounts_text(struct text *t);	/* /proc/mounts */
long filesystems_text(struct text *t);	/* /proc/filesystems */
extern struct dentry *root_dentry;		/* "/" of the machine */
