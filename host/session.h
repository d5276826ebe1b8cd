/* SPDX-License-Identifier: MIT */
/* One boot of the guest, from the first event to the last. */
#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include "event.h"
#include "guestlog.h"
#include "link.h"
#include "options.h"
#include "qemu.h"

enum verdict {
	VERDICT_NONE,
	VERDICT_DONE,	     /* all jobs have their result */
	VERDICT_PANIC,	     /* the guest kernel's */
	VERDICT_QEMU,	     /* QEMU failed, or ended too early */
	VERDICT_SILENT,	     /* the guest says nothing, or not what a kernel of ours says */
	VERDICT_INTERRUPTED, /* by a signal: s->interrupted */
	VERDICT_OUTPUT,	     /* weir's own output could not be written */
	VERDICT_FILES,	     /* the guest's memory is too small for its files */
};

struct session {
	const struct options *opt;
	struct jobs *jobs;
	struct qemu qemu;
	struct link ctl, io;
	struct guestlog log;
	struct buf said; /* QEMU's own messages */
	struct boot boot;
	bool tty;
	/* hooks for progress and logs, may be NULL */
	void (*on_start)(struct session *s, struct job *job);
	void (*on_end)(struct session *s, struct job *job);
	/* progress */
	size_t first_open, first_unseen; /* all jobs below are done; none from here on has begun */
	size_t running, done, failed;
	bool ready, finished, warned;
	enum verdict verdict;
	char *message; /* of the verdict, one line, or NULL */
	int interrupted;
	/* deadlines on the monotonic clock, 0: none */
	uint64_t last_event, quit_by, exit_by;
	int signals;	  /* signalfd */
	int terminations; /* SIGINT and SIGTERM so far */
	bool input_open;
	int escapes;	     /* Ctrl-] in a row */
	bool host_fail_fast; /* the guest cannot do it: it does not know `any` */
};

void session_signals(struct session *s); /* from here on signals wait for the loop */
void session_run(struct session *s);	 /* s->qemu has been started */

uint64_t clock_now(void);

#endif
