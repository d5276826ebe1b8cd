/* SPDX-License-Identifier: MIT */
/*
 * mqueue.c: POSIX message queues: messages in order of priority, whole, in a queue with a name or only
 * descriptors.  A name and each open file hold a reference; ipc->lock of the job guards queues.  What all
 * queues of a job may hold together is bounded by RLIMIT_MSGQUEUE, counted when a queue is made.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <asm/siginfo.h>
#include <string.h>
#include "core/time.h"
#include "fs/anon.h"
#include "fs/poll.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/clocks.h"
#include "proc/ipc.h"
#include "proc/job.h"

enum { QUEUES = 256, NAME_BYTES_MAX = 256 };
enum { COUNT_DEFAULT = 10, SIZE_DEFAULT = 8192, COUNT_HARD = 65536, SIZE_HARD = 16 << 20 };
enum { MESSAGE_COST = 96 };			/* what a message's own bookkeeping counts as */
enum { TELL_SIGNAL = 0, TELL_NOBODY = 1 };	/* SIGEV_* */

struct mq_message {
	TAILQ_ENTRY(mq_message)	link;
	u32			priority, size;
	char			text[];
};

struct mqueue {
	_Atomic u32		refs;
	LIST_ENTRY(mqueue)	link;		/* while it has a name */
	bool			named;
	struct ipc		*ipc;
	u32			uid, gid, mode;
	u64			maxmsg, msgsize, count, bytes, cost;
	struct waitq		senders, receivers;
	TAILQ_HEAD(mq_messages, mq_message) messages;	/* the next one first */
	struct process		*told;		/* who asked to be told, counted; NULL: nobody */
	struct mq_notify_k	notify;
	char			name[];
};

static struct mqueue *queue_of(const struct file *f) { return f->data; }

/* --- life -------------------------------------------------------------------------------------------- */

static void queue_free(struct mqueue *q)
{
	struct mq_message *m;

	while ((m = TAILQ_FIRST(&q->messages))) {
		TAILQ_REMOVE(&q->messages, m, link);
		heap_free(m);
	}
	ipc_put(q->ipc);
	heap_free(q);
}

/* The lock is held.  True: it was the last reference, free it. */
static bool queue_put(struct mqueue *q)
{
	if (--q->refs)
		return false;
	q->ipc->queue_bytes -= q->cost;
	return true;
}

static void drop_name(struct mqueue *q)
{
	LIST_REMOVE(q, link);
	q->named = false;
}

void mqueue_drop_all(struct ipc *i)
{
	struct mqueue *q;

	while ((q = LIST_FIRST(&i->queues))) {
		drop_name(q);
		if (queue_put(q))
			queue_free(q);
	}
}

/* --- opening ----------------------------------------------------------------------------------------------- */

static struct mqueue *find(struct ipc *i, const char *name, u32 *count)
{
	struct mqueue *q, *found = NULL;

	*count = 0;
	LIST_FOREACH(q, &i->queues, link) {
		++*count;
		if (!strcmp(q->name, name))
			found = q;
	}
	return found;
}

static long may(const struct mqueue *q, u32 flags)
{
	static const u8 want[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, 0 };
	const struct process *p = process_current();
	u32 shift = p->euid == q->uid ? 6 : p->egid == q->gid || fs_has_group(thread_current()->fs, q->gid) ? 3 : 0;

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return !p->euid || !(want[flags & O_ACCMODE] & ~(q->mode >> shift)) ? 0 : -EACCES;
}

static long check_attr(const struct mq_attr_k *a)
{
	bool root = !process_current()->euid;

	if (a->maxmsg <= 0 || a->msgsize <= 0)
		return -EINVAL;
	if (a->maxmsg > (root ? COUNT_HARD : COUNT_DEFAULT) || a->msgsize > (root ? SIZE_HARD : SIZE_DEFAULT))
		return -EINVAL;
	return 0;
}

static long create(struct ipc *i, const char *name, u32 mode, const struct mq_attr_k *a, struct mqueue **out)
{
	struct process *p = process_current();
	u64 maxmsg = a ? a->maxmsg : COUNT_DEFAULT, msgsize = a ? a->msgsize : SIZE_DEFAULT;
	u64 cost = maxmsg * (msgsize + MESSAGE_COST);
	struct mqueue *q;
	long r = a ? check_attr(a) : 0;

	if (r)
		return r;
	if (i->queue_bytes + cost > p->limits[RLIMIT_MSGQUEUE].cur)
		return -EMFILE;
	if (!(q = heap_zero(sizeof(*q) + strlen(name) + 1)))
		return -ENOMEM;
	q->refs = 1;
	q->named = true;
	q->ipc = i;
	atomic_fetch_add(&i->refs, 1);
	q->uid = p->euid;
	q->gid = p->egid;
	q->mode = mode & 0777 & ~thread_current()->fs->umask;
	q->maxmsg = maxmsg;
	q->msgsize = msgsize;
	q->cost = cost;
	waitq_init(&q->senders);
	waitq_init(&q->receivers);
	TAILQ_INIT(&q->messages);
	memcpy(q->name, name, strlen(name) + 1);
	LIST_INSERT_HEAD(&i->queues, q, link);
	i->queue_bytes += cost;
	*out = q;
	return 0;
}

