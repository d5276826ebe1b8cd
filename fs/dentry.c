// SPDX-License-Identifier: MIT
/*
 * dentry.c: the tree of names and its hash.  One table for all directories, keyed by parent and
 * name, which grows with the number of names and never shrinks.
 */
#include "fs/dentry.h"
#include <string.h>
#include "core/log.h"
#include "fs/notify.h"
#include "lib/print.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { FIRST_BITS = 8 };

spinlock_t tree_lock;
static struct slab dentry_slab = SLAB("dentry", struct dentry);
static u64 tree_heap, tree_names;	/* of names that can be found, and the table; tree_lock */
static struct dentry *first_table[1 << FIRST_BITS];
struct dentry_table dentry_table = { first_table, 64 - FIRST_BITS };

/* More names than buckets: twice as many.  Without memory for them chains grow longer. */
static void table_grow(void)
{
	struct dentry_table old = dentry_table, new = { .shift = old.shift - 1 };
	u64 buckets = 1ul << (64 - old.shift);
	struct dentry *d, *next;

	if (!(new.bucket = heap_zero(2 * buckets * sizeof(*new.bucket))))
		return;
	dentry_table = new;
	for (u64 i = 0; i < buckets; i++)
		for (d = old.bucket[i]; d; d = next) {
			struct dentry **b = dentry_bucket(d->parent, d->hash);

			next = d->next;
			d->next = *b;
			*b = d;
		}
	tree_heap += heap_room(new.bucket);
	if (old.bucket == first_table)
		return;
	tree_heap -= heap_room(old.bucket);
	heap_free(old.bucket);
}

u64 name_hash(const char *s, u32 len)
{
	u64 h = 0, word = 0;

	for (; len >= sizeof(word); len -= sizeof(word), s += sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		h = name_hash_step(h, word);
	}
	word = 0;
	memcpy(&word, s, len);
	return name_hash_step(h, word);
}

struct dentry *dentry_find(struct dentry *dir, struct name n)
{
	struct dentry *d = *dentry_bucket(dir, n.hash);

	while (d && (d->hash != n.hash || d->parent != dir || d->len != n.len || memcmp(d->name, n.s, n.len)))
		d = d->next;
	return d;
}

static void hash_insert(struct dentry *d)
{
	struct dentry **b;

	if (unlikely(++tree_names >> (64 - dentry_table.shift)))
		table_grow();
	b = dentry_bucket(d->parent, d->hash);
	d->next = *b;
	*b = d;
}

static void hash_remove(struct dentry *d)
{
	tree_names--;
	for (struct dentry **b = dentry_bucket(d->parent, d->hash); *b; b = &(*b)->next)
		if (*b == d) {
			*b = d->next;
			return;
		}
}

/* --- life ------------------------------------------------------------------------------------ */

static long set_name(struct dentry *d, struct name n)
{
	size_t room = align_up(n.len + 1ul, sizeof(u64));
	char *s = room <= NAME_INLINE ? d->small : heap_alloc(room);

	if (!s)
		return -ENOMEM;
	*(u64 *)(s + room - sizeof(u64)) = 0;
	memcpy(s, n.s, n.len);
	d->name = s;
	d->len = n.len;
	d->hash = n.hash;
	return 0;
}

static void drop_name(struct dentry *d, char *name)
{
	if (name != d->small)
		heap_free(name);
}

static u64 name_heap(const struct dentry *d, const char *name)
{
	return name == d->small ? 0 : heap_room(name);
}

static u64 heap_of(const struct dentry *d) { return sizeof(*d) + name_heap(d, d->name); }

u64 dentry_tree_heap(void)
{
	guard(&tree_lock);
	return tree_heap;
}

static u32 kind_flag(const struct inode *ip)		/* NULL: a shadow */
{
	return !ip ? 0 : inode_kind(ip) == I_DIR ? D_DIR : inode_kind(ip) == I_LNK ? D_LINK : 0;
}

struct dentry *dentry_create(struct name n, struct inode *ip)
{
	struct dentry *d = slab_alloc(&dentry_slab);

	if (d) {
		*d = (struct dentry){ .refs = 1, .inode = ip, .flags = D_GONE | kind_flag(ip) };
		TAILQ_INIT(&d->children);
		if (!set_name(d, n))
			return d;
		slab_free(&dentry_slab, d);
	}
	inode_put(ip);
	return NULL;
}

struct dentry *dentry_root(struct inode *ip)
{
	struct dentry *d = dentry_create((struct name){ "/", 1, 0 }, ip);

	if (d) {
		d->parent = d;
		d->flags &= ~D_GONE;
		ip->alias = d;
	}
	return d;
}

struct dentry *dentry_free_standing(const char *name, struct inode *ip)
{
	struct dentry *d = dentry_create((struct name){ name, strlen(name), 0 }, inode_get(ip));

	if (d) {
		d->parent = d;
		d->flags = (d->flags & ~D_GONE) | D_FREE;
	}
	return d;
}

static void dentry_free(struct dentry *d)
{
	check(TAILQ_EMPTY(&d->children) && !d->cover);
	drop_name(d, d->name);
	if (notify_on() && d->inode && d->inode->more && !d->inode->nlink)
		notify_gone(d->inode);
	inode_put(d->inode);
	slab_free(&dentry_slab, d);
}

