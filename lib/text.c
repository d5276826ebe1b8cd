/* SPDX-License-Identifier: MIT */
/* text.c: the text builder of text.h.  Pure. */
#include <string.h>
#include "lib/print.h"
#include "lib/text.h"

void text_init(struct text *t, char *buf, size_t size)
{
	*t = (struct text){ .buf = buf, .size = size };
	buf[0] = '\0';
}

void text_put(struct text *t, const char *s, size_t n)
{
	size_t fits = min(n, t->size - 1 - t->len);

	memcpy(t->buf + t->len, s, fits);
	t->len += fits;
	t->buf[t->len] = '\0';
	t->overflow |= fits < n;
}

struct text_sink { struct sink sink; struct text *text; };

static void sink_put(struct sink *s, const char *text, size_t n)
{
	text_put(container_of(s, struct text_sink, sink)->text, text, n);
}

void text_add(struct text *t, const char *fmt, ...)
{
	struct text_sink s = { { sink_put }, t };
	va_list ap;

	va_start(ap, fmt);
	vprint_to(&s.sink, fmt, ap);
	va_end(ap);
}

/* Length of the UTF-8 sequence at @s, 0 if it is none: overlong, surrogate, cut off. */
static size_t utf8_length(const u8 *s, size_t n)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		     s[0] < 0xf5 ? 4 : 0;

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return len;
}

static void json_char(struct text *t, const u8 *s, size_t len)
{
	if (!len)
		text_put(t, "\xef\xbf\xbd", 3);
	else if (*s == '"' || *s == '\\')
		text_add(t, "\\%c", *s);
	else if (*s == '\n')
		text_put(t, "\\n", 2);
	else if (*s < 0x20 || *s == 0x7f)
		text_add(t, "\\u%04x", *s);
	else
		text_put(t, (const char *)s, len);
}

void text_json(struct text *t, const char *s, size_t n)
{
	text_put(t, "\"", 1);
	while (n) {
		size_t len = utf8_length((const u8 *)s, n);

		json_char(t, (const u8 *)s, len);
		s += max(len, (size_t)1);
		n -= max(len, (size_t)1);
	}
	text_put(t, "\"", 1);
}
