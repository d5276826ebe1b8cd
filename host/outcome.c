// SPDX-License-Identifier: MIT
/*
 * outcome.c: the ways a job can end: names on the wire, words for people, exit statuses for
 * shells.  Signal numbers are the guest's; they are the same on every Linux we run.
 */
#include "outcome.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "say.h"
#include "text.h"

static const char *const names[] = {
	[OUTCOME_NONE] = "any",
	[OUTCOME_EXITED] = "exited",
	[OUTCOME_SIGNALLED] = "signalled",
	[OUTCOME_TIMEOUT] = "timeout",
	[OUTCOME_OOM] = "oom",
	[OUTCOME_NOEXEC] = "noexec",
	[OUTCOME_NOTFOUND] = "notfound",
	[OUTCOME_DENIED] = "denied",
	[OUTCOME_CANCELLED] = "cancelled",
	[OUTCOME_ERROR] = "error",
	[OUTCOME_PANIC] = "panic",
	[OUTCOME_LOST] = "lost",
};

enum { NAMES = sizeof names / sizeof *names, SIGNALS = 64 };

const char *outcome_name(enum outcome outcome)
{
	return names[outcome];
}

enum outcome outcome_from_name(const char *name)
{
	for (int i = OUTCOME_EXITED; i < NAMES; i++)
		if (!strcmp(name, names[i]))
			return i;
	return OUTCOME_NONE;
}

const char *signal_name(int signal, char out[16])
{
	const char *abbreviation = signal > 0 ? sigabbrev_np(signal) : NULL;

	snprintf(out, 16, abbreviation ? "SIG%.11s" : "signal %.0s%d",
		abbreviation ? abbreviation : "", signal);
	return out;
}

int signal_number(const char *name)
{
	long number;

	if (!text_to_number(name, 1, SIGNALS, &number))
		return number;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (int i = 1; i <= SIGNALS; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && !strcasecmp(name, abbreviation))
			return i;
	}
	return 0;
}

const char *error_name(int error, char out[16])
{
	const char *name = error > 0 ? strerrorname_np(error) : NULL;

	if (name)
		snprintf(out, 16, "%s", name);
	else
		snprintf(out, 16, "error %d", error);
	return out;
}

bool outcome_is_fault(const struct result *r)
{
	return r->outcome == OUTCOME_SIGNALLED && r->signal_code &&
	       strncmp(r->signal_code, "SI_", 3);
}

static char *words_signalled(const struct result *r)
{
	char name[16];
	bool where = r->fault_addr && outcome_is_fault(r);

	signal_name(r->signal, name);
	if (!r->cause)
		return must_print("killed by %s", name);
	return must_print("killed by %s: %s%s%s", name, r->cause, where ? " at " : "",
		where ? r->fault_addr : "");
}

static char *words_error(const char *what, int error)
{
	if (error <= 0)
		return must_copy(what);
	return must_print("%s: %s", what, strerror(error));
}

char *outcome_words(const struct result *r)
{
	switch (r->outcome) {
	case OUTCOME_EXITED:
		return must_print("exited %d", r->code);
	case OUTCOME_SIGNALLED:
		return words_signalled(r);
	case OUTCOME_TIMEOUT:
		return must_copy("timed out");
	case OUTCOME_OOM:
		return must_copy("out of memory");
	case OUTCOME_NOEXEC:
		return words_error("not executable", r->error == ENOEXEC ? 0 : r->error);
	case OUTCOME_NOTFOUND:
		return must_copy("not found");
	case OUTCOME_DENIED:
		return must_copy("permission denied");
	case OUTCOME_CANCELLED:
		return must_copy("cancelled");
	case OUTCOME_ERROR:
		return words_error("could not be started", r->error);
	case OUTCOME_PANIC:
		return must_copy("guest kernel panicked");
	case OUTCOME_LOST:
		return must_copy("lost: the guest stopped");
	case OUTCOME_NONE:
		break;
	}
	return must_copy("not run");
}

static int expect_value(const char *text, struct expect *expect)
{
	long code;

	if (expect->outcome == OUTCOME_SIGNALLED) {
		expect->value = signal_number(text);
		return expect->value ? 0 : -EINVAL;
	}
	if (text_to_number(text, 0, 255, &code))
		return -EINVAL;
	expect->value = code;
	return 0;
}

int expect_parse(const char *text, struct expect *expect)
{
	*expect = (struct expect){ 0 };
	if (!strcmp(text, "any"))
		return 0;
	if (!strncmp(text, "exit:", 5)) {
		expect->outcome = OUTCOME_EXITED;
		return expect_value(text + 5, expect);
	}
	if (!strncmp(text, "signal:", 7)) {
		expect->outcome = OUTCOME_SIGNALLED;
		return expect_value(text + 7, expect);
	}
	expect->outcome = outcome_from_name(text);
	return expect->outcome >= OUTCOME_TIMEOUT && expect->outcome <= OUTCOME_DENIED ? 0
										       : -EINVAL;
}

const char *expect_text(const struct expect *expect, char out[32])
{
	if (expect->outcome == OUTCOME_EXITED)
		snprintf(out, 32, "exit:%d", expect->value);
	else if (expect->outcome == OUTCOME_SIGNALLED)
		snprintf(out, 32, "signal:%d", expect->value);
	else
		snprintf(out, 32, "%s", names[expect->outcome]);
	return out;
}

bool job_passed(const struct job *job)
{
	const struct result *r = &job->result;

	if (job->state != JOB_DONE)
		return false;
	if (job->expect.outcome == OUTCOME_NONE)
		return r->outcome >= OUTCOME_EXITED && r->outcome <= OUTCOME_DENIED;
	if (r->outcome != job->expect.outcome)
		return false;
	if (r->outcome == OUTCOME_EXITED)
		return r->code == job->expect.value;
	return r->outcome != OUTCOME_SIGNALLED || r->signal == job->expect.value;
}

int outcome_status(const struct result *r)
{
	switch (r->outcome) {
	case OUTCOME_EXITED:
		return r->code & 0xff;
	case OUTCOME_SIGNALLED:
		return 128 + (r->signal & 0x7f);
	case OUTCOME_TIMEOUT:
		return STATUS_TIMEOUT;
	case OUTCOME_OOM:
		return STATUS_OOM;
	case OUTCOME_NOEXEC:
	case OUTCOME_DENIED:
		return STATUS_NOEXEC;
	case OUTCOME_NOTFOUND:
		return STATUS_NOTFOUND;
	case OUTCOME_PANIC:
		return STATUS_PANIC;
	default:
		return STATUS_WEIR;
	}
}
