/* SPDX-License-Identifier: MIT */
/* start.c: from the first stack to main(). */
#include "weir.h"

char **environ;

/* A program that forgot its main() shall not look like one that worked. */
__attribute__((weak)) int main(int argc, char **argv, char **envp)
{
	complain("%s: this program defines no main()\n", argv[0]);
	return 255;
}

__attribute__((used, noreturn)) void lib_start(unsigned long *stack)
{
	int argc = stack[0];
	char **argv = (char **)stack + 1;

	environ = argv + argc + 1;
	exit(main(argc, argv, environ));
}