static long check_name(const char *name)
{
	if (!*name)
		return -ENOENT;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	return strlen(name) >= NAME_BYTES_MAX ? -ENAMETOOLONG : 0;
}

static long open_locked(struct ipc *i, const char *name, u32 flags, u32 mode, const struct mq_attr_k *a,
			struct mqueue **out)
{
	u32 count;
	struct mqueue *q = find(i, name, &count);
	long r = 0;

	if (q && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (q)
		r = may(q, flags);
	else if (!(flags & O_CREAT))
		r = -ENOENT;
	else if (count >= QUEUES)
		r = -ENOSPC;
	else if ((flags & O_ACCMODE) == O_ACCMODE)
		r = -EINVAL;
	else
		r = create(i, name, mode, a, &q);
	if (r)
		return r;
	q->refs++;
	*out = q;
	return 0;
}

static const struct file_ops mqueue_ops;

long mqueue_open(const char *name, u32 flags, u32 mode, const struct mq_attr_k *attr, struct file **out)
{
	struct ipc *i = ipc_current();
	struct mqueue *q = NULL;
	struct file *f;
	long r = i ? check_name(name) : -ENOMEM;

	if (r)
		return r;
	if (!(f = anon_file(&mqueue_ops, flags & (O_ACCMODE | O_NONBLOCK), NULL)))
		return -ENOMEM;
	spin_lock(&i->lock);
	r = open_locked(i, name, flags, mode, attr, &q);
	spin_unlock(&i->lock);
	f->data = q;
	if (r) {
		file_put(f);
		return r;
	}
	*out = f;
	return 0;
}

long mqueue_unlink(const char *name)
{
	struct ipc *i = ipc_current();
	struct mqueue *q;
	u32 count;
	bool last;
	long r = i ? check_name(name) : -ENOMEM;

	if (r)
		return r;
	{
		guard(&i->lock);
		if (!(q = find(i, name, &count)))
			return -ENOENT;
		if (process_current()->euid && process_current()->euid != q->uid)
			return -EPERM;
		drop_name(q);
		last = queue_put(q);
	}
	if (last)
		queue_free(q);
	return 0;
}

/* --- notification --------------------------------------------------------------------------------------------- */

/* No more; who was to be told is the caller's to put. */
static struct process *forget(struct mqueue *q)
{
	struct process *p = q->told;

	q->told = NULL;
	return p;
}

/* For queues that have a name; others are closed with the process. */
void mqueue_process_exit(struct ipc *i, struct process *p)
{
	struct mqueue *q;
	u32 told = 0;

	{
		guard(&i->lock);
		LIST_FOREACH(q, &i->queues, link)
			if (q->told == p) {
				forget(q);
				told++;
			}
	}
	while (told--)
		process_put(p);
}

/* A message came to an empty queue and nobody waits for it. */
static struct process *tell(struct mqueue *q)
{
	struct process *me = process_current();
	struct siginfo_k info = { .signo = q->notify.signo, .code = SI_MESGQ, .pid = me->pid, .uid = me->uid,
				  .addr = q->notify.value };

