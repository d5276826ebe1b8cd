/* SPDX-License-Identifier: MIT */
/*
 * cache.c: page caches, see cache.h.  ps->lock, then the lock of a bucket of waiters or caches.lock.
 * Waiters of all pages share WAITS queues, by address of the page; a wakeup is only a hint.
 */
#include "mem/cache.h"
#include <string.h>
#include "core/log.h"
#include "core/time.h"
#include "mem/errand.h"
#include "mem/heap.h"
#include "mem/vm_sets.h"

enum { WAITS = 64 };

static struct waitq waits[WAITS];
static struct { spinlock_t lock; TAILQ_HEAD(, cache) all; } caches = {
	.all = TAILQ_HEAD_INITIALIZER(caches.all),
};
static _Atomic u64 dirty_pages /* and those being written */, cached_pages;
static struct waitq cleaned = WAITQ_INIT(cleaned);	/* who waits for fewer dirty pages */
static struct slab run_slab = SLAB("page run", struct page_run);

u64 cache_dirty_count(void) { return dirty_pages; }
u64 cache_page_count(void) { return cached_pages; }

/* --- waiting for a page ----------------------------------------------------------------------- */

static struct waitq *queue_of(const struct page *p)
{
	struct waitq *q = &waits[(uintptr_t)p / sizeof(struct page) % WAITS];

	return q;
}

/* ps->lock is held, and the state will change under it. */
static long wait_page(const struct page *p, u32 mode)
{
	struct waitq *q = queue_of(p);

	guard(&q->lock);
	if (!q->waiters.tqh_last)
		TAILQ_INIT(&q->waiters);
	return wait_locked(q, mode);
}

static void wake_page(const struct page *p)
{
	struct waitq *q = queue_of(p);

	if (q->waiters.tqh_last)
		wake_all(q);
}

/* --- life ------------------------------------------------------------------------------------- */

void cache_init(struct pageset *ps, struct cache *c, const struct pageset_ops *ops)
{
	*c = (struct cache){ .ps = ps };
	ps->ops = ops;
	ps->cache = c;
	page_short = cache_reclaim;
	guard(&caches.lock);
	TAILQ_INSERT_TAIL(&caches.all, c, link);
}

/* Take a page out that nobody reads or writes; the set's reference goes. */
static void take_out(struct pageset *ps, u64 index, struct page *p, bool tidy)
{
	pageset_take_locked(ps, index, tidy);
	cached_pages--;
	if (p->flags & PAGE_DIRTY) {
		ps->cache->dirty--;
		dirty_pages--;
	}
	p->flags = 0;
	page_put(p);
}

void cache_destroy(struct pageset *ps)
{
	u64 index;

	spin_lock(&caches.lock);
	TAILQ_REMOVE(&caches.all, ps->cache, link);
	spin_unlock(&caches.lock);
	spin_lock(&ps->lock);
	check(!ps->cache->busy && !ps->cache->writing);
	while ((index = pageset_next_locked(ps, 0)) != UINT64_MAX)
		take_out(ps, index, pageset_find_locked(ps, index), true);
	spin_unlock(&ps->lock);
	pageset_truncate(ps, 0);		/* empty nodes that reclaim left */
}

/* --- runs ------------------------------------------------------------------------------------- */

static u64 reclaim(u64 want, bool wait);

static struct page_run *run_create(struct pageset *ps, u64 index, bool write)
{
	struct page_run *r = slab_alloc(&run_slab);

	if (!r)
		return NULL;
	r->ps = ps;
	r->index = index;
	r->count = 0;
	r->write = write;
	r->pending = 1;
	r->error = 0;
	r->valid = UINT64_MAX;
	if (ps->owner_refs)
		atomic_fetch_add_explicit(ps->owner_refs, 1, memory_order_relaxed);
	return r;
}

static void run_free(struct page_run *r)
{
	struct pageset *ps = r->ps;

	for (u32 i = 0; i < r->count; i++)
		page_put(r->page[i]);
	slab_free(&run_slab, r);
	if (ps->owner_put)
		ps->owner_put(ps);
}

/* Reading @p has ended.  When several together could not be read they go, and are read one by one for a
 * while.  The error of a single one is kept where its content would be. */
static void page_filled(struct page_run *r, u64 index, struct page *p)
{
	if (pageset_find_locked(r->ps, index) != p)
		return;				/* truncated meanwhile: PAGE_BUSY went with it */
	p->flags &= ~PAGE_BUSY;
	if (!r->error)
		return;
	if (r->count > 1) {
		r->ps->cache->careful = 2 * RUN_MAX;
		take_out(r->ps, index, p, true);
	} else {
		p->flags |= PAGE_BAD;
		*(long *)page_virt(p) = r->error;
	}
}

