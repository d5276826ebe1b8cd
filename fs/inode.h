/* SPDX-License-Identifier: MIT */
/*
 * inode.h: what a name stands for: a file, directory, link, device; and the file system it is in.
 * For file systems and drivers; programs' calls reach inodes through fs/path.h and fs/files.h.
 *
 * An inode is counted: each dentry, open file and mapping holds a reference.  inode->lock guards
 * size, owner, mode and times; nlink and everything about names is guarded by tree_lock (dentry.h).
 */
#pragma once
#include <stdatomic.h>
#include <sys/queue.h>
#include "core/co.h"
#include "core/spin.h"
#include "mem/pageset.h"

struct dentry;
struct file;
struct file_ops;
struct filesystem;
struct fs_context;
struct inode;
struct lock_list;
struct inode_more;
struct pipe;
struct uio;

enum {	/* inode.mode, as in struct stat */
	I_FMT = 0170000, I_SOCK = 0140000, I_LNK = 0120000, I_REG = 0100000, I_BLK = 0060000,
	I_DIR = 0040000, I_CHR = 0020000, I_FIFO = 0010000,
	I_SUID = 04000, I_SGID = 02000, I_STICKY = 01000, I_PERM = 07777,
};
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
enum { NAME_MAX_LEN = 255, PATH_MAX_LEN = 4096, LINKS_MAX = 40 };

/* Positions of an open directory: below are entries in the tree, from here on those of ops->list. */
#define DIR_LISTED (1ul << 48)

/* Directory entries on their way to a program: false when there is no more room. */
struct dir_sink {
	bool	(*add)(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 next);
};

/*
 * What differs between kinds of inodes.  Any may be NULL: then the kind does not have it.
 * None but lookup may wait; lookup starts over.
 */
struct inode_ops {
	/* A name that is not in the tree: its inode with a reference, or -ENOENT. NULL: the tree
	 * knows all names. */
	async long	(*lookup)(struct inode *dir, const char *name, u32 len, struct inode **out);
	/* Entries from position *@pos on which are not in the tree; advances *@pos. */
	long		(*list)(struct inode *dir, u64 *pos, struct dir_sink *s);
	/* A new inode for a new name in @dir; @target with I_LNK. */
	long		(*create)(struct inode *dir, u32 mode, u32 rdev, const char *target,
				  struct inode **out);
	/* @f is being opened: set f->ops and f->data, or -errno. */
	long		(*open)(struct inode *ip, struct file *f);
	/* Text of a symbolic link: its length, not more than @size. */
	long		(*readlink)(struct inode *ip, char *buf, u32 size);
	/* A link to an object rather than to a name: the object, counted. */
	long		(*jump)(struct inode *ip, struct dentry **out);
	long		(*truncate)(struct inode *ip, u64 size);
	void		(*refresh)(struct inode *ip);	/* before stat and access checks */
	void		(*free)(struct inode *ip);	/* the last reference is gone */
	/* The same, and the inode is not freed: it has things to do first. */
	void		(*last)(struct inode *ip);
	bool		on_disk;	/* a directory: names are cached in the tree, fs/disk.h */
};

struct inode {
	_Atomic u32		refs;
	u32			mode, uid, gid;
	u32			nlink;
	u32			rdev;
	u64			ino;
	u64			size;
	u64			atime, mtime, ctime, btime;	/* ns since 1970 */
	spinlock_t		lock;
	u32			seals;		/* fs/seals.h */
	const struct inode_ops	*ops;
	struct filesystem	*fs;		/* counted */
	struct dentry		*alias;		/* a name of it, uncounted; tree_lock */
	struct lock_list	*locks;		/* fs/locks.c */
	struct pipe		*pipe;		/* a fifo that is open */
	void			*data;		/* of the file system */
	char			*target;	/* text of a symbolic link, heap */
	TAILQ_ENTRY(inode)	link;		/* in fs->inodes */
	_Atomic(struct inode_more *) more;	/* what few inodes have; NULL: nothing */
	struct pageset		pages;		/* content of a regular file in memory */
};

/* Extended attributes and watches: made when they are first wanted, freed with the inode. */
struct inode_more {
	struct xattr		*xattrs;	/* by name; inode->lock (fs/xattr.c) */
	u64			xattr_bytes;
	struct watch_mark	*marks;		/* fs/notify.c has the lock */
};
struct inode_more *inode_more(struct inode *ip);	/* NULL: no memory */

struct disk_ops;
struct fs_type {
	const char	*name;
	u32		magic;			/* statfs */
	bool		nodev;			/* needs no block device: /proc/filesystems */
	const struct disk_ops *disk;		/* on a block device: fs/disk.h; the rest is NULL then */
	long		(*mount)(struct filesystem *fs, const char *options);	/* sets fs->root */
	u64		(*blocks)(struct filesystem *fs, u64 *free);		/* may be NULL */
	void		(*end)(struct filesystem *fs);	/* it is unmounted; may be NULL */
};

