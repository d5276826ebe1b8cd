/* SPDX-License-Identifier: MIT */
/* anon.h: files that have no name: see anon.c. */
#pragma once
#include "fs/files.h"

long anon_init(void);			/* boot */
long anon_seek(struct file *f, s64 offset, u32 whence);	/* has no effect; files have no position */
/* A file for @data, which its release() frees.  NULL: no memory; @data is still the caller's. */
struct file *anon_file(const struct file_ops *ops, u32 flags, void *data);
/* All @n bytes to or from @u, or nothing and u->fault set: false. */
bool anon_put(struct uio *u, const void *v, size_t n);
bool anon_take(struct uio *u, void *v, size_t n);
