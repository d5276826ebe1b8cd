// SPDX-License-Identifier: MIT
/*
 * epoll.c: sets of files of which those that are ready are on a list.
 *
 * A watch is one file in one epoll.  It registers wait_calls on the file's queues; the first of them
 * that is woken puts the watch on the list, where it stays, unregistered, until somebody looks: so a
 * file that is ready costs nothing more, and one that is not ready is registered on its way off the list.
 *
 * Locks, in this order: watch_lock (which file is in which epoll), ep->scan (who looks; only its
 * holder takes watches off the list), locks of files and of their queues, ep->lock (the list;
 * held by wait_calls), ep->sleepers.  An epoll in an epoll is a file like others: there are no
 * circles, so the inner one's locks come before the outer one's ep->lock.
 *
 * A watch does not count its file: the last file_put() calls epoll_forget().
 */
#include "fs/epoll.h"
#include <bsd/sys/tree.h>
#include <linux/eventpoll.h>
#include <string.h>
#include "core/lock_order.h"
#include "core/wait.h"
#include "fs/anon.h"
#include "fs/files.h"
#include "fs/poll.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { QUEUES = 3, NEST_MAX = 5, LOOK_MAX = 512 };
#define EVENT_FLAGS	((u32)(EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE))
#define EXCLUSIVE_MAY	((u32)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

struct watch {
	struct file		*file;
	s32			fd;
	u32			events;		/* wanted; EVENT_FLAGS alone: a spent EPOLLONESHOT */
	u32			level;		/* the same, 0 with EPOLLET or EPOLLONESHOT */
	struct epoll_event_k	report;		/* goes to the program */
	bool			listed;		/* on ep->ready (ep->lock) */
	struct epoll		*ep;
	TAILQ_ENTRY(watch)	ready;
	RB_ENTRY(watch)		node;		/* in ep->all */
	struct watch		*of_file;	/* next of the same file */
	struct wait_call	call;
	struct poller		poller;
	struct waiter		waiters[QUEUES];
};
RB_HEAD(watches, watch);

struct epoll {
	spinlock_t		scan, lock;
	TAILQ_HEAD(, watch)	ready;
	struct waitq		sleepers;
	struct watches		all;
	struct file		*file;
	u32			round, depth;	/* of the walk that was here last; watch_lock */
};

static struct slab watch_slab = SLAB("watch", struct watch);
static struct slab epoll_slab = SLAB("epoll", struct epoll);
static spinlock_t watch_lock;
static u64 watch_count;
static u32 walk_round;

static int watch_order(struct watch *a, struct watch *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->fd < b->fd ? -1 : a->fd > b->fd;
}
RB_GENERATE_INTERNAL(watches, watch, node, watch_order, static __attribute__((unused)))

/* --- the list ------------------------------------------------------------------------------------- */

static void list_add(struct watch *w)
{
	struct epoll *ep = w->ep;

	guard(&ep->lock);
	if (w->listed)
		return;
	w->listed = true;
	TAILQ_INSERT_TAIL(&ep->ready, w, ready);
	if (!waitq_empty(&ep->sleepers))
		wake_one(&ep->sleepers);
}

static void list_remove(struct watch *w)
{
	guard(&w->ep->lock);
	if (w->listed)
		TAILQ_REMOVE(&w->ep->ready, w, ready);
	w->listed = false;
}

/* A file's queue was woken: one registration has told, that is enough. */
static void watch_called(struct wait_call *c)
{
	list_add(container_of(c, struct watch, call));
}

/* --- looking -------------------------------------------------------------------------------------- */

static inline u32 look(struct watch *w, struct poller *p)
{
	return w->file->ops->poll(w->file, p) & w->events & ~EVENT_FLAGS;
}

/* Be told of changes from now on; what is ready already. */
static u32 register_and_look(struct watch *w)
{
	u32 events;

	poller_reset(&w->poller);
	events = look(w, &w->poller);
	if (unlikely(w->poller.full))
		list_add(w);		/* cannot be told: is looked at each time */
	return events;
}

/* What the watch at the head of the list has to report.  It stays on the list if it would report the
 * same again; else it is registered, after it left the list, for a wakeup must find it off. */
static u32 head_events(struct watch *w)
{
	u32 events = 0;

	if (likely(!(w->events & (EPOLLET | EPOLLONESHOT))) && (events = look(w, NULL)))
		return events;
	list_remove(w);
	if (w->events & EPOLLONESHOT)
		return look(w, NULL) ?: register_and_look(w);
	events = register_and_look(w);
	if (unlikely(events && !(w->events & EPOLLET)))
		list_add(w);		/* it became ready meanwhile */
	return events;
}

