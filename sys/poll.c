/* SPDX-License-Identifier: MIT */
/*
 * poll.c: ppoll and pselect6.  First all files are looked at; only if none is ready the task registers
 * with all of them, looking again, and sleeps.  While it is registered it holds the files, for the
 * queues are theirs.
 */
#include <asm/unistd.h>
#include <linux/posix_types.h>
#include <string.h>
#include "core/time.h"
#include "fs/fdtable.h"
#include "fs/poll.h"
#include "lib/timespec.h"
#include "mem/heap.h"
#include "sys/poll.h"
#include "sys/path.h"

enum { FEW = 4, SIGSET_SIZE = 8, SELECT_MAX = 1024 };
enum { ALWAYS = POLLERR | POLLHUP | POLLNVAL };

struct polling {
	struct pollfd	*fds;
	struct waiter	*waiters;
	struct file	**held;
	u32		n, holding;
	struct poller	p;
	u64		deadline;		/* 0: never */
	bool		now;			/* do not wait at all */
	struct {
		struct pollfd	fds[FEW];
		struct waiter	waiters[FEW];
		struct file	*held[FEW];
	} few;
};

/* --- rounds ---------------------------------------------------------------------------------------- */

/* What is ready of file @f, which the caller holds. */
static inline u32 ready_events(struct file *f, struct poller *p)
{
	return f->ops->poll ? f->ops->poll(f, p) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* A descriptor that is not open, or of a table others could change meanwhile. */
static __attribute__((noinline)) u32 look_slow(struct files *t, struct pollfd *fd)
{
	struct file *f;
	u32 events = POLLNVAL;

	fd->revents = 0;
	if (fd->fd < 0)
		return 0;
	if ((f = fd_get(t, fd->fd))) {
		if (!(f->flags & O_PATH))
			events = ready_events(f, NULL);
		file_put(f);
	}
	fd->revents = events & (fd->events | ALWAYS);
	return fd->revents != 0;
}

/* Nobody else can close a file of a table of our own while we look.  O_PATH files have no poll(). */
static u32 scan(struct polling *s)
{
	struct files *t = thread_current()->files;
	const u64 own = files_alone(t) ? t->size : 0;
	const uintptr_t *slot = t->slot;
	u64 ready = 0, events;
	struct file *f = NULL;

	for (struct pollfd *fd = s->fds, *end = fd + s->n; fd < end; fd++) {
		if (unlikely((u32)fd->fd >= own || !(f = slot_file(slot[(u32)fd->fd])) || !f->ops->poll)) {
			ready += look_slow(t, fd);
			continue;
		}
		events = f->ops->poll(f, NULL) & ((u64)(u16)fd->events | ALWAYS);
		fd->revents = events;
		if (unlikely(events))
			ready++;
	}
	return ready;
}

/* Look again, and be told of changes. */
static u32 enlist(struct polling *s)
{
	u32 ready = 0;

	for (u32 i = 0; i < s->n; i++) {
		struct pollfd *fd = &s->fds[i];
		struct file *f = fd->fd < 0 ? NULL : file_current(fd->fd);

		if (!f)
			continue;
		fd->revents = ready_events(f, &s->p) & (fd->events | ALWAYS);
		s->held[s->holding++] = f;
		ready += fd->revents != 0;
	}
	return ready;
}

static void delist(struct polling *s)
{
	poller_reset(&s->p);
	while (s->holding)
		file_put(s->held[--s->holding]);
}

/* Somebody had no room to register: come back in a millisecond. */
static u64 look_again(const struct polling *s)
{
	u64 soon = clock_now() + NSEC_PER_MSEC;

	return s->deadline ? min(s->deadline, soon) : soon;
}

/* Who finds something ready at once needs no waiters. */
static long waiters_room(struct polling *s)
{
	char *mem;

	if (s->waiters)
		return 0;
	if (!(mem = heap_alloc(s->n * (sizeof(struct waiter) + sizeof(void *)))))
		return -ENOMEM;
	s->waiters = (void *)mem;
	s->held = (void *)(mem + s->n * sizeof(struct waiter));
	poller_init(&s->p, s->waiters, s->n);
	return 0;
}

/* How many are ready; 0 when the time is over.  Starts over. */
static async long poll_wait(struct polling *s)
{
	long r;

	if (unlikely(s->holding))
		delist(s);
	r = scan(s);
	if (r || s->now)
		return r;
	if ((r = waiters_room(s)))
		return r;
	r = enlist(s);
	if (!r)
		r = wait_until(s->p.full ? look_again(s) : s->deadline);
	if (r != PENDING)
		delist(s);
	return r == -ETIMEDOUT ? 0 : r;
}

static long polling_init(struct polling *s, u32 n)
{
	s->n = n;
	s->holding = 0;
	s->deadline = 0;
	s->now = false;
	s->fds = s->few.fds;
	s->waiters = s->few.waiters;
	s->held = s->few.held;
	poller_init(&s->p, s->waiters, n);
	if (n <= FEW)
		return 0;
	s->waiters = NULL;
	s->fds = heap_alloc(n * sizeof(struct pollfd));
	return s->fds ? 0 : -ENOMEM;
}

static void polling_free(struct polling *s)
{
	if (s->fds == s->few.fds)
		return;
	heap_free(s->fds);
	heap_free(s->waiters);
}

/* --- time and signals -------------------------------------------------------------------------------- */

static async long set_deadline(struct polling *s, uaddr_t at)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	s->now = !ns;
	if (ns && ns != UINT64_MAX)
		s->deadline = time_add(clock_now(), ns);
	return 0;
}

