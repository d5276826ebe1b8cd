// SPDX-License-Identifier: MIT
/*
 * unix_rights.c: open files on their way in messages, and sockets lost there.
 *
 * A socket whose only references are messages, which lie in sockets of the same kind, can never be
 * received again.  The search marks what can be reached from sockets that somebody has open, and
 * empties the others.  rights_lock guards each socket's list of marks (with its rq.lock, which comes
 * first), how often it flies, and the search.
 */
#include "mem/heap.h"
#include "net/unix.h"

enum { FLYING_MAX = 16384 };

static spinlock_t rights_lock;
static u32 flying;			/* sockets in messages, each as often as it is */
static struct rights *dead;		/* to be given up */
static bool burying, searching;
static LIST_HEAD(, unix_socket) sockets = LIST_HEAD_INITIALIZER(sockets);
static u32 socket_count, closed_since;

static struct unix_socket *socket_of(struct file *f)
{
	return f->ops == &unix_stream_ops || f->ops == &unix_packet_ops ? f->data : NULL;
}

static void fly(struct rights *r, s32 by)
{
	for (u32 i = 0; r && i < r->count; i++) {
		struct unix_socket *u = socket_of(r->file[i]);

		if (!u)
			continue;
		u->flying += by;
		flying += by;
	}
}

/* --- giving up ----------------------------------------------------------------------------------- */

/* A file's end may free messages with more files: one loop does it all, however deep they are nested. */
void rights_free(struct rights *r)
{
	if (!r)
		return;
	spin_lock(&rights_lock);
	r->next = dead;
	dead = r;
	if (burying) {
		spin_unlock(&rights_lock);
		return;
	}
	burying = true;
	while ((r = dead)) {
		dead = r->next;
		spin_unlock(&rights_lock);
		for (u32 i = 0; i < r->count; i++)
			file_put(r->file[i]);
		heap_free(r);
		spin_lock(&rights_lock);
	}
	burying = false;
	spin_unlock(&rights_lock);
}

/* --- marks --------------------------------------------------------------------------------------- */

long rights_room(void)
{
	if (flying >= FLYING_MAX)
		sockets_search(true);
	return flying >= FLYING_MAX ? -ETOOMANYREFS : 0;
}

