// SPDX-License-Identifier: MIT
/*
 * jobfile.c: the parser of job files.  A line is a command quoted as in a POSIX shell, with
 * settings (@key=value) and assignments (NAME=value) before it; a line of those alone applies
 * to the lines that follow.  What a shell would do and we do not (pipes, variables) is refused
 * unless quoted, so that nobody waits for it in vain.  The grammar is in docs/weir.md.
 */
#include "jobfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "outcome.h"
#include "say.h"
#include "text.h"

struct lexer {
	const char *text;
	size_t len, pos;
	int line, column;
	struct jobfile_error *error;
};

struct word {
	struct buf text;
	size_t plain;	    /* leading characters that were neither quoted nor escaped */
	bool open;	    /* still in that leading part */
	size_t offset, end; /* where it is in the file */
	int line, column;
};

/* Settings in force: of this line, or of all that follow. */
struct scope {
	struct strings env;
	char *name, *cwd;
	uint64_t timeout_ns, memory;
	struct expect expect;
};

enum { AT_END = -1 };

static int fail_at(struct jobfile_error *error, int line, int column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail_at(struct jobfile_error *error, int line, int column, const char *format, ...)
{
	va_list args;

	error->line = line;
	error->column = column;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return -EINVAL;
}

static int peek(const struct lexer *lx)
{
	return lx->pos < lx->len ? (unsigned char)lx->text[lx->pos] : AT_END;
}

static int next(struct lexer *lx)
{
	int c = peek(lx);

	if (c == AT_END)
		return c;
	lx->pos++;
	lx->column++;
	if (c == '\n') {
		lx->line++;
		lx->column = 1;
	}
	return c;
}

static int fail_here(struct lexer *lx, const char *what)
{
	return fail_at(lx->error, lx->line, lx->column, "%s", what);
}

/* A backslash before the end of the line joins it with the next. */
static bool skip_joint(struct lexer *lx)
{
	size_t after = lx->pos + 1;

	if (peek(lx) != '\\')
		return false;
	if (after < lx->len && lx->text[after] == '\r')
		after++;
	if (after >= lx->len || lx->text[after] != '\n')
		return false;
	while (next(lx) != '\n')
		;
	return true;
}

static void skip_blanks(struct lexer *lx)
{
	while (skip_joint(lx) || peek(lx) == ' ' || peek(lx) == '\t' ||
		(peek(lx) == '\r' && lx->pos + 1 < lx->len && lx->text[lx->pos + 1] == '\n'))
		if (peek(lx) == ' ' || peek(lx) == '\t' || peek(lx) == '\r')
			next(lx);
	if (peek(lx) == '#')
		while (peek(lx) != '\n' && peek(lx) != AT_END)
			next(lx);
}

static void word_add(struct word *w, int c, bool plain)
{
	buf_char(&w->text, c);
	w->open = w->open && plain;
	w->plain += w->open;
}

static int single_quoted(struct lexer *lx, struct word *w)
{
	int line = lx->line, column = lx->column, c;

	next(lx);
	w->open = false;
	while ((c = next(lx)) != '\'') {
		if (c == AT_END)
			return fail_at(lx->error, line, column, "this ' is never closed");
		if (!c)
			return fail_here(lx, "a NUL byte cannot be part of a command");
		word_add(w, c, false);
	}
	return 0;
}

static int double_quoted(struct lexer *lx, struct word *w)
{
	int line = lx->line, column = lx->column, c;

	next(lx);
	w->open = false;
	while ((c = peek(lx)) != '"') {
		if (c == AT_END)
			return fail_at(lx->error, line, column, "this \" is never closed");
		if (c == '$' || c == '`')
			return fail_here(lx,
				"nothing is expanded here: write '...' or a backslash before it");
		if (!c)
			return fail_here(lx, "a NUL byte cannot be part of a command");
		if (skip_joint(lx))
			continue;
		next(lx);
		if (c == '\\' && peek(lx) != AT_END && strchr("\\\"$`", peek(lx)))
			c = next(lx);
		word_add(w, c, false);
	}
	next(lx);
	return 0;
}

static int plain_character(struct lexer *lx, struct word *w)
{
	int c = peek(lx);

	if (!c)
		return fail_here(lx, "a NUL byte cannot be part of a command");
	if (strchr("|&;<>()", c))
		return fail_at(lx->error, lx->line, lx->column,
			"'%c' needs a shell: quote it, or write sh -c '...'", c);
	if (c == '$' || c == '`')
		return fail_here(lx, "nothing is expanded here: quote it, or write sh -c '...'");
	next(lx);
	if (c == '\\') {
		if (peek(lx) == AT_END)
			return fail_here(lx, "a backslash at the very end");
		word_add(w, next(lx), false);
		return 0;
	}
	word_add(w, c, true);
	return 0;
}

static bool ends_word(const struct lexer *lx)
{
	int c = peek(lx);

	return c == AT_END || c == ' ' || c == '\t' || c == '\n' ||
	       (c == '\r' && lx->pos + 1 < lx->len && lx->text[lx->pos + 1] == '\n');
}

/* 1 and a word, 0 at the end of the line, -EINVAL. */
static int read_word(struct lexer *lx, struct word *w)
{
	int err = 0;

	skip_blanks(lx);
	*w = (struct word){
		.open = true, .offset = lx->pos, .line = lx->line, .column = lx->column
	};
	if (ends_word(lx))
		return 0;
	while (!err && !ends_word(lx)) {
		if (skip_joint(lx))
			continue;
		if (peek(lx) == '\'')
			err = single_quoted(lx, w);
		else if (peek(lx) == '"')
			err = double_quoted(lx, w);
		else
			err = plain_character(lx, w);
	}
	buf_char(&w->text, 0);
	w->end = lx->pos;
	return err ? err : 1;
}

static const char *word_text(const struct word *w)
{
	return buf_data(&w->text);
}

static bool is_setting(const struct word *w)
{
	return w->plain && *word_text(w) == '@';
}

static bool is_assignment(const struct word *w)
{
	const char *s = word_text(w);
	size_t i = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)s[i]) || s[i] == '_')
		i++;
	return s[i] == '=' && w->plain > i;
}