/* The program's timeout becomes what is left of it; failure does not matter, as in Linux. */
static async long put_rest(const struct polling *s, uaddr_t at)
{
	struct timespec_k ts;
	u64 now;

	if (!at || !s->deadline)
		return 0;
	now = clock_now();
	ts = ns_timespec(s->deadline > now ? s->deadline - now : 0);
	return user_put(at, ts) == PENDING ? PENDING : 0;
}

async long poll_mask(uaddr_t at, u64 size)
{
	struct thread *t = thread_current();
	u64 set;
	long r;

	if (!at)
		return 0;
	if (size != SIGSET_SIZE)
		return -EINVAL;
	if ((r = user_get(set, at)))
		return r;
	t->sig_saved = t->sig_mask;
	t->sig_restore = true;
	signal_set_mask(t, set);
	return 0;
}

/* An interrupted wait leaves the mask to signal_deliver(), which needs it for the handler. */
long poll_waited(long r)
{
	struct thread *t = thread_current();

	if (r == -EINTR) {
		t->sig_norestart = true;
		return -ERESTART;
	}
	if (t->sig_restore) {
		t->sig_restore = false;
		signal_set_mask(t, t->sig_saved);
	}
	return r;
}

/* --- ppoll --------------------------------------------------------------------------------------------- */

/* All of it at once, though only revents has changed: that is cheaper than many small copies. */
static async long put_events(const struct polling *s, uaddr_t to)
{
	return user_write(to, s->fds, s->n * sizeof(struct pollfd));
}

static async long ppoll(struct co *co, const u64 *a)
{
	struct { struct polling s; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[1] > files_limit(thread_current()->files))
		return -EINVAL;
	if ((r = polling_init(&f->s, (u32)a[1])))
		return r;
	await(r = user_read(f->s.fds, a[0], f->s.n * sizeof(struct pollfd)));
	if (!r)
		await(r = set_deadline(&f->s, a[2]));
	if (!r)
		await(r = poll_mask(a[3], a[4]));
	if (!r) {
		await(r = poll_wait(&f->s));
		f->result = poll_waited(r);
		if (f->result >= 0)
			await(r = put_events(&f->s, a[0]));
		if (f->result >= 0 && r)
			f->result = r;
		await(r = put_rest(&f->s, a[2]));
		r = f->result;
	}
	polling_free(&f->s);
	return r;
	co_end();
}
static async long sys_ppoll(struct co *co, const u64 *a) { return ppoll(co, a); }

/* --- pselect6: sets of bits, translated ------------------------------------------------------------------- */

