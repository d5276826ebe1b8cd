/* SPDX-License-Identifier: MIT */
/*
 * timeline.c: sends what the tracepoints wrote (core/timeline.h) to the host, if the command line has the
 * word "timeline".  A daemon empties the rings a hundred times a second; the batch runner does so at last.
 * out.lock is held over a whole flush: there is one line.
 */
#include <string.h>
#include "core/time.h"
#include "core/timeline.h"
#include "dev/board.h"
#include "dev/console.h"
#include "dev/driver.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "proc/calls.h"
#include "proc/private.h"
#include "proc/timeline.h"

enum { RING_BYTES = 1 << 20, LINE_BYTES = 48 << 10, RECORD_MAX = 96, EVERY = 10 * NSEC_PER_MSEC };

static struct {
	struct mutex	lock;
	struct text	line;
	struct { struct task task; u64 frames[32]; } daemon;
} out;

/* A line of JSON with events of hart @i before @until; false: there are none. */
static bool format(u32 i, u64 until)
{
	struct timeline_event e;
	struct text *t = &out.line;
	u32 n = 0;

	t->len = 0;
	text_add(t, "{\"event\":\"timeline\",\"hart\":%u,\"lost\":%lu,\"records\":\"", i,
		 atomic_load(&timelines[i]->lost));
	for (; t->len < LINE_BYTES - RECORD_MAX && timeline_take(timelines[i], until, &e, 1); n++) {
		text_add(t, "%s%x,%lx,%x,", n ? ";" : "", e.kind, e.time, e.c);
		if (e.kind == TL_CALL)
			text_add(t, "%s,%lx", syscall_name(min(e.a, (u64)SYSCALLS)), e.b);
		else
			text_add(t, "%lx,%lx", e.a, e.b);
	}
	text_add(t, "\"}");
	return n;
}

/* What was written until now goes to the host. */
async long timeline_flush(struct co *co)
{
	struct { u32 i; u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!timelines[0])
		return 0;
	await(r = mutex_lock(&out.lock));
	for (f->i = 0; f->i < CPU_MAX; f->i++) {
		if (!timelines[f->i])
			continue;
		f->until = atomic_load(&timelines[f->i]->head);
		while (format(f->i, f->until))
			await(r = report_line(out.line.buf, out.line.len));
	}
	mutex_unlock(&out.lock);
	return 0;
	co_end();
}

static long daemon_main(struct co *co, struct task *t)
{
	struct { u64 at; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		f->at = clock_now() + EVERY;
		await(r = wait_until(f->at));
		await(r = timeline_flush(co));
	}
	co_end();
}

void timeline_name(const struct thread *t)
{
	u64 name[2];

	memcpy(name, t->proc->comm, sizeof(name));
	timeline(TL_NAME, t->tid, name[0], name[1]);
}

bool timeline_wanted(void)
{
	char word[8];

	return board_arg("timeline", word, sizeof(word));
}

/* Memory that is missing makes a hart without events. */
void timeline_start(void)
{
	char *line;

	if (!timeline_wanted() || !(line = heap_alloc(LINE_BYTES)))
		return;
	text_init(&out.line, line, LINE_BYTES);
	mutex_init(&out.lock);
	for (u32 i = 0; i < min(board.hart_count, (u32)CPU_MAX); i++)
		if ((timelines[i] = heap_alloc(RING_BYTES)))
			timeline_init(timelines[i], RING_BYTES);
	timeline_attach(this_cpu());
	task_init(&out.daemon.task, "timeline", sizeof(out.daemon.frames), daemon_main, NULL);
	task_keep(&out.daemon.task);
	task_wake(&out.daemon.task);
}
