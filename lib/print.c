/* SPDX-License-Identifier: MIT */
/*
 * print.c: formatted text into a sink.  Pure.  A conversion it does not know is printed as it
 * stands, and takes no argument.
 */
#include <string.h>
#include "lib/print.h"

enum { LEFT = 1, ZERO = 2, PLUS = 4, SPACE = 8, ALT = 16 };

struct spec {
	u32	flags;
	int	width, precision;	/* precision -1: not given */
	char	length;			/* 0 'h' 'H' (hh) 'l' */
};

struct out {
	struct sink	*sink;
	int		count;
};

static void put(struct out *o, const char *text, size_t n)
{
	if (n)
		o->sink->put(o->sink, text, n);
	o->count += n;
}

static void fill(struct out *o, char c, int n)
{
	char run[16];

	memset(run, c, sizeof(run));
	for (; n > 0; n -= sizeof(run))
		put(o, run, min((size_t)n, sizeof(run)));
}

static void put_text(struct out *o, const struct spec *s, const char *text)
{
	size_t most = s->precision < 0 ? SIZE_MAX : (size_t)s->precision;
	int n;

	if (!text)
		text = "(null)";
	n = strnlen(text, most);
	if (!(s->flags & LEFT))
		fill(o, ' ', s->width - n);
	put(o, text, n);
	if (s->flags & LEFT)
		fill(o, ' ', s->width - n);
}

/* Digits of @v, right-aligned before @end; the result is the first one. */
static char *digits(char *end, u64 v, u32 base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; v; v /= base)
		*--end = set[v % base];
	return end;
}

static void put_number(
	struct out *o, const struct spec *s, const char *prefix, const char *text, int n)
{
	int lead = strlen(prefix);
	int zeros = max(s->precision - n, 0), pad;

	if (s->precision < 0 && (s->flags & (ZERO | LEFT)) == ZERO)
		zeros = max(s->width - lead - n, 0);
	pad = s->width - lead - zeros - n;
	if (!(s->flags & LEFT))
		fill(o, ' ', pad);
	put(o, prefix, lead);
	fill(o, '0', zeros);
	put(o, text, n);
	if (s->flags & LEFT)
		fill(o, ' ', pad);
}

static void put_unsigned(struct out *o, struct spec *s, u64 v, char conv)
{
	char buf[24], *end = buf + sizeof(buf);
	u32 base = conv == 'o' ? 8 : conv == 'u' ? 10 : 16;
	char *first = digits(end, v, base, conv == 'X');
	const char *prefix = "";

	if (!v && s->precision)
		*--first = '0';
	if (s->flags & ALT) {
		if (conv == 'o' && (first == end || *first != '0'))
			*--first = '0';
		else if (base == 16 && v)
			prefix = conv == 'X' ? "0X" : "0x";
	}
	put_number(o, s, prefix, first, end - first);
}

static void put_signed(struct out *o, struct spec *s, s64 v)
{
	char buf[24], *end = buf + sizeof(buf);
	char *first = digits(end, v < 0 ? -(u64)v : (u64)v, 10, false);
	const char *prefix = v < 0 ? "-" : s->flags & PLUS ? "+" : s->flags & SPACE ? " " : "";

	if (!v && s->precision)
		*--first = '0';
	put_number(o, s, prefix, first, end - first);
}

static u64 narrow(u64 v, char length)
{
	switch (length) {
	case 'l': return v;
	case 'h': return (u16)v;
	case 'H': return (u8)v;
	default: return (u32)v;
	}
}

static s64 narrow_signed(s64 v, char length)
{
	switch (length) {
	case 'l': return v;
	case 'h': return (int16_t)v;
	case 'H': return (int8_t)v;
	default: return (s32)v;
	}
}

static const char *parse_flags(struct spec *s, const char *p)
{
	for (;; p++)
		switch (*p) {
		case '-': s->flags |= LEFT; break;
		case '0': s->flags |= ZERO; break;
		case '+': s->flags |= PLUS; break;
		case ' ': s->flags |= SPACE; break;
		case '#': s->flags |= ALT; break;
		default: return p;
		}
}

