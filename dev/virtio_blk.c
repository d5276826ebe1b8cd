// SPDX-License-Identifier: MIT
/*
 * virtio_blk.c: disks (virtio 1.x, section 5.2).  A request is a chain: a header, the frames of the data
 * straight from where they are, a status byte.  As many are in flight as the queue has room for; the
 * others wait in `held', in order.  The interrupt wakes the disk's task, which ends what is done, in
 * whatever order that comes.
 *
 * d->lock guards the queue, the slots and `held'.  Requests end without it.  A disk that breaks the
 * rules is given up: all its requests end with -EIO.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include "core/log.h"
#include "dev/blk.h"
#include "dev/virtio.h"
#include "lib/print.h"
#include "mem/heap.h"

enum { QUEUE = 256, IN_FLIGHT = 128, DAEMON_FRAMES = 64, DISKS_MAX = 26, MINORS = 16 };
enum { MAJOR = 254 };

struct vrequest {				/* what the device sees besides the data */
	struct virtio_blk_outhdr	header;
	struct virtio_blk_discard_write_zeroes range;
	u8				status;
	struct blk_request		*r;
	struct vrequest			*next;	/* free */
};

struct vdisk {
	struct virtio		*v;
	struct blk		b;
	spinlock_t		lock;
	struct virtq		q;
	bool			broken;
	struct vrequest		*free, *slots;
	struct blk_requests	held;
	u32			discard_max, zero_max;	/* sectors */
	union { struct task task; u8 room[sizeof(struct task) + DAEMON_FRAMES]; } daemon;
};

static u32 disks;

/* --- to the device ---------------------------------------------------------------------------- */

static u32 type_of(enum blk_op op)
{
	static const u32 types[] = {
		[BLK_READ] = VIRTIO_BLK_T_IN, [BLK_WRITE] = VIRTIO_BLK_T_OUT,
		[BLK_FLUSH] = VIRTIO_BLK_T_FLUSH, [BLK_DISCARD] = VIRTIO_BLK_T_DISCARD,
		[BLK_ZERO] = VIRTIO_BLK_T_WRITE_ZEROES,
	};

	return types[op];
}

static struct vseg seg_of(void *at, u32 len) { return (struct vseg){ virt_to_phys(at), len }; }

/* The chain of a request: how many pieces. */
static u32 chain(struct vrequest *x, struct vseg *segs)
{
	struct blk_request *r = x->r;
	u32 n = 0;

	segs[n++] = seg_of(&x->header, sizeof(x->header));
	for (u32 i = 0; i < r->count; i++)
		segs[n++] = (struct vseg){ r->seg[i].at, r->seg[i].len };
	if (r->op == BLK_DISCARD || r->op == BLK_ZERO)
		segs[n++] = seg_of(&x->range, sizeof(x->range));
	segs[n++] = seg_of(&x->status, 1);
	return n;
}

/* Offer one request: false, there is no room now.  d->lock held. */
static bool offer(struct vdisk *d, struct blk_request *r)
{
	struct vrequest *x = d->free;
	struct vseg segs[BLK_SEGS + 2];
	u32 n, out;

	if (!x)
		return false;
	x->r = r;
	x->header = (struct virtio_blk_outhdr){ .type = type_of(r->op),
		.sector = r->op == BLK_READ || r->op == BLK_WRITE ? r->at >> 9 : 0 };
	x->range = (struct virtio_blk_discard_write_zeroes){ .sector = r->at >> 9,
		.num_sectors = r->len >> 9 };
	x->status = 0xff;
	n = chain(x, segs);
	out = r->op == BLK_READ ? 1 : n - 1;
	if (virtq_add(&d->q, segs, out, n - out, x))
		return false;
	d->free = x->next;
	return true;
}

static void kick(struct vdisk *d)
{
	if (virtq_must_kick(&d->q))
		virtio_kick(d->v, 0);
}

static void vdisk_submit(struct blk *b, struct blk_request *r)
{
	struct vdisk *d = b->data;
	u32 most = r->op == BLK_DISCARD ? d->discard_max : r->op == BLK_ZERO ? d->zero_max : UINT32_MAX;

	if (d->broken || r->len >> 9 > most) {
		blk_end(r, d->broken ? -EIO : -EOPNOTSUPP);
		return;
	}
	guard(&d->lock);
	if (TAILQ_EMPTY(&d->held) && offer(d, r))
		kick(d);
	else
		TAILQ_INSERT_TAIL(&d->held, r, link);
}

/* --- and back: the disk's task ---------------------------------------------------------------------- */

static long result_of(const struct vrequest *x, u32 written)
{
	u8 status = __atomic_load_n(&x->status, __ATOMIC_RELAXED);

	if (status == VIRTIO_BLK_S_UNSUPP)
		return -EOPNOTSUPP;
	if (status != VIRTIO_BLK_S_OK)
		return -EIO;
	return x->r->op == BLK_READ && written != x->r->len + 1 ? -EIO : 0;
}

/* The next request the device is done with, or NULL; its slot is free again. */
static struct blk_request *take(struct vdisk *d, long *err)
{
	struct blk_request *r;
	struct vrequest *x;
	u32 written;

	guard(&d->lock);
	x = virtq_take(&d->q, &written);
	if (!x)
		return NULL;
	*err = result_of(x, written);
	r = x->r;
	x->r = NULL;
	x->next = d->free;
	d->free = x;
	return r;
}

