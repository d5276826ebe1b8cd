/* SPDX-License-Identifier: MIT */
/* private.h: what the files of procfs share. */
#pragma once
#include "fs/inode.h"
#include "fs/procfs.h"

/* What an inode of /proc shows; ip->data, heap.  One of @text, @of_node and @file makes content. */
struct proc_node {
	long				(*of_node)(const struct proc_node *n, struct text *t);
	long				(*text)(struct text *t);
	const struct procfs_file	*file;
	const struct procfs_link	*link;
	const struct sysctl		*sysctl;	/* sysctl.c */
	s32				pid;
	u32				fd;
};
extern const struct procfs_processes *processes;	/* NULL: nobody registered */
extern const struct inode_ops proc_text_ops;		/* a file with generated content */

/* An inode of the instance @fs with a proc_node of its own; NULL: no memory. */
struct inode *proc_inode(struct filesystem *fs, u32 mode, const struct inode_ops *ops,
			 const struct proc_node *node);
static inline struct proc_node *proc_node(struct inode *ip) { return ip->data; }
void proc_free(struct inode *ip);

/* "123" -> 123; -1: not a number, or with leading zeros. */
s64 proc_number(const char *name, u32 len);

/* The directories of processes: operations of the root. */
async long proc_root_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);
long proc_root_list(struct inode *dir, u64 *pos, struct dir_sink *s);
extern const struct inode_ops proc_self_ops, proc_thread_self_ops, proc_mounts_ops;
void procfs_system_add(void);
extern const struct inode_ops *const proc_sys_ops;
long sysctl_text(const struct sysctl *s, struct text *t);
