/* SPDX-License-Identifier: MIT */
/*
 * caps.c: capabilities follow user ids, as on Linux: whoever stops being the superuser loses them, a new
 * program of the superuser has all that its bounding set allows.  Files have none.  Access to files is
 * decided by the user id, not by CAP_DAC_*.  And who may look into whose process.
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include "proc/process.h"

static bool bit(const struct process *p, u32 secure) { return p->caps.secure >> secure & 1; }

static bool any_root(struct user_ids i) { return !i.real || !i.effective || !i.saved; }

void caps_set_users(struct process *p, struct user_ids old)
{
	struct user_ids new = { p->uid, p->euid, p->suid };
	struct caps *c = &p->caps;

	if (bit(p, SECURE_NO_SETUID_FIXUP))
		return;
	if (any_root(old) && !any_root(new)) {
		if (!bit(p, SECURE_KEEP_CAPS))
			c->permitted = c->effective = 0;
		c->ambient = 0;
	}
	if (!old.effective && new.effective)
		c->effective = 0;
	if (old.effective && !new.effective)
		c->effective = c->permitted;
}

void caps_exec(struct process *p, bool set_id)
{
	bool root = !bit(p, SECURE_NOROOT) && (!p->uid || !p->euid);
	struct caps *c = &p->caps;

	if (set_id)
		c->ambient = 0;
	c->permitted = root ? c->bounding | c->inheritable : c->ambient;
	c->effective = root && !p->euid ? c->permitted : c->ambient;
	c->secure &= ~(1u << SECURE_KEEP_CAPS);
}

bool process_may_look(const struct process *p, bool fsids)
{
	const struct process *me = process_current();
	u32 uid = fsids ? thread_current()->fs->fsuid : me->uid;
	u32 gid = fsids ? thread_current()->fs->fsgid : me->gid;

	if (p->job != me->job)
		return false;
	if (p == me || capable(CAP_SYS_PTRACE))
		return true;
	return uid == p->uid && uid == p->euid && uid == p->suid && gid == p->gid && gid == p->egid &&
	       gid == p->sgid && !(p->caps.permitted & ~me->caps.permitted);
}

struct vm *process_space(struct process *p)
{
	guard(&p->lock);
	return p->vm ? vm_get(p->vm) : NULL;
}
