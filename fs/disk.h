/* SPDX-License-Identifier: MIT */
/*
 * disk.h: what a file system on a block device has to do, and what is done for it.  The whole contract;
 * docs/filesystems.md tells it as a story.
 *
 * A file system is a table of operations (struct disk_ops).  Names, permissions, caches of names, inodes
 * and pages, read-ahead, write-back, mapping, O_DIRECT, mounting: all generic, in fs/disk/.  Operations
 * marked async have frames of their own (they run as errands, mem/errand.h, up to ERRAND_FRAMES bytes): they
 * may await whatever they like, are never cut short by signals, and hold no spin lock while they wait.
 *
 * Metadata is read and written through the cache of the device: blk_bytes(), blk_page(), blk_page_dirty()
 * (dev/blk.h).  Everything on the disk is hostile: -EUCLEAN for what cannot be, with a line in the log.
 *
 * Locks, in this order: fs->disk->renaming, inode locks (a directory before what is in it), locks of the
 * file system's own, then spin locks: tree_lock, disk->lock, fs->lock, a page set's.
 */
#pragma once
#include "core/rcu.h"
#include "dev/blk.h"
#include "fs/dentry.h"

struct change;
struct disk_ops;
struct fs_usage;

/* An inode of a file system on a disk.  The file system embeds it, first, in its own. */
struct dnode {
	struct inode	i;
	u64		key;		/* by which the file system finds it; unique at any time */
	struct rwlock	lock;		/* taken by the generic code: see each operation */
	struct cache	cache;		/* of i.pages */
	u64		blocks;		/* of 512 bytes, for stat: the file system's to keep */
	u32		state;		/* N_*, under disk->lock */
	u32		ahead;		/* pages read ahead last */
	u32		round;		/* of a directory: names came; what was absent before may be there */
	u64		ahead_at;	/* where the reader is expected next */
	u64		since;		/* attributes are newer than the disk: ns, or 0 */
	struct dnode	*next;		/* in a hash bucket */
	TAILQ_ENTRY(dnode) dirty;
	struct rcu_head	rcu;
};
static inline struct dnode *dnode_of(struct inode *ip) { return container_of(ip, struct dnode, i); }

enum { DNODE_BUCKETS = 256 };
struct disk {				/* of a struct filesystem: the generic half */
	const struct disk_ops *ops;
	struct filesystem *fs;
	struct blk	*blk;		/* counted, claimed */
	struct mutex	renaming;	/* directories move under other parents */
	spinlock_t	lock;		/* hash, dirty, states */
	struct waitq	gone;		/* woken when an inode has left the hash */
	u32		evicting;	/* inodes on their way out */
	TAILQ_HEAD(, dnode) dirty;
	struct rcu_head	rcu;
	struct dnode	*bucket[DNODE_BUCKETS];
};

/* --- content ---------------------------------------------------------------------------------- */

enum extent_kind {
	EXTENT_HOLE,			/* reads as zeros */
	EXTENT_BLOCKS,			/* on the device at @dev */
	EXTENT_UNWRITTEN,		/* has blocks, but reads as zeros */
	EXTENT_BYTES,			/* in the inode: at @bytes, until the next wait; not to be written to */
};
struct extent {
	u64			at, len;	/* of the file, bytes; contains the place asked for */
	enum extent_kind	kind;
	u64			dev;		/* byte address on the device of @at */
	const void		*bytes;
};

/* --- names ------------------------------------------------------------------------------------ */

struct rename {
	struct inode	*from, *to;		/* directories, perhaps the same */
	struct name	old, new;
	struct inode	*ip, *victim;		/* what moves; what has the new name, or NULL */
	bool		exchange;		/* they change places; there is a victim */
};

struct disk_stat {				/* for statfs */
	u32	block_size, name_max;
	u64	blocks, free, available, files, files_free, id;
};

struct attributes {				/* what is to become of an inode's */
	u32	set;				/* A_* */
	u32	mode, uid, gid;
	u64	atime, mtime, ctime;
};
enum { A_MODE = 1, A_UID = 2, A_GID = 4, A_ATIME = 8, A_MTIME = 16 };

/* Operations that are NULL do not exist: -EROFS for changes, nothing to be done for the others. */
struct disk_ops {
	u32		inode_size;		/* of the struct that begins with a struct dnode */
	bool		no_holes;		/* a file has blocks for every byte: growing it writes zeros */
	bool		fold_case;		/* names that differ may be the same */
	u64		size_max;		/* of a file, bytes */

	/* --- instances: fs->disk->blk is there and nobody else uses it.  mount() sets fs->data, may set
	 * FS_READONLY in fs->flags, and gives the key of the root directory.  On an error unmount() is not
	 * called.  unmount() comes last, when nobody uses it and sync_fs() was done. */
	async long	(*mount)(struct co *co, struct filesystem *fs, const char *options, u64 *root);
	async long	(*unmount)(struct co *co, struct filesystem *fs);
	async long	(*remount)(struct co *co, struct filesystem *fs, u32 flags, const char *options);
	/* Put into the device's cache what is only in memory; it is written and flushed afterwards. */
	async long	(*sync_fs)(struct co *co, struct filesystem *fs);
	async long	(*statfs)(struct co *co, struct filesystem *fs, struct disk_stat *st);
	/* Add what the instance keeps in memory of its own, besides inodes and what they have: nobody's leak. */
	void		(*usage)(struct filesystem *fs, struct fs_usage *u);

