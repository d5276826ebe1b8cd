/* SPDX-License-Identifier: MIT */
/*
 * virtqueue.c: see virtqueue.h.  Memory order: descriptors before the available index, the used
 * index before its entries; "publish, then look whether to notify" needs a full fence on both
 * sides.
 */
#include <stdatomic.h>
#include <string.h>
#include "dev/virtqueue.h"

enum { USED_ALIGN = 4 };

static size_t used_offset(u16 num)
{
	size_t avail = sizeof(struct vring_avail) + (num + 1) * sizeof(u16);

	return align_up(num * sizeof(struct vring_desc) + avail, USED_ALIGN);
}

size_t virtq_bytes(u16 num)
{
	return used_offset(num) + sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) +
	       sizeof(u16);
}

void virtq_init(struct virtq *q, u16 num, void *shared, struct vslot *slots)
{
	memset(shared, 0, virtq_bytes(num));
	memset(q, 0, sizeof(*q));
	q->desc = shared;
	q->avail = (void *)(q->desc + num);
	q->used = (void *)((char *)shared + used_offset(num));
	q->slots = slots;
	q->num = q->free_count = num;
	for (u16 i = 0; i < num; i++)
		slots[i] = (struct vslot){ .next = i + 1 };
}

long virtq_add(struct virtq *q, const struct vseg *segs, u32 out, u32 in, void *token)
{
	u32 n = out + in, room = 0;
	u16 head = q->free, d = head, last = head;

	if (n > q->free_count || q->broken)
		return -ENOSPC;
	for (u32 i = 0; i < n; i++, d = q->slots[d].next) {
		u16 flags = i < out ? 0 : VRING_DESC_F_WRITE;

		q->desc[d] = (struct vring_desc){
			.addr = segs[i].addr, .len = segs[i].len, .next = q->slots[d].next,
			.flags = flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
		};
		room += i < out ? 0 : segs[i].len;
		last = d;
	}
	q->free = q->slots[last].next;
	q->free_count -= n;
	q->slots[head].token = token;
	q->slots[head].room = room;
	q->slots[head].count = n;
	q->avail->ring[q->avail_at++ & (q->num - 1)] = head;
	__atomic_store_n(&q->avail->idx, q->avail_at, __ATOMIC_RELEASE);
	return 0;
}

bool virtq_must_kick(struct virtq *q)
{
	atomic_thread_fence(memory_order_seq_cst);
	return !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

/* Put the chain of @head back into the free list. */
static void chain_free(struct virtq *q, u16 head)
{
	u16 d = head;

	for (u16 i = 1; i < q->slots[head].count; i++)
		d = q->slots[d].next;
	q->slots[d].next = q->free;
	q->free = head;
	q->free_count += q->slots[head].count;
	q->slots[head].token = NULL;
}

static bool used_waiting(struct virtq *q)
{
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->used_at;
}

void *virtq_take(struct virtq *q, u32 *written)
{
	const struct vring_used_elem *e = &q->used->ring[q->used_at & (q->num - 1)];
	void *token;
	u32 id;

	if (q->broken || !used_waiting(q))
		return NULL;
	id = __atomic_load_n(&e->id, __ATOMIC_RELAXED);		/* once: the device may change it */
	*written = __atomic_load_n(&e->len, __ATOMIC_RELAXED);
	if (id >= q->num || !q->slots[id].token || *written > q->slots[id].room) {
		q->broken = true;
		return NULL;
	}
	token = q->slots[id].token;
	q->used_at++;
	chain_free(q, id);
	return token;
}

bool virtq_irq_on(struct virtq *q)
{
	__atomic_store_n(&q->avail->flags, 0, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	return used_waiting(q);
}

void virtq_irq_off(struct virtq *q)
{
	__atomic_store_n(&q->avail->flags, VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}
