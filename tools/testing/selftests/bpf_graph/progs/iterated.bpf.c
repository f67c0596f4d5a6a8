// SPDX-License-Identifier: GPL-2.0
/*
 * Iterators over lists and trees. Programs show the keys that they have seen as digits of
 * an octal number, behind a 1: @seen, and what is in a list then: @left.
 */
#include "items.bpf.h"

#define ITEMS 8

struct roots {
	struct bpf_spin_lock lock;
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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} parked SEC(".maps");

__u64 seen, left;
int flags, pairs;

static struct roots *roots(int i)
{
	return bpf_map_lookup_elem(&maps, &i);
}

static void show(struct bpf_list_head *head)
{
	struct bpf_list_node *n;

	left = 1;
	bpf_for_each(list, n, head, 0)
		left = 8 * left + (ITEM(n, l)->key & 7);
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
		bpf_spin_lock(&v->lock);
		bpf_list_push_back(&v->list, &n->l);
		bpf_rbtree_add(&v->tree, &m->r, less);
		bpf_spin_unlock(&v->lock);
	}
	return 0;
}

SEC("tc")
int list_seen(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;

	if (!v)
		return 1;
	seen = 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, flags)
		seen = 8 * seen + (ITEM(n, l)->key & 7);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("tc")
int tree_seen(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	seen = 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(rbtree, n, &v->tree, flags)
		seen = 8 * seen + (ITEM(n, r)->key & 7);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* The walk of 2022: what matches is taken out on the way. */
SEC("tc")
int remove_odd(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, flags) {
		if (!(ITEM(n, l)->key & 1))
			continue;
		n = bpf_list_del(&v->list, n);
		if (n)
			bpf_list_push_back(&v->other, &ITEM(n, l)->l);
	}
	show(&v->list);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("tc")
int remove_low(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	seen = 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(rbtree, n, &v->tree, 0) {
		if (ITEM(n, r)->key > 2)
			break;
		n = bpf_rbtree_remove(&v->tree, n);
		if (n)
			bpf_rbtree_add(&v->wood, &ITEM(n, r)->r, less);
	}
	bpf_for_each(rbtree, n, &v->tree, 0)
		seen = 8 * seen + (ITEM(n, r)->key & 7);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* To another list, and behind all that were seen before in the tree. */
SEC("tc")
int move_all(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	if (!v)
		return 1;
	seen = 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0)
		bpf_list_move_front(&v->list, n, &v->other);
	bpf_for_each(rbtree, r, &v->tree, BPF_GRAPH_ITER_BACKWARD) {
		ITEM(r, r)->key += ITEMS;
		bpf_rbtree_reposition(&v->tree, r, less);
		seen = 8 * seen + (ITEM(r, r)->key & 7);
	}
	show(&v->other);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Loops in loops: over a tree in a list, and over the same list twice. */
SEC("tc")
int nested(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n, *m;
	struct bpf_rb_node *r;

	if (!v)
		return 1;
	pairs = 0;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		bpf_for_each(rbtree, r, &v->tree, 0)
			pairs += ITEM(n, l)->key < ITEM(r, r)->key;
		bpf_for_each(list, m, &v->list, BPF_GRAPH_ITER_BACKWARD)
			pairs += 100;
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* What is inserted behind is seen too. */
SEC("tc")
int insert_behind(struct __sk_buff *ctx)
{
	struct item *new = bpf_obj_new(struct item);
	struct roots *v = roots(0);
	struct bpf_list_node *n;

	if (!new)
		return 1;
	if (!v) {
		bpf_obj_drop(new);
		return 2;
	}
	new->key = 5;
	seen = 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		seen = 8 * seen + (ITEM(n, l)->key & 7);
		if (new) {
			bpf_list_push_back(&v->list, &new->l);
			new = NULL;
		}
	}
	bpf_spin_unlock(&v->lock);
	if (new)
		bpf_obj_drop(new);
	return 0;
}

/*
 * Where a move has failed, or the node has a new place, it is still the one that the iterator
 * is at; and what is gone over can be added to, also by a move from elsewhere.
 */
SEC("tc")
int moved_and_removed(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		/* It is in the tree. */
		if (bpf_list_move_rbtree(&v->list, n, &v->wood, &ITEM(n, l)->r, less))
			continue;
		n = bpf_list_del(&v->list, n);
		if (n)
			bpf_list_push_back(&v->other, &ITEM(n, l)->l);
	}
	bpf_for_each(rbtree, r, &v->tree, 0) {
		bpf_rbtree_reposition(&v->tree, r, less);
		r = bpf_rbtree_remove(&v->tree, r);
		if (r)
			bpf_rbtree_add(&v->wood, &ITEM(r, r)->r, less);
	}
	bpf_for_each(rbtree, r, &v->tree, 0) {
		n = bpf_list_front(&v->list);
		if (n)
			bpf_list_move_rbtree(&v->list, n, &v->tree, &ITEM(n, l)->r, less);
	}
	show(&v->other);
	seen = 1;
	bpf_for_each(rbtree, r, &v->wood, 0)
		seen = 8 * seen + (ITEM(r, r)->key & 7);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Two maps of the same values are not one. */
SEC("tc")
int of_two_maps(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w;
	struct bpf_list_node *n;
	int i = 0;

	w = bpf_map_lookup_elem(&parked, &i);
	if (!v || !w)
		return 1;
	pairs = 0;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_for_each(list, n, &v->list, 0) {
		n = bpf_list_pop_front(&w->list);
		if (n)
			bpf_list_push_back(&w->other, &ITEM(n, l)->l);
		pairs++;
	}
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

#define WITH_VALUE(name, body)							\
SEC("?tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct roots *v = roots(0);						\
	struct bpf_list_node *n = NULL;						\
	struct bpf_rb_node *r = NULL;						\
										\
	if (!v || n || r)							\
		return 1;							\
	body									\
	return 0;								\
}

#define KEEP(node)								\
do {										\
	struct bpf_list_node *out_ = (node);					\
										\
	if (out_)								\
		bpf_list_push_back(&v->other, &ITEM(out_, l)->l);		\
} while (0)

WITH_VALUE(without_the_lock, {
	bpf_for_each(list, n, &v->list, 0)
		pairs++;
})

WITH_VALUE(unlocked_inside, {
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		bpf_spin_unlock(&v->lock);
		return 0;
	}
	bpf_spin_unlock(&v->lock);
})

WITH_VALUE(outlives_the_lock, {
	struct bpf_iter_list it;

	bpf_spin_lock(&v->lock);
	bpf_iter_list_new(&it, &v->list, 0);
	bpf_spin_unlock(&v->lock);
	bpf_iter_list_destroy(&it);
})

WITH_VALUE(popped_inside, {
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0)
		KEEP(bpf_list_pop_front(&v->list));
	bpf_spin_unlock(&v->lock);
})

WITH_VALUE(other_removed, {
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		n = bpf_list_back(&v->list);
		if (n)
			KEEP(bpf_list_del(&v->list, n));
	}
	bpf_spin_unlock(&v->lock);
})

WITH_VALUE(behind_removed, {
	bpf_spin_lock(&v->lock);
	bpf_for_each(rbtree, r, &v->tree, 0) {
		r = bpf_rbtree_next(&v->tree, r);
		if (!r)
			break;
		r = bpf_rbtree_remove(&v->tree, r);
		if (r)
			bpf_rbtree_add(&v->wood, &ITEM(r, r)->r, less);
	}
	bpf_spin_unlock(&v->lock);
})

WITH_VALUE(removed_under_two, {
	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0) {
		struct bpf_list_node *m;

		bpf_for_each(list, m, &v->list, 0)
			KEEP(bpf_list_del(&v->list, m));
	}
	bpf_spin_unlock(&v->lock);
})

