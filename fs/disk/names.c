// SPDX-License-Identifier: MIT
/*
 * names.c: names on disks.  The tree of names is their cache: what was found stays as a dentry
 * (D_CACHED), what was not as a shadow of one, until memory is wanted.  The lookup of a name is
 * an errand of the shadow's: all who want it wait for it together.
 *
 * A shadow that met an error keeps it for the first one who asks.  `cached' lists what could be dropped,
 * first come first; list and flags are guarded by tree_lock.
 */
#include <string.h>
#include "core/log.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "mem/heap.h"

enum { WAITS = 16 };
static struct waitq waits[WAITS];
static TAILQ_HEAD(, dentry) cached = TAILQ_HEAD_INITIALIZER(cached);
static u32 cached_count;

static struct waitq *queue_of(const struct dentry *d)
{
	struct waitq *q = &waits[d->hash % WAITS];

	if (!q->waiters.tqh_last)
		waitq_init(q);
	return q;
}

/* --- the cache -------------------------------------------------------------------------------- */

/* Enter @d, whose reference becomes the cache's.  tree_lock held, as for all of these. */
static void cache_add(struct dentry *dir, struct dentry *d)
{
	d->flags |= D_CACHED;
	dentry_link(dir, d);
	TAILQ_INSERT_TAIL(&cached, d, lru);
	cached_count++;
}

/* Out of the cache: the caller drops its reference, without tree_lock. */
static void cache_remove(struct dentry *d)
{
	d->flags &= ~D_CACHED;
	TAILQ_REMOVE(&cached, d, lru);
	cached_count--;
}

static struct dentry *shadow_find(struct dentry *dir, struct name n)
{
	return dentry_find(dir, name_shadow(n));
}

/* A shadow goes: to be put. */
struct dentry *names_shadow_take(struct dentry *dir, struct name n)
{
	struct dentry *s = shadow_find(dir, n);

	if (!s || s->flags & D_LOOKING)
		return NULL;
	cache_remove(s);
	return s;
}

struct dentry *names_enter(struct dentry *dir, struct name n, struct dentry *new, struct dentry **spare)
{
	struct dentry *d = dentry_find(dir, n);

	*spare = d ? new : names_shadow_take(dir, n);
	if (d)
		return dentry_get(d);
	cache_add(dir, new);
	return dentry_get(new);
}

void names_forget(struct dentry *d)
{
	if (d->flags & D_CACHED)
		cache_remove(d);
	else
		dentry_get(d);			/* the caller puts one */
	dentry_unlink(d);
}

static struct dentry *victim(struct filesystem *fs)
{
	struct dentry *d, *next;
	u32 looked = 0;

	guard(&tree_lock);
	for (d = TAILQ_FIRST(&cached); d && looked++ < cached_count; d = next) {
		next = TAILQ_NEXT(d, lru);
		if (atomic_load(&d->refs) == 1 && !d->cover &&
		    (!fs || d->parent->inode->fs == fs)) {
			cache_remove(d);
			return d;
		}
		if (!fs) {			/* it is used: look at it again last */
			TAILQ_REMOVE(&cached, d, lru);
			TAILQ_INSERT_TAIL(&cached, d, lru);
		}
	}
	return NULL;
}

u32 disk_names_evict(struct filesystem *fs, u32 n)
{
	u32 done = 0;

	for (struct dentry *d; done < n && (d = victim(fs)); done++)
		dentry_put(d);
	return done;
}

/* A child that only the cache holds. */
static struct dentry *idle_child(struct dentry *dir)
{
	struct dentry *d;

	guard(&tree_lock);
	TAILQ_FOREACH(d, &dir->children, sibling)
		if (d->flags & D_CACHED && atomic_load(&d->refs) == 1 && !d->cover) {
			cache_remove(d);
			return d;
		}
	return NULL;
}

void disk_names_evict_below(struct dentry *dir)
{
	for (struct dentry *d; (d = idle_child(dir));)
		dentry_put(d);
}

/* --- where names that differ may be the same -------------------------------------------------- */

/* A shadow notes in which round of its directory it was looked up. */
static bool still_absent(const struct dentry *s)
{
	struct inode *dir = s->parent->inode;

	return s->flags & D_ABSENT &&
	       (!disk_ops(dir)->fold_case || (uintptr_t)s->covers == dnode_of(dir)->round);
}

static void note_absent(struct dentry *s)
{
	s->flags |= D_ABSENT;
	if (disk_ops(s->parent->inode)->fold_case)
		s->covers = (struct dentry *)(uintptr_t)dnode_of(s->parent->inode)->round;
}

/* Another cached name of @ip in @dir than @except. */
static struct dentry *alias(struct dentry *dir, struct inode *ip, struct dentry *except)
{
	struct dentry *d;

	guard(&tree_lock);
	TAILQ_FOREACH(d, &dir->children, sibling)
		if (d->flags & D_CACHED && d->inode == ip && d != except) {
			cache_remove(d);
			dentry_unlink(d);
			return d;
		}
	return NULL;
}

