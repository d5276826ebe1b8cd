/* SPDX-License-Identifier: MIT */
/*
 * files.h: open files and descriptor tables.
 *
 * struct file is one open file description (counted; descriptors and system calls under way hold
 * references).  struct files is a table of descriptors, shared by threads (CLONE_FILES).
 * struct fs_context is what path names start from (CLONE_FS).
 */
#pragma once
#include <stdatomic.h>
#include "core/cpu.h"
#include "core/wait.h"
#include "mem/user.h"

struct inode;
struct dentry;
struct file;

struct poller;				/* who waits in poll/select: fs/poll.h */

#define NOT_NOW (-4100L)		/* result of try_read and try_write; neither an errno nor PENDING */

struct file_ops {
	const char	*name;		/* of files without one of their own: "anon_inode:[name]" */
	/* Move bytes at *@pos and advance it (streams ignore it).  Result: positive, 0 end of file,
	 * -errno, PENDING; how much was moved since the uio began, through all faults and waits, is
	 * u->done.  u->fault set: commit the page and call again (uio_retry). */
	async long	(*read)(struct co *co, struct file *f, struct uio *u, u64 *pos);
	async long	(*write)(struct co *co, struct file *f, struct uio *u, u64 *pos);
	/* May be NULL.  The same in one go between a program's memory and the file's own position,
	 * in the simple case: bytes moved; or NOT_NOW, then read() and write() are called, and what
	 * was copied so far does not count.  Starts over. */
	async long	(*try_read)(struct file *f, uaddr_t to, u64 n);
	async long	(*try_write)(struct file *f, uaddr_t from, u64 n);
	long		(*seek)(struct file *f, s64 offset, u32 whence);	/* NULL: -ESPIPE */
	async long	(*ioctl)(struct co *co, struct file *f, u32 request, u64 arg);	/* NULL: -ENOTTY */
	/* Ready events (POLLIN...) now; with @p also register to be woken at changes. */
	u32		(*poll)(struct file *f, struct poller *p);
	async long	(*readdir)(struct co *co, struct file *f, struct uio *u);	/* linux_dirent64 */
	/* The pages of a mapping, or -ENODEV. */
	long		(*map)(struct file *f, struct pageset **set, u32 rights, bool shared);
	async long	(*sync)(struct co *co, struct file *f);
	long		(*truncate)(struct file *f, u64 size);
	void		(*release)(struct file *f);		/* last reference is gone */
};

struct file {
	_Atomic u32		refs;
	u32			flags;		/* O_ACCMODE, O_APPEND, O_NONBLOCK, ... */
	const struct file_ops	*ops;
	struct inode		*inode;		/* counted, unless the dentry holds it; may be NULL */
	struct dentry		*dentry;	/* counted; name it was opened by, may be NULL */
	union {
		struct {
			u64	pos;
			void	*data;		/* of the implementation */
		};
		struct rcu_head	rcu;		/* when it is closed */
	};
	bool			seen;		/* was in a table that several threads share */
	struct watch		*watches;	/* epolls it is in: fs/epoll.c */
};

/* For long transfers: let others run and go on.  What was moved is in the uio, so the operation starts
 * over where it was.  -EINTR: the task shall end. */
static inline async long file_pause(void)
{
	if (task_killed())
		return -EINTR;
	task_requeue(task_current());
	return PENDING;
}
enum { FILE_BATCH = 512 << 10 };		/* bytes moved before others get the hart */

struct file *file_create(const struct file_ops *ops, u32 flags, void *data);	/* NULL: no memory */
static inline struct file *file_get(struct file *f) { atomic_fetch_add(&f->refs, 1); return f; }
void file_put(struct file *f);			/* NULL is fine */
void epoll_forget(struct file *f);		/* it is about to go: f->watches */
/* Absolute path into @buf: length or -ENAMETOOLONG; "pipe:[7]" for anonymous files. */
long file_path(struct file *f, char *buf, size_t size);

