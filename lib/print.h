/* SPDX-License-Identifier: MIT */
/*
 * print.h: formatted text.  Conversions: %d %i %u %x %X %o %c %s %p %%, lengths hh h l ll z j t,
 * width and precision (also *), flags - 0 + space #.  A NULL string prints as "(null)".  No floats.
 */
#pragma once
#include <stdarg.h>
#include "lib/base.h"

/* Where text goes; embed it in what put() needs. */
struct sink {
	void	(*put)(struct sink *s, const char *text, size_t n);
};

/* Result: characters printed. */
int print_to(struct sink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int vprint_to(struct sink *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* At most @size bytes with the NUL that is always there (if size > 0); the result is the length
 * the whole text has. */
int snprint(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprint(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
