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
	D_DIR = 256,		/* the inode is a directory: kinds never change, so this is here ... */
	D_LINK = 512,		/* ... and that it is a symbolic link: most walks touch no inode */
	D_NAMELESS = 1024,	/* free, and shall never get a name: O_TMPFILE with O_EXCL */
	D_ERROR_SHIFT = 16,	/* a shadow: that failed, -errno << this */
};

struct dentry {				/* what a walk looks at comes first */
	_Atomic u32		refs;
	u32			flags;
	u64			hash;		/* name_hash() */
	struct dentry		*next;		/* in a hash bucket */
	struct dentry		*parent;	/* counted; a root's is itself, uncounted */
	char			*name;		/* whole words: zeros up to the next multiple of 8 */
	u32			len;
	struct dentry		*cover;		/* root of what is mounted here, counted */
	struct inode		*inode;		/* counted */
	struct dentry		*covers;	/* a root: where it is mounted, counted */
	union {
		struct {
			u64	cookie;		/* position in the directory, ascending */
			u64	last_cookie;	/* as a directory: highest given out */
		};
		TAILQ_ENTRY(dentry) lru;	/* D_CACHED */
	};
	TAILQ_HEAD(dentries, dentry) children;
	TAILQ_ENTRY(dentry)	sibling;
	char			small[NAME_INLINE] __attribute__((aligned(8)));
};

extern spinlock_t tree_lock;

struct name { const char *s; u32 len; u64 hash; };

/*
 * Names are hashed word by word, the last one padded with zeros: a name of n bytes has n / 8 + 1 of
 * them.  A step is a bijection, so two names of fewer than 8 bytes with one hash are one name.  The
 * upper bits are the good ones.
 */
#define NAME_HASH_FACTOR 0x9e3779b97f4a7c15ul
static inline u64 name_hash_step(u64 h, u64 word) { return (h ^ word) * NAME_HASH_FACTOR; }
u64 name_hash(const char *s, u32 len);
static inline struct name name_of(const char *s, u32 len)
{
	return (struct name){ s, len, name_hash(s, len) };
}

static inline struct name dentry_name(const struct dentry *d)
{
	return (struct name){ d->name, d->len, d->hash };
}

extern struct dentry_table { struct dentry **bucket; u32 shift; } dentry_table;	/* tree_lock */
static inline struct dentry **dentry_bucket(const struct dentry *dir, u64 hash)
{
	return &dentry_table.bucket[(hash + (uintptr_t)dir * NAME_HASH_FACTOR) >> dentry_table.shift];
}

/* The key under which it is remembered that there is no such name. */
static inline struct name name_shadow(struct name n) { return (struct name){ n.s, n.len, ~n.hash }; }

/* All with tree_lock held: */
struct dentry *dentry_find(struct dentry *dir, struct name n);	/* uncounted; NULL */
/* The same for a name in whole words, as d->name is; it may be a shadow of another name. */
static inline struct dentry *dentry_find_words(struct dentry *dir, u64 hash, u64 len, const u64 *word)
{
	for (struct dentry *d = *dentry_bucket(dir, hash); d; d = d->next) {
		const u64 *have = (const u64 *)d->name;
		u64 i = 0;

		if (d->hash != hash || d->parent != dir || unlikely(d->len != len))
			continue;
		while (i < len / 8 && have[i] == word[i])
			i++;
		if (likely(i == len / 8))	/* with the hash, that is the rest as well */
			return d;
	}
	return NULL;
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
/* All but the last reference go without the lock. */
static inline bool dentry_put_shared(struct dentry *d)
{
	u32 refs = atomic_load_explicit(&d->refs, memory_order_relaxed);

	while (refs > 1)
		if (atomic_compare_exchange_weak_explicit(&d->refs, &refs, refs - 1,
							  memory_order_release, memory_order_relaxed))
			return true;
	return false;
}
void dentry_put_last(struct dentry *d);
static inline void dentry_put(struct dentry *d)		/* NULL is fine; tree_lock not held */
{
	if (d && unlikely(!dentry_put_shared(d)))
		dentry_put_last(d);
}

u64 dentry_tree_heap(void);			/* bytes of heap of all names that can be found */

/* Path of @d seen from @root into @buf, NUL-terminated: length or -ENAMETOOLONG.  A name that was
 * removed ends in " (deleted)"; a place that @root does not contain begins with "(unreachable)". */
long dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size);
