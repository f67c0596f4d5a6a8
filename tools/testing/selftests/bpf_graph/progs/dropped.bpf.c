// SPDX-License-Identifier: GPL-2.0
/*
 * One call of bpf_obj_drop() for objects of several types: what compilers make of the last
 * two calls of a program. Here it is a function that several types are passed to.
 */
#include "graph.bpf.h"

/* Each has something that is lost if it is freed as another, and is in a unit of another size. */
struct owner {
	__u64 key;
	struct task_struct __kptr * counted;
};

struct shared {
	__u64 data[8];
	struct task_struct __kptr * counted;
	struct bpf_refcount ref;
};

struct plain {
	__u64 data[20];
};

/* As large as @shared, and freed in another way each. */
struct as_large {
	__u64 data[9];
	struct task_struct __kptr * counted;
};

struct elsewhere {
	__u64 key;
	struct task_struct __kptr * counted;
	__u64 data[8];
};

/* As large as @elsewhere, and owns the same: a list's node beside it is nothing to be freed. */
struct as_elsewhere {
	__u64 key;
	struct task_struct __kptr * counted;
	struct bpf_list_node l;
	__u64 data[4];
};

/* As large, and freed in the same way, as there is nothing but the memory. */
struct with_node {
	struct bpf_list_node l;
	__u64 data[17];
};

struct lists {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(with_node, l);
	struct bpf_list_head other __contains(as_elsewhere, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct lists);
	__uint(max_entries, 1);
} lists SEC(".maps");

struct stash {
	struct shared __kptr * shared;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct stash);
	__uint(max_entries, 1);
} stashes SEC(".maps");

/* So that clang has the types. */
struct shared *type_of_shared;

int made;

/* A number is no object: what the caller passes is what the kernel sees. */
static __noinline void drop_any(void *obj)
{
	bpf_obj_drop(obj);
}

/* One of each. */
SEC("tc")
int each(struct __sk_buff *ctx)
{
	struct with_node *node = bpf_obj_new(struct with_node);
	struct shared *shared = bpf_obj_new(struct shared);
	struct owner *owner = bpf_obj_new(struct owner);
	struct plain *plain = bpf_obj_new(struct plain);

	made = 0;
	if (owner) {
		made += count_object(owner);
		drop_any(owner);
	}
	if (plain) {
		made++;
		drop_any(plain);
	}
	if (shared) {
		made += count_object(shared);
		drop_any(shared);
	}
	if (node) {
		made++;
		drop_any(node);
	}
	return 0;
}

/* The first of two references goes by the call that others go by, too; the second stays. */
SEC("tc")
int one_of_two(struct __sk_buff *ctx)
{
	struct owner *owner = bpf_obj_new(struct owner);
	struct shared *first, *second;
	struct stash *stash;
	int key = 0;

	made = 0;
	if (owner)
		drop_any(owner);
	stash = bpf_map_lookup_elem(&stashes, &key);
	first = bpf_obj_new(struct shared);
	if (!first)
		return 0;
	made = count_object(first);
	second = bpf_refcount_acquire(first);
	if (stash && second)
		second = bpf_kptr_xchg(&stash->shared, second);
	drop_any(first);
	if (second)
		drop_any(second);
	return 0;
}

SEC("tc")
int other_of_two(struct __sk_buff *ctx)
{
	struct plain *plain = bpf_obj_new(struct plain);
	struct shared *shared = NULL;
	struct stash *stash;
	int key = 0;

	made = 0;
	if (plain)
		drop_any(plain);
	stash = bpf_map_lookup_elem(&stashes, &key);
	if (stash)
		shared = bpf_kptr_xchg(&stash->shared, NULL);
	if (shared) {
		made++;
		drop_any(shared);
	}
	return 0;
}

/* One owns something, and the other nothing: no type has a count. */
SEC("tc")
int without_count(struct __sk_buff *ctx)
{
	struct plain *plain = bpf_obj_new(struct plain);
	struct owner *owner = bpf_obj_new(struct owner);

	made = 0;
	if (owner) {
		made = count_object(owner);
		drop_any(owner);
	}
	if (plain)
		drop_any(plain);
	return 0;
}

/* They own the same, in units of one size. */
SEC("tc")
int alike(struct __sk_buff *ctx)
{
	struct as_elsewhere *a = bpf_obj_new(struct as_elsewhere);
	struct elsewhere *b = bpf_obj_new(struct elsewhere);

	made = 0;
	if (a) {
		made = count_object(a);
		drop_any(a);
	}
	if (b) {
		made += count_object(b);
		drop_any(b);
	}
	return 0;
}

SEC("?tc")
int count_or_not(struct __sk_buff *ctx)
{
	struct as_large *one = bpf_obj_new(struct as_large);
	struct shared *other = bpf_obj_new(struct shared);

	if (one)
		drop_any(one);
	if (other)
		drop_any(other);
	return 0;
}

SEC("?tc")
int in_other_places(struct __sk_buff *ctx)
{
	struct as_large *one = bpf_obj_new(struct as_large);
	struct elsewhere *other = bpf_obj_new(struct elsewhere);

	if (one)
		drop_any(one);
	if (other)
		drop_any(other);
	return 0;
}
