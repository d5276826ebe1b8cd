/* SPDX-License-Identifier: MIT */
/* transfer.h: readv and writev, for other calls that move vectors (sys/file.c). */
#pragma once
#include "core/co.h"

/* Arguments as theirs; @at: at @pos rather than the file's own position. */
async long transfer_vector(struct co *co, const u64 *a, bool write, bool at, s64 pos);
