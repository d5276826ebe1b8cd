/* SPDX-License-Identifier: MIT */
/*
 * fdtable.h: the layout of descriptor tables, for the calls that must be fast.
 *
 * A slot is the file and, in its lowest bit, close-on-exec.  t->lock guards changes.  Who shares the table
 * with nobody looks up as he likes: nobody else could close what is found, and those who look at
 * another's table hold a reference and the lock.  Who shares it looks up by RCU: arrays of slots, and
 * files that were ever in a shared table (file->seen), are freed when nobody can be looking.
 */
#pragma once
#include "fs/files.h"

enum { FD_SMALL = 16, FD_CLOEXEC_BIT = 1 };

struct files {
	_Atomic u32	refs;
	spinlock_t	lock;
	u32		size, limit;	/* slots there are; may be used */
	u32		lowest;		/* no free slot below */
	u32		top;		/* no slot in use from here on */
	uintptr_t	*slot;		/* stored before size */
	uintptr_t	small[FD_SMALL];
};

static inline struct file *slot_file(uintptr_t s)
{
	return (struct file *)(s & ~(uintptr_t)FD_CLOEXEC_BIT);
}

static inline bool files_alone(const struct files *t)
{
	return likely(atomic_load_explicit(&t->refs, memory_order_acquire) == 1);
}

/* The file of @fd without a reference: for work that does not wait, on a table that nobody shares.
 * NULL: not open, or shared. */
static inline struct file *fd_borrow(const struct files *t, u64 fd)
{
	return files_alone(t) && likely(fd < t->size) ? slot_file(t->slot[fd]) : NULL;
}
