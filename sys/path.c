/* SPDX-License-Identifier: MIT */
/* path.c: see path.h. */
#include "sys/path.h"

long place_start(struct place *p, s32 dirfd)
{
	struct file *f = file_current(dirfd);

	if (!f)
		return -EBADF;
	p->at = file_dentry(f);
	file_put(f);
	return p->at ? 0 : -ENOMEM;
}

async long place_walk(s32 dirfd, uaddr_t path, u32 walk, struct dentry **out)
{
	struct place p;
	long r = place_get(&p, dirfd, path, 0);

	if (r)
		return r;
	r = path_walk(fs_current(), p.at, p.path, walk | WALK_WORDS, out);
	place_put(&p);
	return place_note(r, p.path);
}

async long place_parent(s32 dirfd, uaddr_t path, u32 which, struct dentry **dir, struct last *last)
{
	struct place p;
	long r = place_get(&p, dirfd, path, which);

	if (r)
		return r;
	r = path_parent(fs_current(), p.at, p.path, WALK_WORDS | (which ? WALK_SECOND : 0),
			dir, last);
	place_put(&p);
	return place_note(r, p.path);
}
