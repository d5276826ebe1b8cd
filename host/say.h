/* SPDX-License-Identifier: MIT */
/* What weir itself has to say: one line each on standard error, and memory that never fails. */
#ifndef HOST_SAY_H
#define HOST_SAY_H

#include <stddef.h>

/* Exit statuses of `weir`: the contract with the user. */
enum {
	STATUS_TOO_MANY = 101, /* batch: more than 100 jobs failed */
	STATUS_PANIC = 123,
	STATUS_TIMEOUT = 124,
	STATUS_WEIR = 125,
	STATUS_NOEXEC = 126,
	STATUS_NOTFOUND = 127,
	STATUS_OOM = 137,
};

/* Called before a line is printed (wipes the progress line), or NULL. */
extern void (*say_prepare)(void);
/* The terminal is in raw mode: lines end in CR LF. */
extern int say_raw;

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *must_alloc(size_t size);
void *must_grow(void *old, size_t size);
char *must_copy(const char *text);
char *must_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
