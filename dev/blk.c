// SPDX-License-Identifier: MIT
/*
 * blk.c: block devices, see blk.h: the list, requests on their way, the cache of each device.
 * devices.lock guards the list.  A page run under way holds the device by its reference count.
 */
#include "dev/blk.h"
#include <string.h>
#include "core/event.h"
#include "core/log.h"
#include "core/rcu.h"
#include "core/time.h"
#include "mem/heap.h"

static struct { spinlock_t lock; TAILQ_HEAD(, blk) list; } devices = {
	.list = TAILQ_HEAD_INITIALIZER(devices.list),
};
void (*blk_added)(struct blk *b), (*blk_removed)(struct blk *b);
static struct slab request_slab = SLAB("block request", struct blk_request);

/* --- the list --------------------------------------------------------------------------------- */

static struct blk *find_locked(u32 rdev, const char *name)
{
	struct blk *b;

	TAILQ_FOREACH(b, &devices.list, link)
		if (name ? !strcmp(b->name, name) : b->rdev == rdev)
			return b;
	return NULL;
}

static struct blk *find(u32 rdev, const char *name)
{
	struct blk *b;

	guard(&devices.lock);
	b = find_locked(rdev, name);
	return b ? blk_get(b) : NULL;
}

struct blk *blk_find(u32 rdev) { return find(rdev, NULL); }
struct blk *blk_find_name(const char *name) { return find(0, name); }

struct blk *blk_next(struct blk *after)
{
	struct blk *b;

	spin_lock(&devices.lock);
	b = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&devices.list);
	if (b)
		blk_get(b);
	spin_unlock(&devices.lock);
	blk_put(after);
	return b;
}

/* --- its cache -------------------------------------------------------------------------------------- */

static void pages_put(struct pageset *ps)
{
	blk_put(container_of(ps, struct blk, pages));
}

/* The last page may reach beyond the end: that part is zeros, and not written. */
static void pages_start(struct page_run *r)
{
	struct blk *b = container_of(r->ps, struct blk, pages);
	u64 at = r->index << PAGE_SHIFT, len = (u64)r->count << PAGE_SHIFT;
	u64 there = min(len, b->size - min(at, b->size));
	long err;

	r->valid = there;
	if (!there)
		return;
	run_hold(r);
	err = blk_run(b, r, 0, there, at);
	run_put(r, err);
}

static const struct pageset_ops pages_ops = { .start = pages_start };

async long blk_page_ahead(struct blk *b, u64 index, u32 ahead, struct page **out)
{
	*out = cache_try(&b->pages, index);
	if (likely(*out))
		return 0;
	return cache_get(&b->pages, index, ahead, out);
}

async long blk_bytes(struct blk *b, u64 at, struct page **out, void **bytes)
{
	long r = blk_page(b, at >> PAGE_SHIFT, out);

	if (!r)
		*bytes = (char *)page_virt(*out) + (at & (PAGE_SIZE - 1));
	return r;
}

void blk_page_dirty(struct blk *b, u64 index, struct page *p)
{
	cache_dirty(&b->pages, index, p);
}

async long blk_sync(struct co *co, struct blk *b)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = cache_sync(co, &b->pages, 0, UINT64_MAX));
	if (!r)
		await(r = blk_flush(co, b));
	return r;
	co_end();
}

/* --- coming and going ---------------------------------------------------------------------------------- */

