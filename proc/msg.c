/* SPDX-License-Identifier: MIT */
/*
 * msg.c: System V message queues.  A queue is bounded by the bytes in it and by as many messages; senders
 * wait for room, receivers for a message of their type.
 */
#include <linux/msg.h>
#include <linux/errno.h>
#include <string.h>
#include "core/time.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/ipc.h"
#include "proc/job.h"

enum { MESSAGE_MAX = 8192, QUEUE_BYTES = 16384 };

struct message {
	TAILQ_ENTRY(message)	link;
	s64			type;
	u64			size;
	char			text[];
};

struct queue {
	struct ipc_object	o;
	u64			bytes, count, limit;
	s64			stime, rtime, ctime;
	s32			spid, rpid;
	struct waitq		senders, receivers;
	TAILQ_HEAD(, message)	messages;
};

static s64 now_s(void) { return clock_real() / NSEC_PER_SEC; }
static struct queue *queue_of(struct ipc_object *o) { return (struct queue *)o; }
static struct queue *find(struct ipc *i, s32 id) { return queue_of(ipc_find(&i->msg, id)); }

static void queue_put(struct queue *q)
{
	if (q && atomic_fetch_sub(&q->o.refs, 1) == 1)
		heap_free(q);
}

/* Out of the table already. */
void msg_drop(struct ipc_object *o)
{
	struct queue *q = queue_of(o);
	struct message *m;

	while ((m = TAILQ_FIRST(&q->messages))) {
		TAILQ_REMOVE(&q->messages, m, link);
		heap_free(m);
	}
	wake_all(&q->senders);
	wake_all(&q->receivers);
	queue_put(q);
}

static long create(struct ipc *i, s32 key, u32 flags)
{
	struct queue *q = heap_zero(sizeof(*q));
	long r;

	if (!q)
		return -ENOMEM;
	q->limit = QUEUE_BYTES;
	q->ctime = now_s();
	waitq_init(&q->senders);
	waitq_init(&q->receivers);
	TAILQ_INIT(&q->messages);
	r = ipc_enter(&i->msg, &q->o, key, flags);
	if (r < 0)
		heap_free(q);
	return r;
}

long msg_get(s32 key, u32 flags)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	r = ipc_look(&i->msg, key, flags, &o);
	if (r == -ENOENT)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(i, key, flags) : -ENOENT;
	return r ? r : o->id;
}

/* The queue of a call under way: found by @id at first, then the one it waits for, in *held. */
static long queue_for(struct ipc *i, s32 id, u32 want, struct queue **held, struct queue **out)
{
	*out = *held ? *held : find(i, id);
	if (!*out)
		return -EINVAL;
	return (*out)->o.gone ? -EIDRM : ipc_may(&(*out)->o, want);
}

static async long wait_for(struct queue *q, struct waitq *w, u32 flags, long otherwise, struct queue **held)
{
	if (flags & IPC_NOWAIT)
		return otherwise;
	if (!*held) {
		atomic_fetch_add(&q->o.refs, 1);
		*held = q;
	}
	return wait_on(w);
}

/* --- send ---------------------------------------------------------------------------------------------- */

static async long put(s32 id, struct message *m, u32 flags, struct queue **held)
{
	struct ipc *i = ipc_current();
	struct queue *q;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if ((r = queue_for(i, id, MAY_WRITE, held, &q)))
		return r;
	if (m->size + q->bytes > q->limit || q->count + 1 > q->limit)
		return wait_for(q, &q->senders, flags, -EAGAIN, held);
	TAILQ_INSERT_TAIL(&q->messages, m, link);
	q->bytes += m->size;
	q->count++;
	q->stime = now_s();
	q->spid = process_current()->pid;
	wake_all(&q->receivers);
	return 0;
}

async long msg_send(struct co *co, s32 id, uaddr_t from, u64 size, u32 flags)
{
	struct { struct message *m; struct queue *held; s64 type; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = user_get(f->type, from));
	if (r)
		return r;
	if (id < 0 || size > MESSAGE_MAX || f->type < 1)
		return -EINVAL;
	f->held = NULL;
	f->m = heap_alloc(sizeof(*f->m) + size);
	if (!f->m)
		return -ENOMEM;
	f->m->type = f->type;
	f->m->size = size;
	await(r = user_read(f->m->text, from + sizeof(s64), size));
	if (!r)
		await(r = put(id, f->m, flags, &f->held));
	queue_put(f->held);
	if (r)
		heap_free(f->m);
	return r;
	co_end();
}

/* --- receive --------------------------------------------------------------------------------------------- */

static bool matches(const struct message *m, s64 type, u32 flags)
{
	if (!type)
		return true;
	if (type > 0)
		return (m->type == type) != !!(flags & MSG_EXCEPT);
	return m->type <= (type == INT64_MIN ? INT64_MAX : -type);
}

/* The first of its type; of several types (@type < 0) the lowest. */
static struct message *choose(struct queue *q, s64 type, u32 flags)
{
	struct message *m, *best = NULL;

	TAILQ_FOREACH(m, &q->messages, link) {
		if (!matches(m, type, flags))
			continue;
		if (type >= 0)
			return m;
		if (!best || m->type < best->type)
			best = m;
	}
	return best;
}

