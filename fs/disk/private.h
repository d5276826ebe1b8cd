/* SPDX-License-Identifier: MIT */
/* private.h: what the files of fs/disk/ share, and what the rest of fs/ calls. */
#pragma once
#include "fs/disk.h"
#include "fs/files.h"
#include "fs/path.h"
#include "mem/errand.h"

enum {	/* dnode.state, under disk->lock */
	N_LOADING = 1,
	N_EVICTING = 2,			/* on its way out; its task holds the only reference */
	N_DIRTY = 4,			/* in disk->dirty: attributes, or pages */
	N_HASHED = 8,
	N_ORPHAN = 16,			/* waits in disk->dirty for memory to be evicted with */
};

static inline struct disk *disk_of(const struct inode *ip) { return ip->fs->disk; }
static inline const struct disk_ops *disk_ops(const struct inode *ip) { return ip->fs->disk->ops; }

extern const struct inode_ops disk_dir_ops, disk_file_ops, disk_node_ops;
extern const struct pageset_ops disk_pages_ops;

/* A new inode nobody else knows; NULL: no memory. */
struct dnode *dnode_create(struct filesystem *fs, u32 mode);
void dnode_publish(struct dnode *d);		/* with its key: findable */
void dnode_free(struct dnode *d);
/* Write pages and attributes back; with @wait until they are in the device's cache or on the disk. */
async long dnode_flush(struct co *co, struct dnode *d, bool wait);
/* The next dirty inode after @after (whose reference is dropped), counted; or NULL. */
struct dnode *dnode_next_dirty(struct disk *k, struct dnode *after);
void dnode_retry_orphans(struct disk *k);

/* What is cached of an instance, and of devices: nobody's leak. */
void disk_usage(struct filesystem *fs, struct fs_usage *u);
void devices_usage(struct fs_usage *u);

/* names.c; tree_lock held for the first two.  Enter @new, which has one reference, unless the name is
 * there already: counted; *@spare is to be put. */
struct dentry *names_enter(struct dentry *dir, struct name n, struct dentry *new, struct dentry **spare);
void names_forget(struct dentry *d);		/* out of its directory; drop one reference afterwards */
struct dentry *names_shadow_take(struct dentry *dir, struct name n);	/* to be put; NULL: none */
void disk_names_evict_below(struct dentry *dir);	/* it was removed: shadows in it go */
/* A name came to or left @dir, where others may mean the same: what is known to be absent is looked up
 * again, and other names of @of's inode (NULL: it is new) go. */
void names_forget_aliases(struct dentry *dir, struct dentry *of);
async long names_find(struct co *co, struct dentry *dir, struct name n, struct dentry **out);

/* file.c, for change.c: the parts of errands. */
async long disk_truncate(struct co *co, struct inode *ip, u64 size);
async long disk_allocate(struct co *co, struct inode *ip, u32 mode, u64 at, u64 len);

async long disk_seek(struct co *co, struct inode *ip, u64 at, bool hole);

long disk_open(struct inode *ip, struct file *f);
void disk_set_size(struct inode *ip, u64 size);

void flusher_start(void);			/* once there is something on a disk */
async long flusher_throttle(void);		/* too much is dirty: wait a while */
void flusher_add(struct disk *k);
void flusher_remove(struct disk *k);
u32 flusher_slots(void);			/* mounted ones: instance @n, counted, or NULL */
struct filesystem *flusher_fs(u32 n);

async long disk_mount(struct co *co, struct filesystem *fs, struct blk *b, const char *options);
/* fs->root is gone; waits for the last inode, writes back, and drops the mount's reference. */
async long disk_unmount(struct co *co, struct filesystem *fs);
async long disk_sync(struct co *co, struct filesystem *fs);
const struct fs_type *mount_type(u32 n);	/* the n-th, or NULL */
void mount_set_root(struct filesystem *fs);	/* "/" of the machine, from now on */
