// SPDX-License-Identifier: MIT
/*
 * link.c: framing on the ports (docs/protocol.md).  The peer is hostile: lengths are checked
 * before anything is kept, so the input buffer never holds more than one frame or line and what
 * one read brought.
 */
#include "link.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

enum { FRAME_HEADER = 12, READ_SIZE = 1 << 16 };

static void link_close(struct link *l)
{
	close(l->fd);
	l->fd = -1;
	buf_free(&l->out);
}

int link_fill(struct link *l)
{
	ssize_t n;

	if (l->fd < 0)
		return -1;
	n = read(l->fd, buf_room(&l->in, READ_SIZE), READ_SIZE);
	if (n > 0) {
		buf_added(&l->in, n);
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	link_close(l);
	return -1;
}

void link_flush(struct link *l)
{
	while (l->fd >= 0 && buf_len(&l->out)) {
		ssize_t n = write(l->fd, buf_data(&l->out), buf_len(&l->out));

		if (n < 0 && errno != EINTR) {
			if (errno != EAGAIN)
				buf_free(&l->out); /* the other end is gone; reading will tell */
			return;
		}
		if (n > 0)
			buf_take(&l->out, n);
	}
}

int link_frame(struct link *l, struct frame *frame)
{
	struct {
		uint32_t job;
		uint16_t stream, zero;
		uint32_t len;
	} head;

	if (buf_len(&l->in) < FRAME_HEADER)
		return 0;
	memcpy(&head, buf_data(&l->in), FRAME_HEADER);
	frame->job = le32toh(head.job);
	frame->stream = le16toh(head.stream);
	frame->len = le32toh(head.len);
	if (head.zero || frame->len > FRAME_MAX || frame->stream < 1 || frame->stream > 3)
		return -EPROTO;
	if (buf_len(&l->in) < FRAME_HEADER + frame->len)
		return 0;
	frame->data = buf_data(&l->in) + FRAME_HEADER;
	buf_take(&l->in, FRAME_HEADER + frame->len);
	return 1;
}

int link_line(struct link *l, char **line)
{
	size_t len = buf_len(&l->in);
	char *end = len ? memchr(buf_data(&l->in), '\n', len) : NULL;

	if (!end)
		return len > LINE_LIMIT ? -EPROTO : 0;
	*end = 0;
	*line = buf_data(&l->in);
	buf_take(&l->in, end + 1 - *line);
	return 1;
}

void link_send_frame(struct link *l, uint32_t job, unsigned stream, const void *data, uint32_t len)
{
	struct {
		uint32_t job;
		uint16_t stream, zero;
		uint32_t len;
	} head = { htole32(job), htole16(stream), 0, htole32(len) };

	if (l->fd < 0)
		return;
	buf_add(&l->out, &head, FRAME_HEADER);
	buf_add(&l->out, data, len);
}

void link_send_line(struct link *l, const char *format, ...)
{
	va_list args;
	char line[128];
	int len;

	if (l->fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	buf_add(&l->out, line, len);
}
