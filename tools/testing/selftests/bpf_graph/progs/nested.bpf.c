// SPDX-License-Identifier: GPL-2.0
/*
 * Three levels of ownership, map -> shelf -> box -> coin, freed from the top;
 * and nodes that outlive the list and the tree that held them.
 */
#include "graph.bpf.h"

struct coin {
	struct bpf_rb_node r;
	struct task_struct __kptr * counted;
	int key;
};

struct box {
	struct bpf_list_node l;
	struct task_struct __kptr * counted;
	struct bpf_spin_lock lock;
	struct bpf_rb_root coins __contains(coin, r);
};

struct shelf {
	struct bpf_list_node l;
	struct task_struct __kptr * counted;
	struct bpf_spin_lock lock;
	struct bpf_list_head boxes __contains(box, l);
};

struct store {
	struct bpf_spin_lock lock;
	struct bpf_list_head shelves __contains(shelf, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct store);
	__uint(max_entries, 1);
} stores SEC(".maps");

/* A node that @keeper and a @pair's list and tree own together. */
struct joint {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
};

struct pair {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(joint, l);
	struct bpf_rb_root tree __contains(joint, r);
};

struct keeper {
	struct joint __kptr * joint;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct keeper);
	__uint(max_entries, 1);
} keepers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct pair);
	__uint(max_entries, 1);
} pairs SEC(".maps");

__u32 made;
int refs, ret_list, ret_tree;

static bool coin_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct coin, r)->key < container_of(b, struct coin, r)->key;
}

static bool joint_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return a < b;
}

/* One shelf with 4 boxes of 8 coins: 37 objects. */
static __always_inline struct shelf *make_shelf(void)
{
	struct shelf *shelf;
	struct coin *coin;
	struct box *box;
	int i, j;

	shelf = bpf_obj_new(struct shelf);
	if (!shelf)
		return NULL;
	made += count_object(shelf);
	bpf_for(i, 0, 4) {
		box = bpf_obj_new(struct box);
		if (!box)
			continue;
		made += count_object(box);
		bpf_for(j, 0, 8) {
			coin = bpf_obj_new(struct coin);
			if (!coin)
				continue;
			made += count_object(coin);
			coin->key = j * 5 % 8;
			bpf_spin_lock(&box->lock);
			bpf_rbtree_add(&box->coins, &coin->r, coin_less);
			bpf_spin_unlock(&box->lock);
		}
		bpf_spin_lock(&shelf->lock);
		bpf_list_push_back(&shelf->boxes, &box->l);
		bpf_spin_unlock(&shelf->lock);
	}
	return shelf;
}

SEC("tc")
int add_shelf(struct __sk_buff *ctx)
{
	struct store *store;
	struct shelf *shelf;
	int key = 0;

	store = bpf_map_lookup_elem(&stores, &key);
	if (!store)
		return 0;
	shelf = make_shelf();
	if (!shelf)
		return 0;
	bpf_spin_lock(&store->lock);
	bpf_list_push_front(&store->shelves, &shelf->l);
	bpf_spin_unlock(&store->lock);
	return 0;
}

SEC("tc")
int drop_shelf(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;
	struct store *store;
	int key = 0;

	store = bpf_map_lookup_elem(&stores, &key);
	if (!store)
		return 0;
	bpf_spin_lock(&store->lock);
	l = bpf_list_pop_back(&store->shelves);
	bpf_spin_unlock(&store->lock);
	if (l)
		bpf_obj_drop(container_of(l, struct shelf, l));
	return 0;
}

/* Both roots of @p get a reference to @j. Returns with @j still owned. */
#define SHARE(p, j)							\
do {									\
	typeof(p) pair = (p);						\
	typeof(j) joint = (j);						\
	struct joint *a = bpf_refcount_acquire(joint);			\
	struct joint *b = bpf_refcount_acquire(joint);			\
									\
	bpf_spin_lock(&pair->lock);					\
	ret_list = bpf_list_push_front(&pair->list, &a->l);		\
	ret_tree = bpf_rbtree_add(&pair->tree, &b->r, joint_less);	\
	bpf_spin_unlock(&pair->lock);					\
} while (0)

/* A new joint that a map keeps, shared with an object that is then dropped. */
SEC("tc")
int outlive_object(struct __sk_buff *ctx)
{
	struct keeper *keeper;
	struct joint *j;
	struct pair *p;
	int key = 0;

	keeper = bpf_map_lookup_elem(&keepers, &key);
	if (!keeper)
		return 0;
	p = bpf_obj_new(struct pair);
	if (!p)
		return 0;
	j = bpf_obj_new(struct joint);
	if (!j) {
		bpf_obj_drop(p);
		return 0;
	}
	made += count_object(j);
	SHARE(p, j);
	bpf_obj_drop(p);
	bpf_probe_read_kernel(&refs, sizeof(refs), &j->ref);
	j = bpf_kptr_xchg(&keeper->joint, j);
	if (j)
		bpf_obj_drop(j);
	return 0;
}

/* The kept joint joins the map's list and tree, if nothing claims it still. */
SEC("tc")
int join_map(struct __sk_buff *ctx)
{
	struct keeper *keeper;
	struct joint *j;
	struct pair *p;
	int key = 0;

	keeper = bpf_map_lookup_elem(&keepers, &key);
	p = bpf_map_lookup_elem(&pairs, &key);
	if (!keeper || !p)
		return 0;
	j = bpf_kptr_xchg(&keeper->joint, NULL);
	if (!j)
		return 0;
	SHARE(p, j);
	bpf_probe_read_kernel(&refs, sizeof(refs), &j->ref);
	j = bpf_kptr_xchg(&keeper->joint, j);
	if (j)
		bpf_obj_drop(j);
	return 0;
}
