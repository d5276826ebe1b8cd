/* SPDX-License-Identifier: MIT */
/* print.c: what went wrong, and in which order. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <unistd.h>
#include "test/explore/private.h"

/* --- failing ------------------------------------------------------------------------------------- */

void explore_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->failure, sizeof(x->failure), fmt, ap);
	va_end(ap);
	x->failed = true;
	_longjmp(x->over, 1);
}

const char *place(void *pc)
{
	static char line[256];
	char cmd[128], fn[128] = "?", where[256] = "?";
	FILE *p;

	snprintf(cmd, sizeof(cmd), "addr2line -s -f -e /proc/%d/exe %p", getpid(), (char *)pc - 1);
	if ((p = popen(cmd, "r"))) {
		if (fscanf(p, "%127s %255s", fn, where) != 2)
			where[0] = 0;
		pclose(p);
	}
	snprintf(line, sizeof(line), "%s %s", where, fn);
	return line;
}

const char *fibre_name(u32 i)
{
	static char name[2][16];
	static u32 n;
	char *s = name[n++ & 1];

	snprintf(s, 16, i < x->s->harts ? "hart %u" : "device %u", i < x->s->harts ? i : i - x->s->harts);
	return s;
}

/* One line for each stretch that one fibre ran. */
void print_schedule(bool all)
{
	u32 from = x->fibres + 1;		/* before that the order was chosen */

	for (u32 i = from; i <= x->steps && i <= STEPS; i++) {
		struct step *s = &x->trace[i];
		bool last = i == x->steps || x->trace[i + 1].fibre != s->fibre;

		if (all || x->trace[i].kind == 'd')
			printf("    %5u %s %c %lx %s\n", i, fibre_name(s->fibre), s->kind, s->at, place(s->pc));
		if (!last)
			continue;
		if (!all) {
			printf("    %5u-%u %s: %s", from, i, fibre_name(s->fibre), place(x->trace[from].pc));
			printf(" ... %s\n", place(s->pc));
		}
		from = i + 1;
	}
}

void print_replay(void)
{
	const char *sep = "";

	printf("    again: --replay %s ", x->s->name);
	for (u32 i = 0; i < x->at; i++) {
		struct decision *d = &x->decision[i];

		if (d->option[d->taken] == d->option[0])
			continue;
		printf("%s%u:%u", sep, d->step, d->option[d->taken]);
		sep = ",";
	}
	printf("\n");
}