static void reported(struct epoll *ep, struct watch *w)
{
	if (unlikely(w->events & EPOLLONESHOT)) {
		w->events &= EVENT_FLAGS;
		poller_reset(&w->poller);
		list_remove(w);
		return;
	}
	if (!w->listed || !TAILQ_NEXT(w, ready))
		return;
	guard(&ep->lock);		/* the others have their turn before it */
	TAILQ_REMOVE(&ep->ready, w, ready);
	TAILQ_INSERT_TAIL(&ep->ready, w, ready);
}

static u32 list_length(struct epoll *ep, u32 max)
{
	struct watch *w;
	u32 n = 0;

	guard(&ep->lock);
	TAILQ_FOREACH(w, &ep->ready, ready)
		if (++n >= max)
			break;
	return n;
}

static inline bool store_event(u64 to, struct watch *w, u32 events)
{
	w->report.events = events;
	return likely(!arch_copy_out(to, &w->report, sizeof(w->report)));
}

/* Look at @n watches from the head of the list. */
static long take_some(struct epoll *ep, u64 to, u32 max, u32 n)
{
	struct watch *w;
	u32 events, got = 0;

	for (; n && got < max && (w = TAILQ_FIRST(&ep->ready)); n--) {
		if (!(events = head_events(w)))
			continue;
		if (!store_event(to + got * sizeof(struct epoll_event_k), w, events)) {
			list_add(w);
			return got ? (long)got : -EFAULT;
		}
		got++;
		reported(ep, w);
	}
	return got;
}

/* Mostly one file is ready, and remains so until the program has read from it. */
bool epoll_take_one(struct file *f, u64 to)
{
	struct epoll *ep = f->data;
	struct watch *w;
	u32 events;
	bool one;

	spin_lock(&ep->scan);
	w = TAILQ_FIRST(&ep->ready);
	one = likely(w && !TAILQ_NEXT(w, ready)) && TAILQ_EMPTY(&ep->sleepers.waiters) &&
	      (events = w->file->ops->poll(w->file, NULL) & w->level) && store_event(to, w, events);
	spin_unlock(&ep->scan);
	return one;
}

long epoll_take(struct file *f, u64 to, u32 max)
{
	struct epoll *ep = f->data;
	u32 n;
	long r;

	guard(&ep->scan);
	n = list_length(ep, LOOK_MAX);
	r = take_some(ep, to, max, n);
	if (!waitq_empty(&ep->sleepers) && !TAILQ_EMPTY(&ep->ready))
		wake_one(&ep->sleepers);	/* there is more for another thread */
	return r || n < LOOK_MAX || TAILQ_EMPTY(&ep->ready) ? r : -EAGAIN;
}

async long epoll_wait_ready(struct file *f, u64 deadline)
{
	struct epoll *ep = f->data;

	guard(&ep->lock);
	return TAILQ_EMPTY(&ep->ready) ? wait_on_until(&ep->sleepers, deadline) : 0;
}

/* An epoll is readable if a watch has something to report; those that have not leave the list. */
static u32 epoll_poll(struct file *f, struct poller *p)
{
	struct epoll *ep = f->data;
	struct watch *w;
	bool ready = false;

	if (p) {
		guard(&ep->lock);
		poll_add(p, &ep->sleepers);
	}
	guard(&ep->scan);
	for (u32 n = LOOK_MAX; !ready && n && (w = TAILQ_FIRST(&ep->ready)); n--) {
		if (look(w, NULL))
			break;
		list_remove(w);
		if (register_and_look(w))
			list_add(w);
	}
	return TAILQ_EMPTY(&ep->ready) ? 0 : POLLIN | POLLRDNORM;
}

/* --- epolls in epolls ------------------------------------------------------------------------------ */

/* How many epolls lie below @ep, one in the other; NEST_MAX: too many, or @not is among them. */
static u32 depth_below(struct epoll *ep, const struct epoll *not)
{
	struct watch *w;
	u32 depth = 0;

	if (ep == not)
		return NEST_MAX;
	if (ep->round == walk_round)
		return ep->depth;
	ep->round = walk_round;
	ep->depth = NEST_MAX;			/* while we are below */
	RB_FOREACH(w, watches, &ep->all)
		if (epoll_is(w->file) && depth < NEST_MAX)
			depth = max(depth, depth_below(w->file->data, not) + 1);
	ep->depth = min(depth, (u32)NEST_MAX);
	return ep->depth;
}

static u32 depth_above(struct epoll *ep)
{
	u32 depth = 0;

	if (ep->round == walk_round)
		return ep->depth;
	ep->round = walk_round;
	ep->depth = NEST_MAX;
	for (struct watch *w = ep->file->watches; w && depth < NEST_MAX; w = w->of_file)
		depth = max(depth, depth_above(w->ep) + 1);
	ep->depth = min(depth, (u32)NEST_MAX);
	return ep->depth;
}

