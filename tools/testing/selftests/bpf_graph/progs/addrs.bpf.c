// SPDX-License-Identifier: GPL-2.0
/* Sections of instruction addresses: of programs, of what they call, of more than one. */
#include "graph.bpf.h"
#include "addrs.bpf.h"

int runs;

static __noinline int called_twice(int x)
{
	mark(second, 20);
	return x + runs;
}

static __noinline int called(int x)
{
	runs++;
	mark(first, 10);
	mark(first, 11);
	return x * runs;
}

SEC("tc")
int one(struct __sk_buff *ctx)
{
	mark(first, 1);
	runs += bpf_jiffies64() & 1;
	mark(first, 2);
	mark(other_key, 3);
	return called(ctx->mark) & 0;
}

/* As often in the program as it is called. */
static __always_inline int copied(int x)
{
	mark(second, 4);
	return x * 2;
}

SEC("tc")
int two(struct __sk_buff *ctx)
{
	int x = ctx->mark;

	x = copied(x);
	if (x > 7)
		x += copied(x + runs);
	return (called_twice(x) + called_twice(x + 1)) & 0;
}