enum { FS_READONLY = 1, FS_NOSUID = 2, FS_NODEV = 4, FS_NOEXEC = 8 };
struct filesystem {				/* one instance */
	_Atomic u32		refs;		/* the mount, each inode */
	u32			dev;		/* st_dev */
	u32			flags;		/* FS_* */
	const struct fs_type	*type;
	struct dentry		*root;		/* counted until unmounted */
	spinlock_t		lock;		/* inodes */
	TAILQ_HEAD(, inode)	inodes;
	_Atomic u64		next_ino;
	u64			page_limit;	/* tmpfs size=, 0: none */
	struct disk		*disk;		/* on a block device: fs/disk.h; NULL: in memory */
	void			*data;		/* of the file system */
	void			(*alone)(struct filesystem *fs);	/* the mount's reference is left */
	const char		*source;	/* heap; /proc/mounts */
	TAILQ_ENTRY(filesystem)	link;		/* in the list of mounts */
};

/* A fresh inode of @fs with one reference and no names; times are now. NULL: no memory. */
struct inode *inode_create(struct filesystem *fs, u32 mode, const struct inode_ops *ops);
/* The same for one that is part of something larger; and its end, all but the memory. */
void inode_init(struct inode *ip, struct filesystem *fs, u32 mode, const struct inode_ops *ops);
void inode_end(struct inode *ip);
static inline struct inode *inode_get(struct inode *ip)
{
	atomic_fetch_add_explicit(&ip->refs, 1, memory_order_relaxed);
	return ip;
}
void inode_put(struct inode *ip);		/* NULL is fine */
static inline u32 inode_kind(const struct inode *ip) { return ip->mode & I_FMT; }
static inline bool inode_is_dir(const struct inode *ip) { return inode_kind(ip) == I_DIR; }

/* May @c do what the MAY_* bits of @want say: 0 or -EACCES. */
long inode_access(struct fs_context *c, struct inode *ip, u32 want);
/* The same for other ids, with @c's supplementary groups. */
long inode_access_as(struct fs_context *c, u32 uid, u32 gid, struct inode *ip, u32 want);
/* May @c change owner-only attributes: 0 or -EPERM. */
long inode_owned(struct fs_context *c, struct inode *ip);
void inode_touch(struct inode *ip);		/* content changed: mtime and ctime */
void inode_changed(struct inode *ip);		/* attributes changed: ctime */
void inode_accessed(struct inode *ip);		/* content read: atime, at most daily or after a write */

struct filesystem *filesystem_create(const struct fs_type *type, const char *source);
void filesystem_put(struct filesystem *fs);

/* Pages of anonymous memory and files: who pays is the program that runs (NULL: the kernel). */
struct charge *fs_charge(void);

/* Files that are in no directory (pipes, streams, memfd): inodes of this instance. */
extern struct filesystem anon_fs;

/* An inode of any kind as tmpfs has them, in any instance; NULL: no memory. */
struct inode *tmpfs_inode(struct filesystem *fs, u32 mode, u32 rdev);
void tmpfs_init(void);			/* boot */
long tmpfs_mount(struct filesystem *fs, const char *options);
u64 tmpfs_blocks(struct filesystem *fs, u64 *free);
/* fallocate(); -EOPNOTSUPP: not a regular file of tmpfs. */
long tmpfs_allocate(struct inode *ip, u32 mode, u64 offset, u64 len);
/* @p, whose reference is taken, becomes page @index of a new file. */
long tmpfs_adopt(struct inode *ip, u64 index, struct page *p);
void tmpfs_set_size(struct inode *ip, u64 size);
extern const struct fs_type tmpfs_type, devfs_type, procfs_type, ext4_type, ext3_type, ext2_type;
extern const struct fs_type fat_type;

/* --- devices ---------------------------------------------------------------------------------- */

/* A character device: whoever opens an inode with this number gets these operations. */
struct char_device {
	const char		*name;		/* in /dev */
	u32			mode;		/* permission bits */
	u32			rdev;		/* device_number() */
	const struct file_ops	*ops;
	long			(*open)(struct file *f);	/* may be NULL */
};
static inline u32 device_number(u32 major, u32 minor)	/* as in struct stat */
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffu) << 12;
}
enum { DEV_NULL = 0x103, DEV_TTY = 0x500, DEV_CONSOLE = 0x501 };

/* Make the device known and give it a node in /dev; any time after fs_init(). */
long devfs_add(const struct char_device *d);
/* Prepare opening an inode of kind I_CHR or I_BLK: sets f->ops, f->data; -ENXIO. */
long device_open(struct inode *ip, struct file *f);
long memory_devices_add(void);
long tty_devices_add(void);
long loop_devices_add(void);
