/* SPDX-License-Identifier: MIT */
/* hello.c: says hello. */
#include "weir.h"

int main(int argc, char **argv, char **envp)
{
	print("Hello from Weir, process %ld\n", getpid());
	return 0;
}