long blk_add(struct blk *b)
{
	b->refs = 1;
	b->max_segs = min(b->max_segs ? b->max_segs : BLK_SEGS, (u32)BLK_SEGS);
	pageset_init(&b->pages, NULL);
	b->pages.owner_refs = &b->refs;
	b->pages.owner_put = pages_put;
	b->pages.size_pages = (b->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	cache_init(&b->pages, &b->cache, &pages_ops);
	spin_lock(&devices.lock);
	if (find_locked(b->rdev, NULL) || find_locked(0, b->name)) {
		spin_unlock(&devices.lock);
		cache_destroy(&b->pages);
		return -EEXIST;
	}
	TAILQ_INSERT_TAIL(&devices.list, b, link);
	spin_unlock(&devices.lock);
	if (blk_added)
		blk_added(b);
	return 0;
}

void blk_remove(struct blk *b)
{
	spin_lock(&devices.lock);
	TAILQ_REMOVE(&devices.list, b, link);
	spin_unlock(&devices.lock);
	if (blk_removed)
		blk_removed(b);
	blk_put(b);
}

void blk_put(struct blk *b)
{
	struct blk *whole;

	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	whole = b->whole;
	cache_destroy(&b->pages);
	if (b->ops->gone)
		b->ops->gone(b);
	blk_put(whole);
}

long blk_claim(struct blk *b)
{
	return atomic_exchange(&b->mounted, 1) ? -EBUSY : 0;
}

void blk_release(struct blk *b)
{
	atomic_store(&b->mounted, 0);
}

/* --- requests --------------------------------------------------------------------------------------------- */

static long check_request(const struct blk *b, const struct blk_request *r)
{
	u64 sector = (1ul << b->sector_shift) - 1;

	if (r->op == BLK_FLUSH)
		return 0;
	if (r->op != BLK_READ && b->read_only)
		return -EROFS;
	if ((r->at | r->len) & sector)
		return -EINVAL;
	if (r->at > b->size || r->len > b->size - r->at)
		return r->op == BLK_READ ? -EIO : -ENOSPC;
	if ((r->op == BLK_DISCARD && !b->can_discard) || (r->op == BLK_ZERO && !b->can_zero))
		return -EOPNOTSUPP;
	return 0;
}

void blk_submit(struct blk *b, struct blk_request *r)
{
	long err = check_request(b, r);

	r->blk = b;
	r->start = clock_now();
	atomic_fetch_add(&b->in_flight, 1);
	if (!err && r->op == BLK_FLUSH && !b->can_flush) {
		blk_end(r, 0);
	} else if (err) {
		blk_end(r, err);
	} else {
		for (; b->whole; b = b->whole)
			r->at += b->start;
		b->ops->submit(b, r);
	}
}

static void count(struct blk *b, const struct blk_request *r)
{
	struct blk_count *c = &b->count[min((u32)r->op, 3u)];

	guard(&b->lock);
	c->ios++;
	c->bytes += r->len;
	c->ns += clock_now() - r->start;
}

void blk_end(struct blk_request *r, long error)
{
	struct blk *b = r->blk;

	if (!error)
		for (struct blk *on = b; on; on = on->whole)
			count(on, r);
	if (error && error != -EOPNOTSUPP)
		log_warn("%s: %s at %lu, %lu bytes: error %ld", b->name,
			 r->op == BLK_READ ? "read" : "write", r->at, r->len, -error);
	atomic_fetch_sub(&b->in_flight, 1);
	r->done(r, error);
}

/* --- runs of pages ---------------------------------------------------------------------------------------- */

static void piece_done(struct blk_request *q, long error)
{
	struct page_run *r = q->arg;

	slab_free(&request_slab, q);
	run_put(r, error);
}

/* Add a piece of memory, as part of the last one if it follows it.  False: there is no room. */
static bool request_add(struct blk *b, struct blk_request *q, paddr_t at, u32 len)
{
	struct blk_seg *last = q->count ? &q->seg[q->count - 1] : NULL;

	q->len += len;
	if (last && last->at + last->len == at) {
		last->len += len;
		return true;
	}
	if (q->count == b->max_segs) {
		q->len -= len;
		return false;
	}
	q->seg[q->count++] = (struct blk_seg){ at, len };
	return true;
}

/* As much of [offset, offset + len) of a run as fits into one request: how much. */
static u64 request_fill(struct blk *b, struct blk_request *q, struct page_run *r, u64 offset, u64 len)
{
	u64 n, done = 0;

	for (; done < len; done += n) {
		u32 in = (offset + done) & (PAGE_SIZE - 1);

		n = min(len - done, (u64)PAGE_SIZE - in);
		if (!request_add(b, q, page_phys(r->page[(offset + done) >> PAGE_SHIFT]) + in, n))
			break;
	}
	return done;
}

long blk_run(struct blk *b, struct page_run *r, u64 offset, u64 len, u64 at)
{
	while (len) {
		struct blk_request *q = slab_alloc(&request_slab);
		u64 n;

		if (!q)
			return -ENOMEM;
		q->op = r->write ? BLK_WRITE : BLK_READ;
		q->at = at;
		q->len = q->count = 0;
		q->done = piece_done;
		q->arg = r;
		n = request_fill(b, q, r, offset, len);
		run_hold(r);
		blk_submit(b, q);
		offset += n;
		at += n;
		len -= n;
	}
	return 0;
}

/* --- single transfers ------------------------------------------------------------------------------------- */

/* In the heap: the task may not be killed out of the wait, but it may be polled early. */
struct single { struct blk_request r; struct oneshot done; struct rcu_head rcu; };

static void single_free(struct rcu_head *h)
{
	heap_free(container_of(h, struct single, rcu));
}

static void single_done(struct blk_request *r, long error)
{
	struct single *s = container_of(r, struct single, r);

	oneshot_set(&s->done, error);
}

static struct single *single_begin(struct blk *b, enum blk_op op, u64 at, void *buf, u64 len)
{
	struct single *s = heap_zero(sizeof(*s));

	if (!s)
		return NULL;
	oneshot_init(&s->done);
	s->r.op = op;
	s->r.at = at;
	s->r.len = len;
	s->r.done = single_done;
	if (buf) {
		s->r.count = 1;
		s->r.seg[0] = (struct blk_seg){ virt_to_phys(buf), len };
	}
	blk_submit(b, &s->r);
	return s;
}

async long blk_io(struct co *co, struct blk *b, enum blk_op op, u64 at, void *buf, u64 len)
{
	struct { struct single *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->s = single_begin(b, op, at, buf, len);
	if (!f->s)
		return -ENOMEM;
	await(r = oneshot_wait(&f->s->done, 0));
	rcu_free(&f->s->rcu, single_free);
	return r;
	co_end();
}

async long blk_flush(struct co *co, struct blk *b)
{
	return blk_io(co, b, BLK_FLUSH, 0, NULL, 0);
}