static void run_end(struct page_run *r)
{
	struct pageset *ps = r->ps;
	u64 len = (u64)r->count << PAGE_SHIFT;

	if (!r->write && r->valid < len)
		run_zero(r, r->valid, len - r->valid);
	spin_lock(&ps->lock);
	for (u32 i = 0; i < r->count; i++) {
		if (r->write)
			r->page[i]->flags &= ~PAGE_WRITING;
		else
			page_filled(r, r->index + i, r->page[i]);
		wake_page(r->page[i]);
	}
	if (r->write) {
		ps->cache->writing -= r->count;
		dirty_pages -= r->count;
		if (r->error)
			ps->cache->error = r->error;
	} else {
		ps->cache->busy -= r->count;
	}
	spin_unlock(&ps->lock);
	if (r->write && unlikely(!waitq_empty(&cleaned)))
		wake_all(&cleaned);
	run_free(r);
}

async long cache_wait_clean(u64 limit)
{
	guard(&cleaned.lock);
	return dirty_pages <= limit ? 0 : wait_locked(&cleaned, WAIT_KILL);
}

void run_hold(struct page_run *r)
{
	atomic_fetch_add_explicit(&r->pending, 1, memory_order_relaxed);
}

void run_put(struct page_run *r, long error)
{
	s32 none = 0;

	if (unlikely(error < 0))
		atomic_compare_exchange_strong(&r->error, &none, (s32)error);
	if (atomic_fetch_sub_explicit(&r->pending, 1, memory_order_acq_rel) == 1)
		run_end(r);
}

/* Bytes of a run in one page: where, and how many of @len. */
static char *run_piece(struct page_run *r, u64 offset, u64 len, u64 *n)
{
	u32 at = offset & (PAGE_SIZE - 1);

	*n = min(len, (u64)PAGE_SIZE - at);
	return (char *)page_virt(r->page[offset >> PAGE_SHIFT]) + at;
}

void run_zero(struct page_run *r, u64 offset, u64 len)
{
	for (u64 n; len; offset += n, len -= n) {
		char *to = run_piece(r, offset, len, &n);

		memset(to, 0, n);
	}
}

void run_copy(struct page_run *r, u64 offset, const void *from, u64 len)
{
	for (u64 n; len; offset += n, len -= n, from = (const char *)from + n) {
		char *to = run_piece(r, offset, len, &n);

		memcpy(to, from, n);
	}
}

static async long run_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct page_run *const r = arg;
	long err;

	co_begin(f);
	await(err = r->ps->ops->transfer(co, r));
	run_put(r, err);
	return 0;
	co_end();
}

/* Begin to read.  No lock is held; what could not even be begun has an error. */
static void run_read(struct page_run *r)
{
	const struct pageset_ops *ops = r->ps->ops;

	if (ops->start) {
		ops->start(r);
		run_put(r, 0);
	} else if (errand_send("read pages", run_main, NULL, r)) {
		run_put(r, -ENOMEM);
	}
}

/* --- reading ---------------------------------------------------------------------------------- */

enum { ROOM = 2 * RUN_MAX };		/* frames kept free for what is allocated under locks */

/* Without locks: what is wanted next shall not have to be taken from the cache that is locked then.  Frames
 * that are free may be other harts'. */
static void make_room(void)
{
	if (unlikely(page_free_count() < ROOM * (1 + cpu_total())))
		reclaim(ROOM, true);
}

/* Frames for up to @n pages. */
static void run_frames(struct page_run *r, u32 n)
{
	struct page *p;

	make_room();
	do {
		while (r->count < n && (p = page_alloc_for(r->ps->charge, false)))
			r->page[r->count++] = p;
	} while (!r->count && reclaim(ROOM, true));
}

/* They become busy pages from r->index on, up to the first that is there; the rest goes. */
static void run_insert(struct page_run *r)
{
	struct pageset *ps = r->ps;
	u32 n = 0;

	spin_lock(&ps->lock);
	for (; n < r->count && !pageset_insert_locked(ps, r->index + n, r->page[n]); n++) {
		r->page[n]->flags |= PAGE_BUSY;
		page_get(r->page[n]);
	}
	cached_pages += n;
	ps->cache->busy += n;
	spin_unlock(&ps->lock);
	while (r->count > n)
		page_put(r->page[--r->count]);
}

/* Make busy pages at @index and after it, up to @n or the first that is there.  NULL: none. */
static struct page_run *run_gather(struct pageset *ps, u64 index, u32 n)
{
	u64 left = ps->size_pages - min(index, ps->size_pages);
	struct page_run *r = left ? run_create(ps, index, false) : NULL;

