/* SPDX-License-Identifier: MIT */
/*
 * procfs.h: what others register in /proc.  A file is a callback that appends its text; it is
 * called once an opening, at the first read, and must not wait.  fs/ knows no processes: proc/
 * hands in one table of callbacks.
 */
#pragma once
#include "lib/base.h"

struct dentry;
struct file;
struct text;				/* lib/text.h: a growing buffer of text */

/* A file that does not belong to a process: /proc/<name>. @name must live for ever. */
void procfs_add(const char *name, long (*read)(struct text *t));

/* A setting: /proc/sys/<path>; @fixed or what @read appends.  The table ends with a NULL path. */
struct sysctl {
	const char	*path, *fixed;
	void		(*read)(struct text *t);
};
void procfs_sysctl(const struct sysctl *table);

/* One file of /proc/PID.  Bytes of any kind; 0 or -errno (-ESRCH: it has ended meanwhile). */
struct procfs_file {
	const char	*name;
	u32		mode;		/* permission bits: 0444, 0400 */
	long		(*read)(s32 pid, struct text *t);
};

/* One symbolic link of /proc/PID that leads to an object rather than to a name. */
struct procfs_link {
	const char	*name;		/* "exe", "cwd", "root" */
	/* The object, counted: 0, -ENOENT (there is none), -ESRCH. */
	long		(*target)(s32 pid, struct dentry **out);
};

/* All processes together. */
struct procfs_totals {
	u64	user_ns;		/* time programs ran */
	u64	created;		/* processes and threads, ever */
	u32	threads, running;	/* now */
	s32	last_pid;
	u64	load[3];		/* averages over 1, 5, 15 minutes, in 1/2048 */
};

struct procfs_processes {
	void	(*totals)(struct procfs_totals *sum);
	const struct procfs_file *files;	/* up to a NULL name */
	const struct procfs_link *links;	/* up to a NULL name */
	s32	(*next)(s32 after);		/* smallest living pid above @after, 0: none */
	bool	(*owner)(s32 pid, u32 *uid, u32 *gid);	/* false: no such process */
	s32	(*self)(void);			/* pid of the caller */
	s32	(*thread_self)(void);		/* tid of the caller */
	s32	(*next_thread)(s32 pid, s32 after);	/* same for the threads of @pid: /proc/PID/task */
	s64	(*next_fd)(s32 pid, s64 after);	/* smallest open descriptor above @after, -1: none */
	struct file *(*fd)(s32 pid, u32 fd);	/* counted; NULL: not open */
};
void procfs_register(const struct procfs_processes *p);

/* For the callbacks: path of @d as seen from "/", NUL-terminated: length or -ENAMETOOLONG.
 * "(deleted)" is appended when the name is gone. */
long dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size);
/* Name of the file whose pages these are (an area of a mapping), as dentry_path(); 0: it has none.
 * Also its inode number. */
struct pageset;
long pageset_path(struct pageset *set, char *buf, size_t size, u64 *ino);
