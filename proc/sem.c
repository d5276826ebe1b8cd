/* SPDX-License-Identifier: MIT */
/*
 * sem.c: System V semaphores.  An operation on several of a set happens as a whole or waits; whoever
 * changes a set wakes all who wait for it, in order, and each looks again.  What is to be undone when a
 * process ends is kept with the set.
 */
#include <linux/sem.h>
#include <linux/errno.h>
#include <string.h>
#include "core/time.h"
#include "lib/text.h"
#include "lib/timespec.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/ipc.h"
#include "proc/job.h"

enum { SET_MAX = 1024, OPS_MAX = 500, VALUE_MAX = 32767, UNDO_MIN = -32768 };

struct semaphore { u16 value; s32 pid; };

struct undo {				/* of one process for one set */
	LIST_ENTRY(undo)	link;
	const struct process	*owner;	/* whoever it is when it ends; never dereferenced */
	short			adjust[];
};

/* In the frame of a call that waits: for GETNCNT and GETZCNT. */
struct sleeper {
	LIST_ENTRY(sleeper)	link;
	u16			number;
	bool			zero, queued;
};

struct set {
	struct ipc_object	o;
	u32			count;
	s64			otime, ctime;
	struct waitq		wait;
	LIST_HEAD(, undo)	undos;
	LIST_HEAD(, sleeper)	sleepers;
	struct semaphore	sem[];
};

static s64 now_s(void) { return clock_real() / NSEC_PER_SEC; }
static struct set *set_of(struct ipc_object *o) { return (struct set *)o; }
static struct set *find(struct ipc *i, s32 id) { return set_of(ipc_find(&i->sem, id)); }

static void set_put(struct set *s)
{
	if (s && atomic_fetch_sub(&s->o.refs, 1) == 1)
		heap_free(s);
}

/* Out of the table already. */
void sem_drop(struct ipc_object *o)
{
	struct set *s = set_of(o);
	struct undo *u;

	while ((u = LIST_FIRST(&s->undos))) {
		LIST_REMOVE(u, link);
		heap_free(u);
	}
	wake_all(&s->wait);
	set_put(s);
}

static long create(struct ipc *i, s32 key, s32 n, u32 flags)
{
	struct set *s;
	long r;

	if (n <= 0 || n > SET_MAX)
		return -EINVAL;
	if (!(s = heap_zero(sizeof(*s) + n * sizeof(*s->sem))))
		return -ENOMEM;
	s->count = n;
	s->ctime = now_s();
	waitq_init(&s->wait);
	r = ipc_enter(&i->sem, &s->o, key, flags);
	if (r < 0)
		heap_free(s);
	return r;
}

long sem_get(s32 key, s32 n, u32 flags)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	if (n < 0 || n > SET_MAX)
		return -EINVAL;
	guard(&i->lock);
	r = ipc_look(&i->sem, key, flags, &o);
	if (r == -ENOENT)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(i, key, n, flags) : -ENOENT;
	if (r)
		return r;
	return n > (s32)set_of(o)->count ? -EINVAL : o->id;
}

/* --- operations ---------------------------------------------------------------------------------------- */

static struct undo *undo_of(struct set *s, const struct process *p, bool create)
{
	struct undo *u;

	LIST_FOREACH(u, &s->undos, link)
		if (u->owner == p)
			return u;
	if (!create || !(u = heap_zero(sizeof(*u) + s->count * sizeof(short))))
		return NULL;
	u->owner = p;
	LIST_INSERT_HEAD(&s->undos, u, link);
	return u;
}

/* One operation, for good: 0, -ERANGE, or PENDING: it would have to wait. */
static long apply(struct set *s, const struct sembuf *op, struct undo *u)
{
	struct semaphore *m = &s->sem[op->sem_num];
	s32 value = m->value + op->sem_op;

	if (!op->sem_op)
		return m->value ? PENDING : 0;
	if (value < 0)
		return PENDING;
	if (value > VALUE_MAX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		s32 adjust = u->adjust[op->sem_num] - op->sem_op;

		if (adjust < UNDO_MIN || adjust > VALUE_MAX)
			return -ERANGE;
		u->adjust[op->sem_num] = adjust;
	}
	m->value = value;
	return 0;
}

