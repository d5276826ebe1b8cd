/* SPDX-License-Identifier: MIT */
/* timeline.h: sending tracepoints to the host (core/timeline.h has the points themselves). */
#pragma once
#include "core/co.h"

void timeline_start(void);			/* boot: if the command line says so */
bool timeline_wanted(void);
async long timeline_flush(struct co *co);	/* what was written until now is on its way; 0 */
