/* SPDX-License-Identifier: MIT */
/* path_test.c: names: the path walk, links, mounts, permissions, and how names come, go and move. */
// links: $(FS_LINKS)
#include <linux/fs.h>
#include "fs/test.h"
#include "lib/print.h"

static void walks(void **state)
{
	assert_int_equal(make_dir("/tmp/d"), 0);
	assert_int_equal(make_dir("/tmp/d/e/"), 0);
	write_file("/tmp/d/f", "x");
	assert_leads("/", 0, "/");
	assert_leads("//tmp///d/./e/../e/.", 0, "/tmp/d/e");
	assert_leads("/..", 0, "/");
	assert_leads("/tmp/../../tmp/d", 0, "/tmp/d");
	assert_leads("tmp/d/", 0, "/tmp/d");
	assert_walk_error("", 0, -ENOENT);
	assert_leads("", WALK_EMPTY, "/");
	assert_walk_error("/tmp/nothing", 0, -ENOENT);
	assert_walk_error("/tmp/nothing/x", 0, -ENOENT);
	assert_walk_error("/tmp/d/f/", 0, -ENOTDIR);
	assert_walk_error("/tmp/d/f/x", 0, -ENOTDIR);
	assert_walk_error("/tmp/d/f/.", 0, -ENOTDIR);
	assert_walk_error("/tmp/d/f", WALK_DIR, -ENOTDIR);
	assert_int_equal(remove_("/tmp/d", true), -ENOTEMPTY);
	assert_int_equal(remove_("/tmp/d/e/.", true), -EINVAL);
	assert_int_equal(remove_("/tmp/d/e", false), -EISDIR);
	assert_int_equal(remove_("/tmp/d/f", true), -ENOTDIR);
	assert_int_equal(remove_("/tmp/d/f/", false), -ENOTDIR);
	assert_int_equal(remove_("/tmp/d/e/", true), 0);
	assert_int_equal(remove_("/tmp/d/f", false), 0);
	assert_int_equal(remove_("/tmp/d", true), 0);
	assert_int_equal(remove_("/", true), -EBUSY);
	assert_int_equal(remove_("/proc", true), -EBUSY);
}

/* The way by words and the way by bytes find the same, wherever the path begins in a word. */
static void words(void **state)
{
	static const char *const parts[] = {
		"a", "seven77", "eight888", "nine99999", "fifteen15151515", "sixteen161616161", ".", "..",
		".hidden", "..a", "no", "link", "file", "/", "",
	};
	char path[256];

	assert_int_equal(make_dir("/tmp/a"), 0);
	for (u32 i = 0; i < 2; i++)
		for (u32 k = 0; k < 6; k++) {
			snprint(path, sizeof(path), "/tmp/%s%s", i ? "a/" : "", parts[k]);
			if (i || k)
				assert_int_equal(make_dir(path), 0);
			snprint(path, sizeof(path), "/tmp/%s%s/.hidden", i ? "a/" : "", parts[k]);
			assert_int_equal(make_dir(path), 0);
		}
	assert_int_equal(make_link("eight888", "/tmp/link"), 0);
	write_file("/tmp/file", "");
	for (u32 round = 0; round < 20000; round++) {
		char *at = path_scratch(0) + pick(8), by_bytes[256] = "";
		u32 n = 0, flags = pick(2) ? WALK_FOLLOW : 0;
		const char *found;
		long err, err2;

		n += snprint(path, sizeof(path), "%s", pick(3) ? "/tmp/" : "");
		for (u32 k = pick(4); k; k--)
			n += snprint(path + n, sizeof(path) - n, "%s%s", parts[pick(ARRAY_SIZE(parts))],
				     pick(4) ? "/" : "");
		if ((found = leads_to(path, flags, &err)))
			memcpy(by_bytes, found, strlen(found) + 1);
		memset(path_scratch(0), 'x', 300);
		memcpy(at, path, strlen(path) + 1);
		found = leads_to(at, flags | WALK_WORDS, &err2);
		assert_int_equal(err2, err);
		assert_string_equal(found ? found : "", by_bytes);
	}
	clean_tmp();
}

