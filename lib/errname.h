/* SPDX-License-Identifier: MIT */
/* errname.h: error numbers by name. */
#pragma once
#include "lib/base.h"

const char *error_name(s64 number);	/* "ENOENT" for 2; NULL: there is none */