void names_forget_aliases(struct dentry *dir, struct dentry *of)
{
	if (!disk_ops(dir->inode)->fold_case)
		return;
	dnode_of(dir->inode)->round++;
	if (!of || atomic_load(&of->inode->refs) == 1)
		return;				/* no other dentry has it */
	for (struct dentry *d; (d = alias(dir, of->inode, of));)
		dentry_put(d);
}

/* --- lookup ----------------------------------------------------------------------------------- */

long disk_look(struct dentry *dir, struct name n, struct dentry **out)
{
	struct dentry *s;
	long err;

	*out = dentry_find(dir, n);
	if (*out)
		return 0;
	if (dir->flags & D_GONE)
		return -ENOENT;
	s = shadow_find(dir, n);
	if (s && s->flags & D_LOOKING)
		return wait_kill(queue_of(s));
	if (s && still_absent(s))
		return -ENOENT;
	err = s ? s->flags >> D_ERROR_SHIFT : 0;
	if (!err)
		return LOOK_START;
	s->flags &= (1u << D_ERROR_SHIFT) - 1;
	return -err;
}

/* The lookup of @s has ended with @err, or @new, which has no reference but ours. */
static void look_end(struct dentry *s, struct dentry *new, long err)
{
	struct dentry *d = NULL, *spare = NULL;

	spin_lock(&tree_lock);
	s->flags &= ~D_LOOKING;
	if (!err && s->parent->flags & D_GONE) {
		err = -ENOENT;
		spare = new;
	}
	if (!err)
		d = names_enter(s->parent, (struct name){ s->name, s->len, ~s->hash }, new, &spare);
	else if (err == -ENOENT)
		note_absent(s);
	else
		s->flags |= (u32)-err << D_ERROR_SHIFT;
	wake_all(queue_of(s));
	spin_unlock(&tree_lock);
	dentry_put(spare);
	dentry_put(d);
}

/* From the disk: the inode of a name, as a dentry in no tree yet. */
static async long fetch(struct co *co, struct inode *dir, struct name n, struct dentry **out)
{
	struct { u64 key; struct inode *ip; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = disk_ops(dir)->lookup(co, dir, n, &f->key));
	if (!r)
		await(r = dnode_get(co, dir->fs, f->key, &f->ip));
	if (r)
		return r == -ESTALE ? -EUCLEAN : r;
	*out = dentry_create(n, f->ip);
	return *out ? 0 : -ENOMEM;
	co_end();
}

static async long look_main(struct co *co, void *arg)
{
	struct { struct dentry *new; } *f = co_frame(co);
	struct dentry *const s = arg;
	struct dnode *const dir = dnode_of(s->parent->inode);
	const struct name n = { s->name, s->len, ~s->hash };
	long r;

	co_begin(f);
	await(r = read_lock(&dir->lock));
	await(r = fetch(co, &dir->i, n, &f->new));
	look_end(s, f->new, r);
	read_unlock(&dir->lock);
	return 0;
	co_end();
}

static void look_drop(void *s) { dentry_put(s); }

static u32 names_most(void) { return max(page_total_count() / 8, 512ul); }

long disk_look_start(struct dentry *dir, struct name n)
{
	struct dentry *new = dentry_create(name_shadow(n), NULL), *s;
	bool busy;

	if (!new)
		return -ENOMEM;
	if (cached_count > names_most())
		disk_names_evict(NULL, 16);
	spin_lock(&tree_lock);
	s = shadow_find(dir, n);
	if (!s) {
		cache_add(dir, new);
		s = new;
		new = NULL;
	}
	busy = s->flags & D_LOOKING;
	if (!busy) {
		s->flags = (s->flags & ~D_ABSENT) | D_LOOKING;
		dentry_get(s);
	}
	spin_unlock(&tree_lock);
	dentry_put(new);
	if (busy || !errand_send("look up name", look_main, look_drop, s))
		return 0;
	look_end(s, NULL, -ENOMEM);
	dentry_put(s);
	return -ENOMEM;
}

static bool find_counted(struct dentry *dir, struct name n, struct dentry **out)
{
	guard(&tree_lock);
	*out = dentry_find(dir, n);
	if (*out)
		dentry_get(*out);
	return *out;
}

/* What was fetched comes into the tree, unless its directory was removed. */
static long enter_fetched(struct dentry *dir, struct name n, struct dentry *new, struct dentry **out)
{
	struct dentry *spare = new;

	spin_lock(&tree_lock);
	*out = dir->flags & D_GONE ? NULL : names_enter(dir, n, new, &spare);
	spin_unlock(&tree_lock);
	dentry_put(spare);
	return *out ? 0 : -ENOENT;
}

/* The name, counted, with the directory's lock held by us: from the cache or the disk. */
async long names_find(struct co *co, struct dentry *dir, struct name n, struct dentry **out)
{
	struct { struct dentry *new; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (find_counted(dir, n, out))
		return 0;
	await(r = fetch(co, dir->inode, n, &f->new));
	return r ? r : enter_fetched(dir, n, f->new, out);
	co_end();
}
