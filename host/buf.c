// SPDX-License-Identifier: MIT
/*
 * buf.c: a growing queue of bytes.  head <= tail <= size always; the content moves to the front
 * of the memory only when room is needed, so taking is free.
 */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

char *buf_room(struct buf *b, size_t len)
{
	if (b->head && b->size - b->tail < len) {
		memmove(b->base, b->base + b->head, b->tail - b->head);
		b->tail -= b->head;
		b->head = 0;
	}
	if (b->size - b->tail < len) {
		b->size = 2 * (b->tail + len);
		b->base = must_grow(b->base, b->size);
	}
	return b->base + b->tail;
}

void buf_added(struct buf *b, size_t len)
{
	b->tail += len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(buf_room(b, len), data, len);
	b->tail += len;
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_take(struct buf *b, size_t len)
{
	b->head += len;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void buf_free(struct buf *b)
{
	free(b->base);
	*b = (struct buf){ 0 };
}

char *buf_string(struct buf *b)
{
	char *text;

	buf_char(b, 0);
	text = must_copy(buf_data(b));
	b->head = b->tail = 0;
	return text;
}
