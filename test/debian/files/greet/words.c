// SPDX-License-Identifier: MIT
#include "words.h"

const char *greeting(void) { return "hello"; }
