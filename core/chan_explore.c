/* SPDX-License-Identifier: MIT */
/* chan_explore.c: channels, mailboxes, events and sequence locks in every order. */
#include "core/chan.h"
#include "core/event.h"
#include "core/rcu.h"
#include "core/seq.h"
#include "test/explore/explore.h"

struct parcel { struct chan_item item; u32 value; };

static struct actor a, b, c;
static struct chan ch;
static struct parcel parcel[4];
static u32 sent, refused, received;

static void parcels_init(u32 limit)
{
	memset(parcel, 0, sizeof(parcel));
	sent = refused = received = 0;
	chan_init(&ch, limit);
}

/* --- channels ---------------------------------------------------------------------------------------- */

static long sends_two(struct co *co, struct task *t)
{
	struct { u64 i; } *f = co_frame(co);
	struct parcel *const p = actor_of(t)->arg;
	long r;

	co_begin(f);
	for (f->i = 0; f->i < 2; f->i++) {
		p[f->i].value = 7;
		await(r = chan_send(&ch, &p[f->i].item));
		actor_of(t)->result += !r;
	}
	return 0;
	co_end();
}

static long receives(struct co *co, struct task *t)
{
	struct { struct chan_item *i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		await(r = chan_receive(&ch, &f->i));
		if (r)
			return 0;
		must(container_of(f->i, struct parcel, item)->value == 7);
		memset(f->i, 0, sizeof(struct parcel));
		if (++actor_of(t)->result == 2)
			return 0;
	}
	co_end();
}

static long closes(struct co *co, struct task *t)
{
	chan_close(&ch);
	return 0;
}

static void all_ended(void)
{
	must(a.ended && b.ended);
	must(!c.t.main || c.ended);
}

static void bounded(void)
{
	parcels_init(1);
	actor_start(&a, 0, sends_two, parcel);
	actor_start(&b, 1, receives, NULL);
}
static void two_came(void)
{
	all_ended();
	must(b.result == 2 && !ch.count);
}
const struct scenario chan_bounded = { "chan-bounded", 2, bounded, two_came };

static void close_send(void)
{
	bounded();
	actor_start(&c, 2, closes, NULL);
}
/* What was sent is received, or still there for somebody who had his two. */
static void nothing_lost(void)
{
	all_ended();
	must(a.result == b.result + (long)ch.count);
	must(waitq_empty(&ch.senders) && waitq_empty(&ch.receivers));
}
const struct scenario chan_close_send = { "chan-close-send", 3, close_send, nothing_lost };

/* Nobody receives: only closing can end the sender's wait. */
static void close_full(void)
{
	parcels_init(1);
	actor_start(&a, 0, sends_two, parcel);
	actor_start(&b, 1, closes, NULL);
}
const struct scenario chan_close_full = { "chan-close-full", 2, close_full, all_ended };

static long receives_one(struct co *co, struct task *t)
{
	struct { struct chan_item *i; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = chan_receive(&ch, &f->i));
	must(!r);
	return 0;
	co_end();
}
static void two_receive(void)
{
	parcels_init(0);
	actor_start(&a, 0, receives_one, NULL);
	actor_start(&b, 1, receives_one, NULL);
	actor_start(&c, 2, sends_two, parcel);
}
const struct scenario chan_two = { "chan-two-receive", 3, two_receive, all_ended };

/* --- mailboxes ----------------------------------------------------------------------------------------- */

static struct mailbox box;

static long reads_mail(struct co *co, struct task *t)
{
	struct { u64 none; } *f = co_frame(co);
	struct chan_item *i;
	long r;

	co_begin(f);
	while (actor_of(t)->result < 2) {
		await(r = mailbox_wait(&box));
		for (i = mailbox_take(&box); i; i = i->next) {
			must(container_of(i, struct parcel, item)->value == 7);
			actor_of(t)->result++;
		}
	}
	return 0;
	co_end();
}
static void mails(void *p)
{
	((struct parcel *)p)->value = 7;
	mailbox_send(&box, &((struct parcel *)p)->item);
}
static void ring_first(void) { explore_interrupt(0, mails, &parcel[0]); }
static void ring_second(void) { explore_interrupt(1, mails, &parcel[1]); }
static void mail(void)
{
	parcels_init(0);
	actor_start(&a, 0, reads_mail, NULL);
	mailbox_init(&box, &a.t);
}
static void mail_came(void) { must(a.ended && a.result == 2); }
const struct scenario chan_mailbox = { "mailbox-two-interrupts", 2, mail, mail_came, { ring_first, ring_second } };