WITH_VALUE(moved_by_another_name, {
	struct roots *w = roots(1);
	struct bpf_list_node *m;

	if (!w)
		return 2;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_for_each(list, n, &v->list, 0) {
		m = bpf_list_front(&w->list);
		if (m)
			bpf_list_move_back(&w->list, m, &v->other);
	}
	bpf_spin_unlock_double(&v->lock, &w->lock);
})

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, int);
	__uint(max_entries, 1);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &inner } };

/* The same value by two ways, whose maps have a record each. */
WITH_VALUE(popped_through_an_outer_map, {
	struct roots *w;
	void *map;
	int i = 0;

	map = bpf_map_lookup_elem(&outer, &i);
	if (!map)
		return 2;
	v = bpf_map_lookup_elem(map, &i);
	w = bpf_map_lookup_elem(&inner, &i);
	if (!v || !w)
		return 3;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_for_each(list, n, &v->list, 0) {
		struct bpf_list_node *out = bpf_list_pop_front(&w->list);

		if (out)
			bpf_list_push_back(&w->other, &ITEM(out, l)->l);
	}
	bpf_spin_unlock_double(&v->lock, &w->lock);
})

WITH_VALUE(node_outlives_the_loop, {
	struct bpf_list_node *last = NULL;

	bpf_spin_lock(&v->lock);
	bpf_for_each(list, n, &v->list, 0)
		last = n;
	bpf_spin_unlock(&v->lock);
	if (last)
		pairs = ITEM(last, l)->key;
})
