// SPDX-License-Identifier: MIT
/*
 * say.c: the voice of weir.  Every message is one line "weir: ..." on standard error, whatever
 * it is made of: control characters (a guest may have chosen them) are shown as '?'.  die()
 * may be called from anywhere: what must be undone (terminal, QEMU) is undone at exit.
 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

void (*say_prepare)(void);
int say_raw;

static void say_args(const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	int head = snprintf(line, sizeof line, "weir: ");
	int len = vsnprintf(line + head, sizeof line - head - 2, format, args);

	if (len > (int)sizeof line - head - 3)
		len = sizeof line - head - 3;
	len += head;
	for (int i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (say_raw)
		line[len++] = '\r';
	line[len++] = '\n';
	if (say_prepare)
		say_prepare();
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody is left to tell */
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_args(format, args);
	va_end(args);
}

void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_args(format, args);
	va_end(args);
	exit(status);
}

void *must_grow(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory)
		die(STATUS_WEIR, "out of memory on the host");
	return memory;
}

void *must_alloc(size_t size)
{
	return memset(must_grow(NULL, size), 0, size);
}

char *must_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(must_grow(NULL, size), text, size);
}

char *must_print(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		die(STATUS_WEIR, "out of memory on the host");
	va_end(args);
	return text;
}
