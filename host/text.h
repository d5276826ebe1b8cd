/* SPDX-License-Identifier: MIT */
/* Sizes, durations and text from strangers, read and written. */
#ifndef HOST_TEXT_H
#define HOST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int text_to_size(const char *text, uint64_t *bytes); /* 4096, 64K, 128M, 2G; 0 or -EINVAL */
int text_to_ns(const char *text, uint64_t *ns);	     /* seconds, fractions allowed */
int text_to_number(const char *text, long min, long max, long *value);

const char *text_bytes(uint64_t bytes, char out[16]); /* "1.5 MiB" */
const char *text_time(uint64_t ns, char out[16]);     /* "12.3 ms" */
const char *text_count(uint64_t count, char out[32]); /* "1,234,567" */

/* Any bytes as valid UTF-8 without NUL; control characters are replaced if `plain`. */
char *text_utf8(const char *data, size_t len, bool plain);

/* A name fit to be a file name: letters, digits and a few signs, not hidden, not long. */
char *text_file_name(const char *name);

#endif