static void take_back(struct set *s, const struct sembuf *op, struct undo *u)
{
	s->sem[op->sem_num].value -= op->sem_op;
	if (op->sem_flg & SEM_UNDO)
		u->adjust[op->sem_num] += op->sem_op;
}

/* All @n or none.  PENDING: *@which is the one that has to wait. */
static long apply_all(struct set *s, const struct sembuf *ops, u32 n, struct undo *u, u32 *which)
{
	long r = 0;
	u32 i;

	for (i = 0; i < n && !(r = apply(s, &ops[i], u)); i++)
		;
	*which = i;
	if (!r)
		return 0;
	while (i-- > 0)
		take_back(s, &ops[i], u);
	return r;
}

static void applied(struct set *s, const struct sembuf *ops, u32 n)
{
	bool changed = false;

	for (u32 i = 0; i < n; i++) {
		s->sem[ops[i].sem_num].pid = process_current()->pid;
		changed |= ops[i].sem_op;
	}
	s->otime = now_s();
	if (changed)
		wake_all(&s->wait);
}

struct operation {			/* in the frame of semop */
	struct sembuf	*ops;		/* heap */
	struct set	*set;		/* counted, once it has waited */
	struct sleeper	sleeper;
	u64		deadline;	/* 0: none */
};

static long check_ops(const struct set *s, const struct operation *p, u32 n)
{
	u32 want = MAY_READ;

	for (u32 i = 0; i < n; i++) {
		if (p->ops[i].sem_num >= s->count)
			return -EFBIG;
		if (p->ops[i].sem_op)
			want = MAY_WRITE;
	}
	return ipc_may(&s->o, want);
}

static long sleep(struct set *s, struct operation *p, const struct sembuf *blocked)
{
	long r;

	if (blocked->sem_flg & IPC_NOWAIT)
		return -EAGAIN;
	if (!p->set) {
		atomic_fetch_add(&s->o.refs, 1);
		p->set = s;
	}
	r = wait_on_until(&s->wait, p->deadline);
	if (r != PENDING)
		return r == -ETIMEDOUT ? -EAGAIN : r;
	p->sleeper = (struct sleeper){ .number = blocked->sem_num, .zero = !blocked->sem_op, .queued = true };
	LIST_INSERT_HEAD(&s->sleepers, &p->sleeper, link);
	return PENDING;
}

static bool wants_undo(const struct sembuf *ops, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (ops[i].sem_flg & SEM_UNDO)
			return true;
	return false;
}

/* Starts over, but for the reference and the note of its last sleep. */
static async long try_all(s32 id, struct operation *p, u32 n)
{
	struct ipc *i = ipc_current();
	struct undo *u = NULL;
	struct set *s;
	u32 which;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if (p->sleeper.queued)
		LIST_REMOVE(&p->sleeper, link);
	p->sleeper.queued = false;
	s = p->set ? p->set : find(i, id);
	if (!s || s->o.gone)
		return s ? -EIDRM : -EINVAL;
	if ((r = check_ops(s, p, n)))
		return r;
	if (wants_undo(p->ops, n) && !(u = undo_of(s, process_current(), true)))
		return -ENOMEM;
	r = apply_all(s, p->ops, n, u, &which);
	if (r == PENDING)
		return sleep(s, p, &p->ops[which]);
	if (!r)
		applied(s, p->ops, n);
	return r;
}

static async long read_timeout(uaddr_t at, u64 *deadline)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	*deadline = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	*deadline = max(time_add(clock_now(), ns), 1ull);
	return 0;
}

