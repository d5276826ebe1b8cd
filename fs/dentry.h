/* SPDX-License-Identifier: MIT */
/*
 * dentry.h: the tree of names.  A dentry is a name in a directory and the inode it stands for.
 * In memory file systems the tree is the directory: a name's dentry is pinned until it is removed.
 * Where inodes come from a lookup, the dentry lives as long as it is used.
 *
 * tree_lock guards the whole tree: hash, parents, children, mounts, nlink, and root and cwd of every
 * struct fs_context.  A dentry is counted; each child holds a reference to its parent, so whoever has a
 * dentry has its path.  The last reference is only ever dropped under tree_lock.
 * Order: tree_lock, inode->lock, allocator locks.
 */
#pragma once
#include <stdatomic.h>
#include <sys/queue.h>
#include "core/spin.h"
#include "fs/inode.h"

enum { NAME_INLINE = 24 };
enum { NAME_BYTES = 20 };	/* by which a memory directory's size grows, as Linux's tmpfs has it */
enum {	/* dentry.flags */
	D_PINNED = 1,		/* the file system holds a reference: it is in its directory */
	D_GONE = 2,		/* was removed; only users are left */
	D_FREE = 4,		/* in no tree: pipes, memfd: name is all there is */
	D_PASSING = 8,		/* not to be found again: each lookup makes a new one */
	D_CACHED = 16,		/* on a disk: the cache of names holds a reference, while it likes */
	D_SHADOW = 32,		/* cached: the disk has no such name; found by name_shadow() only */
	D_LOOKING = 64,		/* a shadow: somebody is looking it up on the disk */
	D_ABSENT = 128,		/* a shadow: it was looked up */
	D_ERROR_SHIFT = 16,	/* a shadow: that failed, -errno << this */
};

struct dentry {
	_Atomic u32		refs;
	u32			hash;
	u32			len;
	u32			flags;
	union {
		struct {
			u64	cookie;		/* position in the directory, ascending */
			u64	last_cookie;	/* as a directory: highest given out */
		};
		TAILQ_ENTRY(dentry) lru;	/* D_CACHED */
	};
	struct dentry		*next;		/* in a hash bucket */
	struct dentry		*parent;	/* counted; a root's is itself, uncounted */
	struct inode		*inode;		/* counted */
	struct dentry		*cover;		/* root of what is mounted here, counted */
	struct dentry		*covers;	/* a root: where it is mounted, counted */
	TAILQ_HEAD(dentries, dentry) children;
	TAILQ_ENTRY(dentry)	sibling;
	char			*name;
	char			small[NAME_INLINE];
};

extern spinlock_t tree_lock;

struct name { const char *s; u32 len, hash; };

/* The hash of a name, byte by byte: the path walk computes it while it looks for the slash. */
enum { NAME_HASH_START = 0x811c9dc5 };
static inline u32 name_hash_step(u32 h, char c) { return (h ^ (u8)c) * 0x01000193u; }
static inline u32 name_hash(const char *s, u32 len)
{
	u32 h = NAME_HASH_START;

	for (; len; len--)
		h = name_hash_step(h, *s++);
	return h;
}

extern struct dentry_table { struct dentry **bucket; u32 mask; } dentry_table;
void dentry_table_init(void);			/* before there are names */
static inline struct dentry **dentry_bucket(const struct dentry *dir, u32 hash)
{
	u32 v = (hash ^ (u32)((uintptr_t)dir >> 4)) * 0x9e3779b1u;

	return &dentry_table.bucket[v >> 12 & dentry_table.mask];
}

static inline bool name_same(const char *a, const char *b, u32 len)
{
	for (const char *end = a + len; a < end; a++, b++)
		if (*a != *b)
			return false;
	return true;
}

/* The key under which it is remembered that there is no such name. */
static inline struct name name_shadow(struct name n) { return (struct name){ n.s, n.len, ~n.hash }; }

/* All with tree_lock held: */
static inline struct dentry *dentry_find(struct dentry *dir, struct name n)	/* uncounted; NULL */
{
	struct dentry *d = *dentry_bucket(dir, n.hash);

	while (d && (d->hash != n.hash || d->parent != dir || d->len != n.len ||
		     !name_same(d->name, n.s, n.len)))
		d = d->next;
	return d;
}
void dentry_link(struct dentry *dir, struct dentry *d);		/* enter @d as a child, findable */
void dentry_unlink(struct dentry *d);				/* out of its directory, D_GONE */
bool dentry_empty(const struct dentry *dir);
bool dentry_below(const struct dentry *d, const struct dentry *top);	/* d is top or inside */
long dentry_rename(struct dentry *d, struct dentry *dir, struct name n);
void dentry_take_place(struct dentry *d, struct dentry *old);	/* of a sibling, in the order */

/* A dentry that is in no tree yet, with one reference.  Takes the reference to @ip in any case;
 * NULL: no memory. */
struct dentry *dentry_create(struct name n, struct inode *ip);
struct dentry *dentry_root(struct inode *ip);			/* of a new file system */
/* An object without a name gets one to be reached by: "pipe:[7]". */
struct dentry *dentry_free_standing(const char *name, struct inode *ip);
/* Create, link and pin an entry during set-up of a file system; takes @ip. */
struct dentry *dentry_add(struct dentry *dir, const char *name, struct inode *ip);

static inline struct dentry *dentry_get(struct dentry *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}
void dentry_put(struct dentry *d);		/* NULL is fine; tree_lock not held */

u64 dentry_tree_heap(void);			/* bytes of heap of all names that can be found */

/* Path of @d seen from @root into @buf, NUL-terminated: length or -ENAMETOOLONG.  A name that was
 * removed ends in " (deleted)"; a place that @root does not contain begins with "(unreachable)". */
long dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size);
