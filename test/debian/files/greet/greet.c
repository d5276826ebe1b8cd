// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include "config.h"
#include "words.h"

int main(int argc, char **argv)
{
	printf("%s, %s\n", greeting(), argc > 1 ? argv[1] : "world");
	printf("%d %.3f\n", SIZEOF_LONG, sqrt(argc));
#ifdef HAVE_NOSUCHFUNCTION
	return 1;
#endif
	return 0;
}
