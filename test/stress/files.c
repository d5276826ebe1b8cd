/* SPDX-License-Identifier: MIT */
/* files.c: many hands in one directory, one file, one pipe, one table of descriptors. */
#include <fcntl.h>
#include <sys/stat.h>
#include "stress.h"

enum { THREADS = 16 };
static long rounds;
static _Atomic long made, removed;

/* Of those who make the same name only one succeeds, and only one removes it. */
static void *makes_and_removes(void *number)
{
	uint32_t seed = (long)number + 7;
	char name[32], other[32];

	for (long i = 0; i < rounds; i++) {
		int fd;

		snprintf(name, sizeof(name), "stress/%u", next_random(&seed) % 8);
		snprintf(other, sizeof(other), "stress/%u", next_random(&seed) % 8);
		fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd >= 0) {
			made++;
			exactly(write(fd, name, 8), 8);
			must(close(fd));
		}
		link(name, other) == 0 ? made++ : 0;
		unlink(other) == 0 ? removed++ : 0;
	}
	return NULL;
}

static void names(long n)
{
	rounds = n;
	must(mkdir("stress", 0700));
	crowd(THREADS, makes_and_removes);
	for (int i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof(name), "stress/%d", i);
		unlink(name) == 0 ? removed++ : 0;
	}
	exactly(made, removed);
	must(rmdir("stress"));
}

/* Appending is all or nothing: every record is whole. */
static int appended;

static void *appends(void *number)
{
	char record[64];

	memset(record, 'a' + (long)number, sizeof(record));
	for (long i = 0; i < rounds; i++)
		exactly(write(appended, record, sizeof(record)), sizeof(record));
	return NULL;
}

static void records(long n)
{
	char record[64];
	long seen = 0;

	rounds = n;
	appended = must(open("records", O_CREAT | O_TRUNC | O_RDWR | O_APPEND, 0600));
	crowd(THREADS, appends);
	must(lseek(appended, 0, SEEK_SET));
	for (; read(appended, record, sizeof(record)) == sizeof(record); seen++)
		for (int i = 1; i < 64; i++)
			exactly(record[i], record[0]);
	exactly(seen, THREADS * n);
	must(close(appended));
	must(unlink("records"));
}

/* Messages of a pipe are whole, whoever writes and reads. */
static int pipes[2];
static _Atomic long bytes;

static void *talks(void *number)
{
	char message[40];

	memset(message, (long)number, sizeof(message));
	for (long i = 0; i < rounds; i++)
		if ((long)number & 1) {
			exactly(must(read(pipes[0], message, sizeof(message))), sizeof(message));
			for (int k = 1; k < 40; k++)
				exactly(message[k], message[0]);
			bytes += sizeof(message);
		} else {
			exactly(must(write(pipes[1], message, sizeof(message))), sizeof(message));
		}
	return NULL;
}

static void messages(long n)
{
	rounds = n;
	must(pipe(pipes));
	crowd(THREADS, talks);
	exactly(bytes, THREADS / 2 * n * 40);
}

/* Threads open, duplicate and close in one table: what one reads comes from its own file. */
static void *opens(void *number)
{
	char name[32], got[32];

	snprintf(name, sizeof(name), "open.%ld", (long)number);
	for (long i = 0; i < rounds; i++) {
		int fd = must(open(name, O_CREAT | O_TRUNC | O_RDWR, 0600)), copy;

		exactly(must(write(fd, name, sizeof(name))), sizeof(name));
		copy = must(dup(fd));
		must(close(fd));
		exactly(must(pread(copy, got, sizeof(got), 0)), sizeof(got));
		exactly(strcmp(name, got), 0);
		must(close(copy));
	}
	return (void *)(long)unlink(name);
}

static void descriptors(long n)
{
	rounds = n;
	crowd(THREADS, opens);
}

const struct trouble file_troubles[] = {
	{ "names", names, 500, "names made and removed by each of 16 threads" },
	{ "records", records, 200, "records appended by each of 16 threads" },
	{ "messages", messages, 500, "messages through one pipe by each of 16 threads" },
	{ "descriptors", descriptors, 200, "files opened by each of 16 threads of one table" },
	{ },
};
