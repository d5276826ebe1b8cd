/* SPDX-License-Identifier: MIT */
/* files_test.c: descriptor tables and advisory locks. */
// links: $(FS_LINKS)
#include "fs/locks.h"
#include "fs/test.h"

static u32 released;
static void count_release(struct file *f) { released++; }
static const struct file_ops ops = { .release = count_release };

static struct file *new_file(void)
{
	struct file *f = file_create(&ops, O_RDWR, NULL);

	assert_non_null(f);
	return f;
}

static void tables(void **state)
{
	struct files *t = files_create(), *copy;
	struct file *f = new_file();

	released = 0;
	assert_int_equal(fd_install(t, f, 0, false), 0);
	assert_int_equal(fd_install(t, file_get(f), 0, true), 1);
	assert_int_equal(fd_install(t, file_get(f), 10, false), 10);
	assert_int_equal(fd_install(t, file_get(f), 0, false), 2);
	assert_int_equal(fd_cloexec(t, 1, false, false), 1);
	assert_int_equal(fd_cloexec(t, 2, true, true), 1);
	assert_int_equal(fd_cloexec(t, 3, false, false), -EBADF);
	assert_int_equal(fd_next(t, -1), 0);
	assert_int_equal(fd_next(t, 2), 10);
	assert_int_equal(fd_next(t, 10), -1);
	assert_null(fd_get(t, 3));
	assert_null(fd_get(t, ~0ul));
	copy = files_copy(t);
	files_exec(copy);
	assert_null(fd_get(copy, 1));
	assert_int_equal(fd_close(copy, 0), 0);
	assert_int_equal(fd_close(copy, 0), -EBADF);
	assert_int_equal(fd_install(copy, new_file(), 0, false), 0);
	assert_int_equal(fd_install_at(copy, new_file(), 10, false), 10);
	assert_int_equal(released, 0);
	files_put(copy);
	assert_int_equal(released, 2);
	files_put(t);
	assert_int_equal(released, 3);
}

static void growing(void **state)
{
	struct files *t = files_create(), *copy;
	struct file *f = new_file();

	files_set_limit(t, 2000);
	for (u32 i = 0; i < 2000; i++)
		assert_int_equal(fd_install(t, file_get(f), 0, i & 1), i);
	assert_int_equal(fd_install(t, file_get(f), 0, false), -EMFILE);
	assert_int_equal(fd_install(t, file_get(f), 5000, false), -EINVAL);
	assert_int_equal(fd_install_at(t, file_get(f), 2000, false), -EBADF);
	for (u32 i = 0; i < 2000; i++)
		assert_int_equal(fd_cloexec(t, i, false, false), i & 1);
	copy = files_copy(t);
	files_exec(copy);
	assert_int_equal(fd_install(copy, file_get(f), 0, false), 1);
	files_put(copy);
	files_put(t);
	file_put(f);
}

static void sharing(void **state)
{
	struct files *t = files_create(), *own;
	struct file *f;

	fd_install(t, new_file(), 0, false);
	assert_ptr_equal(files_unshare(t), t);
	files_get(t);
	f = fd_get(t, 0);
	own = files_unshare(t);
	assert_ptr_not_equal(own, t);
	fd_close(own, 0);
	assert_non_null(f);
	file_put(f);
	files_put(own);
	files_put(t);
	files_put(t);
}

static void no_memory(void **state)
{
	for (u32 n = 0; n < 4; n++) {
		struct files *t = files_create(), *copy;
		long fd;

		leave_only(n);
		fd = fd_install(t, file_create(&ops, 0, NULL), 1000, false);
		assert_true(fd == 1000 || fd == -ENOMEM);
		copy = files_copy(t);
		give_all();
		files_put(copy);
		files_put(t);
	}
}

/* --- locks ------------------------------------------------------------------------------------ */

static char owner_a, owner_b;

static long lock(struct inode *ip, const void *owner, enum lock_type type, u64 start, u64 end)
{
	struct lock_range r = { LOCK_RECORD, type, owner, 1, start, end };

	return lock_set(ip, &r, false);
}

static void locks(void **state)
{
	struct lock_range r = { LOCK_RECORD, LOCK_EXCLUSIVE, &owner_b, 2, 0, 100 };
	struct inode *ip;
	struct file *f;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	ip = f->inode;
	assert_int_equal(lock(ip, &owner_a, LOCK_NONE, 0, 10), 0);
	assert_int_equal(lock(ip, &owner_a, LOCK_EXCLUSIVE, 0, 99), 0);
	assert_int_equal(lock(ip, &owner_b, LOCK_READ, 50, 50), -EAGAIN);
	assert_int_equal(lock(ip, &owner_a, LOCK_NONE, 40, 59), 0);		/* a hole in the middle */
	assert_int_equal(lock(ip, &owner_b, LOCK_READ, 40, 59), 0);
	assert_int_equal(lock(ip, &owner_b, LOCK_READ, 39, 59), -EAGAIN);
	assert_int_equal(lock(ip, &owner_b, LOCK_READ, 40, 60), -EAGAIN);
	assert_int_equal(lock(ip, &owner_a, LOCK_READ, 0, 39), 0);		/* from write to read */
	assert_int_equal(lock(ip, &owner_b, LOCK_READ, 0, 59), 0);
	assert_int_equal(lock(ip, &owner_a, LOCK_EXCLUSIVE, 0, 0), -EAGAIN);
	assert_true(lock_test(ip, &r));
	assert_int_equal(r.pid, 1);
	lock_drop_owner(ip, &owner_a);
	r = (struct lock_range){ LOCK_RECORD, LOCK_EXCLUSIVE, &owner_b, 2, 0, INT64_MAX };
	assert_false(lock_test(ip, &r));
	assert_int_equal(lock_set(ip, &r, true), 0);
	file_put(f);
	clean_tmp();
}

static struct inode *waited_for;

static long locker(struct co *co, struct task *t)
{
	struct lock_range r = { LOCK_WHOLE, LOCK_EXCLUSIVE, t, -1, 0, INT64_MAX };

	return lock_set(waited_for, &r, true);
}

static void locks_wait(void **state)
{
	struct lock_range r = { LOCK_WHOLE, LOCK_READ, &owner_a, -1, 0, INT64_MAX };
	struct tester *t;
	struct file *f;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	waited_for = f->inode;
	assert_int_equal(lock_set(f->inode, &r, false), 0);
	t = spawn(locker, NULL);
	run_all();
	assert_false(t->finished);
	r.type = LOCK_NONE;
	assert_int_equal(lock_set(f->inode, &r, false), 0);
	run_all();
	assert_true(t->finished);
	free(t);
	file_put(f);
	clean_tmp();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(tables), FS_TEST(growing), FS_TEST(sharing), FS_TEST(no_memory), FS_TEST(locks),
		FS_TEST(locks_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
