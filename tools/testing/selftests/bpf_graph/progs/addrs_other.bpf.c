// SPDX-License-Identifier: GPL-2.0
/*
 * Linked behind addrs: programs and functions that have the same sections, and begin in
 * them where those of the other file end.
 */
#include "graph.bpf.h"
#include "addrs.bpf.h"

int other_runs;

static __noinline int behind(int x)
{
	other_runs++;
	mark(third, 30);
	return x * other_runs;
}

SEC("tc")
int three(struct __sk_buff *ctx)
{
	mark(third, 5);
	other_runs += bpf_jiffies64() & 1;
	mark(third, 6);
	return behind(ctx->mark) & 0;
}

/* What "one" has as well: of the two only one can be loaded. */
SEC("?tc")
int four(struct __sk_buff *ctx)
{
	mark(other_key, 7);
	return 0;
}
