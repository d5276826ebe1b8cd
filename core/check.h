/* SPDX-License-Identifier: MIT */
/* check.h: what the executor asks of the checked build (core/check.c); private to core/. */
#pragma once
#include "core/task.h"

#ifdef CHECKED
void check_before_poll(struct task *t);		/* poison the stack that is free */
bool check_after_poll(struct task *t, long r);	/* true: poll it again for no reason */
#else
static inline void check_before_poll(struct task *t) { }
static inline bool check_after_poll(struct task *t, long r) { return false; }
#endif
