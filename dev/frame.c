/* SPDX-License-Identifier: MIT */
/* frame.c: see frame.h. */
#include <string.h>
#include "dev/frame.h"

static bool frame_valid(const struct frame_head *h)
{
	return h->len <= FRAME_MAX && !h->zero;
}

/* Collect the header: bytes used. */
static size_t feed_head(struct frame_parser *p, const u8 *data, size_t n)
{
	size_t take = min(n, (size_t)(FRAME_HEAD - p->have));

	memcpy((u8 *)&p->head + p->have, data, take);
	p->have += take;
	if (p->have == FRAME_HEAD) {
		p->left = p->head.len;
		p->broken = !frame_valid(&p->head);
	}
	return take;
}

/* Hand on what is there of the body; false: the sink is full. */
static bool feed_body(struct frame_parser *p, const u8 **data, const u8 *end, frame_sink *sink)
{
	size_t want = min((size_t)(end - *data), (size_t)p->left);
	size_t took = sink(&p->head, *data, want);

	if (!p->left && !took)
		return false;			/* an empty frame that is not taken yet */
	took = min(took, want);
	*data += took;
	p->left -= took;
	if (!p->left)
		p->have = 0;
	return took == want;
}

size_t frame_feed(struct frame_parser *p, const u8 *data, size_t n, frame_sink *sink)
{
	const u8 *at = data, *end = data + n;

	for (;;) {
		if (p->broken)
			return n;
		if (p->have < FRAME_HEAD) {
			if (at == end)
				return n;
			at += feed_head(p, at, end - at);
		} else {
			if (p->left && at == end)
				return n;
			if (!feed_body(p, &at, end, sink))
				return at - data;
		}
	}
}

u8 *outring_piece(const struct outring *r, u64 at, size_t *n)
{
	u32 i = at & (r->size - 1);

	*n = min(*n, (size_t)(r->size - i));
	return r->buf + i;
}

void outring_copy(struct outring *r, u64 at, const void *src, size_t n)
{
	size_t first = n;
	u8 *to = outring_piece(r, at, &first);

	memcpy(to, src, first);
	memcpy(r->buf, (const u8 *)src + first, n - first);
}
