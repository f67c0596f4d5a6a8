// SPDX-License-Identifier: GPL-2.0
/*
 * Each operation that can become a part of the program, on objects with one
 * owner. The lists are shuffled in a way that each mistake would show in @order.
 */
#include "graph.bpf.h"

struct node {
	struct bpf_list_node l;
	__u64 key;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(node, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

/* A digit for each step, in the order of the steps. */
__u64 order;

#define SAY(digit) (order = order * 10 + (digit))

static void push(struct roots *w, __u64 key, bool back)
{
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return;
	n->key = key;
	bpf_spin_lock(&w->lock);
	if (back)
		bpf_list_push_back(&w->list, &n->l);
	else
		bpf_list_push_front(&w->list, &n->l);
	bpf_spin_unlock(&w->lock);
}

static void pop(struct roots *w, bool back)
{
	struct bpf_list_node *l;
	struct node *n;

	bpf_spin_lock(&w->lock);
	l = back ? bpf_list_pop_back(&w->list) : bpf_list_pop_front(&w->list);
	bpf_spin_unlock(&w->lock);
	if (!l) {
		SAY(0);
		return;
	}
	n = container_of(l, struct node, l);
	SAY(n->key);
	bpf_obj_drop(n);
}

/* On the first run the list's head is all zeroes. */
SEC("tc")
int shuffle(struct __sk_buff *ctx)
{
	struct bpf_list_node *front, *back, *l = NULL;
	struct roots *w;
	int key = 0;

	w = bpf_map_lookup_elem(&maps, &key);
	if (!w)
		return 0;
	order = 0;
	pop(w, false);
	pop(w, true);
	push(w, 2, false);
	push(w, 3, true);
	push(w, 1, false);
	push(w, 4, true);
	bpf_spin_lock(&w->lock);
	SAY(5 + bpf_list_empty(&w->list));
	front = bpf_list_front(&w->list);
	back = bpf_list_back(&w->list);
	if (front && back) {
		SAY(container_of(front, struct node, l)->key);
		SAY(container_of(back, struct node, l)->key);
		SAY(5 + bpf_list_is_first(&w->list, front));
		SAY(5 + bpf_list_is_last(&w->list, front));
		SAY(5 + bpf_list_is_first(&w->list, back));
		SAY(5 + bpf_list_is_last(&w->list, back));
		l = bpf_list_del(&w->list, back);
	}
	bpf_spin_unlock(&w->lock);
	if (l)
		bpf_obj_drop(container_of(l, struct node, l));
	pop(w, true);
	pop(w, false);
	pop(w, false);
	pop(w, false);
	bpf_spin_lock(&w->lock);
	SAY(5 + bpf_list_empty(&w->list));
	bpf_spin_unlock(&w->lock);
	return 0;
}
