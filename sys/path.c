/* SPDX-License-Identifier: MIT */
/* path.c: see path.h. */
#include "sys/path.h"

static long start_at(struct place *p, s32 dirfd)
{
	struct file *f = file_current(dirfd);

	if (!f)
		return -EBADF;
	p->at = file_dentry(f);
	file_put(f);
	return p->at ? 0 : -ENOMEM;
}

async long place_get(struct place *p, s32 dirfd, uaddr_t path, u32 which)
{
	long r = path_from_user(path, which, &p->path);

	p->at = NULL;
	if (unlikely(r < 0))
		return r;
	return likely(dirfd == AT_FDCWD || *p->path == '/') ? 0 : start_at(p, dirfd);
}

async long place_walk(s32 dirfd, uaddr_t path, u32 walk, struct dentry **out)
{
	struct place p;
	long r = place_get(&p, dirfd, path, 0);

	if (r)
		return r;
	r = path_walk(fs_current(), p.at, p.path, walk, out);
	place_put(&p);
	return place_note(r, p.path);
}

async long place_parent(s32 dirfd, uaddr_t path, u32 which, struct dentry **dir, struct last *last)
{
	struct place p;
	long r = place_get(&p, dirfd, path, which);

	if (r)
		return r;
	r = path_parent(fs_current(), p.at, p.path, which ? WALK_SECOND : 0, dir, last);
	place_put(&p);
	return place_note(r, p.path);
}
