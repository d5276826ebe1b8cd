// SPDX-License-Identifier: MIT
/*
 * notify.c: inotify.  A watch (mark) ties an instance to an inode, whose reference it holds; it is in
 * the lists of both.  An instance is an open file with a queue of events, which is bounded; when it is
 * full, one event says so and others are lost.
 *
 * marks_lock guards all lists of marks, an instance's readers.lock its queue.  Order: tree_lock,
 * marks_lock, readers.lock.  Events are made under locks and so never wait.  A mark that ends while
 * something happens to its inode is freed at once: who reports holds the inode, so it is not the last
 * reference that goes.
 */
#include "fs/notify.h"
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <string.h>
#include "core/log.h"
#include "fs/anon.h"
#include "fs/poll.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { SELF_EVENTS = IN_DELETE_SELF | IN_MOVE_SELF };
enum { KEPT = IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK };	/* of the mask of a watch */

struct head { s32 wd; u32 mask, cookie, len; };	/* struct inotify_event */

struct event {
	TAILQ_ENTRY(event)	link;
	struct head		e;
	char			name[];		/* e.len bytes, padded with zeros */
};

struct instance {
	struct waitq		readers;
	TAILQ_HEAD(events, event) events;
	u32			count, bytes;
	bool			full;		/* and the queue says so */
	LIST_HEAD(, watch_mark)	marks;
	LIST_ENTRY(instance)	link;
	s32			last_wd;
};

struct watch_mark {
	struct watch_mark	*next;		/* of the inode */
	LIST_ENTRY(watch_mark)	link;		/* in the instance */
	struct instance		*in;
	struct inode		*inode;		/* counted */
	s32			wd;
	u32			mask;
};

_Atomic u32 notify_watches;
static spinlock_t marks_lock;
static LIST_HEAD(, instance) instances = LIST_HEAD_INITIALIZER(instances);
static u32 instance_count;
static _Atomic u32 event_count;			/* in all queues */
static _Atomic u32 last_cookie;

/* --- the queue; readers.lock held ------------------------------------------------------------------ */

static bool same_as_last(const struct instance *in, const struct head *e, struct name n)
{
	const struct event *last = TAILQ_LAST(&in->events, events);

	return last && last->e.wd == e->wd && last->e.mask == e->mask && !(e->mask & IN_IGNORED) &&
	       !!last->e.len == !!n.len &&
	       (!n.len || (strlen(last->name) == n.len && !memcmp(last->name, n.s, n.len)));
}

static bool queue_full(const struct instance *in)
{
	return in->count >= NOTIFY_EVENTS || atomic_load(&event_count) >= 2 * page_total_count();
}

static struct event *event_create(const struct head *e, struct name n)
{
	u32 len = n.len ? align_up(n.len + 1ul, sizeof(*e)) : 0;
	struct event *v = heap_zero(sizeof(*v) + len);

	if (!v)
		return NULL;
	v->e = *e;
	v->e.len = len;
	memcpy(v->name, n.s, n.len);
	return v;
}

static void enqueue(struct instance *in, const struct head *e, struct name n)
{
	static const struct head lost = { .wd = -1, .mask = IN_Q_OVERFLOW };
	struct event *v = NULL;
	guard(&in->readers.lock);

	if (same_as_last(in, e, n))
		return;
	if (!queue_full(in))
		v = event_create(e, n);
	if (!v && !in->full) {
		v = event_create(&lost, (struct name){ 0 });
		in->full = v;
	}
	if (!v)
		return;
	TAILQ_INSERT_TAIL(&in->events, v, link);
	in->count++;
	in->bytes += sizeof(v->e) + v->e.len;
	atomic_fetch_add(&event_count, 1);
	wake_all_locked(&in->readers);
}

static void dequeue(struct instance *in, struct event *v)
{
	TAILQ_REMOVE(&in->events, v, link);
	in->count--;
	in->bytes -= sizeof(v->e) + v->e.len;
	in->full &= v->e.wd != -1;
	atomic_fetch_sub(&event_count, 1);
	heap_free(v);
}

/* --- marks; marks_lock held -------------------------------------------------------------------------- */

static void tell(struct watch_mark *m, u32 mask, u32 cookie, struct name n)
{
	enqueue(m->in, &(struct head){ .wd = m->wd, .mask = mask, .cookie = cookie }, n);
}

