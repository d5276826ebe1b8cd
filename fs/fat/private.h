/* SPDX-License-Identifier: MIT */
/*
 * private.h: FAT12, FAT16 and FAT32: what the files of fs/fat/ share.
 *
 * Everything about an instance is in struct fat, about a file or directory in struct fat_inode.  The
 * table is a page cache of its own (v->table), directories are the page caches of their inodes: both are
 * written to exactly their own sectors, whatever else shares a page with them.
 *
 * Order of writing (commit.c): what is in a page cache may reach the disk at any time and in any order; so
 * only changes are made there of which every subset is a sound volume, but for clusters nobody has.
 * The others wait in memory until what they rest on is on the disk.
 *
 * Locks, after those of inodes: v->committing, v->barrier, v->table_lock, then v->lock (a spin lock:
 * lists, places of entries) and fi->lock (one, of the chain).
 */
#pragma once
#include "fs/disk.h"
#include "fs/disk/private.h"
#include "fs/fat/name.h"

enum {
	FAT_END = 0x0fffffff,		/* of a chain */
	FAT_NOWHERE = UINT32_MAX,	/* fi->slot: it has no entry (any more) */
	FAT_SLOT = 32,			/* bytes of a slot of a directory */
	FAT_PAGE_SLOTS = PAGE_SIZE / FAT_SLOT,
	FAT_SLOTS_MAX = 65536,
	FAT_SET_MAX = 21,		/* slots of one name */
};
#define FAT_ROOT_KEY	(1ul << 62)

struct fat_entry {			/* a slot, as it is on the disk: little endian */
	u8	name[FAT_SHORT];
	u8	attr, lower;
	u8	btime_cs;		/* 10 ms */
	u16	btime, bdate, adate, start_high, mtime, mdate, start_low;
	u32	size;
};
enum { ATTR_READONLY = 1, ATTR_HIDDEN = 2, ATTR_SYSTEM = 4, ATTR_VOLUME = 8, ATTR_DIR = 16,
       ATTR_ARCHIVE = 32, ATTR_LONG = 15 };
struct fat_long {			/* part of a long name */
	u8	order, a[10], attr, type, sum, b[12];
	u16	zero;
	u8	c[4];
};
enum { LONG_LAST = 0x40, LONG_UNITS = 13, SLOT_DELETED = 0xe5 };
_Static_assert(sizeof(struct fat_entry) == FAT_SLOT && sizeof(struct fat_long) == FAT_SLOT, "");

struct fat_run { u32 at, first, len; };		/* clusters of a file, of the disk, how many */

/* A chain nobody can reach any more: free once the disk knows that. */
struct fat_freed { TAILQ_ENTRY(fat_freed) link; u32 first, count; };
TAILQ_HEAD(fat_freed_list, fat_freed);

struct fat_inode {
	struct dnode	d;
	/* --- its entry; v->lock */
	struct inode	*dir;			/* counted; NULL: the root */
	u32		slot, first;		/* the short entry, the first slot of its name */
	u32		disk_size, disk_start;	/* what the entry says */
	u8		attr;
	/* --- its chain; lock.  Clusters [0, kept) are linked on the disk (or may be); [kept, snap)
	 * and [snap, count) are chains in the table that nothing leads to. */
	spinlock_t	lock;
	u32		count, kept, snap;	/* snap: 0 if no commit deals with it */
	u32		start, kept_next, snap_next;	/* clusters 0, kept, snap */
	bool		cut;			/* the table goes on behind kept - 1: to be ended */
	bool		fixed;			/* the root directory of FAT12 and FAT16 */
	u32		generation;		/* the chain became shorter */
	struct fat_run	*run;			/* what is known of it, by at; may have gaps */
	u32		run_count, run_room;
	enum { FAT_IDLE, FAT_PENDING, FAT_BATCH } pending;	/* which list; v->lock */
	TAILQ_ENTRY(fat_inode) pend;
	/* --- of a directory */
	bool		listed, dirty;		/* in v->dirs; in v->dirty: v->lock */
	TAILQ_ENTRY(fat_inode) dirs, dirty_link;
	u32		tail;			/* below it begin no no_room free slots in a row */
	u32		no_room;
	struct mutex	index_lock;
	struct pageset	names;			/* index by hash of names; see index.c */
	u32		index_size, index_room, index_used;	/* u32s; size: 0 until it is complete */
	/* --- let go of later */
	u32		puts;
	TAILQ_ENTRY(fat_inode) put_link;
};
TAILQ_HEAD(fat_list, fat_inode);