	/* --- inodes.  load(): dnode_of(ip)->key is set; fill in mode, ids, times, nlink, size, rdev, ino (the
	 * key unless it is set), target (a symbolic link's text, heap) and what is your own, which is zero.
	 * -ESTALE: there is no such inode. */
	async long	(*load)(struct co *co, struct inode *ip);
	/* Attributes have changed in memory: put them into the cached metadata. */
	async long	(*update)(struct co *co, struct inode *ip);
	/* It has no name and no user any more: its blocks are free.  Pages are gone already. */
	async long	(*evict)(struct co *co, struct inode *ip);
	void		(*free)(struct inode *ip);	/* what is your own in memory; also after a load that failed */
	/* May these become its attributes?  0, or an error; round what cannot be kept. */
	long		(*attributes)(struct inode *ip, struct attributes *a);

	/* --- names.  lookup() and list() with the directory's lock shared, the others with those of all
	 * directories concerned, and of a directory that goes, exclusive.  What exists has been checked:
	 * new names are new, old ones there; access, kinds, loops as well.  nlink, mtime and ctime
	 * are changed by the generic code afterwards; sizes of directories by you. */
	/* The key of @name, or -ENOENT.  Names a file system takes for the same (case) must have one
	 * key: the name is cached as it was asked for. */
	async long	(*lookup)(struct co *co, struct inode *dir, struct name n, u64 *key);
	/* Entries but "." and ".." from position *pos on, 0 at first: s->add() each, with the position behind
	 * it as `next'; when that returns false stop, and leave *pos at this entry. */
	async long	(*list)(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *s);
	/* @ip is new: mode, ids, rdev, target and times are set, nlink is 0.  Give it a place on the disk,
	 * set its key, and enter the name.  A directory gets its "." and "..".  */
	async long	(*create)(struct co *co, struct inode *dir, struct name n, struct inode *ip);
	async long	(*link)(struct co *co, struct inode *dir, struct name n, struct inode *ip);
	/* Take the name out.  A directory: -ENOTEMPTY if there is anything in it.  The inode itself goes
	 * with evict(), when its last user has gone. */
	async long	(*unlink)(struct co *co, struct inode *dir, struct name n, struct inode *ip);
	/* The victim loses its name (as unlink() has it) or gets the other. ".." is yours to change.
	 * -EXDEV, -ENOTEMPTY, -ENOSPC. */
	async long	(*rename)(struct co *co, struct rename *r);
	/* Is this a name at all (characters, length)?  NULL: all up to 255 bytes are. */
	long		(*name_ok)(struct inode *dir, struct name n);

	/* --- content of regular files.  map(): what is at @at; the extent may end anywhere behind it, also
	 * beyond the end of the file.  New blocks may contain anything: what of a page is not written
	 * to was read before, and all of it is written.  With @write there are blocks for [at, at + len) or a part of it from
	 * @at on afterwards (-ENOSPC); called with the lock held, exclusive if the file may grow, and
	 * for one range at a time when several writers share it: guard your own.  Without @write any
	 * number of calls at any time. */
	async long	(*map)(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x);
	/* Shrinking.  Lock exclusive, ip->size is @size already, no page beyond it is cached or being
	 * written: give back the blocks beyond it.  Growing is map()'s, or nobody's if there are holes. */
	async long	(*truncate)(struct co *co, struct inode *ip, u64 size);
	/* fallocate(): lock exclusive. -EOPNOTSUPP. */
	async long	(*allocate)(struct co *co, struct inode *ip, u32 mode, u64 at, u64 len);
	/* Bytes [at, at + len) of unwritten extents have been written. */
	async long	(*written)(struct co *co, struct inode *ip, u64 at, u64 len);
};

/* --- for file systems ----------------------------------------------------------------------------- */

/* The inode with @key, loaded, counted: 0, -ESTALE, -EUCLEAN, -EIO, -ENOMEM.  From mount(), lookup() and the
 * like; not while you hold a lock that load() takes. */
async long dnode_get(struct co *co, struct filesystem *fs, u64 key, struct inode **out);
/* It is found by another key from now on (FAT: its entry has moved). */
void dnode_rekey(struct inode *ip, u64 key);
/* Attributes have changed: update() will be called, sooner or later. */
void dnode_dirty(struct inode *ip);
/* For allocate() where there are no holes: the file grows to @to, with zeros.  The lock is held, exclusive. */
async long disk_grow(struct co *co, struct inode *ip, u64 to);
/* "ext4 (vda1): @text": what is wrong with the disk, once a line; the error itself is the caller's. */
void disk_complain(struct filesystem *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- for the calls ---------------------------------------------------------------------------------- */

/* Change attributes, if the file system agrees; who may do so has been checked. */
long disk_attributes(struct inode *ip, struct attributes *a);

/* statfs(): an errand; put in the end. */
struct statfs_query;
struct statfs_query *disk_statfs_begin(struct filesystem *fs);		/* NULL: no memory */
async long disk_statfs_wait(struct statfs_query *q);			/* starts over */
const struct disk_stat *disk_statfs_result(const struct statfs_query *q);
void disk_statfs_put(struct statfs_query *q);				/* NULL is fine */

static inline struct blk *disk_blk(struct filesystem *fs) { return fs->disk->blk; }
static inline bool disk_readonly(const struct filesystem *fs) { return fs->flags & FS_READONLY; }
