// SPDX-License-Identifier: GPL-2.0
/*
 * Operations to count instructions of. Each program does one of them OPS times
 * with the lock held, or, where it is named "base", nothing in its place.
 */
#include "graph.bpf.h"
#include "../graph_bench.h"

struct sole {
	struct bpf_list_node l;
	__u64 key;
};

struct shared {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	__u64 key;
};

struct leaf {
	struct bpf_rb_node r;
	__u64 key;
};

struct leaf_roots {
	struct bpf_spin_lock lock;
	struct bpf_rb_root plain __contains(leaf, r);
	struct bpf_rb_root keyed __contains(leaf, r) __key(key);
};

struct sole_roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(sole, l);
};

struct shared_roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(shared, l);
	struct bpf_rb_root tree __contains(shared, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct sole_roots);
	__uint(max_entries, 1);
} soles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct shared_roots);
	__uint(max_entries, 1);
} shareds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct leaf_roots);
	__uint(max_entries, 1);
} leaves SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__type(value, __u64);
	__uint(max_entries, 64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, __u64);
	__uint(max_entries, 64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u64);
	__uint(max_entries, 64);
} hash SEC(".maps");

__u64 sum;

/* How often there was no memory. */
__u32 misses;

#define REPEAT4(x)	do { x; x; x; x; } while (0)
#define NOTHING		((void)0)
#define REPEAT(x)	REPEAT4(REPEAT4(x))
_Static_assert(OPS == 16, "REPEAT");

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct shared, r)->key < container_of(b, struct shared, r)->key;
}

static bool less_leaf(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, r)->key < container_of(b, struct leaf, r)->key;
}

/* Fills the large trees; run once. */
SEC("tc")
int fill_trees(struct __sk_buff *ctx)
{
	struct leaf_roots *v;
	int key = 0, i;

	v = bpf_map_lookup_elem(&leaves, &key);
	if (!v)
		return 1;
	bpf_for(i, 0, TREE_NODES) {
		struct leaf *n = bpf_obj_new(struct leaf);
		struct leaf *m;

		if (!n)
			return 2;
		m = bpf_obj_new(struct leaf);
		if (!m) {
			bpf_obj_drop(n);
			return 3;
		}
		n->key = TREE_KEY(i);
		m->key = TREE_KEY(i);
		bpf_spin_lock(&v->lock);
		bpf_rbtree_add(&v->plain, &n->r, less_leaf);
		bpf_rbtree_add_key(&v->keyed, &m->r);
		bpf_spin_unlock(&v->lock);
	}
	return 0;
}

/* Fills the lists and the tree with 15 nodes each; run once. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct shared_roots *w;
	struct sole_roots *v;
	int key = 0, i;

	v = bpf_map_lookup_elem(&soles, &key);
	w = bpf_map_lookup_elem(&shareds, &key);
	if (!v || !w)
		return 1;
	bpf_for(i, 0, 15) {
		struct sole *n = bpf_obj_new(struct sole);
		struct shared *m, *k;

		if (!n)
			return 2;
		m = bpf_obj_new(struct shared);
		if (!m) {
			bpf_obj_drop(n);
			return 3;
		}
		m->key = i;
		k = bpf_refcount_acquire(m);
		bpf_spin_lock(&v->lock);
		bpf_list_push_back(&v->list, &n->l);
		bpf_spin_unlock(&v->lock);
		bpf_spin_lock(&w->lock);
		bpf_list_push_back(&w->list, &m->l);
		bpf_rbtree_add(&w->tree, &k->r, less);
		bpf_spin_unlock(&w->lock);
	}
	return 0;
}

/* A program with a node in hand. */
#define WITH_NODE(name, type, map, op)				\
SEC("tc")							\
int name(struct __sk_buff *ctx)					\
{								\
	struct type##_roots *v;					\
	struct type *n;						\
	int key = 0;						\
								\
	v = bpf_map_lookup_elem(&(map), &key);			\
	if (!v)							\
		return 1;					\
	n = bpf_obj_new(struct type);				\
	if (!n)							\
		return 2;					\
	n->key = TREE_WANTED;					\
	bpf_spin_lock(&v->lock);				\
	REPEAT(op);						\
	bpf_spin_unlock(&v->lock);				\
	bpf_obj_drop(n);					\
	return 0;						\
out:								\
	bpf_spin_unlock(&v->lock);				\
	return 3;						\
}

/* The node goes in by @put, and comes out by @take, or the program ends. */
#define THERE_AND_BACK(put, take, type, kind, member)		\
do {								\
	struct bpf_##kind##_node *out_;				\
								\
	put;							\
	out_ = take;						\
	if (!out_)						\
		goto out;					\
	n = container_of(out_, struct type, member);		\
} while (0)

#define ROUND(push, pop, type)					\
	THERE_AND_BACK(push(&v->list, &n->l), pop(&v->list), type, list, l)