long mark_prepare(struct unix_socket *to, const struct message *m, bool cred, struct mark **out)
{
	*out = NULL;
	if (!(m && (m->rights || m->has_cred)) && !cred)
		return 0;
	if (to->mark_count >= UNIX_MARKS)
		return -ETOOMANYREFS;
	*out = heap_zero(sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void mark_add(struct unix_socket *to, struct mark *k, u64 at, u64 end, struct message *m)
{
	k->at = at;
	k->end = end;
	k->cred = m && m->has_cred ? m->cred : caller_cred();
	k->has_cred = true;
	guard(&rights_lock);
	if (m) {
		k->rights = m->rights;
		m->rights = NULL;
		fly(k->rights, 1);
	}
	TAILQ_INSERT_TAIL(&to->marks, k, link);
	to->mark_count++;
}

static struct rights *rights_copy(const struct rights *r)
{
	struct rights *c = heap_alloc(sizeof(*c) + r->count * sizeof(r->file[0]));

	if (!c)
		return NULL;
	c->count = r->count;
	for (u32 i = 0; i < r->count; i++)
		c->file[i] = file_get(r->file[i]);
	return c;
}

void mark_read(struct unix_socket *u, struct mark *k, u64 upto, struct message *m)
{
	struct rights *r;

	if (m->flags & MSG_PEEK) {
		m->cred = k->cred;
		m->has_cred = k->has_cred;
		if (k->rights && !m->rights)
			m->rights = rights_copy(k->rights);
		return;
	}
	m->cred = k->cred;
	m->has_cred = k->has_cred;
	guard(&rights_lock);
	if ((r = k->rights)) {
		fly(r, -1);
		k->rights = NULL;
		m->rights = r;
	}
	if (k->end > upto)
		return;
	TAILQ_REMOVE(&u->marks, k, link);
	u->mark_count--;
	heap_free(k);
}

void marks_free(struct unix_socket *u)
{
	struct rights *r, *all = NULL;
	struct mark *k;

	spin_lock(&rights_lock);
	while ((k = TAILQ_FIRST(&u->marks))) {
		TAILQ_REMOVE(&u->marks, k, link);
		if (k->rights) {
			fly(k->rights, -1);
			k->rights->next = all;
			all = k->rights;
		}
		heap_free(k);
	}
	u->mark_count = 0;
	spin_unlock(&rights_lock);
	while ((r = all)) {
		all = r->next;
		rights_free(r);
	}
}

/* --- the search ---------------------------------------------------------------------------------- */

void rights_socket_new(struct unix_socket *u)
{
	guard(&rights_lock);
	LIST_INSERT_HEAD(&sockets, u, all);
	socket_count++;
}

void rights_socket_gone(struct unix_socket *u)
{
	guard(&rights_lock);
	LIST_REMOVE(u, all);
	socket_count--;
}

void backlog_push(struct unix_socket *listener, struct unix_socket *u)
{
	guard(&rights_lock);
	TAILQ_INSERT_TAIL(&listener->backlog, u, accept_link);
	u->listener = listener;
	listener->waiting++;
}

struct unix_socket *backlog_pop(struct unix_socket *listener)
{
	struct unix_socket *u;

	guard(&rights_lock);
	if (!(u = TAILQ_FIRST(&listener->backlog)))
		return NULL;
	TAILQ_REMOVE(&listener->backlog, u, accept_link);
	u->listener = NULL;
	listener->waiting--;
	return u;
}

static void reach(struct unix_socket *u, struct unix_socket **todo)
{
	if (u->reached)
		return;
	u->reached = true;
	u->next = *todo;
	*todo = u;
}

static void reach_rights(const struct rights *r, struct unix_socket **todo)
{
	struct unix_socket *u;

	for (u32 i = 0; r && i < r->count; i++)
		if ((u = socket_of(r->file[i])))
			reach(u, todo);
}

/* Somebody has it open.  One that is not accepted yet is as reachable as its listener. */
static bool is_held(const struct unix_socket *u)
{
	return u->file ? atomic_load(&u->file->refs) != u->flying : !u->listener;
}

static void mark_reachable(void)
{
	struct unix_socket *u, *e, *todo = NULL;
	struct mark *k;

	LIST_FOREACH(u, &sockets, all)
		u->reached = false;
	LIST_FOREACH(u, &sockets, all)
		if (is_held(u))
			reach(u, &todo);
	while ((u = todo)) {
		todo = u->next;
		TAILQ_FOREACH(k, &u->marks, link)
			reach_rights(k->rights, &todo);
		TAILQ_FOREACH(e, &u->backlog, accept_link)
			reach(e, &todo);
	}
}

/* What lies in sockets that cannot be reached. */
static struct rights *take_lost(void)
{
	struct rights *all = NULL;
	struct unix_socket *u;
	struct mark *k;

	LIST_FOREACH(u, &sockets, all) {
		if (u->reached)
			continue;
		TAILQ_FOREACH(k, &u->marks, link) {
			if (!k->rights)
				continue;
			fly(k->rights, -1);
			k->rights->next = all;
			all = k->rights;
			k->rights = NULL;
		}
	}
	return all;
}

/* The more sockets there are, the more are closed before the next search. */
static bool search_due(bool now)
{
	if (!flying || searching || (++closed_since * 64 < socket_count && !now))
		return false;
	closed_since = 0;
	return true;
}

void sockets_search(bool now)
{
	struct rights *lost, *next;

	spin_lock(&rights_lock);
	if (!search_due(now)) {
		spin_unlock(&rights_lock);
		return;
	}
	searching = true;
	mark_reachable();
	lost = take_lost();
	spin_unlock(&rights_lock);
	for (; lost; lost = next) {
		next = lost->next;
		rights_free(lost);
	}
	spin_lock(&rights_lock);
	searching = false;
	spin_unlock(&rights_lock);
}
