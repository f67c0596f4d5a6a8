// SPDX-License-Identifier: GPL-2.0
/*
 * Moves between lists and trees. Programs show the keys that are in order of a list or
 * tree as digits of an octal number, behind a 1: @a and @b.
 */
#include "items.bpf.h"
#include "../moved.h"

struct roots {
	struct bpf_res_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_list_head other __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
	struct bpf_rb_root wood __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 2);
} maps SEC(".maps");

__u64 a, b;
int key, to_key, moved;

static bool more(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	return ITEM(x, r)->key > ITEM(y, r)->key;
}

static struct roots *roots(int i)
{
	return bpf_map_lookup_elem(&maps, &i);
}

static struct bpf_list_node *in_list(struct bpf_list_head *head, int want)
{
	struct bpf_list_node *n;

	for (n = bpf_list_front(head); n && can_loop; n = bpf_list_next(head, n))
		if (ITEM(n, l)->key == want)
			return n;
	return NULL;
}

/* Each key is in the first value's list, and in its tree. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	int i;

	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *n = bpf_obj_new(struct item);
		struct item *m;

		if (!n)
			return 2;
		n->key = i;
		m = bpf_refcount_acquire(n);
		if (bpf_res_spin_lock(&v->lock)) {
			bpf_obj_drop(n);
			bpf_obj_drop(m);
			return 3;
		}
		bpf_list_push_back(&v->list, &n->l);
		bpf_rbtree_add(&v->tree, &m->r, less);
		bpf_res_spin_unlock(&v->lock);
	}
	return 0;
}

#define LIST_MOVE(name, from, move, to)						\
SEC("tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct roots *v = roots(0);						\
	struct bpf_list_node *n;						\
										\
	if (!v || bpf_res_spin_lock(&v->lock))					\
		return 1;							\
	n = in_list((from), key);						\
	moved = n ? move((from), n, (to)) : -1;					\
	a = list_keys(&v->list);						\
	b = list_keys(&v->other);						\
	bpf_res_spin_unlock(&v->lock);						\
	return 0;								\
}

LIST_MOVE(to_front, &v->list, bpf_list_move_front, &v->list)
LIST_MOVE(to_back, &v->list, bpf_list_move_back, &v->list)
LIST_MOVE(other_front, &v->list, bpf_list_move_front, &v->other)
LIST_MOVE(other_back, &v->list, bpf_list_move_back, &v->other)

/* It is in the first list, but said to be in the second. */
SEC("tc")
int stranger(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_rb_node *r;
	struct bpf_list_node *n;

	if (!v || bpf_res_spin_lock(&v->lock))
		return 1;
	n = bpf_list_front(&v->list);
	r = bpf_rbtree_first(&v->tree);
	moved = n && r ? bpf_list_move_back(&v->other, n, &v->other) +
			 bpf_rbtree_move(&v->wood, r, &v->wood, less) +
			 bpf_rbtree_reposition(&v->wood, r, less) : -1;
	a = list_keys(&v->list);
	b = tree_keys(&v->tree);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* The first of the tree, to one in another order. */
SEC("tc")
int tree_move(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_rb_node *n;

	if (!v || bpf_res_spin_lock(&v->lock))
		return 1;
	n = bpf_rbtree_first(&v->tree);
	moved = n ? bpf_rbtree_move(&v->tree, n, &v->wood, more) : -1;
	a = tree_keys(&v->tree);
	b = tree_keys(&v->wood);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* Whose key is @key gets @to_key. */
SEC("tc")
int tree_reposition(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_rb_node *n;

	if (!v || bpf_res_spin_lock(&v->lock))
		return 1;
	moved = -1;
	for (n = bpf_rbtree_first(&v->tree); n && can_loop; n = bpf_rbtree_next(&v->tree, n)) {
		if (ITEM(n, r)->key != key)
			continue;
		ITEM(n, r)->key = to_key;
		moved = bpf_rbtree_reposition(&v->tree, n, less);
		break;
	}
	a = tree_keys(&v->tree);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* To another map value: under both locks it is in one of them, always. */
SEC("tc")
int two_locks(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	if (!v || !w || bpf_res_spin_lock(&v->lock))
		return 1;
	if (bpf_res_spin_lock(&w->lock)) {
		bpf_res_spin_unlock(&v->lock);
		return 2;
	}
	n = bpf_list_front(&v->list);
	r = bpf_rbtree_first(&v->tree);
	moved = n && r ? bpf_list_move_front(&v->list, n, &w->list) +
			 bpf_rbtree_move(&v->tree, r, &w->tree, less) : -1;
	b = list_keys(&w->list);
	a = tree_keys(&v->tree);
	bpf_res_spin_unlock(&w->lock);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* What must not load, each alone. */
SEC("?tc")
int one_lock_of_two(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;

	if (!v || !w || bpf_res_spin_lock(&v->lock))
		return 1;
	n = bpf_list_front(&v->list);
	if (n)
		bpf_list_move_back(&v->list, n, &w->list);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* The lock of the head that the node is to come from is not held. */
SEC("?tc")
int other_lock_of_two(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;

	if (!v || !w || bpf_res_spin_lock(&v->lock))
		return 1;
	n = bpf_list_front(&v->list);
	if (n)
		bpf_list_move_back(&w->list, n, &v->list);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* Where the node is now, others find it, and take it out and drop it. */
SEC("?tc")
int used_after_one_unlock(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;

	if (!v || !w || bpf_res_spin_lock(&v->lock))
		return 1;
	if (bpf_res_spin_lock(&w->lock)) {
		bpf_res_spin_unlock(&v->lock);
		return 2;
	}
	n = bpf_list_front(&v->list);
	if (n)
		bpf_list_move_front(&v->list, n, &w->list);
	bpf_res_spin_unlock(&w->lock);
	if (n)
		moved = ITEM(n, l)->key;
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

struct pair {
	struct bpf_list_node one;
	struct bpf_list_node two;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	__u64 key;
};

struct pairs {
	struct bpf_spin_lock lock;
	struct bpf_list_head ones __contains(pair, one);
	struct bpf_list_head twos __contains(pair, two);
	struct bpf_rb_root keyed __contains(pair, r) __key(key);
	struct bpf_rb_root plain __contains(pair, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct pairs);
	__uint(max_entries, 1);
} pairs SEC(".maps");

static struct pairs *the_pairs(void)
{
	int i = 0;

	return bpf_map_lookup_elem(&pairs, &i);
}

/* The node of one list is not that of the other. */
SEC("?tc")
int by_another_node(struct __sk_buff *ctx)
{
	struct pair *p = bpf_obj_new(struct pair);
	struct pairs *v = the_pairs();
	struct bpf_list_node *n;

	if (p)
		bpf_obj_drop(p);
	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->ones);
	if (n)
		bpf_list_move_back(&v->ones, n, &v->twos);
	bpf_spin_unlock(&v->lock);
	return 0;
}

static bool other_way(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	return container_of(x, struct pair, r)->key > container_of(y, struct pair, r)->key;
}

/* This tree has an order of its own. */
SEC("?tc")
int against_the_key(struct __sk_buff *ctx)
{
	struct pairs *v = the_pairs();
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_first(&v->keyed);
	if (n)
		bpf_rbtree_reposition(&v->keyed, n, other_way);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int to_a_key(struct __sk_buff *ctx)
{
	struct pairs *v = the_pairs();
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_first(&v->plain);
	if (n)
		bpf_rbtree_move(&v->plain, n, &v->keyed, other_way);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int by_no_key(struct __sk_buff *ctx)
{
	struct pairs *v = the_pairs();
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_first(&v->plain);
	if (n)
		bpf_rbtree_move_key(&v->plain, n, &v->keyed);
	bpf_spin_unlock(&v->lock);
	return 0;
}

PRIVATE(keys) struct bpf_spin_lock keys_lock;
PRIVATE(keys) struct bpf_rb_root in_order __contains(item, r) __key(key);
PRIVATE(keys) struct bpf_rb_root beside __contains(item, r) __key(key);
PRIVATE(keys) struct bpf_rb_root otherwise __contains(item, r) __keys(key, other);

SEC("?tc")
int by_another_key(struct __sk_buff *ctx)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&keys_lock);
	n = bpf_rbtree_first(&in_order);
	if (n)
		bpf_rbtree_move_key(&in_order, n, &otherwise);
	bpf_spin_unlock(&keys_lock);
	return 0;
}

/* The keys 0 to 5; then the first gets @to_key and goes to its place, and the last beside. */
SEC("tc")
int by_key(struct __sk_buff *ctx)
{
	struct bpf_rb_node *n;
	struct item *new;
	int i;

	bpf_for(i, 0, 6) {
		new = bpf_obj_new(struct item);
		if (!new)
			return 1;
		new->key = i;
		bpf_spin_lock(&keys_lock);
		bpf_rbtree_add_key(&in_order, &new->r);
		bpf_spin_unlock(&keys_lock);
	}
	bpf_spin_lock(&keys_lock);
	n = bpf_rbtree_first(&in_order);
	if (n) {
		ITEM(n, r)->key = to_key;
		moved = bpf_rbtree_move_key(&in_order, n, &in_order);
	}
	n = bpf_rbtree_lower_bound_key(&in_order, 5, 0);
	if (n)
		moved += bpf_rbtree_move_key(&in_order, n, &beside);
	if (n)
		moved += 10 * bpf_rbtree_move_key(&in_order, n, &beside);
	a = tree_keys(&in_order);
	b = tree_keys(&beside);
	bpf_spin_unlock(&keys_lock);
	return 0;
}

PRIVATE(one) struct bpf_spin_lock lock;
PRIVATE(one) struct bpf_rb_root tree __contains(item, r);

static bool moves(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	return bpf_rbtree_move(&tree, (struct bpf_rb_node *)y, &tree, less);
}

SEC("?tc")
int while_comparing(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);

	if (!n)
		return 1;
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&tree, &n->r, moves);
	bpf_spin_unlock(&lock);
	return 0;
}
