/* SPDX-License-Identifier: MIT */
/*
 * pageset.h: the pages of one object (a file, a shared mapping), by index.  A radix tree of frames;
 * what is not there reads as zeros.  Owned by the object it is embedded in; p->lock guards the tree.
 * Mapped by areas (mem/vm.h) and read and written by files.
 */
#pragma once
#include "core/spin.h"
#include "mem/page.h"

struct pageset {
	spinlock_t	lock;
	u32		height;		/* levels; 0: at most index 0, root is the page */
	void		*root;
	u64		count;		/* pages present */
	u64		size_pages;	/* set by the owner: mappings beyond it fault with -EIO */
	struct charge	*charge;	/* who pays for new pages; may be NULL */
	const struct pageset_ops *ops;	/* NULL: memory only (tmpfs); else a page cache: mem/cache.h */
	struct cache	*cache;		/* state of a page cache */
	_Atomic u32	*owner_refs;	/* references of the object (an inode); mappings hold one */
	void		(*owner_put)(struct pageset *ps);	/* drop one */
	_Atomic u32	maps;		/* areas of it: 0, then nobody has mapped any */
};
void pageset_init(struct pageset *ps, struct charge *c);
struct page *pageset_find(struct pageset *ps, u64 index);	/* no new reference; NULL: hole */
/* Find with a new reference; creates a zeroed page for a hole if @create.  NULL: hole / no memory. */
struct page *pageset_get(struct pageset *ps, u64 index, bool create);
long pageset_insert(
	struct pageset *ps, u64 index, struct page *p); /* takes the reference; -ENOMEM, -EEXIST */
void pageset_truncate(struct pageset *ps, u64 from);	/* drop pages with index >= from */
void pageset_remove(struct pageset *ps, u64 first, u64 end);	/* punch a hole */
/* Present pages among [first, first + n), n <= 64: out[i] has a new reference or is NULL. */
u32 pageset_get_range(struct pageset *ps, u64 first, u32 n, struct page **out);
u64 pageset_heap(struct pageset *ps);		/* bytes of heap the tree itself takes */
u64 pageset_next(struct pageset *ps, u64 index); /* first present index >= index, or UINT64_MAX */

/* --- for mem/cache.c, with ps->lock held ------------------------------------------------------ */

struct page *pageset_find_locked(const struct pageset *ps, u64 index);
long pageset_insert_locked(struct pageset *ps, u64 index, struct page *p);
/* One mark a page: it is dirty.  The page is there. */
void pageset_mark_locked(struct pageset *ps, u64 index, bool on);
u64 pageset_next_marked_locked(struct pageset *ps, u64 index);	/* or UINT64_MAX */
u64 pageset_next_locked(struct pageset *ps, u64 index);
/* Take a page out, without dropping the set's reference; with @tidy also nodes that are empty then. */
void pageset_take_locked(struct pageset *ps, u64 index, bool tidy);