	if (!r)
		return NULL;
	if (unlikely(ps->cache->careful)) {
		ps->cache->careful--;
		n = 1;
	}
	run_frames(r, min(min(n, (u32)RUN_MAX), (u32)min(left, (u64)RUN_MAX)));
	run_insert(r);
	if (r->count)
		return r;
	run_free(r);
	return NULL;
}

struct page *cache_try(struct pageset *ps, u64 index)
{
	struct page *p;

	guard(&ps->lock);
	p = pageset_find_locked(ps, index);
	if (!p || p->flags & (PAGE_BUSY | PAGE_BAD))
		return NULL;
	page_get(p);
	return p;
}

/* 0 and a reference; PENDING; an error; or 1: there is no such page. */
static long look(struct pageset *ps, u64 index, struct page **out)
{
	struct page *p;
	long r;

	guard(&ps->lock);
	p = pageset_find_locked(ps, index);
	if (!p)
		return 1;
	if (p->flags & PAGE_BUSY)
		return wait_page(p, WAIT_KILL);
	if (p->flags & PAGE_BAD) {		/* told once; whoever comes next tries again */
		r = *(long *)page_virt(p);
		take_out(ps, index, p, true);
		return r;
	}
	page_get(p);
	*out = p;
	return 0;
}

async long cache_get(struct pageset *ps, u64 index, u32 ahead, struct page **out)
{
	struct page_run *run;
	long r;

	if (co_again())
		return PENDING;
	while ((r = look(ps, index, out)) == 1) {
		run = run_gather(ps, index, 1 + ahead);
		if (run)
			run_read(run);
		else if ((r = look(ps, index, out)) == 1)
			return index < ps->size_pages ? -ENOMEM : -EIO;
		else
			return r;
	}
	return r;
}

void cache_ahead(struct pageset *ps, u64 index, u32 n)
{
	while (n) {
		struct page_run *r = run_gather(ps, index, n);
		u32 count;

		if (!r)
			return;
		count = r->count;
		run_read(r);
		index += count;
		n -= min(n, count);
	}
}

/* --- writing ---------------------------------------------------------------------------------- */

long cache_insert(struct pageset *ps, u64 index, struct page *p)
{
	long err;

	make_room();
	guard(&ps->lock);
	err = pageset_insert_locked(ps, index, p);
	if (err)
		return err;
	page_get(p);
	cached_pages++;
	return 0;
}

static bool mark_dirty(struct pageset *ps, u64 index, struct page *p, bool *first)
{
	guard(&ps->lock);
	if (pageset_find_locked(ps, index) != p)
		return false;
	if (p->flags & PAGE_DIRTY)
		return true;
	p->flags |= PAGE_DIRTY;
	pageset_mark_locked(ps, index, true);
	dirty_pages++;
	*first = !ps->cache->dirty++;
	if (*first)
		ps->cache->since = clock_now();
	return true;
}

bool cache_dirty(struct pageset *ps, u64 index, struct page *p)
{
	bool first = false;
	bool there = mark_dirty(ps, index, p, &first);

	if (first && ps->ops->dirtied)
		ps->ops->dirtied(ps);
	return there;
}

bool cache_is_dirty(struct pageset *ps, u64 index, struct page *p)
{
	guard(&ps->lock);
	return p->flags & PAGE_DIRTY && pageset_find_locked(ps, index) == p;
}

async long cache_write_to(struct pageset *ps, u64 index, struct page *p)
{
	if (ps->ops->write_to)
		return ps->ops->write_to(ps, index, p);
	return cache_dirty(ps, index, p) ? 0 : -EIO;
}

void cache_only_valid(struct page **pages, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (pages[i] && pages[i]->flags & (PAGE_BUSY | PAGE_BAD)) {
			page_put(pages[i]);
			pages[i] = NULL;
		}
}

/* The next dirty pages of [*at, end) in a row that are not being written already: into a run that has
 * room; they are clean from now on.  False: there are none. */
static bool take_dirty(struct page_run *r, u64 *at, u64 end)
{
	struct pageset *ps = r->ps;
	struct page *p;

	guard(&ps->lock);
	for (u64 i = *at; r->count < RUN_MAX; i++) {
		if (!r->count)
			i = pageset_next_marked_locked(ps, i);
		if (i >= end || i == UINT64_MAX)
			break;
		p = pageset_find_locked(ps, i);
		if (!p || (p->flags & (PAGE_DIRTY | PAGE_WRITING)) != PAGE_DIRTY) {
			if (r->count)
				break;
			continue;
		}
		if (!r->count)
			r->index = i;
		pageset_mark_locked(ps, i, false);
		p->flags = (p->flags & ~PAGE_DIRTY) | PAGE_WRITING;
		page_get(p);
		r->page[r->count++] = p;
	}
	ps->cache->dirty -= r->count;
	ps->cache->writing += r->count;
	*at = r->index + r->count;
	return r->count;
}

