/* SPDX-License-Identifier: MIT */
/* processfd.h: files that stand for what happens to processes. */
#pragma once
#include "proc/process.h"

/* --- signalfd.c: pending signals of whoever reads ---------------------------------------------------- */
struct file *signalfd_create(u64 set, u32 flags);	/* NULL: no memory */
bool signalfd_is(const struct file *f);
void signalfd_set(struct file *f, u64 set);

/* --- pidfd.c: a process ------------------------------------------------------------------------------- */
struct file *pidfd_create(struct process *p, u32 flags);	/* counts @p; NULL: no memory */
/* The process @f stands for, counted: -EBADF, -ESRCH it is not there yet. */
long pidfd_process(struct file *f, struct process **p);
/* For one that is to be cloned: a file without a process, and its process. */
void pidfd_fill(struct file *f, struct process *p);