/* Out of both lists; the reference to the inode and the memory are the caller's. */
static void unlink_mark(struct watch_mark *m)
{
	struct watch_mark **at = &m->inode->more->marks;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	LIST_REMOVE(m, link);
	atomic_fetch_sub(&notify_watches, 1);
}

static void end_mark(struct watch_mark *m)
{
	unlink_mark(m);
	tell(m, IN_IGNORED, 0, (struct name){ 0 });
}

static void free_mark(struct watch_mark *m)
{
	inode_put(m->inode);
	heap_free(m);
}

static void deliver(struct inode *watched, u32 mask, u32 cookie, struct name n, bool unlinked)
{
	struct watch_mark *m, *next;
	guard(&marks_lock);

	for (m = watched->more ? watched->more->marks : NULL; m; m = next) {
		next = m->next;
		if (!(m->mask & mask & IN_ALL_EVENTS) || (unlinked && m->mask & IN_EXCL_UNLINK))
			continue;
		tell(m, mask, cookie, n);
		if (m->mask & IN_ONESHOT) {
			end_mark(m);
			free_mark(m);
		}
	}
}

/* --- what happens --------------------------------------------------------------------------------------- */

static u32 with_kind(const struct inode *ip, u32 mask)
{
	return mask | (inode_is_dir(ip) && !(mask & SELF_EVENTS) ? IN_ISDIR : 0);
}

void notify_inode(struct inode *ip, u32 mask)
{
	if (notify_on() && ip->more)
		deliver(ip, with_kind(ip, mask), 0, (struct name){ 0 }, false);
}

void notify_entry(struct inode *dir, struct name name, const struct inode *ip, u32 mask, u32 cookie)
{
	if (notify_on() && dir->more)
		deliver(dir, with_kind(ip, mask), cookie, name, false);
}

static void to_parent(struct dentry *d, u32 mask)
{
	struct inode *dir = d->parent->inode;

	if (d->parent != d && !(d->flags & D_FREE) && dir && dir->more)
		deliver(dir, with_kind(d->inode, mask), 0, dentry_name(d), d->flags & D_GONE);
}

void notify_dentry(struct dentry *d, u32 mask)
{
	guard(&tree_lock);
	to_parent(d, mask);
	notify_inode(d->inode, mask);
}

void notify_alias(struct inode *ip, u32 mask)
{
	if (!notify_on())
		return;
	guard(&tree_lock);
	if (ip->alias)
		to_parent(ip->alias, mask);
	notify_inode(ip, mask);
}

void notify_move(struct inode *from, struct name old, struct inode *to, struct name new, struct inode *ip,
		 struct inode *victim)
{
	u32 cookie;

	if (!notify_on())
		return;
	cookie = atomic_fetch_add(&last_cookie, 1) + 1;
	notify_entry(from, old, ip, IN_MOVED_FROM, cookie);
	notify_entry(to, new, ip, IN_MOVED_TO, cookie);
	if (victim)
		notify_inode(victim, IN_ATTRIB);
	notify_inode(ip, IN_MOVE_SELF);
}

void notify_gone(struct inode *ip)
{
	struct watch_mark *m;

	notify_inode(ip, IN_DELETE_SELF);
	guard(&marks_lock);
	while ((m = ip->more->marks)) {
		end_mark(m);
		free_mark(m);			/* not the last reference: the caller's dentry has one */
	}
}

/* The marks in @fs, which have been told, out of all lists and in one of their own. */
static struct watch_mark *take_unmounted(struct filesystem *fs)
{
	struct watch_mark *m, *next, *taken = NULL;
	struct instance *in;
	guard(&marks_lock);

	LIST_FOREACH(in, &instances, link)
		for (m = LIST_FIRST(&in->marks); m; m = next) {
			next = LIST_NEXT(m, link);
			if (m->inode->fs != fs)
				continue;
			tell(m, IN_UNMOUNT, 0, (struct name){ 0 });
			end_mark(m);
			m->next = taken;
			taken = m;
		}
	return taken;
}

void notify_unmount(struct filesystem *fs)
{
	struct watch_mark *m = notify_on() ? take_unmounted(fs) : NULL, *next;

	for (; m; m = next) {
		next = m->next;
		free_mark(m);
	}
}

/* --- watches --------------------------------------------------------------------------------------------- */

static struct watch_mark *find_mark(struct instance *in, struct inode *ip)
{
	struct watch_mark *m = ip->more->marks;

	while (m && m->in != in)
		m = m->next;
	return m;
}

static long update(struct watch_mark *m, u32 mask)
{
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	m->mask = (mask & IN_MASK_ADD ? m->mask : 0) | (mask & KEPT);
	return m->wd;
}