static bool may_nest(struct epoll *outer, struct epoll *inner)
{
	u32 below, above;

	walk_round++;
	below = depth_below(inner, outer);
	walk_round++;
	above = depth_above(outer);
	return below + above + 1 < NEST_MAX;
}

/* --- adding, changing, removing ---------------------------------------------------------------------- */

static u64 watch_max(void)			/* 4 % of memory, as Linux does */
{
	return page_total_count() * (PAGE_SIZE / 25) / sizeof(struct watch);
}

static long add_check(struct epoll *ep, struct file *target, const struct epoll_event_k *ev)
{
	if (epoll_is(target)) {
		if (ev->events & EPOLLEXCLUSIVE)
			return -EINVAL;
		if (!may_nest(ep, target->data))
			return -ELOOP;
	}
	return watch_count >= watch_max() ? -ENOSPC : 0;
}

static struct watch *watch_create(struct epoll *ep, struct file *target, s32 fd)
{
	struct watch *w = slab_alloc(&watch_slab);

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->ep = ep;
	w->file = target;
	w->fd = fd;
	w->call.fn = watch_called;
	poller_init(&w->poller, w->waiters, QUEUES);
	w->poller.call = &w->call;
	return w;
}

/* Begin to watch, or watch for other events; ep->scan held. */
static void watch_set(struct watch *w, const struct epoll_event_k *ev)
{
	w->report.data = ev->data;
	w->events = ev->events | EPOLLERR | EPOLLHUP;
	w->level = w->events & (EPOLLET | EPOLLONESHOT) ? 0 : w->events & ~EVENT_FLAGS;
	list_remove(w);
	if (register_and_look(w))
		list_add(w);
}

static long watch_add(struct epoll *ep, struct file *target, s32 fd, const struct epoll_event_k *ev)
{
	long err = add_check(ep, target, ev);
	struct watch *w;

	if (err)
		return err;
	if (!(w = watch_create(ep, target, fd)))
		return -ENOMEM;
	watch_count++;
	w->of_file = target->watches;
	target->watches = w;
	guard(&ep->scan);
	RB_INSERT(watches, &ep->all, w);
	watch_set(w, ev);
	return 0;
}

/* watch_lock held. */
static void watch_free(struct watch *w)
{
	struct watch **p = &w->file->watches;

	while (*p != w)
		p = &(*p)->of_file;
	*p = w->of_file;
	spin_lock(&w->ep->scan);
	poller_reset(&w->poller);
	list_remove(w);
	RB_REMOVE(watches, &w->ep->all, w);
	spin_unlock(&w->ep->scan);
	slab_free(&watch_slab, w);
	watch_count--;
}

static long watch_change(struct watch *w, const struct epoll_event_k *ev)
{
	if ((w->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	guard(&w->ep->scan);
	watch_set(w, ev);
	return 0;
}

long epoll_control(struct file *f, u32 op, struct file *target, s32 fd, const struct epoll_event_k *ev)
{
	struct epoll *ep = f->data;
	struct watch key = { .file = target, .fd = fd }, *w;

	if (!target->ops->poll)
		return -EPERM;
	if (f == target || !epoll_is(f))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || ev->events & ~EXCLUSIVE_MAY))
		return -EINVAL;
	guard(&watch_lock);
	w = RB_FIND(watches, &ep->all, &key);
	switch (op) {
	case EPOLL_CTL_ADD:
		return w ? -EEXIST : watch_add(ep, target, fd, ev);
	case EPOLL_CTL_MOD:
		return w ? watch_change(w, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (w)
			watch_free(w);
		return w ? 0 : -ENOENT;
	}
	return -EINVAL;
}

/* --- life ---------------------------------------------------------------------------------------------- */

void epoll_forget(struct file *f)
{
	guard(&watch_lock);
	while (f->watches)
		watch_free(f->watches);
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->data;
	struct watch *w;

	spin_lock(&watch_lock);
	while ((w = RB_ROOT(&ep->all)))
		watch_free(w);
	spin_unlock(&watch_lock);
	slab_free(&epoll_slab, ep);
}

const struct file_ops epoll_ops = {
	.name = "eventpoll", .seek = anon_seek, .poll = epoll_poll, .release = epoll_release,
};

void epoll_init(void) { lock_order_graph(&epoll_slab); }

struct file *epoll_create(void)
{
	struct epoll *ep = slab_alloc(&epoll_slab);
	struct file *f = ep ? anon_file(&epoll_ops, 2 /* O_RDWR */, ep) : NULL;

	if (!f) {
		slab_free(&epoll_slab, ep);
		return NULL;
	}
	*ep = (struct epoll){ .file = f };
	TAILQ_INIT(&ep->ready);
	waitq_init(&ep->sleepers);
	RB_INIT(&ep->all);
	return f;
}
