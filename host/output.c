// SPDX-License-Identifier: MIT
/*
 * output.c: where the output of jobs goes.  One job at a time: straight to weir's own streams.
 * Several: each job's output is kept, in memory while it is little, then in a file, and printed in one
 * piece when the job ends, in the order of the ends.  Memory is bounded: what waits for a slow
 * reader is bounded by output_stalled(), of each stream only the tail is remembered.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome.h"
#include "say.h"
#include "text.h"
#include "tmp.h"

enum { PENDING_MAX = 1 << 18, QUEUE_MAX = 64, CHUNK = 1 << 16, HELD_MAX = 1 << 16, STREAMS = 3 };

struct tail {
	char *ring; /* TAIL_SIZE bytes */
	uint64_t written;
};

struct capture {
	struct buf held[STREAMS]; /* output that waits for the end of the job, while it is little */
	int fd[STREAMS];	  /* [1], [2]: files the output is kept in, or -1 */
	off_t size[STREAMS];
	off_t printed[STREAMS];
	struct tail tail[STREAMS];
	bool tails;	      /* are wanted, until the job has passed */
	char *directory;      /* of --results, or NULL */
	struct capture *next; /* in the queue of those to be printed */
};

struct sink output_sinks[3];

static struct {
	bool grouped; /* output waits for the end of its job */
	bool tails;
	const char *results;
	struct strings names; /* directories used so far */
	int trace;	      /* --strace=FILE, or -1 */
	bool failed;
	struct capture *first, **last;
	int queued;
} out = { .trace = -1, .last = &out.first };

static void failed(const char *what, const char *path)
{
	if (!out.failed)
		say("cannot write %s %s: %s; the rest of it is not kept", what, path,
			strerror(errno));
	out.failed = true;
}

