// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over lists and trees. Each program leaves in @seen the ids of what it went
 * over, in that order.
 */
#include "graph.bpf.h"
#include "../beside.h"

struct item {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	int id;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_list_head other __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 2);
} maps SEC(".maps");

int seen[ITEMS], nr;

static void note(int id)
{
	if (nr >= 0 && nr < ITEMS)
		seen[nr] = id;
	nr++;
}

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, r)->id > container_of(b, struct item, r)->id;
}

#define ID(node, member)	(container_of(node, struct item, member)->id)

static struct roots *roots(void)
{
	int key = 0;

	return bpf_map_lookup_elem(&maps, &key);
}

/* The list in the order of ids, the tree in the other one. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int i;

	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *n = bpf_obj_new(struct item);
		struct item *m;

		if (!n)
			return 2;
		n->id = i;
		m = bpf_refcount_acquire(n);
		bpf_spin_lock(&v->lock);
		bpf_list_push_back(&v->list, &n->l);
		bpf_rbtree_add(&v->tree, &m->r, less);
		bpf_spin_unlock(&v->lock);
	}
	return 0;
}

#define WALK(name, type, first, step, member)			\
SEC("tc")							\
int name(struct __sk_buff *ctx)					\
{								\
	struct roots *v = roots();				\
	struct type *n;						\
								\
	if (!v)							\
		return 1;					\
	bpf_spin_lock(&v->lock);				\
	for (n = first; n && can_loop; n = step)		\
		note(ID(n, member));				\
	bpf_spin_unlock(&v->lock);				\
	return 0;						\
}

WALK(list_on, bpf_list_node, bpf_list_front(&v->list), bpf_list_next(&v->list, n), l)
WALK(list_back, bpf_list_node, bpf_list_back(&v->list), bpf_list_prev(&v->list, n), l)
WALK(other_on, bpf_list_node, bpf_list_front(&v->other), bpf_list_next(&v->other, n), l)
WALK(tree_on, bpf_rb_node, bpf_rbtree_first(&v->tree), bpf_rbtree_next(&v->tree, n), r)

/* Down to the last, and back. */
SEC("tc")
int tree_back(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_rb_node *n, *below;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_root(&v->tree);
	while (n && can_loop) {
		below = bpf_rbtree_right(&v->tree, n);
		if (!below)
			break;
		n = below;
	}
	for (; n && can_loop; n = bpf_rbtree_prev(&v->tree, n))
		note(ID(n, r));
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* What matches goes to another list. */
SEC("tc")
int move_odd(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n, *next, *out;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	for (n = bpf_list_front(&v->list); n && can_loop; n = next) {
		next = bpf_list_next(&v->list, n);
		if (!(ID(n, l) & 1))
			continue;
		out = bpf_list_del(&v->list, n);
		if (out)
			bpf_list_push_back(&v->other, &container_of(out, struct item, l)->l);
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* A node that is in the other list has no neighbours in this one. */
SEC("tc")
int stranger(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->other);
	if (n) {
		note(!bpf_list_next(&v->list, n));
		note(!bpf_list_prev(&v->list, n));
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* What must not load, each alone. */
SEC("?tc")
int next_without_lock(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n;
	struct item *m;

	if (!v)
		return 1;
	m = bpf_obj_new(struct item);
	if (!m)
		return 2;
	n = bpf_list_next(&v->list, &m->l);
	bpf_obj_drop(m);
	return !n;
}

SEC("?tc")
int next_after_unlock(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	if (n)
		n = bpf_list_next(&v->list, n);
	bpf_spin_unlock(&v->lock);
	return n ? ID(n, l) : 0;
}

SEC("?tc")
int next_unchecked(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_first(&v->tree);
	if (n) {
		n = bpf_rbtree_next(&v->tree, n);
		note(ID(n, r));
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int next_of_another_lock(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n;
	struct roots *w;
	int one = 1;

	if (!v)
		return 1;
	w = bpf_map_lookup_elem(&maps, &one);
	if (!w)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	if (n)
		n = bpf_list_next(&w->list, n);
	bpf_spin_unlock(&v->lock);
	return 0;
}
