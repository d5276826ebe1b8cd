/* SPDX-License-Identifier: MIT */
/* xattr.h: extended attributes of inodes in memory: see xattr.c. */
#pragma once
#include "fs/files.h"
#include "fs/inode.h"

enum { XATTR_NAME_MAX_LEN = 255, XATTR_VALUE_MAX = 65536, XATTR_LIST_MAX_LEN = 65536 };

/* All: -errno as the calls give it.  A size of 0 asks how large the result is. */
long xattr_set(struct fs_context *c, struct inode *ip, const char *name, const void *value, u32 size,
	       u32 flags);			/* XATTR_CREATE, XATTR_REPLACE */
long xattr_get(struct fs_context *c, struct inode *ip, const char *name, void *value, u32 size);
long xattr_list(struct fs_context *c, struct inode *ip, char *names, u32 size);
long xattr_remove(struct fs_context *c, struct inode *ip, const char *name);

void xattrs_free(struct inode_more *m);
u64 xattrs_heap(struct inode *ip);		/* for leak counts, with struct inode_more itself */
