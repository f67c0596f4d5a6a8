// SPDX-License-Identifier: GPL-2.0
/*
 * Every graph kfunc is called here, to see where the calls go. The programs
 * do run, and leave nothing behind, but what they compute is of no interest.
 */
#include "graph.bpf.h"

struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	long key;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

struct scalars {
	__u64 x;
};

int seen;

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

SEC("tc")
int call_all(struct __sk_buff *ctx)
{
	struct scalars __percpu_kptr * pc;
	struct bpf_list_node *l;
	struct bpf_rb_node *rb;
	struct node *n, *m;
	struct roots *w;
	int key = 0;

	w = bpf_map_lookup_elem(&maps, &key);
	if (!w)
		return 0;
	pc = bpf_percpu_obj_new(struct scalars);
	if (pc)
		bpf_percpu_obj_drop(pc);

	n = bpf_obj_new(struct node);
	if (!n)
		return 0;
	m = bpf_refcount_acquire(n);
	bpf_spin_lock(&w->lock);
	bpf_list_push_front(&w->list, &n->l);
	bpf_rbtree_add(&w->tree, &m->r, less);
	seen += bpf_list_empty(&w->list);
	bpf_spin_unlock(&w->lock);

	n = bpf_obj_new(struct node);
	if (!n)
		return 0;
	bpf_spin_lock(&w->lock);
	bpf_list_push_back(&w->list, &n->l);
	bpf_spin_unlock(&w->lock);

	n = bpf_obj_new(struct node);
	if (!n)
		return 0;
	bpf_spin_lock(&w->lock);
	l = bpf_list_front(&w->list);
	if (!l) {
		bpf_spin_unlock(&w->lock);
		bpf_obj_drop(n);
		return 0;
	}
	bpf_list_add(&w->list, &n->l, l);
	seen += bpf_list_is_first(&w->list, l);
	seen += bpf_list_is_last(&w->list, l);
	l = bpf_list_back(&w->list);
	if (l)
		l = bpf_list_del(&w->list, l);
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop(container_of(l, struct node, l));

	bpf_spin_lock(&w->lock);
	l = bpf_list_pop_front(&w->list);
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop(container_of(l, struct node, l));

	bpf_spin_lock(&w->lock);
	l = bpf_list_pop_back(&w->list);
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop(container_of(l, struct node, l));

	bpf_spin_lock(&w->lock);
	rb = bpf_rbtree_root(&w->tree);
	if (rb) {
		seen += !bpf_rbtree_left(&w->tree, rb);
		seen += !bpf_rbtree_right(&w->tree, rb);
	}
	rb = bpf_rbtree_first(&w->tree);
	if (rb)
		rb = bpf_rbtree_remove(&w->tree, rb);
	bpf_spin_unlock(&w->lock);
	if (rb)
		bpf_obj_drop(container_of(rb, struct node, r));
	return 0;
}

/* The names that take the verifier's arguments as their own. */
SEC("tc")
int call_impl(struct __sk_buff *ctx)
{
	struct scalars __percpu_kptr * pc;
	struct bpf_list_node *l;
	struct bpf_rb_node *rb;
	struct node *n, *m;
	struct roots *w;
	int key = 0;

	w = bpf_map_lookup_elem(&maps, &key);
	if (!w)
		return 0;
	pc = bpf_percpu_obj_new_impl(bpf_core_type_id_local(struct scalars), NULL);
	if (pc)
		bpf_percpu_obj_drop_impl(pc, NULL);

	n = bpf_obj_new_impl(bpf_core_type_id_local(struct node), NULL);
	if (!n)
		return 0;
	m = bpf_refcount_acquire_impl(n, NULL);
	bpf_spin_lock(&w->lock);
	bpf_list_push_front_impl(&w->list, &n->l, NULL, 0);
	bpf_rbtree_add_impl(&w->tree, &m->r, less, NULL, 0);
	l = bpf_list_pop_front(&w->list);
	rb = bpf_rbtree_first(&w->tree);
	if (rb)
		rb = bpf_rbtree_remove(&w->tree, rb);
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop_impl(container_of(l, struct node, l), NULL);
	if (rb)
		bpf_obj_drop_impl(container_of(rb, struct node, r), NULL);

	n = bpf_obj_new_impl(bpf_core_type_id_local(struct node), NULL);
	if (!n)
		return 0;
	bpf_spin_lock(&w->lock);
	bpf_list_push_back_impl(&w->list, &n->l, NULL, 0);
	l = bpf_list_pop_front(&w->list);
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop_impl(container_of(l, struct node, l), NULL);
	return 0;
}
