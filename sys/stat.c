/* SPDX-License-Identifier: MIT */
/*
 * stat.c: what is known about a file, and changing it: stat, access, mode, owner, times, size by path,
 * file system.  All start over.
 */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/unistd.h>
#include <linux/stat.h>
#include <string.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "fs/change.h"
#include "fs/disk.h"
#include "fs/notify.h"
#include "sys/path.h"

#define UTIME_NOW	0x3fffffffl
#define UTIME_OMIT	0x3ffffffel
#define KEEP_ID		(~0u)

/* --- which file ------------------------------------------------------------------------------------ */

static inline u32 walk_flags(u32 flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* The inode a call means, counted: by path, or with AT_EMPTY_PATH and "" the descriptor itself. */
static async long find_inode(s32 dirfd, uaddr_t path, u32 flags, struct inode **out)
{
	struct dentry *d;
	long r = place_walk(dirfd, path, walk_flags(flags), &d);

	if (r)
		return r;
	*out = inode_get(d->inode);
	dentry_put(d);
	return 0;
}

/* Same for calls that take a descriptor. */
static long find_file(u64 fd, struct inode **out)
{
	struct file *f = file_current(fd);
	bool path_only = f && f->flags & O_PATH;

	if (!f)
		return -EBADF;
	if (!path_only)
		*out = inode_get(f->inode);
	file_put(f);
	return path_only ? -EBADF : 0;
}

/* --- stat -------------------------------------------------------------------------------------------- */

static u64 blocks(struct inode *ip)
{
	return unlikely(ip->fs->disk) ? dnode_of(ip)->blocks : ip->pages.count * (PAGE_SIZE / 512);
}

static void fill_stat(struct inode *ip, struct stat *st)
{
	st->st_dev = ip->fs->dev;
	st->st_ino = ip->ino;
	st->st_mode = ip->mode;
	st->st_nlink = ip->nlink;
	st->st_uid = ip->uid;
	st->st_gid = ip->gid;
	st->st_rdev = ip->rdev;
	st->__pad1 = 0;
	st->st_size = ip->size;
	st->st_blksize = PAGE_SIZE;
	st->__pad2 = 0;
	st->st_blocks = blocks(ip);
	st->st_atime = ip->atime / NSEC_PER_SEC;
	st->st_atime_nsec = ip->atime % NSEC_PER_SEC;
	st->st_mtime = ip->mtime / NSEC_PER_SEC;
	st->st_mtime_nsec = ip->mtime % NSEC_PER_SEC;
	st->st_ctime = ip->ctime / NSEC_PER_SEC;
	st->st_ctime_nsec = ip->ctime % NSEC_PER_SEC;
	st->__unused4 = st->__unused5 = 0;
}

static async long put_stat(struct inode *ip, uaddr_t to)
{
	struct stat st;

	if (ip->ops->refresh)
		ip->ops->refresh(ip);
	fill_stat(ip, &st);
	return user_put(to, st);
}

static async long sys_fstat(struct co *co, const u64 *a)
{
	struct file *f = file_current(a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = put_stat(f->inode, a[1]);
	file_put(f);
	return r;
}

/* What path_peek() finds needs no reference: it is looked at under the lock. */
static bool peek_stat(const char *path, struct stat *st)
{
	struct dentry *d;

	guard(&tree_lock);
	d = path_peek(fs_current(), path);
	if (unlikely(!d || d->inode->ops->refresh))
		return false;
	fill_stat(d->inode, st);
	return true;
}

static async long stat_place(struct place *p, u32 flags, uaddr_t to)
{
	struct dentry *d;
	long r = path_walk(fs_current(), p->at, p->path, walk_flags(flags) | WALK_WORDS, &d);

	if (r)
		return place_note(r, p->path);
	r = put_stat(d->inode, to);
	dentry_put(d);
	return r;
}

static async long sys_newfstatat(struct co *co, const u64 *a)
{
	u32 flags = a[3];
	struct place p;
	struct stat st;
	long r;

	if (unlikely(flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)))
		return syscall_refuse(-EINVAL, "newfstatat flags", flags);
	r = place_get(&p, (s32)a[0], a[1], 0);
	if (unlikely(r < 0))
		return r;
	if (likely(!p.at && peek_stat(p.path, &st)))
		return user_write_hot(a[2], &st, sizeof(st));
	r = stat_place(&p, flags, a[2]);
	place_put(&p);
	return r;
}

static struct statx_timestamp statx_time(u64 ns)
{
	return (struct statx_timestamp){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
}

static u32 major(u32 dev) { return dev >> 8 & 0xfff; }
static u32 minor(u32 dev) { return (dev & 0xff) | (dev >> 12 & ~0xffu); }

static void fill_statx(struct inode *ip, struct statx *s)
{
	if (ip->ops->refresh)
		ip->ops->refresh(ip);
	*s = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME, .stx_blksize = PAGE_SIZE,
		.stx_nlink = ip->nlink, .stx_uid = ip->uid, .stx_gid = ip->gid, .stx_mode = ip->mode,
		.stx_ino = ip->ino, .stx_size = ip->size, .stx_blocks = blocks(ip),
		.stx_atime = statx_time(ip->atime), .stx_btime = statx_time(ip->btime),
		.stx_ctime = statx_time(ip->ctime), .stx_mtime = statx_time(ip->mtime),
		.stx_rdev_major = major(ip->rdev), .stx_rdev_minor = minor(ip->rdev),
		.stx_dev_major = major(ip->fs->dev), .stx_dev_minor = minor(ip->fs->dev),
	};
}

static async long sys_statx(struct co *co, const u64 *a)
{
	u32 flags = a[2], known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;
	struct statx s;
	struct inode *ip;
	long r;

	if (flags & ~known)
		return syscall_refuse(-EINVAL, "statx flags", flags);
	if ((u32)a[3] & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	r = find_inode((s32)a[0], a[1], flags, &ip);
	if (r)
		return r;
	fill_statx(ip, &s);
	inode_put(ip);
	return user_put(a[4], s);
}

/* --- file system ------------------------------------------------------------------------------------------- */

/* What every file system says of itself. */
static struct statfs statfs_common(const struct filesystem *fs)
{
	return (struct statfs){
		.f_type = fs->type->magic, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE,
		.f_namelen = NAME_MAX_LEN, .f_fsid.val = { fs->dev, 0 },
		.f_flags = 0x20 | fs->flags,		/* ST_VALID; FS_* are numbered as ST_* */
	};
}

static async long put_statfs(struct filesystem *fs, uaddr_t to)
{
	struct statfs s = statfs_common(fs);
	u64 free = 0;

	if (fs->type->blocks)
		s.f_blocks = fs->type->blocks(fs, &free);
	s.f_bfree = s.f_bavail = free;
	s.f_files = s.f_blocks;
	s.f_ffree = free;
	return user_put(to, s);
}

static async long put_disk_statfs(struct filesystem *fs, const struct disk_stat *st, uaddr_t to)
{
	struct statfs s = statfs_common(fs);

	s.f_bsize = s.f_frsize = st->block_size;
	s.f_blocks = st->blocks;
	s.f_bfree = st->free;
	s.f_bavail = st->available;
	s.f_files = st->files;
	s.f_ffree = st->files_free;
	s.f_namelen = st->name_max;
	s.f_fsid.val[0] = st->id;
	s.f_fsid.val[1] = st->id >> 32;
	return user_put(to, s);
}

/* A disk may have to be asked. */
static async long statfs_inode(struct co *co, struct inode *ip, uaddr_t to)
{
	struct { struct statfs_query *q; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!ip->fs->disk) {
		await(r = put_statfs(ip->fs, to));
	} else {
		f->q = disk_statfs_begin(ip->fs);
		r = -ENOMEM;
		if (f->q)
			await(r = disk_statfs_wait(f->q));
		if (!r)
			await(r = put_disk_statfs(ip->fs, disk_statfs_result(f->q), to));
		disk_statfs_put(f->q);
	}
	inode_put(ip);
	return r;
	co_end();
}

static async long sys_statfs(struct co *co, const u64 *a)
{
	struct { struct inode *ip; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = find_inode(AT_FDCWD, a[0], 0, &f->ip));
	if (!r)
		await(r = statfs_inode(co, f->ip, a[1]));
	return r;
	co_end();
}

static async long sys_fstatfs(struct co *co, const u64 *a)
{
	struct { struct inode *ip; } *f = co_frame(co);
	struct file *file;
	long r;

	co_begin(f);
	if (!(file = file_current(a[0])))
		return -EBADF;
	f->ip = inode_get(file->inode);
	file_put(file);
	await(r = statfs_inode(co, f->ip, a[1]));
	return r;
	co_end();
}

/* --- access -------------------------------------------------------------------------------------------------- */

static long check_access(struct inode *ip, u32 want, bool effective)
{
	struct process *p = process_current();

	if (want & MAY_WRITE && ip->fs->flags & FS_READONLY && inode_kind(ip) != I_CHR)
		return -EROFS;
	if (effective)
		return inode_access(fs_current(), ip, want);
	return inode_access_as(fs_current(), p->uid, p->gid, ip, want);
}

static async long access(const u64 *a, u32 flags)
{
	struct inode *ip;
	long r;

	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return syscall_refuse(-EINVAL, "faccessat2 flags", flags);
	if ((u32)a[2] & ~7u)
		return -EINVAL;
	r = find_inode((s32)a[0], a[1], flags & ~AT_EACCESS, &ip);
	if (r)
		return r;
	r = place_note(check_access(ip, (u32)a[2], flags & AT_EACCESS), "");
	inode_put(ip);
	return r;
}

static async long sys_faccessat(struct co *co, const u64 *a) { return access(a, 0); }
static async long sys_faccessat2(struct co *co, const u64 *a) { return access(a, (u32)a[3]); }

/* --- mode and owner -------------------------------------------------------------------------------------------- */

static long writable_fs(struct inode *ip)
{
	return ip->fs->flags & FS_READONLY ? -EROFS : 0;
}

static long set_mode(struct inode *ip, u32 mode)
{
	struct fs_context *c = fs_current();
	long r = writable_fs(ip);

	if (r || (r = inode_owned(c, ip)))
		return r;
	if (inode_kind(ip) == I_LNK)
		return -EOPNOTSUPP;
	if (c->fsuid && !fs_in_group(c, ip->gid))
		mode &= ~I_SGID;
	if (ip->fs->disk) {
		struct attributes at = { .set = A_MODE, .mode = mode & I_PERM };

		return disk_attributes(ip, &at);
	}
	guard(&ip->lock);
	ip->mode = (ip->mode & I_FMT) | (mode & I_PERM);
	inode_changed(ip);
	return 0;
}

/* The end of a call that looked for @ip with the result @r: the change itself. */
static long chmod_found(long r, struct inode *ip, u32 mode)
{
	if (r)
		return r;
	if (!(r = set_mode(ip, mode)))
		notify_alias(ip, IN_ATTRIB);
	inode_put(ip);
	return r;
}

static async long sys_fchmod(struct co *co, const u64 *a)
{
	struct inode *ip = NULL;
	long r = find_file(a[0], &ip);

	return chmod_found(r, ip, a[1]);
}

static async long sys_fchmodat(struct co *co, const u64 *a)
{
	struct inode *ip = NULL;
	long r = find_inode((s32)a[0], a[1], 0, &ip);

	return chmod_found(r, ip, a[2]);
}

static async long sys_fchmodat2(struct co *co, const u64 *a)
{
	struct inode *ip = NULL;
	u32 flags = a[3];
	long r;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = find_inode((s32)a[0], a[1], flags, &ip);
	return chmod_found(r, ip, a[2]);
}

/* The superuser may do all; an owner may give a file to a group he is in. */
static long may_chown(struct inode *ip, u32 uid, u32 gid)
{
	struct fs_context *c = fs_current();

	if (!c->fsuid)
		return 0;
	if (c->fsuid != ip->uid || (uid != KEEP_ID && uid != ip->uid))
		return -EPERM;
	return gid == KEEP_ID || gid == ip->gid || fs_in_group(c, gid) ? 0 : -EPERM;
}

/* Whoever gets a file gets no rights of its owner with it. */
static u32 mode_given_away(const struct inode *ip)
{
	return inode_is_dir(ip) ? ip->mode : ip->mode & ~(I_SUID | (ip->mode & 010 ? I_SGID : 0));
}

static long set_owner_on_disk(struct inode *ip, u32 uid, u32 gid)
{
	struct attributes at = {
		.set = A_MODE | (uid != KEEP_ID ? A_UID : 0) | (gid != KEEP_ID ? A_GID : 0),
		.mode = mode_given_away(ip) & I_PERM, .uid = uid, .gid = gid,
	};

	return disk_attributes(ip, &at);
}

static long set_owner(struct inode *ip, u32 uid, u32 gid)
{
	long r = writable_fs(ip);

	if (r || (r = may_chown(ip, uid, gid)))
		return r;
	if (ip->fs->disk)
		return set_owner_on_disk(ip, uid, gid);
	guard(&ip->lock);
	if (uid != KEEP_ID)
		ip->uid = uid;
	if (gid != KEEP_ID)
		ip->gid = gid;
	ip->mode = mode_given_away(ip);
	inode_changed(ip);
	return 0;
}

static long chown_found(long r, struct inode *ip, u32 uid, u32 gid)
{
	if (r)
		return r;
	if (!(r = set_owner(ip, uid, gid)))
		notify_alias(ip, IN_ATTRIB);
	inode_put(ip);
	return r;
}

static async long sys_fchown(struct co *co, const u64 *a)
{
	struct inode *ip = NULL;
	long r = find_file(a[0], &ip);

	return chown_found(r, ip, a[1], a[2]);
}

static async long sys_fchownat(struct co *co, const u64 *a)
{
	u32 flags = a[4];
	struct inode *ip = NULL;
	long r;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return syscall_refuse(-EINVAL, "fchownat flags", flags);
	r = find_inode((s32)a[0], a[1], flags, &ip);
	return chown_found(r, ip, a[2], a[3]);
}

/* --- times ---------------------------------------------------------------------------------------------------------- */

static bool bad_time(const struct timespec_k *t)
{
	return t->nsec != UTIME_NOW && t->nsec != UTIME_OMIT && (u64)t->nsec >= NSEC_PER_SEC;
}

static bool both(const struct timespec_k *t, s64 what)
{
	return t[0].nsec == what && t[1].nsec == what;
}

static void set_time(u64 *to, const struct timespec_k *t, u64 now)
{
	if (t->nsec == UTIME_NOW)
		*to = now;
	else if (t->nsec != UTIME_OMIT)
		*to = t->sec < 0 ? 0 : seconds_ns(t->sec, t->nsec);
}

/* Whoever may write may say "now"; the owner may say anything. */
static long set_times(struct inode *ip, const struct timespec_k *t)
{
	u64 now = clock_real();
	long r = writable_fs(ip);

	if (r)
		return r;
	if (inode_owned(fs_current(), ip)) {
		if (!both(t, UTIME_NOW))
			return -EPERM;
		if ((r = inode_access(fs_current(), ip, MAY_WRITE)))
			return r;
	}
	if (ip->fs->disk) {
		struct attributes at = { .set = A_ATIME | A_MTIME, .atime = ip->atime, .mtime = ip->mtime };

		set_time(&at.atime, &t[0], now);
		set_time(&at.mtime, &t[1], now);
		return disk_attributes(ip, &at);
	}
	guard(&ip->lock);
	set_time(&ip->atime, &t[0], now);
	set_time(&ip->mtime, &t[1], now);
	ip->ctime = now;
	return 0;
}

static async long sys_utimensat(struct co *co, const u64 *a)
{
	struct timespec_k t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	u32 flags = a[3];
	struct inode *ip = NULL;
	long r;

	if (a[2] && (r = user_get(t, a[2])))
		return r;
	if (both(t, UTIME_OMIT))
		return 0;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return syscall_refuse(-EINVAL, "utimensat flags", flags);
	if (bad_time(&t[0]) || bad_time(&t[1]))
		return -EINVAL;
	r = a[1] ? find_inode((s32)a[0], a[1], flags, &ip) : flags ? -EINVAL : find_file(a[0], &ip);
	if (r)
		return r;
	if (!(r = place_note(set_times(ip, t), "")))
		notify_alias(ip, t[0].nsec == UTIME_OMIT ? IN_MODIFY : t[1].nsec == UTIME_OMIT ? IN_ACCESS :
								       IN_ATTRIB);
	inode_put(ip);
	return r;
}

/* --- size and links ---------------------------------------------------------------------------------------------------- */

static long truncate_inode(struct inode *ip, u64 size, struct change **g)
{
	long r;

	if (inode_is_dir(ip))
		return -EISDIR;
	if (inode_kind(ip) != I_REG || !(ip->ops->truncate || ip->fs->disk))
		return -EINVAL;
	if ((r = writable_fs(ip)) || (r = inode_access(fs_current(), ip, MAY_WRITE)))
		return r;
	return ip->ops->truncate ? ip->ops->truncate(ip, size) : change_truncate(ip, size, g);
}

static async long truncate_begin(const u64 *a, struct change **g)
{
	struct inode *ip;
	long r;

	*g = NULL;
	if ((s64)a[1] < 0)
		return -EINVAL;
	r = find_inode(AT_FDCWD, a[0], 0, &ip);
	if (r)
		return r;
	r = place_note(truncate_inode(ip, a[1], g), "");
	inode_put(ip);
	return r;
}

static async long sys_truncate(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = truncate_begin(a, &f->g));
	if (f->g)
		await(r = change_end(&f->g));
	return r;
	co_end();
}

static long link_text(struct inode *ip, char *buf)
{
	size_t n;

	if (inode_kind(ip) != I_LNK)
		return -EINVAL;
	if (!ip->target)
		return ip->ops->readlink ? ip->ops->readlink(ip, buf, PATH_MAX_LEN) : -EINVAL;
	n = strlen(ip->target);
	memcpy(buf, ip->target, n);
	return n;
}

static async long sys_readlinkat(struct co *co, const u64 *a)
{
	struct inode *ip;
	char *buf = path_scratch(1);
	long n, r;

	if ((s32)a[3] <= 0)
		return -EINVAL;
	if (!buf)
		return -ENOMEM;
	r = find_inode((s32)a[0], a[1], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &ip);
	if (r)
		return r;
	n = link_text(ip, buf);
	inode_put(ip);
	if (n < 0)
		return n;
	n = min(n, (long)(s32)a[3]);
	r = user_write(a[2], buf, n);
	return r ? r : n;
}

const struct syscall stat_calls[] = {
	ROW(fstat, 2, 0, "dp"),
	ROW(newfstatat, 4, 0, "Aspx"),
	ROW(statx, 5, 0, "Asxxp"),
	ROW(statfs, 2, 0, "sp"),
	ROW(fstatfs, 2, 0, "dp"),
	ROW(faccessat, 3, 0, "Aso"),
	ROW(faccessat2, 4, 0, "Asox"),
	ROW(fchmod, 2, 0, "do"),
	ROW(fchmodat2, 4, 0, "Asox"),
	ROW(fchmodat, 3, 0, "Aso"),
	ROW(fchown, 3, 0, "ddd"),
	ROW(fchownat, 5, 0, "Asddx"),
	ROW(utimensat, 4, 0, "Aspx"),
	ROW(truncate, 2, 0, "sd"),
	ROW(readlinkat, 4, 0, "Aspu"),
	{ 0 }
};
