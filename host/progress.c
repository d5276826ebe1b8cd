// SPDX-License-Identifier: MIT
/*
 * progress.c: what a batch shows while it runs: on a terminal one line that is drawn again and
 * again, otherwise a plain line for each job that ends.  And GNU parallel's job log, a line as
 * each job ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "outcome.h"
#include "output.h"
#include "report.h"
#include "say.h"
#include "text.h"

static struct {
	bool live, plain, drawn;
	FILE *log;
	bool log_failed;
} progress;

static void to_stderr(const char *text)
{
	sink_write(&output_sinks[2], text, strlen(text));
}

static void wipe(void)
{
	if (!progress.drawn)
		return;
	progress.drawn = false;
	to_stderr("\r\033[K");
}

void progress_open(const struct options *opt)
{
	progress.live = !opt->quiet && isatty(STDERR_FILENO);
	progress.plain = !opt->quiet && !progress.live;
	if (progress.live)
		say_prepare = wipe;
	if (!opt->joblog)
		return;
	progress.log = fopen(opt->joblog, "we");
	if (!progress.log)
		die(STATUS_WEIR, "cannot write %s: %s", opt->joblog, strerror(errno));
	fprintf(progress.log,
		"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n");
}

static int width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20 ? 80 : size.ws_col;
}

static void running_names(const struct session *s, struct buf *line)
{
	const char *between = "";

	for (size_t i = s->first_open; i < s->first_unseen; i++) {
		const struct job *job = &s->jobs->items[i];

		if (job->state != JOB_RUNNING)
			continue;
		buf_add(line, between, strlen(between));
		buf_add(line, job->name, strlen(job->name));
		between = ", ";
	}
}

static void draw(const struct session *s)
{
	struct buf line = { 0 };
	char *head =
		must_print("[%zu/%zu] %zu failed, running: ", s->done, s->jobs->count, s->failed);
	size_t room = width() - 1;

	buf_add(&line, head, strlen(head));
	running_names(s, &line);
	wipe();
	sink_write(
		&output_sinks[2], buf_data(&line), buf_len(&line) < room ? buf_len(&line) : room);
	progress.drawn = true;
	buf_free(&line);
	free(head);
}

void progress_start(struct session *s, struct job *job)
{
	(void)job;
	if (progress.live)
		draw(s);
}

/* A time limit is Exitval -1, Signal 15 there. */
static void log_job(const struct jobs *jobs, const struct job *job)
{
	const struct result *r = &job->result;
	bool timeout = r->outcome == OUTCOME_TIMEOUT;
	int signal = timeout ? 15 : r->outcome == OUTCOME_SIGNALLED ? r->signal : 0;
	int exit = timeout ? -1 : signal ? 0 : outcome_status(r);

	fprintf(progress.log, "%zu\t:\t%.3f\t%10.3f\t0\t%llu\t%d\t%d\t%s\n", job - jobs->items + 1,
		job->started, r->wall_ns / 1e9, (unsigned long long)job->bytes[1], exit, signal,
		job->command);
	if (fflush(progress.log) && !progress.log_failed) {
		say("cannot write the job log: %s", strerror(errno));
		progress.log_failed = true;
	}
}

static void print_line(const struct session *s, const struct job *job)
{
	char *words = report_outcome(job), time[16];
	char *line = must_print("%s %zu/%zu %s: %s, %s\n", job_passed(job) ? "ok" : "FAIL", s->done,
		s->jobs->count, job->name, words, text_time(job->result.wall_ns, time));

	wipe();
	to_stderr(line);
	free(line);
	free(words);
}

void progress_end(struct session *s, struct job *job)
{
	bool begun = job->started > 0;

	if (progress.log && begun)
		log_job(s->jobs, job);
	if (begun && (progress.plain || (progress.live && !job_passed(job))))
		print_line(s, job);
	if (progress.live)
		draw(s);
}

void progress_close(void)
{
	wipe();
	say_prepare = NULL;
	if (progress.log && fclose(progress.log))
		progress.log_failed = true;
}

bool progress_log_failed(void)
{
	return progress.log_failed;
}
