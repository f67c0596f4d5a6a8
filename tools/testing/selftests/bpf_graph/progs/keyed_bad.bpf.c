// SPDX-License-Identifier: GPL-2.0
/* A root whose key is declared wrongly: an object for each mistake, by name. */
#include "graph.bpf.h"

struct item {
#ifdef key_of_list
	struct bpf_list_node r;
#else
	struct bpf_rb_node r;
#endif
	__u64 first;
	__s32 second;
	__u16 half;
	__u32 bits : 5;
};

#if defined(no_such_field)
#define KEY __key(key)
#elif defined(too_small)
#define KEY __key(half)
#elif defined(not_an_integer)
#define KEY __key(r)
#elif defined(bitfield)
#define KEY __key(bits)
#elif defined(three_fields)
#define KEY __attribute__((btf_decl_tag("key:first:second:first")))
#elif defined(no_field)
#define KEY __key()
#elif defined(key_twice)
#define KEY __key(first) __key(second)
#else
#define KEY __keys(first, second)
#endif

struct roots {
	struct bpf_spin_lock lock;
#ifdef key_of_list
	struct bpf_list_head root __contains(item, r) __key(first);
#else
	struct bpf_rb_root root __contains(item, r) KEY;
#endif
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
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