static void long_names(void **state)
{
	char path[2 * PATH_MAX_LEN] = "/tmp/";
	long err;

	memset(path + 5, 'n', 255);
	write_file(path, "");
	memcpy(path_scratch(0) + 3, path, sizeof("/tmp/") + 255);
	assert_non_null(leads_to(path_scratch(0) + 3, WALK_WORDS, &err));
	assert_int_equal(remove_(path, false), 0);
	path[5 + 255] = 'n';
	memcpy(path_scratch(0) + 3, path, sizeof("/tmp/") + 256);
	assert_null(leads_to(path_scratch(0) + 3, WALK_WORDS, &err));
	assert_int_equal(err, -ENAMETOOLONG);
	assert_int_equal(open_error(path, O_CREAT | O_RDWR), -ENAMETOOLONG);
	assert_null(leads_to(path, 0, &err));
	assert_int_equal(err, -ENAMETOOLONG);
}

static void links(void **state)
{
	write_file("/tmp/f", "content");
	assert_int_equal(make_dir("/tmp/d"), 0);
	assert_int_equal(make_link("../f", "/tmp/d/l"), 0);
	assert_int_equal(make_link("d/l", "/tmp/m"), 0);
	assert_int_equal(make_link("/tmp/d/", "/tmp/dl"), 0);
	assert_int_equal(make_link("loop", "/tmp/loop"), 0);
	assert_leads("/tmp/m", 0, "/tmp/m");
	assert_leads("/tmp/m", WALK_FOLLOW, "/tmp/f");
	assert_leads("/tmp/dl/l", WALK_FOLLOW, "/tmp/f");
	assert_leads("/tmp/dl/../dl/", 0, "/tmp/d");
	assert_leads("/tmp/dl", 0, "/tmp/dl");
	assert_walk_error("/tmp/loop", WALK_FOLLOW, -ELOOP);
	assert_walk_error("/tmp/loop/x", 0, -ELOOP);
	assert_walk_error("/tmp/m/", 0, -ENOTDIR);
	assert_walk_error("/tmp/dl/l", WALK_NO_LINKS, -ELOOP);
	assert_string_equal(read_file("/tmp/m"), "content");
	assert_int_equal(open_error("/tmp/m", O_NOFOLLOW), -ELOOP);
	assert_int_equal(open_error("/tmp/loop", O_CREAT | O_RDWR), -ELOOP);
	clean_tmp();
}

/* Links that make paths longer and longer: bounded by the scratch page. */
static void growing_links(void **state)
{
	char target[2048] = "";
	long err;

	for (u32 i = 0; i < 500; i++)
		strcat(target, "./");
	strcat(target, "g");
	assert_int_equal(make_link(target, "/tmp/g"), 0);
	assert_null(leads_to("/tmp/g", WALK_FOLLOW, &err));
	assert_int_equal(err, -ELOOP);
	strcat(target, "/x/y/z");
	assert_int_equal(make_link(target, "/tmp/h"), 0);
	assert_null(leads_to("/tmp/h/and/more", WALK_FOLLOW, &err));
	assert_int_equal(remove_("/tmp/g", false), 0);
	assert_int_equal(remove_("/tmp/h", false), 0);
}