enum { FAT_DIR_BUCKETS = 64 };
struct fat {
	struct filesystem *fs;
	struct blk	*blk;
	struct rcu_head	rcu;
	/* --- layout; constant */
	u32		bits;			/* 12, 16, 32 */
	u32		sector, cluster_shift;	/* bytes; log2 of bytes */
	u32		copies;			/* of the table */
	u64		table_at, table_len;	/* bytes; len: of one copy */
	u64		root_at;		/* FAT12, FAT16 */
	u32		root_slots, root_cluster;
	u64		data_at, end_at;	/* of cluster 2; behind the last sector */
	u32		last;			/* the highest cluster */
	u64		info_at;		/* FSInfo, or 0 */
	u32		uid, gid, fmask, dmask;
	/* --- the table: 16 (also FAT12) or 32 bits an entry */
	struct pageset	table;
	struct cache	table_cache;
	u8		*raw;			/* FAT12: its sectors as they are on the disk */
	u64		raw_len;
	struct page	*pinned[2];
	struct mutex	table_lock;		/* allocating, freeing, counting */
	struct pageset	counts;			/* of free entries in each page, plus 1: u16; 0: unknown */
	u32		next;			/* where to look for a free one */
	u32		free;			/* clusters, as far as known */
	bool		counted;		/* all pages of the table were */
	bool		believed;		/* or FSInfo said so */
	bool		info_old;		/* FSInfo is not what it should be */
	/* --- order */
	struct mutex	committing, barrier;
	spinlock_t	lock;
	struct fat_list	pending, batch, dirty;
	struct fat_freed_list freed, freeing;
	u32		freed_count;		/* clusters in both */
	u32		freed_records;
	struct fat_list	dirs[FAT_DIR_BUCKETS];	/* directories in memory, by first cluster */
	struct fat_list	puts;
	bool		putting;
	u64		next_ino, next_key;
};

static inline struct fat *fat_of(const struct inode *ip) { return ip->fs->data; }
static inline struct fat_inode *fat_inode(struct inode *ip) { return container_of(ip, struct fat_inode, d.i); }
static inline struct inode *fat_ip(struct fat_inode *fi) { return &fi->d.i; }
static inline u32 fat_cluster(const struct fat *v) { return 1u << v->cluster_shift; }
static inline u64 fat_clusters_for(const struct fat *v, u64 bytes)
{
	return (bytes + fat_cluster(v) - 1) >> v->cluster_shift;
}
static inline u64 fat_where(const struct fat *v, u32 cluster)
{
	return v->data_at + ((u64)(cluster - 2) << v->cluster_shift);
}
static inline bool fat_is_cluster(const struct fat *v, u32 c) { return c >= 2 && c <= v->last; }

/* --- table.c ---------------------------------------------------------------------------------- */

long fat_table_init(struct fat *v);
async long fat_table_read(struct co *co, struct fat *v);
void fat_table_end(struct fat *v);
/* The page with @cluster's entry.  Starts over. */
async long fat_page(struct fat *v, u32 cluster, struct page **out);
u32 fat_get(const struct fat *v, const struct page *p, u32 cluster);	/* FAT_END, 0: free, or a number */
void fat_set(struct fat *v, struct page *p, u32 cluster, u32 value);
/* How many clusters from @cluster on, at most @most, follow each other as the page says; *next is behind. */
u32 fat_row(const struct fat *v, const struct page *p, u32 cluster, u32 most, u32 *next);
/* Up to @want free clusters in a row, best from @goal on, become a chain: how many; -ENOSPC. */
async long fat_take(struct co *co, struct fat *v, u32 goal, u32 want, u32 *first);
/* A chain of @count becomes free: what of it could be.  -EUCLEAN, -EIO. */
async long fat_give(struct co *co, struct fat *v, u32 first, u32 count);
async long fat_count(struct co *co, struct fat *v);	/* what is free */
async long fat_info_write(struct co *co, struct fat *v);
async long fat_table_write(struct co *co, struct fat *v);

/* --- chain.c ---------------------------------------------------------------------------------- */

/* Cluster @index of a file, and how many follow it in a row, as far as known. */
async long fat_find(struct co *co, struct inode *ip, u32 index, struct fat_run *out);
async long fat_map(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x);
/* More clusters, at most up to @count in all, at the end of the chain: 0 if it has grown. */
async long fat_grow(struct co *co, struct inode *ip, u32 count);
/* It has @count clusters from now on; the others become free in time.  v->committing is not held. */
async long fat_shorten(struct co *co, struct inode *ip, u32 count);
async long fat_truncate(struct co *co, struct inode *ip, u64 size);
async long fat_allocate(struct co *co, struct inode *ip, u32 mode, u64 at, u64 len);
/* The chain of a directory that was just found at @start: all of it is walked. */
async long fat_measure(struct co *co, struct inode *ip);

