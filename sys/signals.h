/* SPDX-License-Identifier: MIT */
/* signals.h: sending signals, for the calls that do (sys/signal.c). */
#pragma once
#include "proc/process.h"

struct siginfo_k signal_from_me(s32 signo, s32 code);
/* struct siginfo from a program that sends @signo to @pid; -EPERM.  Starts over. */
async long signal_read_info(uaddr_t at, s32 signo, s32 pid, struct siginfo_k *info);
/* Send if the current process may: -EPERM, -ESRCH, -EINVAL: no such signal.  Signal 0: only ask. */
long signal_try(struct process *p, const struct siginfo_k *info);