/* Drop a reference under the lock; if it was the last take @d out of the tree.  True: free it, and
 * drop its parent. */
static bool put_locked(struct dentry *d)
{
	guard(&tree_lock);
	if (atomic_fetch_sub(&d->refs, 1) != 1)
		return false;
	if (!(d->flags & (D_GONE | D_FREE)) && d->parent != d)
		dentry_unlink(d);
	if (d->inode && d->inode->alias == d)
		d->inode->alias = NULL;
	return true;
}

void dentry_put_last(struct dentry *d)
{
	while (d && !dentry_put_shared(d) && put_locked(d)) {
		struct dentry *up = d->parent == d ? NULL : d->parent;

		dentry_free(d);
		d = up;
	}
}

/* --- tree --------------------------------------------------------------------------------------- */

void dentry_link(struct dentry *dir, struct dentry *d)
{
	d->parent = dentry_get(dir);
	d->flags &= ~D_GONE;
	if (d->flags & (D_PASSING | D_CACHED)) {
		if (d->inode && !d->inode->alias)
			d->inode->alias = d;
		if (d->flags & D_PASSING)
			return;
	} else {
		d->cookie = ++dir->last_cookie;
		if (!d->inode->alias)
			d->inode->alias = d;
	}
	TAILQ_INSERT_TAIL(&dir->children, d, sibling);
	hash_insert(d);
	tree_heap += heap_of(d);
}

/* The parent reference stays until the dentry is freed: a path for those who are still in it. */
void dentry_unlink(struct dentry *d)
{
	d->flags |= D_GONE;
	if (d->flags & D_PASSING)
		return;
	hash_remove(d);
	TAILQ_REMOVE(&d->parent->children, d, sibling);
	tree_heap -= heap_of(d);
}

bool dentry_empty(const struct dentry *dir)
{
	return TAILQ_EMPTY(&dir->children);
}

bool dentry_below(const struct dentry *d, const struct dentry *top)
{
	while (d != top) {
		const struct dentry *up = d->covers ? d->covers : d->parent;

		if (!up || up == d)
			return false;
		d = up;
	}
	return true;
}

/* The caller drops the reference to the old parent: it was not the last. */
long dentry_rename(struct dentry *d, struct dentry *dir, struct name n)
{
	char *old = d->name, keep[NAME_INLINE];
	struct dentry *from = d->parent;

	memcpy(keep, d->small, sizeof(keep));
	hash_remove(d);
	if (set_name(d, n)) {
		memcpy(d->small, keep, sizeof(keep));
		hash_insert(d);
		return -ENOMEM;
	}
	tree_heap += name_heap(d, d->name) - name_heap(d, old);
	if (old != d->name)
		drop_name(d, old);
	TAILQ_REMOVE(&from->children, d, sibling);
	d->parent = dentry_get(dir);
	atomic_fetch_sub(&from->refs, 1);
	if (!(d->flags & D_CACHED))
		d->cookie = ++dir->last_cookie;
	TAILQ_INSERT_TAIL(&dir->children, d, sibling);
	hash_insert(d);
	return 0;
}

void dentry_take_place(struct dentry *d, struct dentry *old)
{
	d->cookie = old->cookie;
	TAILQ_REMOVE(&d->parent->children, d, sibling);
	TAILQ_INSERT_BEFORE(old, d, sibling);
}

struct dentry *dentry_add(struct dentry *dir, const char *name, struct inode *ip)
{
	u32 len = strlen(name);
	struct dentry *d = dentry_create(name_of(name, len), ip);

	if (!d)
		return NULL;
	d->flags |= D_PINNED;
	guard(&tree_lock);
	dentry_link(dir, d);
	d->inode->nlink++;
	if (dir->inode->ops->create)
		dir->inode->size += NAME_BYTES;
	return d;
}

/* --- paths ---------------------------------------------------------------------------------------- */

/* Components are written from the end of the buffer; false: it is full. */
static bool prepend(char *buf, size_t *at, const char *s, size_t n)
{
	if (*at < n)
		return false;
	*at -= n;
	memcpy(buf + *at, s, n);
	return true;
}

static long climb(struct dentry *d, struct dentry *root, char *buf, size_t *at)
{
	while (d != root) {
		if (d->parent == d) {
			if (!d->covers)
				return prepend(buf, at, "(unreachable)", 13) ? 0 : -ENAMETOOLONG;
			d = d->covers;
			continue;
		}
		if (!prepend(buf, at, d->name, d->len) || !prepend(buf, at, "/", 1))
			return -ENAMETOOLONG;
		d = d->parent;
	}
	return 0;
}

static long free_standing_path(struct dentry *d, char *buf, size_t size)
{
	if (d->len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, d->name, d->len + 1ul);
	return d->len;
}

static const char deleted[] = " (deleted)";

long dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size)
{
	size_t at = size;
	long err;

	guard(&tree_lock);
	if (d->flags & D_FREE)
		return free_standing_path(d, buf, size);
	if (!prepend(buf, &at, "", 1) ||
	    (d->flags & D_GONE && !prepend(buf, &at, deleted, sizeof(deleted) - 1)))
		return -ENAMETOOLONG;
	err = climb(d, root, buf, &at);
	if (err)
		return err;
	if (d == root && !prepend(buf, &at, "/", 1))
		return -ENAMETOOLONG;
	memmove(buf, buf + at, size - at);
	return size - at - 1;
}