static const char *parse_count(const char *p, int *n)
{
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		if (*n < 100000)
			*n = *n * 10 + *p - '0';
	return p;
}

static const char *parse_length(struct spec *s, const char *p)
{
	switch (*p) {
	case 'h':
		s->length = p[1] == 'h' ? 'H' : 'h';
		return p + 1 + (p[1] == 'h');
	case 'l':
		s->length = 'l';
		return p + 1 + (p[1] == 'l');
	case 'z': case 'j': case 't':
		s->length = 'l';
		return p + 1;
	}
	return p;
}

struct args { va_list ap; };		/* an array type cannot be passed by address portably */

static const char *parse_spec(struct spec *s, const char *p, struct args *a)
{
	*s = (struct spec){ .precision = -1 };
	p = parse_flags(s, p);
	if (*p == '*') {
		s->width = va_arg(a->ap, int);
		p++;
	} else {
		p = parse_count(p, &s->width);
	}
	if (s->width < 0) {
		s->flags |= LEFT;
		s->width = s->width < -100000 ? 100000 : -s->width;
	}
	if (*p == '.' && p[1] == '*') {
		s->precision = max(va_arg(a->ap, int), -1);
		p += 2;
	} else if (*p == '.') {
		p = parse_count(p + 1, &s->precision);
	}
	return parse_length(s, p);
}

static u64 take_integer(const struct spec *s, struct args *a)
{
	return s->length == 'l' ? va_arg(a->ap, u64) : va_arg(a->ap, u32);
}

/* One conversion, @p behind the percent sign: where the format goes on. */
static const char *convert(struct out *o, const char *p, struct args *a)
{
	const char *start = p - 1;
	struct spec s;
	char c;

	p = parse_spec(&s, p, a);
	switch (*p) {
	case 'd': case 'i':
		put_signed(o, &s, narrow_signed(take_integer(&s, a), s.length));
		break;
	case 'u': case 'x': case 'X': case 'o':
		put_unsigned(o, &s, narrow(take_integer(&s, a), s.length), *p);
		break;
	case 'p':
		s.flags |= ALT;
		put_unsigned(o, &s, (uintptr_t)va_arg(a->ap, void *), 'x');
		break;
	case 'c':
		c = va_arg(a->ap, int);
		fill(o, ' ', s.flags & LEFT ? 0 : s.width - 1);
		put(o, &c, 1);
		fill(o, ' ', s.flags & LEFT ? s.width - 1 : 0);
		break;
	case 's':
		put_text(o, &s, va_arg(a->ap, const char *));
		break;
	case '%':
		put(o, "%", 1);
		break;
	case '\0':
		put(o, start, p - start);
		return p;
	default:
		put(o, start, p + 1 - start);
	}
	return p + 1;
}

int vprint_to(struct sink *sink, const char *fmt, va_list ap)
{
	struct out o = { .sink = sink };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		const char *text = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		put(&o, text, fmt - text);
		if (*fmt)
			fmt = convert(&o, fmt + 1, &a);
	}
	va_end(a.ap);
	return o.count;
}

int print_to(struct sink *sink, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vprint_to(sink, fmt, ap);
	va_end(ap);
	return n;
}

struct buffer_sink {
	struct sink	sink;
	char		*at, *end;	/* end: where the NUL must fit */
};

static void buffer_put(struct sink *s, const char *text, size_t n)
{
	struct buffer_sink *b = container_of(s, struct buffer_sink, sink);

	n = min(n, (size_t)(b->end - b->at));
	memcpy(b->at, text, n);
	b->at += n;
}

int vsnprint(char *buf, size_t size, const char *fmt, va_list ap)
{
	char none[1];
	struct buffer_sink b = { { buffer_put }, size ? buf : none, size ? buf + size - 1 : none };
	int n = vprint_to(&b.sink, fmt, ap);

	*b.at = '\0';
	return n;
}

int snprint(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprint(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