static async long take(s32 id, u64 size, s64 type, u32 flags, struct queue **held, struct message **out)
{
	struct ipc *i = ipc_current();
	struct message *m;
	struct queue *q;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if ((r = queue_for(i, id, MAY_READ, held, &q)))
		return r;
	if (!(m = choose(q, type, flags)))
		return wait_for(q, &q->receivers, flags, -ENOMSG, held);
	if (m->size > size && !(flags & MSG_NOERROR))
		return -E2BIG;
	TAILQ_REMOVE(&q->messages, m, link);
	q->bytes -= m->size;
	q->count--;
	q->rtime = now_s();
	q->rpid = process_current()->pid;
	wake_all(&q->senders);
	*out = m;
	return 0;
}

async long msg_receive(struct co *co, s32 id, uaddr_t to, u64 size, s64 type, u32 flags)
{
	struct { struct message *m; struct queue *held; u64 n; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (flags & MSG_COPY)			/* as a kernel without checkpoints */
		return syscall_refuse(-ENOSYS, "msgrcv: MSG_COPY", flags);
	if (id < 0 || (s64)size < 0)
		return -EINVAL;
	f->held = NULL;
	f->m = NULL;
	await(r = take(id, size, type, flags, &f->held, &f->m));
	queue_put(f->held);
	if (r)
		return r;
	f->n = min(size, f->m->size);
	await(r = user_write(to, &f->m->type, sizeof(f->m->type)));
	if (!r)
		await(r = user_write(to + sizeof(f->m->type), f->m->text, f->n));
	heap_free(f->m);
	return r ? r : (long)f->n;
	co_end();
}

/* --- control ----------------------------------------------------------------------------------------------- */

static long look(u32 command, s32 id, struct msqid64_ds *d)
{
	struct ipc *i = ipc_current();
	struct queue *q;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	q = command == IPC_STAT ? find(i, id) : queue_of(ipc_at(&i->msg, id));
	if (!q)
		return -EINVAL;
	if (command != MSG_STAT_ANY && (r = ipc_may(&q->o, MAY_READ)))
		return r;
	*d = (struct msqid64_ds){ 0 };
	ipc_show(&q->o, &d->msg_perm);
	d->msg_stime = q->stime;
	d->msg_rtime = q->rtime;
	d->msg_ctime = q->ctime;
	d->msg_cbytes = q->bytes;
	d->msg_qnum = q->count;
	d->msg_qbytes = q->limit;
	d->msg_lspid = q->spid;
	d->msg_lrpid = q->rpid;
	return command == IPC_STAT ? 0 : q->o.id;
}

static long set(struct queue *q, const struct msqid64_ds *d)
{
	if (d->msg_qbytes > QUEUE_BYTES)
		return process_current()->euid ? -EPERM :
		       syscall_refuse(-EPERM, "msgctl: more bytes than msgmnb", d->msg_qbytes);
	ipc_change(&q->o, &d->msg_perm);
	q->limit = d->msg_qbytes;
	q->ctime = now_s();
	wake_all(&q->senders);
	wake_all(&q->receivers);
	return 0;
}

static long change(u32 command, s32 id, const struct msqid64_ds *d)
{
	struct ipc *i = ipc_current();
	struct queue *q;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if (!(q = find(i, id)))
		return -EINVAL;
	if (!ipc_owned(&q->o))
		return -EPERM;
	if (command == IPC_SET)
		return set(q, d);
	ipc_leave(&i->msg, &q->o);
	msg_drop(&q->o);
	return 0;
}

static async long information(u32 command, uaddr_t arg)
{
	struct msginfo n = {
		.msgmax = MESSAGE_MAX, .msgmnb = QUEUE_BYTES, .msgmni = IPC_OBJECTS, .msgssz = 16,
		.msgseg = 0xffff, .msgpool = IPC_OBJECTS * QUEUE_BYTES / 1024, .msgmap = QUEUE_BYTES,
		.msgtql = QUEUE_BYTES,
	};
	struct ipc *i = ipc_current();
	u64 messages = 0, bytes = 0;
	struct ipc_object *o;
	u32 top = 0;
	long r;

	if (!i)
		return -ENOMEM;
	spin_lock(&i->lock);
	for (u32 k = 0; k < IPC_OBJECTS; k++)
		if ((o = ipc_at(&i->msg, k))) {
			messages += queue_of(o)->count;
			bytes += queue_of(o)->bytes;
			top = k;
		}
	if (command == MSG_INFO) {
		n.msgpool = i->msg.used;
		n.msgmap = messages;
		n.msgtql = bytes;
	}
	spin_unlock(&i->lock);
	r = user_put(arg, n);
	return r ? r : top;
}

async long msg_control(s32 id, u32 command, uaddr_t arg)
{
	struct msqid64_ds d;
	long r, err;

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case MSG_INFO:
		return information(command, arg);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		r = look(command, id, &d);
		return r < 0 || !(err = user_put(arg, d)) ? r : err;
	case IPC_SET:
		if ((r = user_get(d, arg)))
			return r;
		return change(command, id, &d);
	case IPC_RMID:
		return change(command, id, NULL);
	}
	return -EINVAL;
}

void msg_text(struct ipc_object *o, struct text *t)
{
	struct queue *q = queue_of(o);

	text_add(t, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10ld %10ld %10ld\n", o->key, o->id,
		 o->mode, q->bytes, q->count, q->spid, q->rpid, o->uid, o->gid, o->cuid, o->cgid, q->stime,
		 q->rtime, q->ctime);
}
