// SPDX-License-Identifier: MIT
/*
 * session.c: the event loop of one boot.  Everything that happens is a descriptor that becomes
 * ready or a deadline that passes; nothing blocks, nothing polls.  A session is over when QEMU
 * is gone and all output has been delivered, or at once when the user insists.  The first
 * verdict stands.
 *
 * A job waits, runs, is ending (its end was reported, some of its output is still on the way)
 * and is done, in that order; whatever the guest claims, it never goes back.
 */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "outcome.h"
#include "output.h"
#include "say.h"
#include "term.h"
#include "timeline.h"

#define SECOND 1000000000ull

enum {
	STATUS_GUEST_PANIC = 99,
	INPUT_CHUNK = 1 << 15,
	INPUT_AHEAD = 1 << 17,
	SAID_MAX = 4096,
	ESCAPE = 0x1d, /* Ctrl-] */
};

static const uint64_t grace = 2 * SECOND; /* for the guest to do what is due */
static const uint64_t quit_grace = SECOND * 8 / 10;

uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static double wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void decide(struct session *s, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void decide(struct session *s, enum verdict verdict, const char *format, ...)
{
	va_list args;

	if (s->verdict != VERDICT_NONE)
		return;
	s->verdict = verdict;
	va_start(args, format);
	if (*format && vasprintf(&s->message, format, args) < 0)
		s->message = NULL;
	va_end(args);
}

/* Something is wrong with the guest itself: no need to ask it to stop. */
static void abandon(struct session *s)
{
	qemu_kill(&s->qemu);
}

static void interrupt_now(struct session *s, int signo)
{
	s->interrupted = signo;
	decide(s, VERDICT_INTERRUPTED, "%s", "");
	s->verdict = VERDICT_INTERRUPTED;
	abandon(s);
}

static void warn_once(struct session *s, const char *what)
{
	if (!s->warned)
		say("the guest reports nonsense (%s); ignored", what);
	s->warned = true;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void job_begin(struct session *s, struct job *job)
{
	size_t index = job - s->jobs->items;

	if (job->state != JOB_WAITING)
		return;
	job->state = JOB_RUNNING;
	job->started = wall_clock();
	job->started_mono = clock_now();
	s->running++;
	if (index >= s->first_unseen)
		s->first_unseen = index + 1;
	output_start(job);
	if (s->on_start)
		s->on_start(s, job);
	if (s->tty)
		term_raw();
}

static void job_finish(struct session *s, struct job *job)
{
	bool begun = job->state != JOB_WAITING;

	job->state = JOB_DONE;
	s->running -= begun;
	s->done++;
	while (s->first_open < s->jobs->count && s->jobs->items[s->first_open].state == JOB_DONE)
		s->first_open++;
	if (begun)
		output_end(job);
	if (!job_passed(job))
		s->failed++;
	if (s->on_end)
		s->on_end(s, job);
	if (s->host_fail_fast && s->failed && begun)
		link_send_line(&s->ctl, "quit");
}

static void job_finish_if_complete(struct session *s, struct job *job)
{
	if (job->state == JOB_ENDING && job->frames >= job->result.io_frames)
		job_finish(s, job);
}

/* The boot is over: what has no result gets one. */
static void finish_all(struct session *s, enum outcome of_running)
{
	for (size_t i = s->first_open; i < s->jobs->count; i++) {
		struct job *job = &s->jobs->items[i];

		if (job->state == JOB_RUNNING) {
			job->result.outcome = of_running;
			job->result.wall_ns = clock_now() - job->started_mono;
			job->ended_mono = clock_now();
		}
		if (job->state == JOB_ENDING)
			warn_once(s, "output that never came");
		if (job->state != JOB_DONE)
			job_finish(s, job);
	}
}

/* --- what the guest says ---------------------------------------------------------------------- */

static void on_frame(struct session *s, const struct frame *frame)
{
	struct job *job;

	if (frame->job >= s->jobs->count) {
		warn_once(s, "output of a job that does not exist");
		return;
	}
	job = &s->jobs->items[frame->job];
	if (job->state == JOB_DONE) {
		warn_once(s, "output of a job that has ended");
		return;
	}
	job_begin(s, job);
	job->frames++;
	output_data(job, frame->stream, frame->data, frame->len);
	job_finish_if_complete(s, job);
}

static void read_io(struct session *s)
{
	struct frame frame;
	int r;

	link_fill(&s->io);
	while ((r = link_frame(&s->io, &frame)) == 1)
		on_frame(s, &frame);
	if (r < 0) {
		decide(s, VERDICT_SILENT, "the guest sent a malformed frame on weir.io");
		abandon(s);
		close(s->io.fd); /* nothing after it makes sense */
		s->io.fd = -1;
	}
}

static struct job *event_job(struct session *s, const struct event *event)
{
	if (event->job < s->jobs->count)
		return &s->jobs->items[event->job];
	warn_once(s, "a job that does not exist");
	return NULL;
}

static void on_end_event(struct session *s, struct event *event)
{
	struct job *job = event_job(s, event);

	if (!job || job->state > JOB_RUNNING) {
		warn_once(s, "a second end of a job");
		return;
	}
	job->result = event->result;
	if (!s->opt->icount)
		job->result.instructions = 0;	/* QEMU's counter counts them only then */
	event->result = (struct result){ 0 };
	if (job->state == JOB_WAITING && job->result.outcome == OUTCOME_CANCELLED) {
		job_finish(s, job);
		return;
	}
	job_begin(s, job); /* a program that was not found never started */
	job->state = JOB_ENDING;
	job->ended_mono = clock_now();
	if (job->frames < job->result.io_frames && s->io.fd >= 0 && !output_stalled())
		read_io(s); /* what came before it: ends are told in their order */
	if (job->state == JOB_ENDING)
		job_finish_if_complete(s, job);
}

static void on_event(struct session *s, struct event *event)
{
	struct job *job;

	switch (event->kind) {
	case EVENT_READY:
		s->ready = true;
		s->boot = event->boot;
		if (!s->opt->icount)
			s->boot.boot_instructions = 0;
		if (s->boot.homeless) {
			decide(s, VERDICT_FILES, "%lluM of memory are too small: %llu files did not fit; use a larger -m",
				(unsigned long long)s->opt->memory >> 20,
				(unsigned long long)s->boot.homeless);
			abandon(s);
		}
		break;
	case EVENT_START:
		if ((job = event_job(s, event)))
			job_begin(s, job);
		break;
	case EVENT_END:
		on_end_event(s, event);
		break;
	case EVENT_PANIC:
		decide(s, VERDICT_PANIC, "the guest kernel panicked: %s",
			event->message ? event->message : "no message");
		s->exit_by = clock_now() + grace;
		break;
	case EVENT_DONE:
		s->finished = true;
		s->exit_by = clock_now() + grace;
		break;
	case EVENT_TIMELINE:
		timeline_add(&event->timeline);
		break;
	case EVENT_OTHER:
		break;
	}
}

static void read_ctl(struct session *s)
{
	struct event event;
	char *line;
	int r;

	link_fill(&s->ctl);
	while ((r = link_line(&s->ctl, &line)) == 1) {
		s->last_event = clock_now();
		if (event_parse(line, &event))
			warn_once(s, "a line that is no event");
		else
			on_event(s, &event);
		event_free(&event);
	}
	if (r < 0) {
		decide(s, VERDICT_SILENT, "the guest sent a line without end on weir.ctl");
		abandon(s);
	}
}

static void read_said(struct session *s)
{
	char data[SAID_MAX];
	ssize_t n = read(s->qemu.said, data, sizeof data);

	if (n > 0 && buf_len(&s->said) < SAID_MAX)
		buf_add(&s->said, data, n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(s->qemu.said);
		s->qemu.said = -1;
	}
}

/* --- what the user says ----------------------------------------------------------------------- */

static struct job *input_job(struct session *s)
{
	return &s->jobs->items[0];
}

static bool wants_input(struct session *s)
{
	return s->input_open && input_job(s)->state == JOB_RUNNING && s->io.fd >= 0 &&
	       buf_len(&s->io.out) < INPUT_AHEAD;
}

/* Ctrl-] three times: the way out when a program has the terminal and does not give it back. */
static bool escaped(struct session *s, const char *data, ssize_t n)
{
	for (ssize_t i = 0; s->tty && i < n; i++) {
		s->escapes = data[i] == ESCAPE ? s->escapes + 1 : 0;
		if (s->escapes == 3)
			return true;
	}
	return false;
}

static void read_input(struct session *s)
{
	char data[INPUT_CHUNK];
	ssize_t n = read(STDIN_FILENO, data, sizeof data);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (escaped(s, data, n)) {
		interrupt_now(s, SIGTERM);
		return;
	}
	link_send_frame(&s->io, 0, 0, data, n > 0 ? n : 0);
	s->input_open = n > 0;
}

static void send_signal(struct session *s, int signo)
{
	for (size_t i = s->first_open; i < s->first_unseen; i++)
		if (s->jobs->items[i].state == JOB_RUNNING)
			link_send_line(&s->ctl, "signal %zu %d", i, signo);
}

static void send_window_size(struct session *s)
{
	int rows, columns;

	if (!s->tty)
		return;
	term_size(&rows, &columns);
	link_send_line(&s->ctl, "winsize %d %d", rows, columns);
}

static bool ends_programs(int signo)
{
	return signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT;
}

/* The batch is to end: the guest may still report what became of its jobs. */
static void quit_batch(struct session *s, int signo)
{
	s->interrupted = signo;
	s->quit_by = clock_now() + quit_grace;
	link_send_line(&s->ctl, "quit");
}

/*
 * The program was told; weir stops as every job of a shell does, unless no shell is there to continue it
 * (an orphaned process group).  SIGCONT is read afterwards as all signals are.
 */
static void stop(void)
{
	sigset_t set;

	term_lend();
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it stops */
	sigprocmask(SIG_BLOCK, &set, NULL);
	term_again();
}

static void on_user_signal(struct session *s, int signo)
{
	bool insists = (signo == SIGINT || signo == SIGTERM) && s->terminations++ > 0;

	if (ends_programs(signo) && (insists || !s->running)) {
		interrupt_now(s, signo);
	} else if (ends_programs(signo) && s->opt->batch) {
		quit_batch(s, signo);
	} else {
		send_signal(s, signo);
		if (signo == SIGTERM)
			s->quit_by = clock_now() + quit_grace;
	}
}

/* The kernel lists all tasks in its log. */
static void ask_for_tasks(struct session *s)
{
	s->log.echo = true;
	guestlog_key(&s->log, 't');
}

static void read_signals(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			qemu_reap(&s->qemu);
		else if (info.ssi_signo == SIGWINCH)
			send_window_size(s);
		else if ((int)info.ssi_signo == SIGRTMIN)
			ask_for_tasks(s);
		else
			on_user_signal(s, info.ssi_signo);
		if (info.ssi_signo == SIGTSTP) {
			link_flush(&s->ctl);
			stop();
		}
		if (info.ssi_signo == SIGCONT) {
			term_again(); /* the shell had it meanwhile */
			send_window_size(s);
		}
	}
}

void session_signals(struct session *s)
{
	const int wanted[] = { SIGRTMIN, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT,
		SIGTSTP, SIGWINCH, SIGCHLD };
	struct sigaction action;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!sigaction(wanted[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->signals < 0)
		die(STATUS_WEIR, "cannot wait for signals: %s", strerror(errno));
}

/* --- weir's own output ------------------------------------------------------------------------ */

static void check_output(struct session *s)
{
	static bool told;
	const struct sink *sink = &output_sinks[1];

	if (!sink->closed || told)
		return;
	told = true;
	if (sink->error) {
		decide(s, VERDICT_OUTPUT, "cannot write standard output: %s",
			strerror(sink->error));
		abandon(s);
	} else if (s->opt->batch) {
		quit_batch(s, SIGPIPE);
	} else {
		send_signal(s, SIGPIPE);
	}
}

/* --- deadlines -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t job_limit(const struct session *s, const struct job *job)
{
	uint64_t limit = job->timeout_ns + job->timeout_ns / 4 + grace;

	if (!job->timeout_ns || s->opt->gdb)
		return 0;
	return job->started_mono + (s->opt->icount ? 20 * limit : limit);
}

static uint64_t job_deadline(const struct session *s, const struct job *job)
{
	if (job->state == JOB_RUNNING)
		return job_limit(s, job);
	if (job->state == JOB_ENDING && !output_stalled())
		return job->ended_mono + grace;
	return 0;
}

static uint64_t idle_deadline(const struct session *s)
{
	if (s->opt->gdb || s->running || s->finished || !s->qemu.pid || output_stalled())
		return 0;
	return s->last_event + s->opt->boot_timeout_ns;
}

static uint64_t next_deadline(const struct session *s)
{
	uint64_t at = earlier(s->quit_by, s->qemu.pid ? s->exit_by : 0);

	at = earlier(at, idle_deadline(s));
	for (size_t i = s->first_open; i < s->first_unseen; i++)
		at = earlier(at, job_deadline(s, &s->jobs->items[i]));
	return at;
}

static void job_overdue(struct session *s, struct job *job)
{
	if (job->state == JOB_ENDING) {
		warn_once(s, "output that never came");
		job_finish(s, job);
		return;
	}
	decide(s, VERDICT_SILENT,
		"the guest did not end job %zu (%s) at its time limit: QEMU was ended",
		job - s->jobs->items, job->name);
	job->result.outcome = OUTCOME_TIMEOUT;
	job->result.wall_ns = clock_now() - job->started_mono;
	job_finish(s, job);
	abandon(s);
}

static void idle_overdue(struct session *s)
{
	if (s->ready)
		decide(s, VERDICT_SILENT, "the guest stopped reporting: QEMU was ended");
	else
		decide(s, VERDICT_SILENT,
			"the guest did not report that it is ready within %.3g s; "
			"is %s a kernel of Weir?",
			s->opt->boot_timeout_ns / 1e9, s->qemu.kernel);
	abandon(s);
}

static bool passed(uint64_t deadline, uint64_t now)
{
	return deadline && deadline <= now;
}

static void check_deadlines(struct session *s)
{
	uint64_t now = clock_now();

	if (passed(s->quit_by, now)) {
		s->quit_by = 0;
		interrupt_now(s, s->interrupted ? s->interrupted : SIGTERM);
	}
	if (s->qemu.pid && passed(s->exit_by, now))
		abandon(s);
	if (passed(idle_deadline(s), now))
		idle_overdue(s);
	for (size_t i = s->first_open; i < s->first_unseen; i++)
		if (passed(job_deadline(s, &s->jobs->items[i]), now))
			job_overdue(s, &s->jobs->items[i]);
}

/* --- the loop --------------------------------------------------------------------------------- */

enum { P_SIGNALS, P_CTL, P_IO, P_LOG, P_SAID, P_INPUT, P_OUT, P_ERR, P_COUNT };

static struct pollfd watch(int fd, int events)
{
	return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static int link_events(const struct link *l)
{
	return POLLIN | (buf_len(&l->out) ? POLLOUT : 0);
}

static void wait_for_something(struct session *s, struct pollfd p[P_COUNT])
{
	bool stalled = output_stalled();
	uint64_t deadline = next_deadline(s), now = clock_now();
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec timeout = { .tv_sec = left / SECOND, .tv_nsec = left % SECOND };

	p[P_SIGNALS] = watch(s->signals, POLLIN);
	p[P_CTL] = watch(s->ctl.fd, link_events(&s->ctl));
	p[P_IO] = watch(s->io.fd, link_events(&s->io) & (stalled ? POLLOUT : ~0));
	p[P_LOG] = watch(s->log.fd, stalled ? 0 : POLLIN);
	p[P_SAID] = watch(s->qemu.said, POLLIN);
	p[P_INPUT] = watch(STDIN_FILENO, wants_input(s) ? POLLIN : 0);
	p[P_OUT] = watch(output_sinks[1].fd, sink_pending(&output_sinks[1]) ? POLLOUT : 0);
	p[P_ERR] = watch(output_sinks[2].fd, sink_pending(&output_sinks[2]) ? POLLOUT : 0);
	if (ppoll(p, P_COUNT, deadline ? &timeout : NULL, NULL) < 0)
		memset(p, 0, P_COUNT * sizeof *p);
}

/* The guest's output before its events: an end finds its frames already here. */
static void handle(struct session *s, const struct pollfd p[P_COUNT])
{
	if (p[P_SIGNALS].revents)
		read_signals(s);
	if (p[P_LOG].revents)
		guestlog_fill(&s->log);
	if (p[P_SAID].revents)
		read_said(s);
	if (p[P_IO].revents & ~POLLOUT)
		read_io(s);
	if (p[P_CTL].revents & ~POLLOUT)
		read_ctl(s);
	if (p[P_INPUT].revents)
		read_input(s);
	output_pump();
	check_output(s);
	check_deadlines(s);
	link_flush(&s->ctl);
	link_flush(&s->io);
}

static bool over(const struct session *s)
{
	if (s->verdict == VERDICT_INTERRUPTED)
		return !s->qemu.pid;
	return !s->qemu.pid && s->ctl.fd < 0 && s->io.fd < 0 && s->log.fd < 0 && s->qemu.said < 0 &&
	       output_idle();
}

/* QEMU's own words, the first line of them, without its name. */
static char *first_words(struct session *s)
{
	char *text = buf_string(&s->said), *line = text, *copy;
	char *colon = strstr(text, "qemu-system-riscv64: ");

	if (colon)
		line = colon + strlen("qemu-system-riscv64: ");
	line[strcspn(line, "\n")] = 0;
	copy = must_copy(line);
	free(text);
	return copy;
}

static void judge_qemu(struct session *s)
{
	int status = s->qemu.status;
	char *words = first_words(s), *end = qemu_end_words(&s->qemu);

	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_GUEST_PANIC)
		decide(s, VERDICT_PANIC, "the guest kernel panicked");
	else if (s->done == s->jobs->count || s->finished)
		decide(s, VERDICT_DONE, "%s", "");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOTFOUND && !s->ready)
		decide(s, VERDICT_QEMU, "cannot start %s: %s; install the package qemu-system-misc",
			s->opt->qemu, words);
	else if (WIFEXITED(status) && !WEXITSTATUS(status))
		decide(s, VERDICT_QEMU, "the guest stopped before its jobs were done");
	else
		decide(s, VERDICT_QEMU, "%s%s%s", end, *words ? ": " : "", words);
	free(words);
	free(end);
}

void session_run(struct session *s)
{
	struct pollfd p[P_COUNT];

	s->ctl.fd = s->qemu.ctl;
	s->io.fd = s->qemu.io;
	s->log.fd = s->qemu.log;
	s->last_event = clock_now();
	while (!over(s)) {
		wait_for_something(s, p);
		handle(s, p);
		if (!s->qemu.pid && s->verdict == VERDICT_NONE && s->ctl.fd < 0)
			judge_qemu(s);
		if (!s->qemu.pid && s->ctl.fd < 0 && s->io.fd < 0)
			finish_all(s, s->verdict == VERDICT_PANIC ? OUTCOME_PANIC : OUTCOME_LOST);
	}
	finish_all(s, OUTCOME_CANCELLED);
	term_restore();
}
