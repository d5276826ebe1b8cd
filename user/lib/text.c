/* SPDX-License-Identifier: MIT */
/* text.c: strings and formatted output. */
#include "weir.h"

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

long number(const char *s)
{
	long v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + *s - '0';
	return *s ? 0 : v;
}

const char *variable(const char *name)
{
	size_t n = strlen(name);

	for (char **e = environ; *e; e++)
		if (!memcmp(*e, name, n) && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

struct line { char text[512]; size_t n; };

static void put(struct line *l, char c)
{
	if (l->n < sizeof(l->text))
		l->text[l->n++] = c;
}

static void put_string(struct line *l, const char *s, int width)
{
	for (int pad = width - (int)strlen(s); pad > 0; pad--)
		put(l, ' ');
	while (*s)
		put(l, *s++);
}

static void put_number(struct line *l, unsigned long v, unsigned base, bool minus, int width, char fill)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (minus)
		digits[n++] = '-';
	for (; width > n; width--)
		put(l, fill);
	while (n)
		put(l, digits[--n]);
}

static const char *convert(struct line *l, const char *f, va_list *ap)
{
	char fill = *f == '0' ? '0' : ' ';
	int width = 0;
	bool wide = false;
	long v;

	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	for (; *f == 'l' || *f == 'z'; f++)
		wide = true;
	switch (*f) {
	case 'd':
		v = wide ? va_arg(*ap, long) : va_arg(*ap, int);
		put_number(l, v < 0 ? -(unsigned long)v : (unsigned long)v, 10, v < 0, width, fill);
		break;
	case 'u': case 'x':
		put_number(l, wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned),
			   *f == 'u' ? 10 : 16, false, width, fill);
		break;
	case 'p':
		put_string(l, "0x", 0);
		put_number(l, va_arg(*ap, unsigned long), 16, false, width, fill);
		break;
	case 's': put_string(l, va_arg(*ap, const char *), width); break;
	case 'c': put(l, va_arg(*ap, int)); break;
	default:  put(l, *f);
	}
	return f + 1;
}

static void vprint(int fd, const char *f, va_list *ap)
{
	struct line l = { .n = 0 };

	while (*f)
		if (*f == '%')
			f = convert(&l, f + 1, ap);
		else
			put(&l, *f++);
	write(fd, l.text, l.n);
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(1, fmt, &ap);
	va_end(ap);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(2, fmt, &ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(2, fmt, &ap);
	va_end(ap);
	exit(1);
}
