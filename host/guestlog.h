/* SPDX-License-Identifier: MIT */
/* The kernel's log: shown as it comes with --log, its end kept for a diagnosis. */
#ifndef HOST_GUESTLOG_H
#define HOST_GUESTLOG_H

#include <stdbool.h>

#include "buf.h"

struct guestlog {
	int fd; /* non-blocking; -1 when closed */
	bool echo, in_firmware, past_firmware;
	struct buf line, tail;
};

void guestlog_fill(struct guestlog *log);  /* read what is there */
void guestlog_key(struct guestlog *log, char key); /* as typed on the serial port */
void guestlog_print(struct guestlog *log); /* the tail, to standard error */

#endif