/* Enters @new unless there is one: then *@used stays false. */
static long watch(struct instance *in, struct inode *ip, u32 mask, struct watch_mark *new, bool *used)
{
	struct watch_mark *m;
	guard(&marks_lock);

	if ((m = find_mark(in, ip)))
		return update(m, mask);
	if (atomic_load(&notify_watches) >= NOTIFY_WATCHES || in->last_wd == INT32_MAX)
		return -ENOSPC;
	*new = (struct watch_mark){
		.next = ip->more->marks, .in = in, .inode = inode_get(ip), .wd = ++in->last_wd,
		.mask = mask & KEPT,
	};
	ip->more->marks = new;
	LIST_INSERT_HEAD(&in->marks, new, link);
	atomic_fetch_add(&notify_watches, 1);
	*used = true;
	return new->wd;
}

long inotify_watch(struct file *f, struct inode *ip, u32 mask)
{
	struct watch_mark *new = heap_alloc(sizeof(*new));
	bool used = false;
	long r = -ENOMEM;

	if (new && inode_more(ip))
		r = watch(f->data, ip, mask, new, &used);
	if (!used)
		heap_free(new);
	return r;
}

static struct watch_mark *take_mark(struct instance *in, s32 wd, bool any)
{
	struct watch_mark *m;
	guard(&marks_lock);

	LIST_FOREACH(m, &in->marks, link)
		if (any || m->wd == wd) {
			end_mark(m);
			return m;
		}
	return NULL;
}

long inotify_unwatch(struct file *f, s32 wd)
{
	struct watch_mark *m = take_mark(f->data, wd, false);

	if (!m)
		return -EINVAL;
	free_mark(m);
	return 0;
}

/* --- the file ---------------------------------------------------------------------------------------------- */

static async long inotify_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct instance *in = f->data;
	struct event *v;
	guard(&in->readers.lock);

	if (TAILQ_EMPTY(&in->events) && !u->done)
		return u->nowait ? -EAGAIN : wait_locked(&in->readers, WAIT_SIGNAL | WAIT_KILL);
	while ((v = TAILQ_FIRST(&in->events))) {
		u32 size = sizeof(v->e) + v->e.len;

		if (u->left < size)
			return u->done ? (long)u->done : -EINVAL;
		if (!anon_put(u, &v->e, size))
			return -EFAULT;
		dequeue(in, v);
	}
	return u->done;
}

static u32 inotify_poll(struct file *f, struct poller *p)
{
	struct instance *in = f->data;
	guard(&in->readers.lock);

	if (p)
		poll_add_locked(p, &in->readers);
	return TAILQ_EMPTY(&in->events) ? 0 : POLLIN | POLLRDNORM;
}

static async long inotify_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct instance *in = f->data;
	u32 bytes = in->bytes;

	return request == FIONREAD ? user_put(arg, bytes) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
	struct instance *in = f->data;
	struct watch_mark *m;
	struct event *v;

	if (!in)
		return;
	while ((m = take_mark(in, 0, true)))
		free_mark(m);
	while ((v = TAILQ_FIRST(&in->events)))
		dequeue(in, v);
	spin_lock(&marks_lock);
	LIST_REMOVE(in, link);
	instance_count--;
	spin_unlock(&marks_lock);
	heap_free(in);
}

static const struct file_ops inotify_ops = {
	.name = "inotify", .read = inotify_read, .seek = anon_seek, .ioctl = inotify_ioctl,
	.poll = inotify_poll, .release = inotify_release,
};

bool inotify_is(const struct file *f) { return f->ops == &inotify_ops; }

static bool enter(struct instance *in)
{
	guard(&marks_lock);
	if (instance_count >= NOTIFY_INSTANCES)
		return false;
	instance_count++;
	LIST_INSERT_HEAD(&instances, in, link);
	return true;
}

long inotify_create(u32 flags, struct file **out)
{
	struct instance *in = heap_zero(sizeof(*in));
	struct file *f = in ? anon_file(&inotify_ops, flags, NULL) : NULL;
	long r = -ENOMEM;

	if (f) {
		waitq_init(&in->readers);
		TAILQ_INIT(&in->events);
		LIST_INIT(&in->marks);
		r = enter(in) ? 0 : -EMFILE;
	}
	if (!r) {
		f->data = in;
		*out = f;
		return 0;
	}
	heap_free(in);
	file_put(f);
	return r;
}
