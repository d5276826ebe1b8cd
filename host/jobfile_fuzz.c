// SPDX-License-Identifier: MIT
/* jobfile_fuzz.c: any bytes as a job file; an error has a place inside it. */
#include <assert.h>
#include <stdlib.h>

#include "jobfile.h"

static void check_place(const uint8_t *data, size_t size, const struct jobfile_error *error)
{
	int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	assert(error->line >= 1 && error->line <= lines);
	assert(error->column >= 1 && (size_t)error->column <= size + 1);
	assert(*error->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct job defaults = { .expect = { OUTCOME_EXITED, 0 } };
	const struct job_setting setting = { .input = "null" };
	struct jobfile_error error = { 0 };
	struct jobs jobs = { 0 };
	size_t len;

	if (jobfile_parse((const char *)data, size, &defaults, &jobs, &error))
		check_place(data, size, &error);
	else
		free(jobs_pack(&jobs, &setting, &len));
	jobs_free(&jobs);
	return 0;
}
