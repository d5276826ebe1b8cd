/* SPDX-License-Identifier: MIT */
/*
 * text.h: text that grows in a buffer of fixed size: files of /proc, JSON lines.  Pure.  What does
 * not fit is dropped and remembered (overflow), so callers check once, at the end.  The buffer
 * always ends in a NUL.
 */
#pragma once
#include "lib/base.h"

struct text {
	char	*buf;
	size_t	size, len;		/* len < size */
	bool	overflow;
};

void text_init(struct text *t, char *buf, size_t size);		/* size > 0 */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_put(struct text *t, const char *s, size_t n);
/* A JSON string with its quotes.  Bytes that are not UTF-8 become U+FFFD. */
void text_json(struct text *t, const char *s, size_t n);
