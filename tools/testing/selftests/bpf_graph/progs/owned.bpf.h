/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists and trees of large nodes, guarded by a lock in each place where one
 * can be: an array element, a hash element, an allocated object.
 */
#include "graph.bpf.h"

struct big {
	struct bpf_list_node l;
	struct task_struct __kptr * counted;
	char data[1960];
};

struct big_leaf {
	struct bpf_rb_node r;
	struct task_struct __kptr * counted;
	int key;
	char data[1960];
};

struct holder {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(big, l);
	struct bpf_rb_root tree __contains(big_leaf, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct holder);
	__uint(max_entries, 1);
} in_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct holder);
	__uint(max_entries, 4);
} in_hash SEC(".maps");

/* The same as an allocated object; roots inside it, and a place to keep it. */
struct bag {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(big, l);
	struct bpf_rb_root tree __contains(big_leaf, r);
};

struct stash {
	struct bag __kptr * bag;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct stash);
	__uint(max_entries, 1);
} in_object SEC(".maps");

__u32 want;	/* how many nodes to make */
__u32 made;	/* how many there were memory and locks for */

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct big_leaf, r)->key <
	       container_of(b, struct big_leaf, r)->key;
}

/* Bodies of loops: put one node into what @h points at. */
#define ADD_TO_LIST(h)						\
do {								\
	struct big *b = bpf_obj_new(struct big);		\
	typeof(h) holder = (h);					\
								\
	if (!b)							\
		break;						\
	if (!count_object(b) || !LOCK(&holder->lock)) {		\
		bpf_obj_drop(b);				\
		break;						\
	}							\
	if (!bpf_list_push_back(&holder->list, &b->l))		\
		made++;						\
	UNLOCK(&holder->lock);					\
} while (0)

#define ADD_TO_TREE(h, k)					\
do {								\
	struct big_leaf *b = bpf_obj_new(struct big_leaf);	\
	typeof(h) holder = (h);					\
								\
	if (!b)							\
		break;						\
	b->key = (k);						\
	if (!count_object(b) || !LOCK(&holder->lock)) {		\
		bpf_obj_drop(b);				\
		break;						\
	}							\
	if (!bpf_rbtree_add(&holder->tree, &b->r, less))	\
		made++;						\
	UNLOCK(&holder->lock);					\
} while (0)

SEC("tc")
int array_list(struct __sk_buff *ctx)
{
	struct holder *h;
	int i, key = 0;

	h = bpf_map_lookup_elem(&in_array, &key);
	if (!h)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_LIST(h);
	return 0;
}

SEC("tc")
int array_tree(struct __sk_buff *ctx)
{
	struct holder *h;
	int i, key = 0;

	h = bpf_map_lookup_elem(&in_array, &key);
	if (!h)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_TREE(h, i ^ 0x55);
	return 0;
}

SEC("tc")
int hash_list(struct __sk_buff *ctx)
{
	struct holder *h;
	int i, key = 0;

	h = bpf_map_lookup_elem(&in_hash, &key);
	if (!h)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_LIST(h);
	return 0;
}

SEC("tc")
int hash_tree(struct __sk_buff *ctx)
{
	struct holder *h;
	int i, key = 0;

	h = bpf_map_lookup_elem(&in_hash, &key);
	if (!h)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_TREE(h, i ^ 0x55);
	return 0;
}

/* An object with @want nodes in its list and in its tree, dropped by us. */
SEC("tc")
int object_drop(struct __sk_buff *ctx)
{
	struct bag *bag;
	int i;

	bag = bpf_obj_new(struct bag);
	if (!bag)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_LIST(bag);
	bpf_for(i, 0, want)
		ADD_TO_TREE(bag, -i);
	bpf_obj_drop(bag);
	return 0;
}

/* The same, left to the map. */
SEC("tc")
int object_stash(struct __sk_buff *ctx)
{
	struct stash *stash;
	struct bag *bag;
	int i, key = 0;

	stash = bpf_map_lookup_elem(&in_object, &key);
	if (!stash)
		return 0;
	bag = bpf_obj_new(struct bag);
	if (!bag)
		return 0;
	bpf_for(i, 0, want)
		ADD_TO_LIST(bag);
	bpf_for(i, 0, want)
		ADD_TO_TREE(bag, -i);
	bag = bpf_kptr_xchg(&stash->bag, bag);
	if (bag)
		bpf_obj_drop(bag);
	return 0;
}
