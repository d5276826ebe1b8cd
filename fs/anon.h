/* SPDX-License-Identifier: MIT */
/* anon.h: files that have no name: see anon.c. */
#pragma once
#include "lib/base.h"

struct file;
struct file_ops;
long anon_init(void);			/* boot */
long anon_seek(struct file *f, s64 offset, u32 whence);	/* has no effect; files have no position */
/* A file for @data, which its release() frees.  NULL: no memory; @data is still the caller's. */
struct file *anon_file(const struct file_ops *ops, u32 flags, void *data);
