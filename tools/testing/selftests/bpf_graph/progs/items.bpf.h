/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Items that can be in a list and in a tree at once, and what is in one: the keys in order as
 * digits of an octal number, behind a 1.
 */
#ifndef _ITEMS_BPF_H
#define _ITEMS_BPF_H

#include "graph.bpf.h"

struct item {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	int key, other;
};

#define ITEM(node, member)	container_of(node, struct item, member)

static inline bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	return ITEM(x, r)->key < ITEM(y, r)->key;
}

static inline __u64 list_keys(struct bpf_list_head *head)
{
	struct bpf_list_node *n;
	__u64 keys = 1;

	for (n = bpf_list_front(head); n && can_loop; n = bpf_list_next(head, n))
		keys = 8 * keys + (ITEM(n, l)->key & 7);
	return keys;
}

static inline __u64 tree_keys(struct bpf_rb_root *root)
{
	struct bpf_rb_node *n;
	__u64 keys = 1;

	for (n = bpf_rbtree_first(root); n && can_loop; n = bpf_rbtree_next(root, n))
		keys = 8 * keys + (ITEM(n, r)->key & 7);
	return keys;
}

#endif
