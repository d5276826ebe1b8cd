// SPDX-License-Identifier: MIT
/*
 * option_check.c: looks at the command line as argp will read it, and dies with one line that names what is wrong.
 */
#include "option_check.h"

#include <stdio.h>
#include <string.h>

#include "say.h"
#include "text.h"

/* What argp adds by itself. */
static const struct argp_option own_options[] = {
	{ "help", '?', NULL, 0, "", 0 },
	{ "usage", 256, NULL, 0, "", 0 },
	{ 0 },
};

struct search {
	const char *name;
	size_t len; /* of the name as it was written */
	const struct argp_option *found;
	int matches;
	char also[256]; /* the names it may stand for */
};

static bool is_option(const struct argp_option *o)
{
	return o->name || o->key;
}

static void match_long(struct search *s, const struct argp_option *o)
{
	bool exact = o->name && strlen(o->name) == s->len;
	size_t used = strlen(s->also);

	if (!o->name || strncmp(o->name, s->name, s->len) || (s->matches < 0 && !exact))
		return;
	s->found = o;
	s->matches = exact ? -1 : s->matches + 1; /* an exact name is never ambiguous */
	snprintf(s->also + used, sizeof s->also - used, "%s--%s", used ? ", " : "", o->name);
}

static bool is_end(const struct argp_option *o)
{
	return !is_option(o) && !o->doc && !o->group;
}

static void search_long(const struct argp_option *const *tables, struct search *s)
{
	for (; *tables; tables++)
		for (const struct argp_option *o = *tables; !is_end(o); o++)
			match_long(s, o);
	for (const struct argp_option *o = own_options; !is_end(o); o++)
		match_long(s, o);
}

static const struct argp_option *find_short(const struct argp_option *const *tables, char c)
{
	for (; *tables; tables++)
		for (const struct argp_option *o = *tables; !is_end(o); o++)
			if (o->key == c)
				return o;
	return c == '?' ? own_options : NULL;
}

/* Whether the next word is the argument. */
static bool check_long(const struct argp_option *const *tables, const char *word, const char *next)
{
	struct search s = { .name = word + 2, .len = strcspn(word + 2, "=") };
	bool given = s.name[s.len] == '=';

	search_long(tables, &s);
	if (!s.matches)
		die(STATUS_WEIR, "there is no option --%.*s; see --help", (int)s.len, s.name);
	if (s.matches > 1)
		die(STATUS_WEIR, "--%.*s may be %s", (int)s.len, s.name, s.also);
	if (given && !s.found->arg)
		die(STATUS_WEIR, "--%s takes no argument", s.found->name);
	if (given || !s.found->arg || s.found->flags & OPTION_ARG_OPTIONAL)
		return false;
	if (!next)
		die(STATUS_WEIR, "--%s needs an argument: %s", s.found->name, s.found->arg);
	return true;
}

static bool check_short(const struct argp_option *const *tables, const char *word, const char *next)
{
	for (const char *c = word + 1; *c; c++) {
		const struct argp_option *o = find_short(tables, *c);

		if (!o)
			die(STATUS_WEIR, "there is no option -%c; see --help", *c);
		if (o->arg && !c[1] && !next)
			die(STATUS_WEIR, "-%c needs an argument: %s", *c, o->arg);
		if (o->arg)
			return !c[1];
	}
	return false;
}

void option_check(const struct argp_option *const *tables, bool in_front, char **argv)
{
	while (*argv) {
		const char *word = *argv++;

		if (!strcmp(word, "--"))
			return;
		if (*word != '-' || !word[1]) {
			if (in_front)
				return;
		} else if (word[1] == '-') {
			argv += check_long(tables, word, *argv);
		} else {
			argv += check_short(tables, word, *argv);
		}
	}
}
