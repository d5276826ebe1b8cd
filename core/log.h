/* SPDX-License-Identifier: MIT */
/*
 * log.h: the kernel's own words, on the serial port; and the end of the world.
 * Any context, interrupts included; never waits (the serial port is polled).
 */
#pragma once
#include <stdarg.h>
#include "lib/base.h"

enum log_level { LOG_QUIET, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
extern enum log_level log_level;

/* One line, with time and level in front, if @level is to be shown.  Format: lib/print.h. */
void log_print(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_raw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* no prefix, no level */
#define log_error(...)	log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	do { if (unlikely(log_level >= LOG_DEBUG)) log_print(LOG_DEBUG, __VA_ARGS__); } while (0)

/* Where bytes go; set by the serial driver, before that by arch. */
extern void (*log_putc)(char c);

/* What somebody typed on the serial port; from its interrupt.  Set by who has an answer. */
extern void (*log_key)(char c);

/* Say what broke, dump tasks, power off with status 99.  Does not return. */
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
extern void (*panic_hook)(const char *message);	/* last words on the report channel */
extern void (*panic_dump)(void);		/* all tasks, through log_raw(), without locks */
extern void (*panic_power_off)(u32 status);	/* the board's switch; the firmware's at first */

#define assert(x) do { if (unlikely(!(x)))					\
		panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #x); } while (0)
#ifdef CHECKED
#define check(x) assert(x)			/* too costly for the release build */
#else
#define check(x) ((void)0)
#endif
