/* SPDX-License-Identifier: MIT */
/*
 * check.h: what a program of the oracle prints.  It prints results, never addresses, times or numbers
 * that differ between two runs of Linux; show(call) prints the call and what it returned.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline long show_(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, r);
	fflush(stdout);
	return r;
}
#define show(call) show_(#call, (long)(call))

/* A descriptor: whether it is there, for numbers depend on what is open. */
static inline int show_fd_(const char *what, int fd)
{
	if (fd < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: open\n", what);
	fflush(stdout);
	return fd;
}
#define show_fd(call) show_fd_(#call, (int)(call))

static inline void title(const char *s)
{
	printf("--- %s\n", s);
	fflush(stdout);
}

static inline void nap(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}
