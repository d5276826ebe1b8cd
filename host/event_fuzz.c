// SPDX-License-Identifier: MIT
/* event_fuzz.c: any bytes from the guest: as frames, and as lines with events in them. */
#include <assert.h>
#include <stdlib.h>

#include "event.h"
#include "explain.h"
#include "link.h"
#include "outcome.h"

static void frames(struct link *l)
{
	struct frame frame;
	unsigned sum = 0;

	while (link_frame(l, &frame) == 1) {
		assert(frame.len <= FRAME_MAX && frame.stream >= 1 && frame.stream <= 3);
		for (uint32_t i = 0; i < frame.len; i++)
			sum += (unsigned char)frame.data[i];
	}
	assert(sum <= 255u * FRAME_MAX);
}

/* What is said of a result is made of what the guest wrote. */
static void say_result(struct event *event)
{
	struct job job = { .name = "job", .result = event->result };

	free(outcome_words(&job.result));
	free(explain(&job));
	assert(outcome_status(&job.result) >= 0 && outcome_status(&job.result) <= 255);
}

static void lines(struct link *l)
{
	struct event event;
	char *line;

	while (link_line(l, &line) == 1) {
		if (!event_parse(line, &event) && event.kind == EVENT_END)
			say_result(&event);
		event_free(&event);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link l = { .fd = -1 };

	if (!size)
		return 0;
	buf_add(&l.in, data + 1, size - 1);
	if (*data & 1)
		frames(&l);
	else
		lines(&l);
	buf_free(&l.in);
	return 0;
}
