/* SPDX-License-Identifier: MIT */
/*
 * jobspec.c: reads the list of jobs, strictly: an unknown key or a number with a blank in it is an
 * error of the host command, and is better found than guessed at.
 */
#include <string.h>
#include "lib/jobspec.h"
#include "lib/number.h"

/* Value of "key=value" if @s is that key, else NULL. */
static const char *value_of(const char *s, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(s, key, n) && s[n] == '=' ? s + n + 1 : NULL;
}

const char *jobspec_next(const struct job_spec *s, const char *key, const char *previous)
{
	const char *at = previous ? previous + strlen(previous) + 1 : s->text, *v;

	for (; at < s->text + s->size; at += strlen(at) + 1)
		if ((v = value_of(at, key)))
			return v;
	return NULL;
}

/* --- one function a key: NULL or what is wrong ------------------------------------------------- */

static const char *set_text(const char **field, const char *v)
{
	if (*field)
		return "a key is there twice";
	*field = v;
	return *v ? NULL : "a value is empty";
}

static const char *set_number(u64 *field, const char *v)
{
	if (*field)
		return "a key is there twice";
	return number_parse(v, 10, INT64_MAX, field) || !*field ? "not a number above zero" : NULL;
}

static const char *set_stdin(struct job_spec *s, const char *v)
{
	static const char *const names[] = { "null", "io", "tty" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(v, names[i])) {
			s->stdin = i;
			return NULL;
		}
	return "stdin is none of null, io, tty";
}

static const char *set_flag(bool *field, const char *v)
{
	*field = v[0] == '1';
	return (v[0] == '0' || v[0] == '1') && !v[1] ? NULL : "a flag is neither 0 nor 1";
}

static const char *set_expect(struct job_spec *s, const char *v)
{
	static const struct { const char *name; enum job_expect kind; u32 least, most; } forms[] = {
		{ "exit:", EXPECT_EXIT, 0, 255 },	{ "signal:", EXPECT_SIGNAL, 1, 64 },
		{ "timeout", EXPECT_TIMEOUT, 0, 0 },	{ "oom", EXPECT_OOM, 0, 0 },
		{ "noexec", EXPECT_NOEXEC, 0, 0 },	{ "notfound", EXPECT_NOTFOUND, 0, 0 },
		{ "denied", EXPECT_DENIED, 0, 0 },
	};
	u64 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t len = strlen(forms[i].name);

		if (strncmp(v, forms[i].name, len))
			continue;
		if (forms[i].most ? number_parse(v + len, 10, forms[i].most, &n) || n < forms[i].least
				  : v[len] != 0)
			break;
		s->expect = forms[i].kind;
		s->expect_value = n;
		return NULL;
	}
	return "an expectation is not understood";
}

static const char *add_env(struct job_spec *s, const char *v)
{
	s->envs++;
	return strchr(v, '=') && v[0] != '=' ? NULL : "an environment string is not K=V";
}

static const char *set(struct job_spec *s, const char *line)
{
	const char *v;

	if (value_of(line, "arg"))
		return s->args++, NULL;
	if ((v = value_of(line, "env")))
		return add_env(s, v);
	if ((v = value_of(line, "path")))
		return set_text(&s->path, v);
	if ((v = value_of(line, "cwd")))
		return set_text(&s->cwd, v);
	if ((v = value_of(line, "timeout_ns")))
		return set_number(&s->timeout_ns, v);
	if ((v = value_of(line, "memory")))
		return set_number(&s->memory, v);
	if ((v = value_of(line, "stdin")))
		return set_stdin(s, v);
	if ((v = value_of(line, "strace")))
		return set_flag(&s->strace, v);
	if ((v = value_of(line, "expect")))
		return set_expect(s, v);
	return "unknown key";
}

long jobspec_read(const char *text, size_t size, size_t *at, struct job_spec *s, const char **error)
{
	size_t pos = *at, len;

	*error = NULL;
	*s = (struct job_spec){ .text = text + pos };
	if (pos == size)
		return 0;
	while (!*error && pos < size) {
		len = strnlen(text + pos, size - pos);
		if (len == size - pos)
			*error = "the last string does not end";
		else if (len)
			*error = set(s, text + pos);
		else if (!s->args)
			*error = "a job without arg";
		else {
			s->size = text + pos - s->text;
			*at = pos + 1;
			return 1;
		}
		pos += len + 1;
	}
	if (!*error)
		*error = "the last job does not end";
	return -EINVAL;
}
