/* SPDX-License-Identifier: MIT */
/* root.h: disks at boot: their partitions, and the root file system on one. */
#pragma once

struct errand;
/* What the first job has to wait for; its result is an error if there was to be a root.  NULL: no memory. */
struct errand *root_begin(void);