enum { SETS = 3, SET_WORDS = SELECT_MAX / 64 };
static const u16 set_events[SETS] = {
	POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLERR, POLLPRI,
};
static const u16 set_asks[SETS] = { POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM, POLLPRI };

struct fd_sets { u64 set[SETS][SET_WORDS]; };

static bool in_set(const u64 *set, u32 fd) { return set[fd / 64] >> fd % 64 & 1; }
static size_t set_bytes(u32 n) { return align_up(n, 64) / 8; }

static async long get_sets(struct fd_sets *sets, const u64 *a, u32 n)
{
	long r = 0;

	memset(sets, 0, sizeof(*sets));
	for (u32 i = 0; i < SETS && !r; i++)
		if (a[1 + i])
			r = user_read(sets->set[i], a[1 + i], set_bytes(n));
	return r;
}

static u32 asked(const struct fd_sets *sets, u32 fd)
{
	u32 events = 0;

	for (u32 i = 0; i < SETS; i++)
		if (in_set(sets->set[i], fd))
			events |= set_asks[i];
	return events;
}

/* What is asked of each descriptor, as pollfds. */
static long sets_to_fds(const struct fd_sets *sets, u32 n, struct polling *s)
{
	u32 count = 0;
	long r;

	for (u32 fd = 0; fd < n; fd++)
		count += asked(sets, fd) != 0;
	if ((r = polling_init(s, count)))
		return r;
	count = 0;
	for (u32 fd = 0; fd < n; fd++)
		if (asked(sets, fd))
			s->fds[count++] = (struct pollfd){ .fd = fd, .events = asked(sets, fd) };
	return 0;
}

static async long select_begin(struct polling *s, const u64 *a)
{
	struct fd_sets sets;
	u32 n = min((u32)a[0], (u32)SELECT_MAX);
	long r;

	if ((s32)a[0] < 0)
		return -EINVAL;
	r = get_sets(&sets, a, n);
	return r ? r : sets_to_fds(&sets, n, s);
}

static long fds_to_sets(const struct polling *s, struct fd_sets *sets)
{
	long bits = 0;

	memset(sets, 0, sizeof(*sets));
	for (u32 i = 0; i < s->n; i++)
		for (u32 k = 0; k < SETS; k++) {
			const struct pollfd *p = &s->fds[i];

			if (p->revents & POLLNVAL)
				return -EBADF;
			if (!(p->events & set_asks[k]) || !(p->revents & set_events[k]))
				continue;
			sets->set[k][p->fd / 64] |= 1ul << p->fd % 64;
			bits++;
		}
	return bits;
}

static async long select_end(const struct polling *s, const u64 *a)
{
	struct fd_sets sets;
	u32 n = min((u32)a[0], (u32)SELECT_MAX);
	long bits = fds_to_sets(s, &sets), r = 0;

	for (u32 i = 0; i < SETS && !r && bits >= 0; i++)
		if (a[1 + i])
			r = user_write(a[1 + i], sets.set[i], set_bytes(n));
	return r ? r : bits;
}

/* The sixth argument points to the mask and its size. */
static async long select_mask(uaddr_t at)
{
	struct { uaddr_t mask; u64 size; } m;
	long r = at ? user_get(m, at) : 0;

	return r || !at ? r : poll_mask(m.mask, m.size);
}

static async long pselect6(struct co *co, const u64 *a)
{
	struct { struct polling s; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = select_begin(&f->s, a));
	if (r)
		return r;
	await(r = set_deadline(&f->s, a[4]));
	if (!r)
		await(r = select_mask(a[5]));
	if (!r) {
		await(r = poll_wait(&f->s));
		f->result = poll_waited(r);
		if (f->result >= 0)
			await(r = select_end(&f->s, a));
		if (f->result >= 0)
			f->result = r;
		await(r = put_rest(&f->s, a[4]));
		r = f->result;
	}
	polling_free(&f->s);
	return r;
	co_end();
}
static async long sys_pselect6(struct co *co, const u64 *a) { return pselect6(co, a); }

const struct syscall poll_calls[] = {
	ROW(ppoll, 5, 0, "pupxu"),
	ROW(pselect6, 6, 0, "dppppp"),
	{ 0 }
};