#define TAKE(type)						\
	THERE_AND_BACK(bpf_list_push_front(&v->list, &n->l),	\
		       bpf_list_del(&v->list, &n->l), type, list, l)

#define LEAF(put, root)						\
	THERE_AND_BACK(put, bpf_rbtree_remove(root, &n->r), leaf, rb, r)

/* Without an operation. */
#define NONE							\
do {								\
	if (0)							\
		goto out;					\
} while (0)

WITH_NODE(base_sole_node, sole, soles, NONE)
WITH_NODE(base_shared_node, shared, shareds, NONE)
WITH_NODE(sole_push_pop_front, sole, soles, ROUND(bpf_list_push_front, bpf_list_pop_front, sole))
WITH_NODE(sole_push_pop_back, sole, soles, ROUND(bpf_list_push_back, bpf_list_pop_back, sole))
WITH_NODE(sole_fifo, sole, soles, ROUND(bpf_list_push_back, bpf_list_pop_front, sole))
WITH_NODE(sole_push_del, sole, soles, TAKE(sole))
WITH_NODE(shared_push_pop_front, shared, shareds,
	  ROUND(bpf_list_push_front, bpf_list_pop_front, shared))
WITH_NODE(shared_push_pop_back, shared, shareds,
	  ROUND(bpf_list_push_back, bpf_list_pop_back, shared))
WITH_NODE(shared_fifo, shared, shareds, ROUND(bpf_list_push_back, bpf_list_pop_front, shared))
WITH_NODE(shared_push_del, shared, shareds, TAKE(shared))
WITH_NODE(base_leaf, leaf, leaves, NONE)
WITH_NODE(tree_add_remove, leaf, leaves,
	  LEAF(bpf_rbtree_add(&v->plain, &n->r, less_leaf), &v->plain))
WITH_NODE(tree_add_key_remove, leaf, leaves,
	  LEAF(bpf_rbtree_add_key(&v->keyed, &n->r), &v->keyed))

/* A program that looks at the list or the tree. */
#define LOOK(name, op)						\
SEC("tc")							\
int name(struct __sk_buff *ctx)					\
{								\
	struct bpf_list_node *l;				\
	struct bpf_rb_node *r;					\
	struct shared_roots *v;					\
	int key = 0;						\
								\
	v = bpf_map_lookup_elem(&shareds, &key);		\
	if (!v)							\
		return 1;					\
	bpf_spin_lock(&v->lock);				\
	l = bpf_list_front(&v->list);				\
	r = bpf_rbtree_root(&v->tree);				\
	if (l && r) {						\
		REPEAT(op);					\
	}							\
	bpf_spin_unlock(&v->lock);				\
	return 0;						\
}

LOOK(base_look, NOTHING)
LOOK(list_front, bpf_list_front(&v->list))
LOOK(list_back, bpf_list_back(&v->list))
LOOK(list_empty, bpf_list_empty(&v->list))
LOOK(list_is_first, bpf_list_is_first(&v->list, l))
LOOK(list_is_last, bpf_list_is_last(&v->list, l))
LOOK(tree_first, bpf_rbtree_first(&v->tree))
LOOK(tree_root, bpf_rbtree_root(&v->tree))
LOOK(tree_left, bpf_rbtree_left(&v->tree, r))
LOOK(tree_right, bpf_rbtree_right(&v->tree, r))

/* A program without a lock. */
#define PLAIN(name, op)						\
SEC("tc")							\
int name(struct __sk_buff *ctx)					\
{								\
	__u64 value = 1;					\
	struct shared *n = bpf_obj_new(struct shared);		\
								\
	if (!n)							\
		return 2;					\
	REPEAT(op);						\
	bpf_obj_drop(n);					\
	sum += value;						\
	return 0;						\
}

#define ACQUIRE_DROP bpf_obj_drop(bpf_refcount_acquire(n))

#define NEW_DROP(type)						\
do {								\
	struct type *new = bpf_obj_new(struct type);		\
								\
	if (new)						\
		bpf_obj_drop(new);				\
	else							\
		misses++;					\
} while (0)

#define HASH							\
do {								\
	bpf_map_update_elem(&hash, &value, &value, 0);		\
	bpf_map_delete_elem(&hash, &value);			\
} while (0)

PLAIN(base_plain, NOTHING)
PLAIN(acquire_drop, ACQUIRE_DROP)
PLAIN(new_drop, NEW_DROP(sole))
PLAIN(new_drop_shared, NEW_DROP(shared))
PLAIN(queue_push_pop, bpf_map_push_elem(&queue, &value, 0); bpf_map_pop_elem(&queue, &value))
PLAIN(stack_push_pop, bpf_map_push_elem(&stack, &value, 0); bpf_map_pop_elem(&stack, &value))
PLAIN(hash_update_delete, HASH)
