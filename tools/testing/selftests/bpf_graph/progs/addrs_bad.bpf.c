// SPDX-License-Identifier: GPL-2.0
/*
 * Sections that hold something else than addresses of instructions, or more of them than
 * a map can: compiled once for each case below, with that one defined.
 */
#include "graph.bpf.h"

#define IN(key, what)								\
	asm volatile("1: r1 = 0\n"						\
		     ".pushsection .insn_addrs." #key ",\"a\",@progbits\n"	\
		     what "\n"							\
		     ".popsection" ::: "r1")

int variable;
#if defined(referred_to)
const long key[2] SEC(".insn_addrs.key") = { 1 };
#endif

SEC("tc")
int one(struct __sk_buff *ctx)
{
#if defined(good)
	IN(key, ".quad 1b");
#elif defined(a_number)
	IN(key, ".quad 1b\n.quad 0");
#elif defined(short_number)
	IN(key, ".quad 1b\n.long 0");
#elif defined(short_address)
	IN(key, ".long 1b\n.long 0");
#elif defined(in_the_middle)
	IN(key, ".quad 1b\n.quad 1b + 4");
#elif defined(behind_the_end)
	IN(key, ".quad 1b\n.quad 1b + 8000");
#elif defined(of_data)
	IN(key, ".quad 1b\n.quad variable");
	variable++;
#elif defined(referred_to)
	return key[ctx->mark & 1];
#elif defined(two_programs)
	IN(key, ".quad 1b");
#else
#error "unknown case"
#endif
	return 0;
}

#if defined(two_programs)
SEC("tc")
int two(struct __sk_buff *ctx)
{
	IN(key, ".quad 1b");
	return 0;
}
#endif
