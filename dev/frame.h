/* SPDX-License-Identifier: MIT */
/*
 * frame.h: frames of the weir.io port (docs/protocol.md), and the ring of bytes on their way to the
 * host.  Pure.  Neither trusts the lengths it reads.
 */
#pragma once
#include "lib/base.h"

enum { FRAME_MAX = 65536, FRAME_HEAD = 12 };

struct frame_head { u32 job; u16 stream, zero; u32 len; };	/* little-endian */
_Static_assert(sizeof(struct frame_head) == FRAME_HEAD, "layout of a frame header");

/* Reads a stream of frames in pieces of any size. */
struct frame_parser {
	struct frame_head head;
	u32	have;			/* bytes of the header that are there */
	u32	left;			/* bytes of the body that are to come */
	bool	broken;			/* not our protocol: the rest is ignored */
};

/* Takes @n bytes of a body; result: how many it accepts.  @n 0: an empty frame; true (1) to
 * accept. */
typedef size_t frame_sink(const struct frame_head *h, const u8 *data, size_t n);

/* Feed @n bytes: how many were used up, less than @n when @sink is full. */
size_t frame_feed(struct frame_parser *p, const u8 *data, size_t n, frame_sink *sink);

/* Bytes on their way out: [tail, head), of which the first @sending are with the device.  Positions
 * only grow; the size is a power of two. */
struct outring {
	u8	*buf;
	u32	size, sending;
	u64	head, tail;
};
static inline u32 outring_room(const struct outring *r)
{
	return r->size - (u32)(r->head - r->tail);
}
static inline u32 outring_unsent(const struct outring *r)
{
	return (u32)(r->head - r->tail) - r->sending;
}
/* The contiguous piece at position @at, at most @n bytes. */
u8 *outring_piece(const struct outring *r, u64 at, size_t *n);
void outring_copy(struct outring *r, u64 at, const void *src, size_t n);	/* head stays */
