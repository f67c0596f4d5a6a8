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

/* One of our own, in no list, has none either; nor has one that was just taken out. */
SEC("tc")
int in_no_list(struct __sk_buff *ctx)
{
	struct bpf_list_node *n, *next, *out = NULL;
	struct roots *v = roots();
	struct item *m;

	if (!v)
		return 1;
	m = bpf_obj_new(struct item);
	if (!m)
		return 2;
	bpf_spin_lock(&v->lock);
	note(!bpf_list_next(&v->list, &m->l));
	note(!bpf_list_prev(&v->list, &m->l));
	n = bpf_list_front(&v->list);
	if (n) {
		next = bpf_list_next(&v->list, n);
		if (next) {
			out = bpf_list_del(&v->list, next);
			note(!bpf_list_next(&v->list, next));
			note(!bpf_list_prev(&v->list, next));
		}
	}
	bpf_spin_unlock(&v->lock);
	if (out)
		bpf_obj_drop(container_of(out, struct item, l));
	bpf_obj_drop(m);
	return 0;
}

/* A list in an object, under the lock of the object. */
struct box {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
};

SEC("tc")
int in_an_object(struct __sk_buff *ctx)
{
	struct box *box = bpf_obj_new(struct box);
	struct bpf_list_node *n;
	int i;

	if (!box)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *m = bpf_obj_new(struct item);

		if (!m)
			break;
		m->id = i;
		bpf_spin_lock(&box->lock);
		bpf_list_push_front(&box->list, &m->l);
		bpf_spin_unlock(&box->lock);
	}
	bpf_spin_lock(&box->lock);
	for (n = bpf_list_back(&box->list); n && can_loop; n = bpf_list_prev(&box->list, n))
		note(ID(n, l));
	bpf_spin_unlock(&box->lock);
	bpf_obj_drop(box);
	return 0;
}

/* The same list under a resilient lock. */
struct resilient {
	struct bpf_res_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct resilient);
	__uint(max_entries, 1);
} resilients SEC(".maps");

SEC("tc")
int under_res_lock(struct __sk_buff *ctx)
{
	struct resilient *v;
	struct bpf_list_node *n;
	struct item *m;
	int key = 0, i;

	v = bpf_map_lookup_elem(&resilients, &key);
	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		m = bpf_obj_new(struct item);
		if (!m)
			return 2;
		m->id = i;
		if (bpf_res_spin_lock(&v->lock)) {
			bpf_obj_drop(m);
			return 3;
		}
		bpf_list_push_back(&v->list, &m->l);
		bpf_res_spin_unlock(&v->lock);
	}
	if (bpf_res_spin_lock(&v->lock))
		return 3;
	for (n = bpf_list_front(&v->list); n && can_loop; n = bpf_list_next(&v->list, n))
		note(ID(n, l));
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* What must not load, each alone. */
struct other {
	int id;
	struct bpf_list_node l;
};

struct others {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(other, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct others);
	__uint(max_entries, 1);
} strangers SEC(".maps");

SEC("?tc")
int next_of_another_type(struct __sk_buff *ctx)
{
	struct other *o = bpf_obj_new(struct other);
	struct bpf_list_node *n;
	struct others *v;
	struct item *m;
	int key = 0;

	if (o)
		bpf_obj_drop(o);
	v = bpf_map_lookup_elem(&strangers, &key);
	if (!v)
		return 1;
	m = bpf_obj_new(struct item);
	if (!m)
		return 2;
	bpf_spin_lock(&v->lock);
	n = bpf_list_next(&v->list, &m->l);
	bpf_spin_unlock(&v->lock);
	bpf_obj_drop(m);
	return !n;
}

SEC("?tc")
int next_beside_the_node(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_list_node *n;
	struct item *m;

	if (!v)
		return 1;
	m = bpf_obj_new(struct item);
	if (!m)
		return 2;
	bpf_spin_lock(&v->lock);
	n = bpf_list_next(&v->list, (void *)&m->l + 8);
	bpf_spin_unlock(&v->lock);
	bpf_obj_drop(m);
	return !n;
}

PRIVATE(roots) struct bpf_spin_lock lock;
PRIVATE(roots) struct bpf_rb_root tree __contains(item, r);

static bool walks(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return !bpf_rbtree_next(&tree, (struct bpf_rb_node *)b);
}

SEC("?tc")
int next_while_comparing(struct __sk_buff *ctx)
{
	struct item *m = bpf_obj_new(struct item);

	if (!m)
		return 1;
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&tree, &m->r, walks);
	bpf_spin_unlock(&lock);
	return 0;
}

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