static void creating(void **state)
{
	struct file *f;

	assert_int_equal(make_link("target", "/tmp/l"), 0);
	assert_int_equal(open_error("/tmp/l", O_RDONLY), -ENOENT);
	assert_int_equal(open_error("/tmp/l", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	write_file("/tmp/l", "through");		/* a link that led nowhere */
	assert_string_equal(read_file("/tmp/target"), "through");
	assert_int_equal(open_error("/tmp/new/", O_CREAT | O_RDWR), -EISDIR);
	assert_int_equal(open_error("/tmp", O_RDWR), -EISDIR);
	assert_int_equal(open_error("/tmp", O_CREAT | O_RDONLY), -EISDIR);
	assert_int_equal(open_error("/tmp/none/x", O_CREAT | O_RDWR), -ENOENT);
	assert_int_equal(open_error("/proc/x", O_CREAT | O_RDWR), -ENOENT);
	assert_int_equal(open_("/tmp", O_RDONLY | O_DIRECTORY, &f), 0);
	file_put(f);
	assert_int_equal(open_error("/tmp/target", O_DIRECTORY), -ENOTDIR);
	assert_int_equal(open_("/tmp/target", O_PATH, &f), 0);
	assert_null(f->ops->read);
	file_put(f);
	assert_int_equal(open_("/tmp", __O_TMPFILE | O_DIRECTORY | O_RDWR, &f), 0);
	assert_int_equal(file_put_bytes(f, "unnamed"), 7);
	file_put(f);
	assert_int_equal(make_dir("/tmp"), -EEXIST);
	assert_int_equal(make_dir("/tmp/."), -EEXIST);
	assert_int_equal(remove_("/tmp/l", false), 0);
	assert_int_equal(remove_("/tmp/target", false), 0);
}

static void permissions(void **state)
{
	struct file *f;

	assert_int_equal(make("/tmp/secret", I_DIR | 0700, NULL), 0);
	write_file("/tmp/secret/f", "x");
	write_file("/tmp/mine", "x");
	ctx->fsuid = ctx->fsgid = 1000;
	assert_walk_error("/tmp/secret/f", 0, -EACCES);
	assert_leads("/tmp/secret", 0, "/tmp/secret");
	assert_int_equal(open_error("/tmp/secret", O_RDONLY), -EACCES);
	assert_int_equal(open_error("/tmp/mine", O_WRONLY), -EACCES);
	assert_int_equal(open_error("/tmp/mine", O_RDONLY | O_TRUNC), -EACCES);
	assert_int_equal(open_error("/new", O_CREAT | O_WRONLY), -EACCES);
	assert_int_equal(remove_("/tmp/mine", false), -EPERM);	/* sticky */
	assert_int_equal(rename_("/tmp/mine", "/tmp/yours", 0), -EPERM);
	assert_int_equal(path_open(ctx, NULL, "/tmp/own", O_CREAT | O_WRONLY, 0400, 0, &f, NULL), 0);
	file_put(f);				/* the creator may write what the mode forbids */
	assert_int_equal(open_error("/tmp/own", O_WRONLY), -EACCES);
	assert_int_equal(remove_("/tmp/own", false), 0);
	ctx->fsuid = 0;
	assert_int_equal(remove_("/tmp/mine", false), 0);
	assert_int_equal(remove_("/tmp/secret/f", false), 0);
	assert_int_equal(remove_("/tmp/secret", true), 0);
}

static void renaming(void **state)
{
	make_dir("/tmp/a");
	make_dir("/tmp/a/b");
	make_dir("/tmp/c");
	write_file("/tmp/f", "f");
	write_file("/tmp/g", "g");
	assert_int_equal(rename_("/tmp/a", "/tmp/a/b/x", 0), -EINVAL);
	assert_int_equal(rename_("/tmp/a/b", "/tmp/a", 0), -ENOTEMPTY);
	assert_int_equal(rename_("/tmp/f", "/tmp/c", 0), -EISDIR);
	assert_int_equal(rename_("/tmp/c", "/tmp/f", 0), -ENOTDIR);
	assert_int_equal(rename_("/tmp/f", "/tmp/g/", 0), -ENOTDIR);
	assert_int_equal(rename_("/tmp/none", "/tmp/x", 0), -ENOENT);
	assert_int_equal(rename_("/tmp/f", "/tmp/g", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_("/tmp/f", "/proc/f", 0), -EXDEV);
	assert_int_equal(rename_("/proc", "/tmp/proc", 0), -EBUSY);
	assert_int_equal(rename_("/tmp/f", "/tmp/f", 0), 0);
	assert_int_equal(rename_("/tmp/f", "/tmp/c/", RENAME_EXCHANGE), 0);
	assert_string_equal(read_file("/tmp/c"), "f");
	assert_leads("/tmp/f/", 0, "/tmp/f");
	assert_int_equal(rename_("/tmp/c", "/tmp/g", 0), 0);
	assert_string_equal(read_file("/tmp/g"), "f");
	assert_int_equal(rename_("/tmp/a/b", "/tmp/a-name-that-does-not-fit-inline", 0), 0);
	assert_int_equal(rename_("/tmp/a-name-that-does-not-fit-inline", "/tmp/f", 0), 0);
	assert_int_equal(rename_("/tmp/f", "/tmp/a", 0), 0);
	assert_int_equal(remove_("/tmp/a", true), 0);
	assert_int_equal(remove_("/tmp/g", false), 0);
}

static void hard_links(void **state)
{
	struct dentry *d;

	write_file("/tmp/f", "shared");
	assert_int_equal(link_("/tmp/f", "/tmp/g"), 0);
	assert_int_equal(link_("/tmp/f", "/tmp/g"), -EEXIST);
	assert_int_equal(link_("/tmp", "/tmp/x"), -EPERM);
	assert_int_equal(link_("/tmp/f", "/dev/f"), -EXDEV);
	assert_int_equal(rename_("/tmp/f", "/tmp/g", 0), 0);	/* one file: nothing happens */
	assert_int_equal(path_walk(ctx, NULL, "/tmp/f", 0, &d), 0);
	assert_int_equal(d->inode->nlink, 2);
	dentry_put(d);
	assert_int_equal(remove_("/tmp/f", false), 0);
	assert_string_equal(read_file("/tmp/g"), "shared");
	assert_int_equal(remove_("/tmp/g", false), 0);
}

static void removed_but_open(void **state)
{
	char path[64];
	struct file *f, *dir;

	write_file("/tmp/f", "still here");
	assert_int_equal(open_("/tmp/f", O_RDONLY, &f), 0);
	assert_int_equal(remove_("/tmp/f", false), 0);
	assert_int_equal(file_get_bytes(f, path, 10), 10);
	assert_memory_equal(path, "still here", 10);
	assert_true(file_path(f, path, sizeof(path)) > 0);
	assert_string_equal(path, "/tmp/f (deleted)");
	file_put(f);
	make_dir("/tmp/d");
	assert_int_equal(open_("/tmp/d", O_RDONLY, &dir), 0);
	assert_int_equal(fs_context_chdir(ctx, "/tmp/d"), 0);
	assert_int_equal(remove_("/tmp/d", true), 0);
	assert_int_equal(open_error("x", O_CREAT | O_RDWR), -ENOENT);
	assert_leads("..", 0, "/tmp");
	assert_int_equal(fs_context_chdir(ctx, "/"), 0);
	file_put(dir);
}

static void mounts(void **state)
{
	struct dentry *d;
	struct file *f;

	make_dir("/tmp/m");
	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(mount_new(d, "ext9", "none", 0, ""), -ENODEV);
	assert_int_equal(mount_new(d, "tmpfs", "none", 0, "size=junk"), -EINVAL);
	assert_int_equal(mount_new(d, "tmpfs", "none", FS_NODEV, "size=64k,mode=700"), 0);
	dentry_put(d);
	make_dir("/tmp/m/in");
	assert_leads("/tmp/m/in/../..", 0, "/tmp");
	assert_walk_error("/tmp/m/in", WALK_NO_XDEV, -EXDEV);
	assert_int_equal(rename_("/tmp/m/in", "/tmp/out", 0), -EXDEV);
	assert_int_equal(remove_("/tmp/m", true), -EBUSY);
	assert_int_equal(open_("/tmp/m/in", O_RDONLY, &f), 0);
	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(unmount_(d, false), -EBUSY);
	file_put(f);
	assert_int_equal(unmount_(d, false), 0);
	dentry_put(d);
	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(unmount_(d, false), -EINVAL);
	dentry_put(d);
	assert_walk_error("/tmp/m/in", 0, -ENOENT);
	assert_int_equal(remove_("/tmp/m", true), 0);
}

static void other_roots(void **state)
{
	struct dentry *d;
	char path[64];

	make_dir("/tmp/r");
	make_dir("/tmp/r/d");
	make_link("/d", "/tmp/r/l");
	assert_int_equal(path_walk(ctx, NULL, "/tmp/r", 0, &d), 0);
	assert_int_equal(fs_context_set_root(ctx, d), 0);
	assert_leads("/l", WALK_FOLLOW, "/tmp/r/d");
	assert_leads("/../..", 0, "/tmp/r");
	assert_int_equal(dentry_path(root_dentry, d, path, sizeof(path)), strlen("(unreachable)"));
	fs_context_set_root(ctx, root_dentry);
	ctx->cwd == root_dentry ? (void)0 : abort();
	assert_int_equal(fs_context_chdir(ctx, "/tmp/r"), 0);
	assert_walk_error("..", WALK_BENEATH, -EXDEV);
	assert_walk_error("/tmp", WALK_BENEATH, -EXDEV);
	assert_walk_error("l", WALK_BENEATH | WALK_FOLLOW, -EXDEV);
	assert_leads("d/..", WALK_BENEATH, "/tmp/r");
	assert_leads("/l/../..", WALK_IN_ROOT | WALK_FOLLOW, "/tmp/r");
	assert_int_equal(fs_context_chdir(ctx, "/"), 0);
	dentry_put(d);
	remove_("/tmp/r/l", false);
	remove_("/tmp/r/d", true);
	assert_int_equal(remove_("/tmp/r", true), 0);
}

/* --- reading directories ----------------------------------------------------------------------- */

static u32 count_entries(struct file *f, size_t room, u32 remove_every)
{
	u64 buf[512];
	u32 n = 0;
	struct uio u;

	for (;;) {
		uio_init_kernel(&u, buf, room);
		if (f->ops->readdir(NULL, f, &u) <= 0)
			return n;
		for (u8 *p = (u8 *)buf; p < (u8 *)buf + u.done; p += *(u16 *)(p + 16)) {
			char path[64] = "/tmp/";

			n++;
			strcat(path, (char *)p + 19);
			if (remove_every && n > 2 && n % remove_every == 0)
				assert_int_equal(remove_(path, false), 0);
		}
	}
}

static void listing(void **state)
{
	char path[16];
	struct file *f;
	struct uio u;
	u8 few[16];

	for (u32 i = 0; i < 40; i++) {
		strcpy(path, "/tmp/a0");
		path[5] += i / 10;
		path[6] += i % 10;
		write_file(path, "");
	}
	assert_int_equal(open_("/tmp", O_RDONLY, &f), 0);
	assert_int_equal(count_entries(f, 4096, 0), 42);
	assert_int_equal(f->ops->seek(f, 0, 0), 0);
	assert_int_equal(count_entries(f, 64, 0), 42);
	assert_int_equal(f->ops->seek(f, 0, 0), 0);
	uio_init_kernel(&u, few, sizeof(few));
	assert_int_equal(f->ops->readdir(NULL, f, &u), -EINVAL);
	assert_int_equal(count_entries(f, 100, 2), 42);		/* removing while reading */
	assert_int_equal(f->ops->seek(f, 0, 0), 0);
	assert_int_equal(count_entries(f, 4096, 1), 22);
	file_put(f);
	clean_tmp();
}

static void no_memory(void **state)
{
	for (u32 n = 0; n < 6; n++) {
		struct file *f;

		leave_only(n);
		if (!open_("/tmp/some-file-with-a-rather-long-name", O_CREAT | O_RDWR, &f)) {
			write_at(f, "abc", 3, &f->pos);
			file_put(f);
		}
		make_dir("/tmp/d");
		make_link("target", "/tmp/l");
		rename_("/tmp/l", "/tmp/another-name-with-many-many-letters", 0);
		give_all();
		clean_tmp();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(walks), FS_TEST(words), FS_TEST(long_names), FS_TEST(links), FS_TEST(growing_links),
		FS_TEST(creating), FS_TEST(permissions), FS_TEST(renaming), FS_TEST(hard_links),
		FS_TEST(removed_but_open), FS_TEST(mounts), FS_TEST(other_roots), FS_TEST(listing),
		FS_TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
