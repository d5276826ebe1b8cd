/* SPDX-License-Identifier: MIT */
/*
 * path.h: what the calls on files share: the path arguments of a program, and its descriptors.
 *
 * A struct place is where a walk starts and what it walks.  It lives in the C stack of one poll:
 * calls with paths start over as a whole.
 */
#pragma once
#include <linux/fcntl.h>
#include "fs/path.h"
#include "proc/process.h"
#include "sys/table.h"

struct place {
	char		*path;
	struct dentry	*at;		/* counted; NULL: the working directory or "/" */
};

/* Read the path of a program at @path, relative to @dirfd; @which scratch buffer (0, 1). */
long place_start(struct place *p, s32 dirfd);
static inline async long place_get(struct place *p, s32 dirfd, uaddr_t path, u32 which)
{
	long r = path_from_user(path, which, &p->path);

	p->at = NULL;
	if (unlikely(r < 0))
		return r;
	return likely(dirfd == AT_FDCWD || *p->path == '/') ? 0 : place_start(p, dirfd);
}
static inline void place_put(struct place *p)
{
	if (unlikely(p->at))
		dentry_put(p->at);
}
/* place_get(), path_walk(), and remember what was not found. */
async long place_walk(s32 dirfd, uaddr_t path, u32 walk, struct dentry **out);
async long place_parent(s32 dirfd, uaddr_t path, u32 which, struct dentry **dir, struct last *last);

/* @err, remembered for --explain if the path is to blame. */
static inline long place_note(long err, const char *path)
{
	if (unlikely(err == -ENOENT || err == -EACCES))
		syscall_note(err, path);
	return err;
}

static inline struct fs_context *fs_current(void) { return thread_current()->fs; }
static inline struct file *file_current(u64 fd) { return fd_get(thread_current()->files, (u32)fd); }
static inline bool file_readable(const struct file *f) { return !(f->flags & O_WRONLY); }
static inline bool file_writable(const struct file *f) { return (f->flags + 1) & 2; }
