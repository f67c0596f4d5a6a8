/* SPDX-License-Identifier: GPL-2.0 */
/* What the front ends in C share: to run a program, be random, report checks. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Run a program of type "syscall" on @ctx, which it may change: what it returns. */
static inline int run(const struct bpf_program *prog, void *ctx, __u32 size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = size);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts)) {
		perror(bpf_program__name(prog));
		exit(2);
	}
	return (int)opts.retval;
}

/* Below @n, the same numbers in each run. */
static inline __u32 rnd(__u32 *state, __u32 n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

struct checks {
	int nr, failed;
	const char *what[16];
	bool ok[16];
};

static inline void check(struct checks *c, bool ok, const char *what)
{
	c->what[c->nr] = what;
	c->ok[c->nr++] = ok;
	c->failed += !ok;
}

/* Write KTAP to @path, or to the standard output. Returns the exit status. */
static inline int report(const struct checks *c, const char *path)
{
	FILE *f = path ? fopen(path, "w") : stdout;
	int i;

	if (!f) {
		perror(path);
		return 2;
	}
	fprintf(f, "KTAP version 1\n1..%d\n", c->nr);
	for (i = 0; i < c->nr; i++)
		fprintf(f, "%sok %d %s\n", c->ok[i] ? "" : "not ", i + 1, c->what[i]);
	if (fflush(f) || (path && fclose(f)))
		return 2;
	return c->failed ? 1 : 0;
}

#endif
