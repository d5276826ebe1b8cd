/* SPDX-License-Identifier: MIT */
/* poll.h: what the calls that wait for several files share: the signal mask while they wait. */
#pragma once
#include "core/co.h"
#include "mem/vm.h"

/* The mask at @at (0: no other one) of @size bytes is in force from now on. */
async long poll_mask(uaddr_t at, u64 size);
/* The wait ended with @r: put the old mask back; -EINTR becomes "again, unless a handler ran". */
long poll_waited(long r);