enum { FD_MAX = 4096 };
struct files;
struct files *files_create(void);
struct files *files_copy(struct files *from);	/* fork; NULL: no memory */
struct files *files_get(struct files *t);
void files_put(struct files *t);		/* the last one closes all */
struct files *files_unshare(struct files *t);	/* @t if nobody shares it, else a copy (@t is still to be put); NULL: no memory */
void files_exec(struct files *t);		/* close those with close-on-exec */
struct file *fd_get(struct files *t, u64 fd);	/* of one's own table: counted, or NULL (EBADF) */
struct file *fd_get_other(struct files *t, u64 fd);	/* of another's */
long fd_install(struct files *t, struct file *f, u32 from, bool cloexec);	/* takes the reference; fd or -EMFILE (then dropped) */
long fd_install_at(struct files *t, struct file *f, u32 fd, bool cloexec);	/* dup2: replaces */
long fd_close(struct files *t, u64 fd);
void files_set_limit(struct files *t, u32 n);	/* RLIMIT_NOFILE */
u32 files_limit(struct files *t);
long fd_cloexec(struct files *t, u64 fd, bool set, bool value);	/* the flag, or -EBADF */
s64 fd_next(struct files *t, s64 after);	/* smallest open descriptor above @after, -1: none */

/* Open file @fd of whoever calls, counted, or NULL: for devices that take descriptors.  Set by proc/. */
extern struct file *(*loop_file)(u32 fd);

enum { FS_GROUPS = 16 };
struct fs_context {
	_Atomic u32	refs;
	spinlock_t	lock;
	struct dentry	*root, *cwd;		/* counted */
	u32		umask;
	u32		fsuid, fsgid;		/* for permission checks and new files */
	u32		group_count;		/* supplementary groups, under lock */
	u32		groups[FS_GROUPS];
};
bool fs_has_group(struct fs_context *c, u32 gid);	/* a supplementary group */
static inline bool fs_in_group(struct fs_context *c, u32 gid)
{
	return gid == c->fsgid || fs_has_group(c, gid);
}
void fs_context_set_groups(struct fs_context *c, const u32 *groups, u32 n);
struct fs_context *fs_context_create(void);	/* root and cwd: "/", umask 022 */
struct fs_context *fs_context_copy(struct fs_context *from);
struct fs_context *fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
long fs_context_chdir(struct fs_context *c, const char *path);
long fs_context_set_cwd(struct fs_context *c, struct dentry *d);	/* -ENOTDIR, -EACCES */
long fs_context_set_root(struct fs_context *c, struct dentry *d);
struct dentry *fs_context_cwd(struct fs_context *c);		/* counted */
struct dentry *fs_context_root(struct fs_context *c);

/* Open for the kernel itself (exec, the batch runner): @path is kernel memory.  Starts over. */
async long file_open(struct fs_context *c, struct dentry *at, const char *path, u32 flags, u32 mode,
		     struct file **out);
/* Read from a file into kernel memory at @pos: bytes (short only at the end) or -errno. */
async long file_read_kernel(struct co *co, struct file *f, void *buf, u64 n, u64 pos);
u64 file_size(struct file *f);
/* May @c execute it?  0, -EACCES; -EISDIR is EACCES too. */
long file_may_exec(struct fs_context *c, struct file *f);

/* --- the root file system (boot) --------------------------------------------------------------------- */
long fs_init(void);				/* empty root, devfs on /dev, procfs on /proc */
/* Unpack a newc archive into the root; file pages that are aligned stay where they are. */
long fs_unpack_initrd(paddr_t start, size_t size);
u32 fs_initrd_homeless(void);			/* how many entries found no memory */
/* Whole content of a file, heap, NUL-terminated; NULL if absent.  And remove it. */
char *fs_take_file(const char *path, size_t *size);
u64 fs_memory_pages(void);			/* pages in tmpfs files */
/* Memory that is there because a name leads to it: files, directories, mounts. */
struct fs_usage { u64 pages, heap; };
struct fs_usage fs_usage(void);
