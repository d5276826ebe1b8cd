/* SPDX-License-Identifier: MIT */
/* args.c: shows what it was started with. */
#include "weir.h"

int main(int argc, char **argv, char **envp)
{
	for (int i = 0; i < argc; i++)
		print("argv[%d] = %s\n", i, argv[i]);
	for (int i = 0; envp[i]; i++)
		print("envp[%d] = %s\n", i, envp[i]);
	return 0;
}
