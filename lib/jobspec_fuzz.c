// SPDX-License-Identifier: MIT
// jobspec_fuzz.c: any bytes as a list of jobs.
// links: lib/jobspec.c
#include <stdlib.h>
#include <string.h>
#include "lib/jobspec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + !size);	/* the sanitizer sees reads beyond the end */
	const char *error, *v;
	struct job_spec s;
	size_t at = 0;

	memcpy(text, data, size);
	while (jobspec_read(text, size, &at, &s, &error) == 1) {
		uint32_t n = 0;

		for (v = NULL; (v = jobspec_next(&s, "arg", v));)
			n++;
		if (n != s.args)
			abort();
		for (n = 0, v = NULL; (v = jobspec_next(&s, "env", v));)
			n++;
		if (n != s.envs)
			abort();
	}
	free(text);
	return 0;
}