static void send_held(struct vdisk *d)
{
	struct blk_request *r;
	bool sent = false;

	guard(&d->lock);
	while ((r = TAILQ_FIRST(&d->held)) && offer(d, r)) {
		TAILQ_REMOVE(&d->held, r, link);
		sent = true;
	}
	if (sent)
		kick(d);
}

/* Some request that the broken device still has, or that it never got. */
static struct blk_request *give_up_one(struct vdisk *d)
{
	struct blk_request *r;

	guard(&d->lock);
	r = TAILQ_FIRST(&d->held);
	if (r)
		TAILQ_REMOVE(&d->held, r, link);
	for (u32 i = 0; !r && i < IN_FLIGHT; i++) {
		r = d->slots[i].r;
		d->slots[i].r = NULL;
	}
	return r;
}

static void give_up(struct vdisk *d)
{
	struct blk_request *r;

	d->broken = true;
	log_error("%s: the device breaks the rules: given up", d->b.name);
	virtio_fail(d->v);
	while ((r = give_up_one(d)))
		blk_end(r, -EIO);
}

static long vdisk_main(struct co *co, struct task *t)
{
	struct vdisk *d = container_of(t, struct vdisk, daemon.task);
	struct blk_request *r;
	long err;

	virtq_irq_off(&d->q);
	do {
		while ((r = take(d, &err)))
			blk_end(r, err);
		send_held(d);
	} while (virtq_irq_on(&d->q) && !d->q.broken);
	if (d->q.broken && !d->broken)
		give_up(d);
	return PENDING;
}

/* --- start ------------------------------------------------------------------------------------ */

static bool has(const struct virtio *v, u32 feature) { return v->features >> feature & 1; }

static u32 config32(struct virtio *v, u32 offset) { return virtio_config(v, offset); }

static long read_facts(struct vdisk *d)
{
	struct virtio *v = d->v;
	u64 sectors = config32(v, 0) | (u64)config32(v, 4) << 32;
	u32 size = has(v, VIRTIO_BLK_F_BLK_SIZE) ? config32(v, offsetof(struct virtio_blk_config, blk_size)) : 512;

	if (size < 512 || size > PAGE_SIZE || size & (size - 1) || sectors >> 54)
		return -EINVAL;
	d->b.sector_shift = __builtin_ctz(size);
	d->b.size = align_down(sectors << 9, size);
	d->b.read_only = has(v, VIRTIO_BLK_F_RO);
	d->b.can_flush = has(v, VIRTIO_BLK_F_FLUSH);
	d->b.can_discard = has(v, VIRTIO_BLK_F_DISCARD);
	d->b.can_zero = has(v, VIRTIO_BLK_F_WRITE_ZEROES);
	d->b.max_segs = has(v, VIRTIO_BLK_F_SEG_MAX)
				? max(config32(v, offsetof(struct virtio_blk_config, seg_max)), 1u) : 1;
	if (d->b.can_discard)
		d->discard_max = config32(v, offsetof(struct virtio_blk_config, max_discard_sectors));
	if (d->b.can_zero)
		d->zero_max = config32(v, offsetof(struct virtio_blk_config, max_write_zeroes_sectors));
	return 0;
}

static const struct blk_ops vdisk_ops = { .submit = vdisk_submit };

static long set_up(struct vdisk *d)
{
	long err = read_facts(d);

	if (err)
		return err;
	d->slots = heap_zero(IN_FLIGHT * sizeof(*d->slots));
	if (!d->slots)
		return -ENOMEM;
	for (u32 i = 0; i < IN_FLIGHT; i++) {
		d->slots[i].next = d->free;
		d->free = &d->slots[i];
	}
	TAILQ_INIT(&d->held);
	err = virtio_queue(d->v, &d->q, 0, QUEUE);
	if (!err && d->q.num < BLK_SEGS + 2)
		d->b.max_segs = min(d->b.max_segs, d->q.num > 2 ? d->q.num - 2u : 1u);
	return err;
}

static long vdisk_probe(struct virtio *v)
{
	struct vdisk *d = disks < DISKS_MAX ? heap_zero(sizeof(*d)) : NULL;
	long err;

	if (!d)
		return -ENOMEM;
	d->v = v;
	err = set_up(d);
	if (err) {
		virtio_fail(v);
		heap_free(d->slots);
		heap_free(d);
		return err;
	}
	snprint(d->b.name, sizeof(d->b.name), "vd%c", 'a' + disks);
	d->b.rdev = MAJOR << 8 | disks * MINORS;
	d->b.ops = &vdisk_ops;
	d->b.data = d;
	task_init(&d->daemon.task, d->b.name, DAEMON_FRAMES, vdisk_main, NULL);
	task_keep(&d->daemon.task);
	atomic_store(&v->task, &d->daemon.task);
	virtio_go(v);
	disks++;
	return blk_add(&d->b);
}

const struct virtio_driver virtio_blk = {
	.name = "virtio_blk",
	.number = VIRTIO_ID_BLOCK,
	.features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_RO | 1ull << VIRTIO_BLK_F_BLK_SIZE |
		    1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_DISCARD |
		    1ull << VIRTIO_BLK_F_WRITE_ZEROES,
	.probe = vdisk_probe,
};
