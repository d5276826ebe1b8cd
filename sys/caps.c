/* SPDX-License-Identifier: MIT */
/* sys/caps.c: capget, capset, and what prctl does with capabilities. */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

static bool subset(u64 a, u64 of) { return !(a & ~of); }

/* How many halves of 32 bits the header's version has. */
static async long read_header(uaddr_t at, struct __user_cap_header_struct *h, u32 *halves)
{
	const u32 newest = _LINUX_CAPABILITY_VERSION_3;
	long r = user_get(*h, at);

	if (r)
		return r;
	*halves = h->version == _LINUX_CAPABILITY_VERSION_1 ? 1 : 2;
	if (h->version == _LINUX_CAPABILITY_VERSION_1 || h->version == _LINUX_CAPABILITY_VERSION_2 ||
	    h->version == _LINUX_CAPABILITY_VERSION_3)
		return 0;
	r = user_put(at, newest);
	return r ? r : -EINVAL;
}

static long caps_of(s32 pid, struct caps *c)
{
	struct thread *t = NULL;
	long r = 0;

	if (!pid) {
		*c = process_current()->caps;
		return 0;
	}
	if (!(t = thread_find(pid)))
		return -ESRCH;
	if (t->proc->job == process_current()->job)
		*c = t->proc->caps;
	else
		r = -ESRCH;
	process_put(t->proc);
	return r;
}

static async long sys_capget(struct co *co, const u64 *a)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];
	struct caps c;
	u32 halves;
	long r = read_header(a[0], &h, &halves);

	if (r || !a[1])
		return r == -EINVAL && !a[1] ? 0 : r;
	if (h.pid < 0)
		return -EINVAL;
	if ((r = caps_of(h.pid, &c)))
		return r;
	for (u32 i = 0; i < 2; i++)
		d[i] = (struct __user_cap_data_struct){ c.effective >> 32 * i, c.permitted >> 32 * i,
							c.inheritable >> 32 * i };
	return user_write(a[1], d, halves * sizeof(*d));
}

static long set(struct caps *c, u64 effective, u64 permitted, u64 inheritable)
{
	if (!capable(CAP_SETPCAP) && !subset(inheritable, c->inheritable | c->permitted))
		return -EPERM;
	if (!subset(inheritable, c->inheritable | c->bounding) || !subset(permitted, c->permitted) ||
	    !subset(effective, permitted))
		return -EPERM;
	c->effective = effective;
	c->permitted = permitted;
	c->inheritable = inheritable;
	c->ambient &= permitted & inheritable;
	return 0;
}

static async long sys_capset(struct co *co, const u64 *a)
{
	struct __user_cap_data_struct d[2] = { { 0 } };
	struct __user_cap_header_struct h;
	u32 halves;
	long r = read_header(a[0], &h, &halves);

	if (r)
		return r;
	if (h.pid && h.pid != thread_current()->tid)
		return -EPERM;
	if ((r = user_read(d, a[1], halves * sizeof(*d))))
		return r;
	return set(&process_current()->caps, CAPS_ALL & (d[0].effective | (u64)d[1].effective << 32),
		   CAPS_ALL & (d[0].permitted | (u64)d[1].permitted << 32),
		   CAPS_ALL & (d[0].inheritable | (u64)d[1].inheritable << 32));
}

/* --- prctl ------------------------------------------------------------------------------------------ */

static bool valid(u64 cap) { return cap <= CAP_LAST_CAP; }

static long bounding_drop(struct caps *c, u64 cap)
{
	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (!valid(cap))
		return -EINVAL;
	c->bounding &= ~(1ull << cap);
	return 0;
}

static long ambient(struct caps *c, const u64 *a)
{
	u64 one = 1ull << (a[2] & 63);

	if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (a[2] | a[3] | a[4])
			return -EINVAL;
		c->ambient = 0;
		return 0;
	}
	if (!valid(a[2]) || a[3] | a[4])
		return -EINVAL;
	switch (a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return !!(c->ambient & one);
	case PR_CAP_AMBIENT_LOWER:
		c->ambient &= ~one;
		return 0;
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->permitted & c->inheritable & one) || c->secure & SECBIT_NO_CAP_AMBIENT_RAISE)
			return -EPERM;
		c->ambient |= one;
		return 0;
	}
	return -EINVAL;
}

static long keep(struct caps *c, u64 on)
{
	if (on > 1)
		return -EINVAL;
	if (c->secure & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c->secure = on ? c->secure | SECBIT_KEEP_CAPS : c->secure & ~(u32)SECBIT_KEEP_CAPS;
	return 0;
}

/* What is locked does not change, and locks stay. */
static long set_secure(struct caps *c, u64 bits)
{
	u64 locks = c->secure & SECURE_ALL_LOCKS;

	if ((locks >> 1) & (c->secure ^ bits) || locks & ~bits ||
	    bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS) || !capable(CAP_SETPCAP))
		return -EPERM;
	c->secure = bits;
	return 0;
}

long caps_prctl(const u64 *a)
{
	struct caps *c = &process_current()->caps;

	switch (a[0]) {
	case PR_CAPBSET_READ:
		return valid(a[1]) ? (long)(c->bounding >> a[1] & 1) : -EINVAL;
	case PR_CAPBSET_DROP:
		return bounding_drop(c, a[1]);
	case PR_CAP_AMBIENT:
		return ambient(c, a);
	case PR_GET_KEEPCAPS:
		return !!(c->secure & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return keep(c, a[1]);
	case PR_GET_SECUREBITS:
		return c->secure;
	case PR_SET_SECUREBITS:
		return set_secure(c, a[1]);
	}
	return syscall_refuse(-EINVAL, "prctl option", a[0]);
}

const struct syscall caps_calls[] = {
	ROW(capget, 2, 0, "pp"),
	ROW(capset, 2, 0, "pp"),
	{ 0 },
};
