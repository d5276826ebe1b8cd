/* SPDX-License-Identifier: MIT */
/* A growing queue of bytes: append at the end, take from the front. */
#ifndef HOST_BUF_H
#define HOST_BUF_H

#include <stddef.h>

struct buf {
	char *base;
	size_t head, tail, size; /* content is base[head..tail) */
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_char(struct buf *b, char c);
char *buf_room(struct buf *b, size_t len); /* room for len bytes; then buf_added() */
void buf_added(struct buf *b, size_t len);
void buf_take(struct buf *b, size_t len);
void buf_free(struct buf *b);
char *buf_string(struct buf *b); /* content as a string of its own; the buffer is empty then */

static inline size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

static inline char *buf_data(const struct buf *b)
{
	return b->base + b->head;
}

#endif
