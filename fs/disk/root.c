// SPDX-License-Identifier: MIT
/*
 * root.c: the root file system from a disk: the word root=NAME of the command line, or root=auto: the first
 * disk or partition that one of the types knows.  What was the root until then, with /dev and /proc,
 * is put away; the new one gets its own, in directories that are made if that is possible.
 */
#include <string.h>
#include "core/log.h"
#include "dev/driver.h"
#include "dev/partition.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "fs/root.h"

/* --- which one -------------------------------------------------------------------------------- */

static const struct fs_type *next_type(u32 *i)
{
	const struct fs_type *t;

	while ((t = mount_type((*i)++)))
		if (t->disk)
			return t;
	return NULL;
}

/* Try all types on @b: 0 and the instance, or the last error. */
static async long try_types(struct co *co, struct blk *b, struct filesystem **out)
{
	struct { u32 i; long err; const struct fs_type *t; struct filesystem *fs; } *f = co_frame(co);

	co_begin(f);
	f->err = -ENODEV;
	f->i = 0;
	while ((f->t = next_type(&f->i))) {
		f->fs = filesystem_create(f->t, b->name);
		if (!f->fs)
			return -ENOMEM;
		await(f->err = disk_mount(co, f->fs, b, ""));
		if (!f->err) {
			*out = f->fs;
			return 0;
		}
		filesystem_put(f->fs);
		if (f->err != -EINVAL)
			return f->err;
	}
	return f->err;
	co_end();
}

static async long try_devices(struct co *co, const char *name, struct filesystem **out)
{
	struct { struct blk *b; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->err = -ENODEV;
	for (f->b = blk_next(NULL); f->b; f->b = blk_next(f->b)) {
		if (strcmp(name, "auto") && strcmp(name, f->b->name))
			continue;
		await(r = try_types(co, f->b, out));
		if (!r) {
			blk_put(f->b);
			return 0;
		}
		if (r != -EINVAL)
			f->err = r;
	}
	return f->err;
	co_end();
}

/* --- changing roots --------------------------------------------------------------------------- */

static void put_away(const char *path)
{
	struct errand *work;
	struct dentry *d;

	if (path_walk(&kernel_context, NULL, path, 0, &d))
		return;
	if (mount_remove(d, true, &work))
		log_warn("%s of the archive stays mounted", path);
	errand_put(work);
	dentry_put(d);
}

static void take_root(struct filesystem *fs)
{
	put_away("/dev");
	put_away("/proc");
	mount_set_root(fs);
}

static async long make_directory(const char *path, struct change **g)
{
	struct dentry *dir;
	struct last last;
	long r = path_parent(&kernel_context, NULL, path, 0, &dir, &last);

	if (r)
		return r;
	r = names_on_disk(dir) ? change_create(&kernel_context, dir, &last, I_DIR | 0755, 0, NULL, g) : -EROFS;
	dentry_put(dir);
	return r;
}

/* A directory of the root, made if it is not there. */
static async long directory(struct co *co, const char *path, struct dentry **out)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = path_walk(&kernel_context, NULL, path, WALK_FOLLOW, out));
	if (r != -ENOENT)
		return r;
	await(r = make_directory(path, &f->g));
	if (!r)
		await(r = change_end(&f->g));
	if (!r)
		await(r = path_walk(&kernel_context, NULL, path, WALK_FOLLOW, out));
	return r;
	co_end();
}

static async long equip(struct co *co)
{
	static const struct { const char *path, *type, *options; } all[] = {
		{ "/dev", "devtmpfs", "" }, { "/proc", "proc", "" }, { "/tmp", "tmpfs", "mode=1777" },
	};
	struct { u32 i; struct dentry *d; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < ARRAY_SIZE(all); f->i++) {
		await(r = directory(co, all[f->i].path, &f->d));
		if (!r) {
			r = mount_new(f->d, all[f->i].type, all[f->i].type, 0, all[f->i].options);
			dentry_put(f->d);
		}
		if (r)
			log_warn("no %s on the root disk: error %ld", all[f->i].path, -r);
	}
	return 0;
	co_end();
}

static async long root_main(struct co *co, void *arg)
{
	struct { char name[24]; struct filesystem *fs; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = partitions_wait());
	if (!board_arg("root", f->name, sizeof(f->name)))
		return 0;
	await(r = try_devices(co, f->name, &f->fs));
	if (r) {
		log_error("root=%s: no disk with a file system this kernel knows: error %ld", f->name, -r);
		return r;
	}
	take_root(f->fs);
	await(r = equip(co));
	return 0;
	co_end();
}

struct errand *root_begin(void)
{
	struct errand *e = errand_create("root disk", root_main, NULL, NULL);

	flusher_start();
	partitions_start();
	if (e)
		errand_start(e);
	return e;
}