/* --- commit.c --------------------------------------------------------------------------------- */

void fat_pend(struct inode *ip);		/* its chain has changed */
void fat_unpend(struct fat_inode *fi);
async long fat_barrier(struct co *co, struct fat *v);	/* table and directories are on the disk */
async long fat_commit(struct co *co, struct fat *v);	/* all chains and sizes may be written */
async long fat_sync(struct co *co, struct filesystem *fs);

/* --- inode.c ---------------------------------------------------------------------------------- */

u32 fat_entry_start(const struct fat *v, const struct fat_entry *e);
void fat_entry_set_start(struct fat_entry *e, u32 start);
void fat_inode_init(struct inode *ip);		/* a new one */
void fat_entry_new(struct fat_entry *e, struct inode *ip);	/* attributes and times */
async long fat_load(struct co *co, struct inode *ip);
async long fat_update(struct co *co, struct inode *ip);
async long fat_evict(struct co *co, struct inode *ip);
void fat_free(struct inode *ip);
long fat_attributes(struct inode *ip, struct attributes *a);
/* What its entry says: of size and chain only what is safe already (!@all), or everything that is linked. */
async long fat_store(struct co *co, struct inode *ip, bool all);
void fat_place(struct inode *ip, struct inode *dir, u32 slot, u32 first);	/* it has this entry now */
void fat_unplace(struct inode *ip);				/* or none */
void fat_dir_known(struct inode *ip);		/* a directory's first cluster is known */
bool fat_dir_twice(struct inode *ip);		/* another one has the same */

/* --- dir.c ------------------------------------------------------------------------------------ */

/* Going through a directory.  In the heap: too large for a frame.  The page is held between calls. */
struct fat_scan {
	struct inode	*dir;
	u32		slot;			/* the next to be looked at */
	struct page	*page;			/* of slot - 1, or NULL */
	u32		page_index;
	/* The name that was found: */
	u32		first, at;		/* its slots, the last is the short entry */
	struct fat_entry e;
	struct fat_text	name;
	bool		is_long;
	u32		expect;			/* parts of a long name to come; 0: none is under way */
	u8		sum;
	char		utf8[NAME_MAX_LEN];
	struct fat_text	want;			/* what is looked for */
	struct fat_text	full;			/* to be written: the name, its short one, case bits */
	u8		number[FAT_SHORT], lower;
};
struct fat_scan *fat_scan_new(struct inode *dir);
void fat_scan_free(struct fat_scan *s);
void fat_scan_from(struct fat_scan *s, u32 slot);
async long fat_scan_next(struct fat_scan *s);		/* starts over; -ENOENT: no more */
/* The entry with the name s->want.  -ENOENT. */
async long fat_scan_find(struct co *co, struct fat_scan *s);
u64 fat_key(struct inode *dir, u32 slot);
u32 fat_slots(const struct inode *dir);
/* A slot, its page held.  Starts over. */
async long fat_slot(struct inode *dir, u32 slot, struct page **p, struct fat_entry **e);
void fat_slot_dirty(struct inode *dir, u32 slot, struct page *p);
async long fat_lookup(struct co *co, struct inode *dir, struct name n, u64 *key);
async long fat_list(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *s);
long fat_name_ok(struct inode *dir, struct name n);

/* --- index.c: names of a large directory, by hash ------------------------------------------------ */

enum { FAT_SMALL = 256 };				/* slots: below, there is none */
async long fat_index(struct co *co, struct inode *dir);	/* there is one, if it should be */
void fat_index_end(struct fat_inode *fi);
/* The next place a name with @hash may be, after *cursor (0 at first): its slot, or FAT_NOWHERE. */
u32 fat_index_next(struct fat_inode *fi, u32 hash, u32 *cursor);
/* A name has come; false: there is no room for it, and no index any more. */
void fat_index_add(struct fat_inode *fi, const struct fat_text *name, u32 slot);

/* --- change.c --------------------------------------------------------------------------------- */

async long fat_create(struct co *co, struct inode *dir, struct name n, struct inode *ip);
async long fat_unlink(struct co *co, struct inode *dir, struct name n, struct inode *ip);
async long fat_rename(struct co *co, struct rename *r);
