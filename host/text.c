// SPDX-License-Identifier: MIT
/*
 * text.c: sizes, durations and text from strangers.  Pure functions; what comes in may be
 * anything, what goes out is well formed.
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

static int unit_shift(char unit)
{
	switch (toupper((unsigned char)unit)) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	default:
		return -1;
	}
}

int text_to_size(const char *text, uint64_t *bytes)
{
	char *end;
	int shift = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end && (shift = unit_shift(*end++)) < 0)
		return -EINVAL;
	if (!strcmp(end, "iB") || !strcmp(end, "B"))
		end = "";
	if (*end || *bytes > (UINT64_MAX >> 1) >> shift)
		return -EINVAL;
	*bytes <<= shift;
	return 0;
}

int text_to_ns(const char *text, uint64_t *ns)
{
	char *end;
	double seconds;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	seconds = strtod(text, &end);
	if (*end == 's')
		end++;
	if (*end || end == text || !(seconds > 0) || seconds > 1e9)
		return -EINVAL;
	*ns = seconds * 1e9;
	return *ns ? 0 : -EINVAL;
}

int text_to_number(const char *text, long min, long max, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	if (errno || end == text || *end || isspace((unsigned char)*text))
		return -EINVAL;
	return *value < min || *value > max ? -EINVAL : 0;
}

const char *text_bytes(uint64_t bytes, char out[16])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double value = bytes / 1024.0;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(out, 16, "%d B", (int)bytes);
		return out;
	}
	while (value >= 1024 && unit < 3) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 16, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

const char *text_time(uint64_t ns, char out[16])
{
	if (ns < 1000000)
		snprintf(out, 16, "%.0f us", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(out, 16, "%.1f ms", ns / 1e6);
	else
		snprintf(out, 16, "%.2f s", ns / 1e9);
	return out;
}

const char *text_count(uint64_t count, char out[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return out;
}

static unsigned decode(const unsigned char *s, int len)
{
	unsigned code = s[0] & (0x7f >> len);

	for (int i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	return code;
}

/* Length of the valid UTF-8 character at s, 0 if there is none (overlong, surrogate, cut). */
static int utf8_length(const unsigned char *s, size_t left)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	unsigned code;

	if (len <= 1)
		return len;
	if (s[0] > 0xf4 || (size_t)len > left)
		return 0;
	code = decode(s, len);
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return code == 0xfffe || code == 0xffff ? 0 : len;
}

static bool control(unsigned char c)
{
	return (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
}

char *text_utf8(const char *data, size_t len, bool plain)
{
	const unsigned char *s = (const unsigned char *)data;
	struct buf out = { 0 };
	char *text;

	for (size_t i = 0; i < len;) {
		int step = utf8_length(s + i, len - i);

		if (step == 0 || !s[i] || (plain && control(s[i]))) {
			buf_add(&out, "\xef\xbf\xbd", 3);
			i++;
			continue;
		}
		buf_add(&out, s + i, step);
		i += step;
	}
	text = buf_string(&out);
	buf_free(&out);
	return text;
}

char *text_file_name(const char *name)
{
	enum { LONGEST = 80 };
	struct buf out = { 0 };
	char *text;

	if (*name == '.')
		buf_char(&out, '_');
	for (; *name && buf_len(&out) < LONGEST; name++)
		buf_char(&out,
			isalnum((unsigned char)*name) || strchr("._+=,@-", *name) ? *name : '_');
	if (!buf_len(&out))
		buf_char(&out, '_');
	text = buf_string(&out);
	buf_free(&out);
	return text;
}
