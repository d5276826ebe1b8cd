/* SPDX-License-Identifier: MIT */
/*
 * locks.h: advisory locks on files: fcntl() record locks, owned by a descriptor table or (OFD) by an open
 * file, and flock() locks, owned by an open file.
 */
#pragma once
#include "core/co.h"
#include "lib/base.h"

struct inode;

enum lock_kind { LOCK_RECORD, LOCK_WHOLE };	/* fcntl, flock: they do not see each other */
enum lock_type { LOCK_READ, LOCK_EXCLUSIVE, LOCK_NONE };

struct lock_range {
	enum lock_kind	kind;
	enum lock_type	type;
	const void	*owner;
	s32		pid;		/* for F_GETLK; -1: an open file's */
	u64		start, end;	/* inclusive */
};

/* Take, change or (LOCK_NONE) give up: 0, -EAGAIN, -ENOMEM; with @wait PENDING or -EINTR. */
async long lock_set(struct inode *ip, const struct lock_range *r, bool wait);
/* What keeps @r from being granted: true and in *r. */
bool lock_test(struct inode *ip, struct lock_range *r);
void lock_drop_owner(struct inode *ip, const void *owner);	/* closing */
void locks_free(struct inode *ip);
