/* SPDX-License-Identifier: MIT */
/* What the guest reports, one JSON object a line. */
#ifndef HOST_EVENT_H
#define HOST_EVENT_H

#include "job.h"

/* The guest's account of its boot. */
struct boot {
	uint64_t harts, memory_bytes, free_bytes, boot_ns, boot_instructions;
	uint64_t homeless; /* files for which it has no memory */
};

/* Some tracepoints of one hart, as text. */
struct timeline {
	uint64_t hart, lost;
	char *records;
};

struct event {
	enum { EVENT_OTHER, EVENT_READY, EVENT_START, EVENT_END, EVENT_PANIC, EVENT_DONE, EVENT_TIMELINE } kind;
	uint64_t job;	      /* start, end; UINT64_MAX if it is missing */
	struct boot boot;     /* ready */
	struct result result; /* end */
	char *message;	      /* panic */
	struct timeline timeline;
};

/* 0, or -EINVAL if the line is not such an object.  Everything in *event is checked and bounded. */
int event_parse(const char *line, struct event *event);
void event_free(struct event *event);

#endif
