// SPDX-License-Identifier: MIT
/*
 * tty_session.c: whose terminal it is: the session that controls it, its foreground process group, and what
 * happens to groups in the background.  t->lock guards both numbers; who the caller is comes from proc/.
 */
#include "fs/tty.h"
#include <linux/signal.h>

s32 (*tty_caller)(s32 *sid, s32 *pid);
long (*tty_background)(struct tty *t, s32 signo);
long (*tty_group)(s32 pgrp);

static s32 caller_session(bool *leader)
{
	s32 sid = 0, pid = 0;

	if (tty_caller)
		tty_caller(&sid, &pid);
	*leader = pid == sid;
	return sid;
}

bool tty_is_mine(struct tty *t)
{
	bool leader;
	s32 sid = caller_session(&leader);

	return !sid || sid == t->session;
}

/* Make it the terminal of the caller's session, which has none.  Nobody else may have it. */
static long become_mine(struct tty *t, bool steal)
{
	struct tty *has = tty_current ? tty_current() : NULL;
	s32 sid = 0, pid = 0, pgrp = tty_caller ? tty_caller(&sid, &pid) : 0;

	tty_put(has);
	if (has == t && pid == sid)
		return 0;
	if (has || pid != sid)
		return -EPERM;
	guard(&t->lock);
	if (t->session && !steal)
		return -EPERM;
	t->session = sid;
	t->pgrp = pgrp;
	return 0;
}

void tty_opened(struct tty *t)
{
	if (!t->session && become_mine(t, false))
		return;
}

long tty_take_session(struct tty *t, u64 steal)
{
	return become_mine(t, steal == 1);
}

void tty_set_session(struct tty *t, s32 sid, s32 pgrp)
{
	guard(&t->lock);
	t->session = sid;
	t->pgrp = pgrp;
}

void tty_leave_session(struct tty *t, bool leader_ends)
{
	s32 pgrp = t->pgrp;

	if (pgrp && tty_signal) {
		tty_signal(t, pgrp, SIGHUP);
		if (!leader_ends)
			tty_signal(t, pgrp, SIGCONT);
	}
	tty_set_session(t, 0, 0);
}

long tty_give_up(struct tty *t)
{
	bool leader;

	caller_session(&leader);
	if (!tty_is_mine(t))
		return -ENOTTY;
	if (!leader)
		return -EINVAL;			/* one process alone: not supported */
	tty_leave_session(t, false);
	return 0;
}

long tty_check(struct tty *t, s32 signo)
{
	return tty_background ? tty_background(t, signo) : 0;
}

async long tty_set_group(struct tty *t, uaddr_t arg)
{
	s32 pgrp;
	long err = tty_check(t, SIGTTOU);

	if (err == -EIO || !tty_is_mine(t))
		return -ENOTTY;
	if (err || (err = user_get(pgrp, arg)))
		return err;
	if (pgrp < 0)
		return -EINVAL;
	if (tty_group && (err = tty_group(pgrp)))
		return err;
	guard(&t->lock);
	t->pgrp = pgrp;
	return 0;
}

s32 tty_session(struct tty *t) { return t->session; }
s32 tty_foreground(struct tty *t) { return t->pgrp; }
