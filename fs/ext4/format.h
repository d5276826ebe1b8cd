/* SPDX-License-Identifier: MIT */
/*
 * format.h: ext2, ext3 and ext4 as they lie on the disk.  Little-endian, as every machine Weir runs on; the
 * journal is big-endian (journal.c).
 */
#pragma once
#include "lib/base.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are read as they are");

enum { EXT4_MAGIC = 0xef53, EXT4_SUPER_AT = 1024, EXT4_ROOT = 2, EXT4_JOURNAL = 8, EXT4_OLD_INODE = 128 };

enum {	/* super.compat */
	EXT4_HAS_JOURNAL = 0x4,
};
enum {	/* super.incompat */
	EXT4_FILETYPE = 0x2, EXT4_RECOVER = 0x4, EXT4_JOURNAL_DEV = 0x8, EXT4_META_BG = 0x10,
	EXT4_EXTENTS = 0x40, EXT4_64BIT = 0x80, EXT4_MMP = 0x100, EXT4_FLEX_BG = 0x200,
	EXT4_EA_INODE = 0x400, EXT4_CSUM_SEED = 0x2000, EXT4_LARGE_DIR = 0x4000, EXT4_INLINE = 0x8000,
};
enum {	/* super.ro_compat */
	EXT4_SPARSE_SUPER = 0x1, EXT4_HUGE_FILE = 0x8, EXT4_GDT_CSUM = 0x10, EXT4_BIGALLOC = 0x200,
	 EXT4_METADATA_CSUM = 0x400,
};
enum { EXT4_HASH_SIGNED = 1, EXT4_HASH_UNSIGNED = 2 };		/* super.flags */
enum { EXT4_STATE_ERROR = 2 };

struct ext4_super {
	u32	inodes, blocks_lo, reserved_lo, free_lo, free_inodes;
	u32	first_data_block, log_block_size, log_cluster_size;
	u32	blocks_per_group, clusters_per_group, inodes_per_group;
	u32	mtime, wtime;
	u16	mounts, max_mounts, magic, state, on_error, minor_rev;
	u32	checked, check_interval, creator, rev;
	u16	resuid, resgid;
	u32	first_ino;
	u16	inode_size, group;
	u32	compat, incompat, ro_compat;
	u8	uuid[16];
	char	label[16], last_mounted[64];
	u32	compression;
	u8	prealloc, prealloc_dir;
	u16	reserved_descs;
	u8	journal_uuid[16];
	u32	journal_ino, journal_dev, orphans;
	u32	hash_seed[4];
	u8	hash_version, journal_backup;
	u16	desc_size;
	u32	mount_options, first_meta_bg, made, journal_backup_map[17];
	u32	blocks_hi, reserved_hi, free_hi;
	u16	min_extra, want_extra;
	u32	flags;
	u8	unused1[0x10];
	u8	log_groups_per_flex, checksum_type;
	u8	unused2[0xd2];
	u32	overhead;
	u8	unused3[0x24];
	u32	checksum_seed;
	u8	unused4[0x188];
	u32	checksum;
};
_Static_assert(sizeof(struct ext4_super) == 1024 && offsetof(struct ext4_super, uuid) == 0x68 &&
	       offsetof(struct ext4_super, desc_size) == 0xfe && offsetof(struct ext4_super, flags) == 0x160 &&
	       offsetof(struct ext4_super, overhead) == 0x248 &&
	       offsetof(struct ext4_super, checksum_seed) == 0x270, "");

struct ext4_desc {		/* of a group; the second half if desc_size is more than 32 */
	u32	block_bitmap_lo, inode_bitmap_lo, inode_table_lo;
	u16	free_blocks, free_inodes, directories, flags;
	u32	exclude_lo;
	u16	block_bitmap_csum, inode_bitmap_csum, unused_inodes, checksum;
	u32	block_bitmap_hi, inode_bitmap_hi, inode_table_hi;
	u8	rest[20];
};
_Static_assert(sizeof(struct ext4_desc) == 64 && offsetof(struct ext4_desc, checksum) == 30, "");

enum {	/* raw_inode.flags */
	EXT4_F_INDEX = 0x1000, EXT4_F_HUGE = 0x40000, EXT4_F_EXTENTS = 0x80000, EXT4_F_INLINE = 0x10000000,
};
enum { EXT4_DIRECT = 12, EXT4_MAP_BYTES = 60 };

struct ext4_raw_inode {
	u16	mode, uid_lo;
	u32	size_lo, atime, ctime, mtime, dtime;
	u16	gid_lo, links;
	u32	blocks_lo, flags, version;
	u32	map[15];		/* blocks, the root of extents, a short symbolic link, a device, or data */
	u32	generation, xattr_lo, size_hi, unused;
	u16	blocks_hi, xattr_hi, uid_hi, gid_hi, checksum_lo, unused2;
	/* beyond 128 bytes: as far as extra_size says */
	u16	extra_size, checksum_hi;
	u32	ctime_extra, mtime_extra, atime_extra, btime, btime_extra, version_hi, project;
};
_Static_assert(offsetof(struct ext4_raw_inode, generation) == 0x64 &&
	       offsetof(struct ext4_raw_inode, checksum_lo) == 0x7c &&
	       offsetof(struct ext4_raw_inode, extra_size) == EXT4_OLD_INODE, "");

/* --- extents ---------------------------------------------------------------------------------- */

enum { EXT4_EXTENT_MAGIC = 0xf30a, EXT4_DEPTH_MAX = 5, EXT4_EXTENT_MAX = 32768 };

struct ext4_extent_header { u16 magic, entries, max, depth; u32 generation; };
struct ext4_extent {		/* in a leaf; an index entry is {first, block_lo, block_hi, unused} */
	u32	first;
	union {
		struct { u16 len, start_hi; u32 start_lo; };	/* len above 32768: unwritten, that much less */
		struct { u32 child_lo; u16 child_hi, unused; };
	};
};
_Static_assert(sizeof(struct ext4_extent_header) == 12 && sizeof(struct ext4_extent) == 12, "");

/* --- directories -------------------------------------------------------------------------------- */

struct ext4_dirent { u32 ino; u16 size; u8 len, type; char name[]; };
struct ext4_dir_tail { u32 zero; u16 size; u8 zero2, type; u32 checksum; };
enum { EXT4_TAIL_TYPE = 0xde };

/* The index of a directory: block 0 begins with "." and "..", then this; other blocks with an empty entry. */
struct ext4_index_info { u32 zero; u8 hash, size, levels, unused; };
struct ext4_index { u16 limit, count; u32 first; };		/* in place of the first entry's hash */
struct ext4_index_entry { u32 hash, block; };
struct ext4_index_tail { u32 reserved, checksum; };
enum { EXT4_INDEX_ROOT = 32, EXT4_INDEX_NODE = 8 };		/* where the entries begin */

/* --- extended attributes in the inode ------------------------------------------------------------ */

enum { EXT4_XATTR_MAGIC = 0xea020000, EXT4_XATTR_SYSTEM = 7 };
struct ext4_xattr { u8 len, space; u16 at; u32 ino, size, hash; char name[]; };
