/* SPDX-License-Identifier: MIT */
/* Outcomes: their names, their words, and whether they are what was expected. */
#ifndef HOST_OUTCOME_H
#define HOST_OUTCOME_H

#include "job.h"

const char *outcome_name(enum outcome outcome);	    /* "exited", as in the protocol */
enum outcome outcome_from_name(const char *name);   /* OUTCOME_NONE if unknown */
char *outcome_words(const struct result *result);   /* "killed by SIGSEGV: store to ..." */
bool outcome_is_fault(const struct result *result); /* not a signal that was sent (SI_USER, ...) */
const char *signal_name(int signal, char out[16]);  /* "SIGSEGV" */
int signal_number(const char *name);		    /* SEGV, SIGSEGV, 11; 0 if unknown */
const char *error_name(int error, char out[16]);    /* "ENOENT" */

int expect_parse(const char *text, struct expect *expect); /* 0 or -EINVAL */
const char *expect_text(const struct expect *expect, char out[32]);
bool job_passed(const struct job *job);

int outcome_status(const struct result *result); /* exit status of `weir run` */

#endif
