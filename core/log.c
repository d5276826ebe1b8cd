/* SPDX-License-Identifier: MIT */
/*
 * log.c: the kernel's own words.  A line is put together on the stack and leaves in one piece: the
 * writer's interrupts are off and other harts wait for it, but only so long: words of a hart that
 * died while writing must not silence the others.
 */
#include <stdatomic.h>
#include "arch/arch.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/time.h"
#include "lib/print.h"

enum { LINE = 512, PATIENCE = 1 << 20 };

enum log_level log_level = LOG_WARN;
void (*log_putc)(char c) = arch_putc;
void (*log_key)(char c);
static _Atomic u32 writing;

static void emit(const char *text, size_t n)
{
	bool mine = false;
	irq_guard();

	for (u32 i = 0; i < PATIENCE && !mine; i++) {
		mine = !atomic_exchange_explicit(&writing, 1, memory_order_acquire);
		if (!mine)
			arch_relax();
	}
	for (size_t i = 0; i < n; i++)
		log_putc(text[i]);
	if (mine)
		atomic_store_explicit(&writing, 0, memory_order_release);
}

static size_t prefix(char *line, enum log_level level)
{
	static const char *const names[] = { "quiet", "error", "warn", "info", "debug" };
	u64 us = clock_now() / NSEC_PER_USEC;

	return snprint(line, LINE, "[%5u.%06u] %s: ", (u32)(us / 1000000), (u32)(us % 1000000),
		       names[level]);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	size_t n;

	if (level > log_level || level == LOG_QUIET)
		return;
	n = prefix(line, level);
	va_start(ap, fmt);
	n += vsnprint(line + n, LINE - n, fmt, ap);
	va_end(ap);
	n = min(n, (size_t)LINE - 2);
	line[n++] = '\n';
	emit(line, n);
}

void log_raw(const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprint(line, LINE, fmt, ap);
	va_end(ap);
	emit(line, min((size_t)n, (size_t)LINE - 1));
}