	if (q->told && q->notify.kind == TELL_SIGNAL)
		signal_send_process(q->told, &info);
	return forget(q);
}

static long notify(struct mqueue *q, const struct mq_notify_k *n, struct process **out)
{
	struct process *me = process_current();

	*out = NULL;
	if (!n) {
		if (q->told == me)
			*out = forget(q);
		return 0;
	}
	if (q->told)
		return -EBUSY;
	q->told = process_get(me);
	q->notify = *n;
	return 0;
}

long mqueue_notify(struct file *f, const struct mq_notify_k *n)
{
	struct mqueue *q = queue_of(f);
	struct process *old;
	long r;

	{
		guard(&q->ipc->lock);
		r = notify(q, n, &old);
	}
	process_put(old);
	return r;
}

/* --- send -------------------------------------------------------------------------------------------------------- */

/* Behind all of the same priority. */
static void insert(struct mqueue *q, struct mq_message *m)
{
	struct mq_message *at = TAILQ_LAST(&q->messages, mq_messages);

	while (at && at->priority < m->priority)
		at = TAILQ_PREV(at, mq_messages, link);
	if (at)
		TAILQ_INSERT_AFTER(&q->messages, at, m, link);
	else
		TAILQ_INSERT_HEAD(&q->messages, m, link);
	q->count++;
	q->bytes += m->size;
}

/* Of a time of day: looked up at every poll, for the clock may be set. */
static u64 deadline_of(u64 until)
{
	return until ? clock_id_deadline(CLOCK_REALTIME, until, 0) : 0;
}

static async long wait_for(struct file *f, struct waitq *w, u64 until)
{
	long r = f->flags & O_NONBLOCK ? -EAGAIN : wait_on_until(w, deadline_of(until));

	return r == -EINTR ? -ERESTART : r;
}

static async long put(struct file *f, struct mq_message *m, u64 until, struct process **told)
{
	struct mqueue *q = queue_of(f);
	guard(&q->ipc->lock);

	if (q->count >= q->maxmsg)
		return wait_for(f, &q->senders, until);
	insert(q, m);
	if (q->count == 1 && waitq_empty(&q->receivers))
		*told = tell(q);
	wake_all(&q->receivers);
	return 0;
}

async long mqueue_send(struct co *co, struct file *file, uaddr_t from, u64 size, u32 priority, u64 until)
{
	struct { struct mq_message *m; struct process *told; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (size > queue_of(file)->msgsize)
		return -EMSGSIZE;
	f->told = NULL;
	f->m = heap_alloc(sizeof(*f->m) + size);
	if (!f->m)
		return -ENOMEM;
	f->m->priority = priority;
	f->m->size = size;
	await(r = user_read(f->m->text, from, size));
	if (!r)
		await(r = put(file, f->m, until, &f->told));
	if (r)
		heap_free(f->m);
	process_put(f->told);
	return r;
	co_end();
}

/* --- receive ----------------------------------------------------------------------------------------------------- */

static async long take(struct file *f, u64 until, struct mq_message **out)
{
	struct mqueue *q = queue_of(f);
	struct mq_message *m;
	guard(&q->ipc->lock);

	if (!(m = TAILQ_FIRST(&q->messages)))
		return wait_for(f, &q->receivers, until);
	TAILQ_REMOVE(&q->messages, m, link);
	q->count--;
	q->bytes -= m->size;
	wake_all(&q->senders);
	*out = m;
	return 0;
}

async long mqueue_receive(struct co *co, struct file *file, uaddr_t to, u64 size, u32 *priority, u64 until)
{
	struct { struct mq_message *m; u32 n; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (size < queue_of(file)->msgsize)
		return -EMSGSIZE;
	f->m = NULL;
	await(r = take(file, until, &f->m));
	if (r)
		return r;
	f->n = f->m->size;
	*priority = f->m->priority;
	await(r = user_write(to, f->m->text, f->n));
	heap_free(f->m);
	return r ? r : (long)f->n;
	co_end();
}

/* --- as a file ------------------------------------------------------------------------------------------------------ */

static u32 mqueue_poll(struct file *f, struct poller *p)
{
	struct mqueue *q = queue_of(f);
	guard(&q->ipc->lock);

	poll_add(p, &q->senders);
	poll_add(p, &q->receivers);
	return (q->count ? POLLIN | POLLRDNORM : 0) | (q->count < q->maxmsg ? POLLOUT | POLLWRNORM : 0);
}

/* What Linux says in one line: bytes, and who is to be told. */
static async long mqueue_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct mqueue *q = queue_of(f);
	char line[96];
	struct text t;
	u64 n;

	text_init(&t, line, sizeof(line));
	{
		guard(&q->ipc->lock);
		text_add(&t, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
			 q->told ? q->notify.kind : 0,
			 q->told && q->notify.kind == TELL_SIGNAL ? q->notify.signo : 0,
			 q->told ? q->told->pid : 0);
	}
	if (*pos >= t.len)
		return 0;
	n = uio_out(u, line + *pos, min(u->left, t.len - *pos));
	*pos += n;
	return n ? (long)n : -EFAULT;
}

static long mqueue_seek(struct file *f, s64 offset, u32 whence)
{
	s64 to = whence == 1 ? (s64)f->pos + offset : offset;

	if (whence > 1 || to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

static void mqueue_release(struct file *f)
{
	struct mqueue *q = queue_of(f);
	struct process *old = NULL;
	bool last;

	if (!q)
		return;
	{
		guard(&q->ipc->lock);
		if (q->told && task_current() && task_current()->main == thread_run &&
		    q->told == process_current())
			old = forget(q);
		last = queue_put(q);
		if (last && !old)
			old = forget(q);
	}
	process_put(old);
	if (last)
		queue_free(q);
}

static const struct file_ops mqueue_ops = {
	.name = "mqueue", .read = mqueue_read, .seek = mqueue_seek, .poll = mqueue_poll,
	.release = mqueue_release,
};

bool mqueue_is(const struct file *f) { return f->ops == &mqueue_ops; }

void mqueue_attributes(struct file *f, const struct mq_attr_k *new, struct mq_attr_k *old)
{
	struct mqueue *q = queue_of(f);
	guard(&q->ipc->lock);

	*old = (struct mq_attr_k){ .flags = f->flags & O_NONBLOCK, .maxmsg = q->maxmsg,
				   .msgsize = q->msgsize, .curmsgs = q->count };
	if (new)
		f->flags = (f->flags & ~(u32)O_NONBLOCK) | (new->flags & O_NONBLOCK);
}
