/* SPDX-License-Identifier: MIT */
/* The two ports as streams: frames, lines, and what waits to be sent. */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum { FRAME_MAX = 65536, LINE_LIMIT = 1 << 20 };

struct link {
	int fd; /* non-blocking; -1 when closed */
	struct buf in, out;
};

struct frame {
	uint32_t job;
	unsigned stream;
	uint32_t len;
	const char *data; /* valid until the link is read again */
};

/* Reads what is there: 1 if something came, 0 if nothing, -1 at the end (fd is closed then). */
int link_fill(struct link *l);
/* Writes what fits; a closed link swallows everything. */
void link_flush(struct link *l);

/* The next whole frame or line: 1, 0 if there is none yet, -EPROTO if it cannot be one. */
int link_frame(struct link *l, struct frame *frame);
int link_line(struct link *l, char **line);

void link_send_frame(struct link *l, uint32_t job, unsigned stream, const void *data, uint32_t len);
void link_send_line(struct link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
