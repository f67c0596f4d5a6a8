// SPDX-License-Identifier: GPL-2.0
/* A program that may be signed, and the array that the signature is to cover. */
#include "graph.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
} covered SEC(".maps");

SEC("syscall")
int reads(void *ctx)
{
	return *bpf_map_elem(&covered, 0) == 5;
}