void output_open(const struct options *opt)
{
	sink_open(&output_sinks[1], STDOUT_FILENO);
	sink_open(&output_sinks[2], STDERR_FILENO);
	out.grouped = opt->batch && opt->slots > 1;
	out.tails = opt->batch;
	out.results = opt->results;
	if (out.results && mkdir(out.results, 0777) && errno != EEXIST)
		die(STATUS_WEIR, "cannot make the directory %s: %s", out.results, strerror(errno));
	if (opt->strace_file)
		out.trace = open(opt->strace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (opt->strace_file && out.trace < 0)
		die(STATUS_WEIR, "cannot write %s: %s", opt->strace_file, strerror(errno));
}

static bool name_taken(const char *name)
{
	for (size_t i = 0; i < out.names.count; i++)
		if (!strcmp(out.names.items[i], name))
			return true;
	return false;
}

/* DIR/NAME, a directory no other job of this run has. */
static char *results_directory(const struct job *job)
{
	char *base = text_file_name(job->name), *name = must_copy(base), *path;

	for (int i = 2; name_taken(name); i++) {
		free(name);
		name = must_print("%s.%d", base, i);
	}
	strings_add(&out.names, name);
	path = must_print("%s/%s", out.results, name);
	if (mkdir(path, 0777) && errno != EEXIST)
		failed("results to", path);
	free(base);
	free(name);
	return path;
}

static int results_file(const char *directory, const char *name)
{
	char *path = must_print("%s/%s", directory, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		failed("results to", path);
	free(path);
	return fd;
}

void output_start(struct job *job)
{
	struct capture *c;

	if (job->capture)
		return;
	c = job->capture = must_alloc(sizeof *c);
	c->fd[1] = c->fd[2] = -1;
	if (out.results) {
		c->directory = results_directory(job);
		c->fd[1] = results_file(c->directory, "stdout");
		c->fd[2] = results_file(c->directory, "stderr");
	}
	c->tails = out.tails;
}

static void tail_add(struct tail *t, const char *data, size_t len)
{
	if (!t->ring)
		t->ring = must_alloc(TAIL_SIZE);
	for (size_t i = len > TAIL_SIZE ? len - TAIL_SIZE : 0; i < len; i++)
		t->ring[(t->written + i) % TAIL_SIZE] = data[i];
	t->written += len;
}

static void keep_in_file(struct capture *c, int stream, const char *data, size_t len)
{
	while (c->fd[stream] >= 0 && len) {
		ssize_t n = pwrite(c->fd[stream], data, len, c->size[stream]);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			failed("output of jobs to",
				c->directory ? c->directory : "a temporary file");
			return;
		}
		c->size[stream] += n;
		data += n;
		len -= n;
	}
}

static void keep(struct capture *c, int stream, const char *data, size_t len)
{
	struct buf *held = &c->held[stream];

	if (c->fd[stream] < 0 && out.grouped && !c->directory) {
		buf_add(held, data, len);
		if (buf_len(held) <= HELD_MAX)
			return;
		c->fd[stream] = tmp_file();
		keep_in_file(c, stream, buf_data(held), buf_len(held));
		buf_free(held);
		return;
	}
	keep_in_file(c, stream, data, len);
}

static void trace(const char *data, size_t len)
{
	if (write(out.trace, data, len) != (ssize_t)len)
		failed("the trace to", "its file");
}

void output_data(struct job *job, unsigned stream, const char *data, size_t len)
{
	unsigned to = stream == 3 ? 2 : stream;

	output_start(job);
	job->bytes[stream] += len;
	if (stream == 3 && out.trace >= 0) {
		trace(data, len);
		return;
	}
	if (job->capture->tails)
		tail_add(&job->capture->tail[to], data, len);
	keep(job->capture, to, data, len);
	if (out.grouped)
		return;
	if (say_prepare)
		say_prepare();
	sink_write(&output_sinks[to], data, len);
}

static void write_status(const struct job *job)
{
	char *words = outcome_words(&job->result);
	int fd = results_file(job->capture->directory, "status");

	if (fd >= 0 && dprintf(fd, "%d\n%s\n", outcome_status(&job->result), words) < 0)
		failed("results to", job->capture->directory);
	if (fd >= 0)
		close(fd);
	free(words);
}

static void drop_files(struct capture *c)
{
	for (int i = 1; i < STREAMS; i++) {
		if (c->fd[i] >= 0 && close(c->fd[i]))
			failed("output of jobs to",
				c->directory ? c->directory : "a temporary file");
		c->fd[i] = -1;
	}
}

static void drop_tails(struct capture *c)
{
	for (int i = 1; i < STREAMS; i++) {
		free(c->tail[i].ring);
		c->tail[i].ring = NULL;
	}
}

void output_end(struct job *job)
{
	struct capture *c;

	output_start(job);
	c = job->capture;
	if (c->directory)
		write_status(job);
	if (job_passed(job))
		drop_tails(c);
	if (!out.grouped) {
		drop_files(c);
		return;
	}
	*out.last = c;
	out.last = &c->next;
	out.queued++;
	output_pump();
}

/* Prints some of a stream; false if there is no room for more. */
static bool print_some(struct capture *c, int stream)
{
	struct sink *sink = &output_sinks[stream];
	char chunk[CHUNK];

	if (buf_len(&c->held[stream]) && say_prepare)
		say_prepare();
	sink_write(sink, buf_data(&c->held[stream]), buf_len(&c->held[stream]));
	buf_free(&c->held[stream]);
	while (c->fd[stream] >= 0 && c->printed[stream] < c->size[stream]) {
		ssize_t n;

		if (sink_pending(sink))
			return false;
		n = pread(c->fd[stream], chunk, sizeof chunk, c->printed[stream]);
		if (n <= 0)
			return true;
		if (say_prepare)
			say_prepare();
		sink_write(sink, chunk, n);
		c->printed[stream] += n;
	}
	return true;
}

void output_pump(void)
{
	sink_flush(&output_sinks[1]);
	sink_flush(&output_sinks[2]);
	while (out.first && print_some(out.first, 1) && print_some(out.first, 2)) {
		struct capture *c = out.first;

		out.first = c->next;
		if (!out.first)
			out.last = &out.first;
		out.queued--;
		drop_files(c);
	}
}

bool output_idle(void)
{
	return !out.first && !sink_pending(&output_sinks[1]) && !sink_pending(&output_sinks[2]);
}

bool output_stalled(void)
{
	return sink_pending(&output_sinks[1]) > PENDING_MAX ||
	       sink_pending(&output_sinks[2]) > PENDING_MAX || out.queued > QUEUE_MAX;
}

bool output_failed(void)
{
	return out.failed;
}

char *output_tail(const struct job *job, unsigned stream, size_t *len)
{
	const struct tail *t = job->capture ? &job->capture->tail[stream] : NULL;
	char *text;

	if (!t || !t->ring || !t->written)
		return NULL;
	*len = t->written < TAIL_SIZE ? t->written : TAIL_SIZE;
	text = must_alloc(*len);
	for (size_t i = 0; i < *len; i++)
		text[i] = t->ring[(t->written - *len + i) % TAIL_SIZE];
	return text;
}