static void replace(char **slot, const char *text)
{
	free(*slot);
	*slot = must_copy(text);
}

static const char *set_expect(struct scope *scope, const char *value)
{
	return expect_parse(value, &scope->expect)
		       ? "exit:N, signal:NAME, timeout, oom, noexec, notfound, denied or any"
		       : NULL;
}

/* What the value should have been, or NULL if it is fine. */
static const char *set_value(struct scope *scope, const char *key, const char *value)
{
	if (!strcmp(key, "name")) {
		replace(&scope->name, value);
		return *value ? NULL : "a name";
	}
	if (!strcmp(key, "cwd")) {
		replace(&scope->cwd, value);
		return *value == '/' ? NULL : "an absolute directory";
	}
	if (!strcmp(key, "timeout"))
		return text_to_ns(value, &scope->timeout_ns) ? "seconds, such as 2.5" : NULL;
	if (!strcmp(key, "memory"))
		return text_to_size(value, &scope->memory) ? "a size, such as 32M" : NULL;
	return set_expect(scope, value);
}

static bool known_setting(const char *key)
{
	static const char *const keys[] = { "name", "cwd", "timeout", "memory", "expect" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static int apply_setting(struct lexer *lx, const struct word *w, struct scope *scope)
{
	char *key = must_copy(word_text(w) + 1);
	char *value = strchr(key, '=');
	const char *wanted;
	int err = 0;

	if (value)
		*value++ = 0;
	if (!known_setting(key))
		err = fail_at(lx->error, w->line, w->column,
			"unknown setting @%.40s: use @name, @timeout, @memory, @expect or @cwd",
			key);
	else if (!value)
		err = fail_at(
			lx->error, w->line, w->column, "@%s needs a value: @%s=...", key, key);
	else if ((wanted = set_value(scope, key, value)))
		err = fail_at(lx->error, w->line, w->column + (int)strlen(key) + 2,
			"@%s=%.40s: expected %s", key, value, wanted);
	free(key);
	return err;
}

static void scope_copy(struct scope *to, const struct scope *from)
{
	*to = *from;
	to->env = (struct strings){ 0 };
	for (size_t i = 0; i < from->env.count; i++)
		strings_add(&to->env, from->env.items[i]);
	to->name = NULL; /* a name is one job's alone */
	to->cwd = from->cwd ? must_copy(from->cwd) : NULL;
}

static void scope_free(struct scope *scope)
{
	strings_free(&scope->env);
	free(scope->name);
	free(scope->cwd);
}

/* The command as it was written, on one line. */
static char *source_text(const struct lexer *lx, size_t from, size_t to)
{
	char *text = text_utf8(lx->text + from, to - from, true);

	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return text;
}

static void job_from_scope(struct job *job, struct scope *scope)
{
	job->env = scope->env;
	job->name = scope->name;
	job->cwd = scope->cwd;
	job->timeout_ns = scope->timeout_ns;
	job->memory = scope->memory;
	job->expect = scope->expect;
	*scope = (struct scope){ 0 };
}

/* The settings before the command; 1 if a command follows, its first word is in *w. */
static int read_settings(struct lexer *lx, struct scope *scope, struct word *w)
{
	int more;

	while ((more = read_word(lx, w)) == 1) {
		if (is_setting(w)) {
			more = apply_setting(lx, w, scope);
			if (more < 0)
				return more;
		} else if (is_assignment(w)) {
			strings_set_env(&scope->env, word_text(w));
		} else {
			return 1;
		}
		buf_free(&w->text);
	}
	return more;
}

static int read_command(struct lexer *lx, struct job *job, struct word *w)
{
	size_t from = w->offset, to = w->end;
	int more = 1;

	if (!*word_text(w))
		return fail_at(lx->error, w->line, w->column, "the program's name is empty");
	while (more == 1) {
		strings_add(&job->argv, word_text(w));
		to = w->end;
		buf_free(&w->text);
		more = read_word(lx, w);
	}
	job->command = source_text(lx, from, to);
	return more;
}

static int read_line(struct lexer *lx, struct scope *lasting, struct jobs *jobs)
{
	struct scope scope;
	struct word w = { 0 };
	struct job *job;
	int more;

	scope_copy(&scope, lasting);
	more = read_settings(lx, &scope, &w);
	if (more == 1) {
		job = jobs_add(jobs);
		job_from_scope(job, &scope);
		more = read_command(lx, job, &w);
	} else if (more == 0 && !scope.name) {
		scope_free(lasting);
		*lasting = scope;
		scope = (struct scope){ 0 };
	} else if (more == 0) {
		more = fail_at(lx->error, lx->line, lx->column, "@name without a command");
	}
	buf_free(&w.text);
	scope_free(&scope);
	return more;
}

int jobfile_parse(const char *text, size_t len, const struct job *defaults, struct jobs *jobs,
	struct jobfile_error *error)
{
	struct lexer lx = { .text = text, .len = len, .line = 1, .column = 1, .error = error };
	const struct scope start = { .env = defaults->env,
		.cwd = defaults->cwd,
		.timeout_ns = defaults->timeout_ns,
		.memory = defaults->memory,
		.expect = defaults->expect };
	struct scope lasting;
	int err = 0;

	scope_copy(&lasting, &start);
	while (!err && peek(&lx) != AT_END) {
		err = read_line(&lx, &lasting, jobs);
		if (!err && peek(&lx) == '\n')
			next(&lx);
	}
	scope_free(&lasting);
	return err;
}
