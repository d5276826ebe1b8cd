/* SPDX-License-Identifier: MIT */
/* check.h: what the files of this folder share; above all, what the executor asks of check.c. */
#pragma once
#include "core/co.h"

const char *co_name(const struct co *c);	/* the function that suspended there */

#ifdef CHECKED
extern bool check_chaos;
void check_before_poll(struct task *t);		/* poison the stack that is free */
bool check_after_poll(struct task *t, long r);	/* true: poll it again for no reason */
bool check_no_switch(void);			/* true: the hart shall not be handed over this time */
#else
static inline void check_before_poll(struct task *t) { }
static inline bool check_after_poll(struct task *t, long r) { return false; }
static inline bool check_no_switch(void) { return false; }
#endif
