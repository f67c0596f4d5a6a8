/* SPDX-License-Identifier: GPL-2.0 */
/* Which instruction the element of an instruction array is the address of. */
#ifndef _ADDRS_H
#define _ADDRS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

/* Numbers from here on are in no instruction that is not marked with them. */
#define MARKS 0x5eed000

struct addrs_prog {
	struct bpf_insn insns[256];
	unsigned char code[1 << 14];
	__u32 nr_insns, nr_funcs, lens[8];
};

/* What has become of the program @fd. */
static inline int addrs_prog_read(struct addrs_prog *p, int fd)
{
	struct bpf_prog_info info = {
		.xlated_prog_insns = (unsigned long)p->insns,
		.xlated_prog_len = sizeof(p->insns),
		.jited_prog_insns = (unsigned long)p->code,
		.jited_prog_len = sizeof(p->code),
		.jited_func_lens = (unsigned long)p->lens,
		.nr_jited_func_lens = sizeof(p->lens) / sizeof(*p->lens),
	};
	__u32 len = sizeof(info);
	int err = bpf_prog_get_info_by_fd(fd, &info, &len);

	p->nr_insns = info.xlated_prog_len / sizeof(*p->insns);
	p->nr_funcs = info.nr_jited_func_lens;
	if (info.jited_prog_len > sizeof(p->code) ||
	    p->nr_funcs > sizeof(p->lens) / sizeof(*p->lens))
		return -E2BIG;
	return err;
}

static inline struct bpf_insn_array_value addrs_get(int map, __u32 key)
{
	struct bpf_insn_array_value val = { -2, -2, -2 };

	bpf_map_lookup_elem(map, &key, &val);
	return val;
}

/* On x86, "r1 = @mark" is mov $@mark, %edi; behind an endbr where a jump table leads to it. */
static inline bool addrs_is_mark(const unsigned char *code, __u32 mark)
{
	if (!memcmp(code, "\xf3\x0f\x1e\xfa", 4))
		code += 4;
	return code[0] == 0xbf && !memcmp(code + 1, &mark, sizeof(mark));
}

/*
 * Is element @key of @map the address of "r1 = @mark": instruction @orig of what was
 * loaded, and where it says in what became of it? The machine code is looked at in the
 * functions one after another, as the offset is from where its own begins.
 */
static inline bool addrs_marked(const struct addrs_prog *p, int map, __u32 key, __u32 mark,
				__u32 orig)
{
	struct bpf_insn_array_value val = addrs_get(map, key);
	const unsigned char *func = p->code;
	bool found = false;
	__u32 i;

	for (i = 0; i < p->nr_funcs; func += p->lens[i++])
		found |= val.jitted_off && val.jitted_off + 5 <= p->lens[i] &&
			 addrs_is_mark(func + val.jitted_off, mark);
	if (found && val.orig_off == orig && val.xlated_off < p->nr_insns &&
	    p->insns[val.xlated_off].imm == mark)
		return true;
	printf("# element %u, to be %u: orig_off %u, xlated_off %u, jitted_off %u (%sfound)\n",
	       key, orig, val.orig_off, val.xlated_off, val.jitted_off, found ? "" : "not ");
	return false;
}

#endif