async long cache_write(struct co *co, struct pageset *ps, u64 first, u64 end)
{
	struct { struct page_run *run; u64 at; } *f = co_frame(co);
	long r;

	co_begin(f);
	vm_protect_pages(ps, first, end);
	for (f->at = first;;) {
		f->run = run_create(ps, f->at, true);
		if (!f->run)
			return -ENOMEM;
		if (!take_dirty(f->run, &f->at, end)) {
			run_free(f->run);
			return 0;
		}
		r = 0;
		if (ps->ops->start)
			ps->ops->start(f->run);
		else
			await(r = ps->ops->transfer(co, f->run));
		run_put(f->run, r);
	}
	return 0;
	co_end();
}

/* A page of [*at, end) that is being written (or dirty); NULL: none.  ps->lock is held. */
static struct page *find_writing(struct pageset *ps, u64 first, u64 end)
{
	u64 left = ps->cache->writing;

	for (u64 i = first; left && (i = pageset_next_locked(ps, i)) < end && i != UINT64_MAX; i++) {
		struct page *p = pageset_find_locked(ps, i);

		if (p->flags & PAGE_WRITING)
			return p;
	}
	return NULL;
}

async long cache_wait(struct pageset *ps, u64 first, u64 end)
{
	struct page *p;

	guard(&ps->lock);
	p = find_writing(ps, first, end);
	return p ? wait_page(p, 0) : 0;
}

static long error_told(struct pageset *ps)
{
	long err;

	guard(&ps->lock);
	err = ps->cache->error;
	ps->cache->error = 0;
	return err;
}

/* Twice: a page that was dirtied while it was being written is passed over the first time. */
async long cache_sync(struct co *co, struct pageset *ps, u64 first, u64 end)
{
	struct { u32 round; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->round = 0; f->round < 2; f->round++) {
		await(r = cache_write(co, ps, first, end));
		if (r < 0)
			return r;
		await(r = cache_wait(ps, first, end));
	}
	return error_told(ps);
	co_end();
}

async long cache_drop(struct pageset *ps, u64 first, u64 end)
{
	struct page *p;

	guard(&ps->lock);
	for (u64 i = first; (i = pageset_next_locked(ps, i)) < end && i != UINT64_MAX; i++) {
		p = pageset_find_locked(ps, i);
		if (p->flags & PAGE_WRITING)
			return wait_page(p, 0);
		wake_page(p);
		take_out(ps, i, p, true);
	}
	return 0;
}

/* --- reclaim ---------------------------------------------------------------------------------- */

/* Drop clean pages with no other reference, from the hand on. */
static u64 reclaim_from(struct pageset *ps, u64 want)
{
	u64 done = 0, i = ps->cache->hand, looked = 0, most = want * 4 + RUN_MAX;

	while (done < want && looked++ < most) {
		struct page *p;

		i = pageset_next_locked(ps, i);
		if (i == UINT64_MAX) {
			i = 0;
			break;
		}
		p = pageset_find_locked(ps, i);
		if (!p->flags && page_refs(p) == 1) {
			take_out(ps, i, p, false);	/* the heap may be what is short of memory */
			done++;
		}
		i++;
	}
	ps->cache->hand = i;
	return done;
}

u64 cache_reclaim_from(struct pageset *ps, u64 want)
{
	guard(&ps->lock);
	return reclaim_from(ps, want);
}

static bool take_lock(spinlock_t *l, bool wait)
{
	if (!wait)
		return spin_try(l);
	spin_lock(l);
	return true;
}

/* From all caches in turn, each once; @wait: no lock is held, so all can be waited for. */
static u64 reclaim(u64 want, bool wait)
{
	u64 done = 0;
	struct cache *c, *first = NULL;

	if (!take_lock(&caches.lock, wait))
		return 0;
	while (done < want && (c = TAILQ_FIRST(&caches.all)) && c != first) {
		if (!first)
			first = c;
		TAILQ_REMOVE(&caches.all, c, link);
		TAILQ_INSERT_TAIL(&caches.all, c, link);
		if (!c->ps->count || !take_lock(&c->ps->lock, wait))
			continue;
		done += reclaim_from(c->ps, want - done);
		spin_unlock(&c->ps->lock);
	}
	spin_unlock(&caches.lock);
	return done;
}

u64 cache_reclaim(u64 want) { return reclaim(want, false); }
