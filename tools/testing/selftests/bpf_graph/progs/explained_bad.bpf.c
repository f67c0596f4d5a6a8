// SPDX-License-Identifier: GPL-2.0
/* Types that the kernel cannot take: an object for each mistake, by name. */
#ifdef node_of_another_size
#define bpf_list_node bpf_list_node_of_the_kernel
#endif
#include "graph.bpf.h"
#ifdef node_of_another_size
#undef bpf_list_node
struct bpf_list_node {
	__u64 words[2];
};
#endif

#ifdef node_unaligned
#pragma pack(push, 1)
#endif

struct item {
#ifdef node_unaligned
	__u32 before;
#endif
	struct bpf_list_node l;
#ifdef list_and_tree
	struct bpf_rb_node r;
#endif
#ifdef two_counts
	struct bpf_refcount first, second;
#endif
#ifdef circle
	struct bpf_spin_lock lock;
	struct bpf_list_head children __contains(item, l);
#endif
	int key;
};

#ifdef node_unaligned
#pragma pack(pop)
#endif

#if defined(contains_nothing)
#define CONTAINS
#elif defined(contains_twice)
#define CONTAINS __contains(item, l) __contains(item, key)
#elif defined(no_such_type)
#define CONTAINS __contains(thing, l)
#elif defined(no_such_member)
#define CONTAINS __contains(item, node)
#elif defined(no_node)
#define CONTAINS __contains(item, key)
#else
#define CONTAINS __contains(item, l)
#endif

struct lists {
#ifndef no_lock
	struct bpf_spin_lock lock;
#endif
#ifdef two_locks
	struct bpf_spin_lock other;
#endif
#ifdef both_locks
	struct bpf_res_spin_lock res;
#endif
	struct bpf_list_head head CONTAINS;
#ifdef too_many
	struct bpf_list_head more[10] __contains(item, l);
#endif
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct lists);
	__uint(max_entries, 1);
} maps SEC(".maps");

/* So that both structs are in the BTF. */
SEC("tc")
int empty(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);
	int key = 0;

	if (n)
		bpf_obj_drop(n);
	return !bpf_map_lookup_elem(&maps, &key);
}
