/* SPDX-License-Identifier: MIT */
/* eventfd.h: counters and timers as files, for the system calls.  NULL: no memory. */
#pragma once
#include "fs/files.h"

struct file *eventfd_create(u32 count, u32 flags, bool semaphore);

/* --- fs/timerfd.c ------------------------------------------------------------------------------------ */

struct timer_setting { u64 left, every; };		/* ns; left 0: off */
/* @real: of the time of day, else monotonic.  @flags: O_NONBLOCK. */
struct file *timerfd_create(bool real, u32 flags);
bool timerfd_is(const struct file *f);
/* @at: on its clock if @absolute, else from now; 0: off.  @cancel: reading fails once the time of day is
 * set.  -ECANCELED: it was set since the last setting. */
long timerfd_set(struct file *f, u64 at, u64 every, bool absolute, bool cancel);
struct timer_setting timerfd_get(struct file *f);
void timerfd_clock_was_set(void);
