/* SPDX-License-Identifier: MIT */
/* The guest's tracepoints as a file that Perfetto and chrome://tracing open. */
#ifndef HOST_TIMELINE_H
#define HOST_TIMELINE_H

#include "event.h"

void timeline_open(const char *path, const struct jobs *jobs); /* dies if it cannot */
void timeline_add(const struct timeline *t);
void timeline_close(void); /* says what went wrong meanwhile */

#endif
