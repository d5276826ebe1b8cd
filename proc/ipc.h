/* SPDX-License-Identifier: MIT */
/*
 * ipc.h: what programs share by number or by name rather than by descriptor: System V shared memory,
 * semaphores and message queues, and POSIX message queues.  All belong to a job: other jobs do not see
 * them, and they go with it.  ipc->lock guards everything here.
 */
#pragma once
#include "fs/files.h"
#include "fs/inode.h"
#include "proc/process.h"

enum { IPC_OBJECTS = 512 };		/* of one kind in a job */

struct ipc_object {
	_Atomic u32	refs;		/* the table, calls under way, mappings */
	s32		id, key;
	u32		uid, gid, cuid, cgid, mode;
	bool		gone;		/* not in the table any more */
	struct job	*job;		/* whose table; not counted: it goes with the job */
};

struct ipc_table {
	struct ipc_object **slot;	/* NULL: there never was one */
	u32		used;
	u32		seq;		/* of the next id */
};

struct mqueue;
struct ipc {
	_Atomic u32	refs;		/* the job, POSIX queues */
	spinlock_t	lock;
	struct ipc_table shm, sem, msg;
	LIST_HEAD(, mqueue) queues;	/* with names */
	u64		queue_bytes;	/* that POSIX queues may hold, of all of the job */
};

struct ipc *ipc_current(void);		/* of the current job, made at need; NULL: no memory */
void ipc_free(struct job *j);		/* its end */
void ipc_put(struct ipc *i);
void ipc_process_exit(struct process *p);	/* SEM_UNDO */
void ipc_init(void);			/* /proc/sysvipc */

/* --- ipc.c: ids and rights; the lock is held ------------------------------------------------------ */

/* 0, and *@out is what has @key: counted; -ENOENT: create one, -EEXIST, -EACCES. */
long ipc_look(struct ipc_table *t, s32 key, u32 flags, struct ipc_object **out);
/* Enter @o, which nobody knows yet: its id, or -ENOSPC, -ENOMEM. */
long ipc_enter(struct ipc_table *t, struct ipc_object *o, s32 key, u32 flags);
struct ipc_object *ipc_find(struct ipc_table *t, s32 id);	/* NULL; not counted */
struct ipc_object *ipc_at(struct ipc_table *t, u32 index);	/* NULL; not counted */
void ipc_leave(struct ipc_table *t, struct ipc_object *o);	/* out of the table; the reference stays */
long ipc_may(const struct ipc_object *o, u32 want);		/* MAY_READ, MAY_WRITE: 0 or -EACCES */
bool ipc_owned(const struct ipc_object *o);
/* struct ipc64_perm */
struct ipc64_perm;
void ipc_show(const struct ipc_object *o, struct ipc64_perm *p);
void ipc_change(struct ipc_object *o, const struct ipc64_perm *p);	/* IPC_SET */

/* --- shm.c, sem.c, msg.c: calls; they start over unless they take @co ------------------------------- */

long shm_get(s32 key, u64 size, u32 flags);
async long shm_attach(s32 id, uaddr_t at, u32 flags);
async long shm_detach(uaddr_t at);
async long shm_control(s32 id, u32 command, uaddr_t arg);
void shm_drop(struct ipc_object *o);		/* the job ends */

long sem_get(s32 key, s32 n, u32 flags);
async long sem_operate(struct co *co, s32 id, uaddr_t ops, u32 n, uaddr_t timeout);
async long sem_control(s32 id, s32 number, u32 command, u64 arg);
void sem_drop(struct ipc_object *o);
void sem_undo_all(struct ipc *i, struct process *p);

long msg_get(s32 key, u32 flags);
async long msg_send(struct co *co, s32 id, uaddr_t from, u64 size, u32 flags);
async long msg_receive(struct co *co, s32 id, uaddr_t to, u64 size, s64 type, u32 flags);
async long msg_control(s32 id, u32 command, uaddr_t arg);
void msg_drop(struct ipc_object *o);

struct text;
void shm_text(struct text *t);	/* all lines of /proc/sysvipc/shm */
void sem_text(struct ipc_object *o, struct text *t);	/* one line */
void msg_text(struct ipc_object *o, struct text *t);

/* --- mqueue.c ---------------------------------------------------------------------------------------- */

struct mq_attr_k { s64 flags, maxmsg, msgsize, curmsgs, reserved[4]; };
struct mq_notify_k { s32 signo, kind; u64 value; };	/* SIGEV_*; from struct sigevent */
/* A descriptor's file; @attr may be NULL. */
long mqueue_open(const char *name, u32 flags, u32 mode, const struct mq_attr_k *attr, struct file **out);
long mqueue_unlink(const char *name);
bool mqueue_is(const struct file *f);
/* Deadline of the real-time clock, 0: none. */
async long mqueue_send(struct co *co, struct file *f, uaddr_t from, u64 size, u32 priority, u64 until);
async long mqueue_receive(struct co *co, struct file *f, uaddr_t to, u64 size, u32 *priority, u64 until);
long mqueue_notify(struct file *f, const struct mq_notify_k *n);	/* NULL: no more */
void mqueue_attributes(struct file *f, const struct mq_attr_k *new, struct mq_attr_k *old);
void mqueue_drop_all(struct ipc *i);
void mqueue_process_exit(struct ipc *i, struct process *p);	/* it is told no more */
