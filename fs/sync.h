/* SPDX-License-Identifier: MIT */
/* sync.h: what is in memory goes to the disks, for calls and the end of the machine. */
#pragma once
#include "fs/inode.h"

struct errand;
/* Begin: all there is, or (@fs) one instance.  *@work NULL: nothing to be done. */
long sync_begin(struct filesystem *fs, struct errand **work);
async long sync_end(struct errand **work);		/* starts over; *@work is gone then */
