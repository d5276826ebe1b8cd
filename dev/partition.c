// SPDX-License-Identifier: MIT
/* partition.c: finds the partitions of a device (lib/partition.h) and makes devices of them. */
#include "dev/partition.h"
#include <string.h>
#include "core/log.h"
#include "lib/partition.h"
#include "lib/print.h"
#include "mem/errand.h"
#include "mem/heap.h"

enum { MINORS = 16, MORE_MAJOR = 259 };		/* beyond a disk's own minors */

static u32 more_minors;
static struct waitq all_done = WAITQ_INIT(all_done);
static _Atomic u32 scanning;

static void piece_gone(struct blk *b) { heap_free(b); }

static const struct blk_ops piece_ops = { .gone = piece_gone };

static void add(struct blk *whole, const struct partition *p)
{
	struct blk *b = heap_zero(sizeof(*b));
	size_t n = strlen(whole->name);
	bool digit = n && whole->name[n - 1] >= '0' && whole->name[n - 1] <= '9';

	if (!b)
		return;
	snprint(b->name, sizeof(b->name), digit ? "%sp%u" : "%s%u", whole->name, p->number);
	b->rdev = p->number < MINORS ? whole->rdev + p->number : MORE_MAJOR << 8 | more_minors++;
	b->sector_shift = whole->sector_shift;
	b->read_only = whole->read_only;
	b->can_flush = whole->can_flush;
	b->can_discard = whole->can_discard;
	b->can_zero = whole->can_zero;
	b->max_segs = whole->max_segs;
	b->size = p->len << whole->sector_shift;
	b->start = p->start << whole->sector_shift;
	b->whole = blk_get(whole);
	b->ops = &piece_ops;
	if (blk_add(b)) {
		log_warn("%s: there is such a device already", b->name);
		blk_put(whole);
		heap_free(b);
	}
}

static async long find(struct co *co, struct blk *b, struct partitions *p)
{
	struct { u8 *data; } *f = co_frame(co);
	long r;

	co_begin(f);
	partitions_begin(p, b->size >> b->sector_shift, 1u << b->sector_shift);
	while (p->want_len) {
		f->data = heap_alloc(p->want_len << b->sector_shift);
		if (!f->data)
			return -ENOMEM;
		await(r = blk_io(co, b, BLK_READ, p->want << b->sector_shift, f->data,
				 p->want_len << b->sector_shift));
		if (!r)
			partitions_feed(p, f->data);
		heap_free(f->data);
		if (r)
			return r;
	}
	return 0;
	co_end();
}

async long partitions_scan(struct co *co, struct blk *b)
{
	struct { struct partitions *p; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->p = heap_alloc(sizeof(*f->p));
	if (!f->p)
		return -ENOMEM;
	await(r = find(co, b, f->p));
	for (u32 i = 0; !r && i < f->p->count; i++)
		add(b, &f->p->part[i]);
	heap_free(f->p);
	return r;
	co_end();
}

/* --- at boot ---------------------------------------------------------------------------------- */

static async long scan_main(struct co *co, void *b) { return partitions_scan(co, b); }

static void scan_done(void *b)
{
	blk_put(b);
	if (atomic_fetch_sub(&scanning, 1) == 1)
		wake_all(&all_done);
}

void partitions_start(void)
{
	for (struct blk *b = blk_next(NULL); b; b = blk_next(b)) {
		if (b->whole || !b->size)
			continue;
		atomic_fetch_add(&scanning, 1);
		if (errand_send("find partitions", scan_main, scan_done, blk_get(b)))
			scan_done(b);
	}
}

async long partitions_wait(void)
{
	guard(&all_done.lock);
	return atomic_load(&scanning) ? wait_locked(&all_done, 0) : 0;
}
