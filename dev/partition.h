/* SPDX-License-Identifier: MIT */
/* partition.h: the partitions of a block device, as block devices of their own. */
#pragma once
#include "dev/blk.h"

/* Look for them and add them: how many, or an error of reading. */
async long partitions_scan(struct co *co, struct blk *b);
/* All devices there are, in errands: when the last one has ended. */
void partitions_start(void);
async long partitions_wait(void);
