/* SPDX-License-Identifier: MIT */
/* Weir's own standard output and error: written without ever blocking the event loop. */
#ifndef HOST_SINK_H
#define HOST_SINK_H

#include <stdbool.h>

#include "buf.h"

struct sink {
	int fd;
	bool socket;
	bool closed; /* the reader is gone (EPIPE): everything is swallowed */
	int error;   /* another error than that: errno */
	struct buf out;
};

void sink_open(struct sink *s, int fd);
void sink_write(struct sink *s, const void *data, size_t len);
void sink_flush(struct sink *s);

static inline size_t sink_pending(const struct sink *s)
{
	return buf_len(&s->out);
}

#endif