async long sem_operate(struct co *co, s32 id, uaddr_t ops, u32 n, uaddr_t timeout)
{
	struct { struct operation o; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->o = (struct operation){ 0 };
	await(r = read_timeout(timeout, &f->o.deadline));
	if (r)
		return r;
	if (!n || id < 0)
		return -EINVAL;
	if (n > OPS_MAX)
		return -E2BIG;
	f->o.ops = heap_alloc(n * sizeof(*f->o.ops));
	if (!f->o.ops)
		return -ENOMEM;
	await(r = user_read(f->o.ops, ops, n * sizeof(*f->o.ops)));
	if (!r)
		await(r = try_all(id, &f->o, n));
	set_put(f->o.set);
	heap_free(f->o.ops);
	return r;
	co_end();
}

/* --- the end of a process ------------------------------------------------------------------------------ */

static bool undo(struct set *s, const struct process *p)
{
	struct undo *u = undo_of(s, p, false);

	if (!u)
		return false;
	for (u32 i = 0; i < s->count; i++)
		if (u->adjust[i]) {
			s->sem[i].value = max(min(s->sem[i].value + u->adjust[i], VALUE_MAX), 0);
			s->sem[i].pid = p->pid;
		}
	s->otime = now_s();
	LIST_REMOVE(u, link);
	heap_free(u);
	return true;
}

void sem_undo_all(struct ipc *i, struct process *p)
{
	struct ipc_object *o;
	guard(&i->lock);

	for (u32 n = 0; n < IPC_OBJECTS; n++)
		if ((o = ipc_at(&i->sem, n)) && undo(set_of(o), p))
			wake_all(&set_of(o)->wait);
}

/* --- control ------------------------------------------------------------------------------------------- */

static void forget_undos(struct set *s, s32 number)
{
	struct undo *u;

	LIST_FOREACH(u, &s->undos, link)
		for (u32 i = 0; i < s->count; i++)
			if (number < 0 || (u32)number == i)
				u->adjust[i] = 0;
}

static u32 waiting(const struct set *s, u32 number, bool zero)
{
	struct sleeper *w;
	u32 n = 0;

	LIST_FOREACH(w, &s->sleepers, link)
		n += w->number == number && w->zero == zero;
	return n;
}

static long about_one(struct set *s, s32 number, u32 command, s32 value)
{
	bool set = command == SETVAL;
	long r = ipc_may(&s->o, set ? MAY_WRITE : MAY_READ);

	if (set && (value < 0 || value > VALUE_MAX))
		return -ERANGE;
	if (r)
		return r;
	if (number < 0 || (u32)number >= s->count)
		return -EINVAL;
	switch (command) {
	case GETVAL:  return s->sem[number].value;
	case GETPID:  return s->sem[number].pid;
	case GETNCNT: return waiting(s, number, false);
	case GETZCNT: return waiting(s, number, true);
	}
	s->sem[number].value = value;
	s->sem[number].pid = process_current()->pid;
	forget_undos(s, number);
	s->ctime = now_s();
	wake_all(&s->wait);
	return 0;
}

static long one(s32 id, s32 number, u32 command, s32 value)
{
	struct ipc *i = ipc_current();
	struct set *s;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	s = find(i, id);
	return s ? about_one(s, number, command, value) : -EINVAL;
}

/* How many there are in the set @id, which may be read or (SETALL) written. */
static long count_of(s32 id, u32 command)
{
	struct ipc *i = ipc_current();
	struct set *s;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if (!(s = find(i, id)))
		return -EINVAL;
	r = ipc_may(&s->o, command == SETALL ? MAY_WRITE : MAY_READ);
	return r ? r : (long)s->count;
}

static long values(s32 id, u32 command, u16 *v, u32 n)
{
	struct ipc *i = ipc_current();
	struct set *s;
	guard(&i->lock);

	if (!(s = find(i, id)) || s->count != n)
		return -EIDRM;
	for (u32 k = 0; command == SETALL && k < n; k++)
		if (v[k] > VALUE_MAX)
			return -ERANGE;
	for (u32 k = 0; k < n; k++) {
		if (command == GETALL) {
			v[k] = s->sem[k].value;
			continue;
		}
		s->sem[k].value = v[k];
		s->sem[k].pid = process_current()->pid;
	}
	if (command == GETALL)
		return 0;
	forget_undos(s, -1);
	s->ctime = now_s();
	wake_all(&s->wait);
	return 0;
}

static async long all(s32 id, u32 command, uaddr_t arg)
{
	long n = count_of(id, command), r = 0;
	u16 *v;

	if (n < 0)
		return n;
	if (!(v = heap_alloc(n * sizeof(*v))))
		return -ENOMEM;
	if (command == SETALL)
		r = user_read(v, arg, n * sizeof(*v));
	if (!r)
		r = values(id, command, v, n);
	if (!r && command == GETALL)
		r = user_write(arg, v, n * sizeof(*v));
	heap_free(v);
	return r;
}

static long look(u32 command, s32 id, struct semid64_ds *d)
{
	struct ipc *i = ipc_current();
	struct set *s;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	s = command == IPC_STAT ? find(i, id) : id < 0 ? NULL : set_of(ipc_at(&i->sem, id));
	if (!s)
		return -EINVAL;
	if (command != SEM_STAT_ANY && (r = ipc_may(&s->o, MAY_READ)))
		return r;
	*d = (struct semid64_ds){ 0 };
	ipc_show(&s->o, &d->sem_perm);
	d->sem_otime = s->otime;
	d->sem_ctime = s->ctime;
	d->sem_nsems = s->count;
	return command == IPC_STAT ? 0 : s->o.id;
}

static long change(u32 command, s32 id, const struct semid64_ds *d)
{
	struct ipc *i = ipc_current();
	struct set *s;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if (!(s = find(i, id)))
		return -EINVAL;
	if (!ipc_owned(&s->o))
		return -EPERM;
	if (command == IPC_SET) {
		ipc_change(&s->o, &d->sem_perm);
		s->ctime = now_s();
		return 0;
	}
	ipc_leave(&i->sem, &s->o);
	sem_drop(&s->o);
	return 0;
}

static async long information(u32 command, uaddr_t arg)
{
	struct seminfo n = {
		.semmap = IPC_OBJECTS * SET_MAX, .semmni = IPC_OBJECTS, .semmns = IPC_OBJECTS * SET_MAX,
		.semmnu = IPC_OBJECTS * SET_MAX, .semmsl = SET_MAX, .semopm = OPS_MAX, .semume = OPS_MAX,
		.semusz = 20, .semvmx = VALUE_MAX, .semaem = VALUE_MAX,
	};
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	u32 sems = 0, top = 0;
	long r;

	if (!i)
		return -ENOMEM;
	spin_lock(&i->lock);
	for (u32 k = 0; k < IPC_OBJECTS; k++)
		if ((o = ipc_at(&i->sem, k))) {
			sems += set_of(o)->count;
			top = k;
		}
	if (command == SEM_INFO) {
		n.semusz = i->sem.used;
		n.semaem = sems;
	}
	spin_unlock(&i->lock);
	r = user_put(arg, n);
	return r ? r : top;
}

async long sem_control(s32 id, s32 number, u32 command, u64 arg)
{
	struct semid64_ds d;
	long r, err;

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case SEM_INFO:
		return information(command, arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		r = look(command, id, &d);
		return r < 0 || !(err = user_put(arg, d)) ? r : err;
	case GETALL:
	case SETALL:
		return all(id, command, arg);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL:
		return one(id, number, command, arg);
	case IPC_SET:
		if ((r = user_get(d, arg)))
			return r;
		return change(command, id, &d);
	case IPC_RMID:
		return change(command, id, NULL);
	}
	return -EINVAL;
}

void sem_text(struct ipc_object *o, struct text *t)
{
	struct set *s = set_of(o);

	text_add(t, "%10d %10d  %4o %10u %5u %5u %5u %5u %10ld %10ld\n", o->key, o->id, o->mode, s->count,
		 o->uid, o->gid, o->cuid, o->cgid, s->otime, s->ctime);
}