/* --- events ---------------------------------------------------------------------------------------------- */

static struct event ev;
static struct oneshot shot;

static long subscribes(struct co *co, struct task *t)
{
	struct { u64 seen; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->seen = 0;
	while (f->seen < 2)
		await(r = event_wait(&ev, &f->seen, 0));
	return 0;
	co_end();
}
static long raises_two(struct co *co, struct task *t)
{
	event_raise(&ev);
	event_raise(&ev);
	return 0;
}
static void broadcast(void)
{
	event_init(&ev);
	actor_start(&a, 0, subscribes, NULL);
	actor_start(&b, 1, subscribes, NULL);
	actor_start(&c, 2, raises_two, NULL);
}
const struct scenario event_broadcast = { "event-broadcast", 3, broadcast, all_ended };

/* Who has got the result frees it: the other one may still be unlocking. */
static struct rcu_head shot_rcu;
static void shot_free(struct rcu_head *h) { explore_free(&shot, sizeof(shot)); }
static long awaits_shot(struct co *co, struct task *t)
{
	long r = oneshot_wait(&shot, 0);

	if (r == PENDING)
		return r;
	must(r == 7);
	rcu_free(&shot_rcu, shot_free);
	return 0;
}
static long shoots(struct co *co, struct task *t)
{
	oneshot_set(&shot, 7);
	return 0;
}
static void one_shot(void)
{
	oneshot_init(&shot);
	actor_start(&a, 0, awaits_shot, NULL);
	actor_start(&b, 1, shoots, NULL);
}
const struct scenario event_oneshot = { "oneshot-freed-when-over", 2, one_shot, all_ended };

/* --- several sources ---------------------------------------------------------------------------------------- */

static struct waitq two[2];

static long waits_any(struct co *co, struct task *t)
{
	struct { struct waiter w[2]; } *f = co_frame(co);
	long r;

	co_begin(f);
	memset(f->w, 0, sizeof(f->w));
	for (u32 i = 0; i < 2; i++) {
		guard(&two[i].lock);
		wait_add(&two[i], &f->w[i]);
	}
	await(r = wait_any(f->w, 2, (u64)actor_of(t)->arg));
	memset(f->w, 0x55, sizeof(f->w));
	actor_of(t)->result = r;
	return 0;
	co_end();
}
static long wakes(struct co *co, struct task *t)
{
	actor_of(t)->result = wake_one(actor_of(t)->arg);
	return 0;
}
static void tick(void) { explore_advance(100); }
static void any(void)
{
	waitq_init(&two[0]);
	waitq_init(&two[1]);
	actor_start(&a, 0, waits_any, (void *)(clock_now() + 100));
	actor_start(&b, 1, wakes, &two[0]);
	actor_start(&c, 2, wakes, &two[1]);
}
/* A wakeup that was delivered is reported; of two the first. */
static void one_of_two(void)
{
	all_ended();
	must(a.result == (b.result ? 0 : c.result ? 1 : -ETIMEDOUT));
	must(waitq_empty(&two[0]) && waitq_empty(&two[1]));
}
const struct scenario wait_any_two = { "wait-any", 3, any, one_of_two, { tick } };

/* --- sequence locks ------------------------------------------------------------------------------------------ */

static seqlock_t seq;
static _Atomic u64 pair[2];

static long reads_pair(struct co *co, struct task *t)
{
	u64 x, y;
	u32 n;

	do {
		n = seq_read_begin(&seq);
		x = atomic_load_explicit(&pair[0], memory_order_relaxed);
		y = atomic_load_explicit(&pair[1], memory_order_relaxed);
	} while (seq_read_again(&seq, n));
	must(x == y);
	return 0;
}
static long writes_pair(struct co *co, struct task *t)
{
	seq_write_begin(&seq);
	atomic_store_explicit(&pair[0], 1, memory_order_relaxed);
	atomic_store_explicit(&pair[1], 1, memory_order_relaxed);
	seq_write_end(&seq);
	return 0;
}
static void seq_pair(void)
{
	atomic_init(&seq.n, 0);
	pair[0] = pair[1] = 0;
	actor_start(&a, 0, reads_pair, NULL);
	actor_start(&b, 1, writes_pair, NULL);
}
const struct scenario seq_lock = { "sequence-lock", 2, seq_pair, all_ended };
