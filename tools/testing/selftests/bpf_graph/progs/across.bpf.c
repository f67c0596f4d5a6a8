// SPDX-License-Identifier: GPL-2.0
/*
 * Moves of objects between lists and trees. Programs show the keys that are in order of a
 * list or tree as digits of an octal number, behind a 1: @a and @b.
 */
#include "items.bpf.h"

#define ITEMS 6

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
};

struct keyed {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_rb_root tree __contains(item, r) __key(key);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 2);
} maps SEC(".maps");

PRIVATE(own) struct bpf_spin_lock lock;
PRIVATE(own) struct bpf_list_head list __contains(item, l);
PRIVATE(own) struct bpf_rb_root tree __contains(item, r);

PRIVATE(by_key) struct keyed keyed;

__u64 a, b;
int moved;

static struct roots *roots(int i)
{
	return bpf_map_lookup_elem(&maps, &i);
}

/* The first value's list, from the highest key to 0. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	int i;

	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *n = bpf_obj_new(struct item);

		if (!n)
			return 2;
		n->key = i;
		bpf_spin_lock(&v->lock);
		bpf_list_push_front(&v->list, &n->l);
		bpf_spin_unlock(&v->lock);
	}
	return 0;
}

/* The first of the list goes to the tree. */
SEC("tc")
int to_tree(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	moved = n ? bpf_list_move_rbtree(&v->list, n, &v->tree, &ITEM(n, l)->r, less) : -1;
	a = list_keys(&v->list);
	b = tree_keys(&v->tree);
	bpf_spin_unlock(&v->lock);
	return 0;
}

#define TO_LIST(name, move)							\
SEC("tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct roots *v = roots(0);						\
	struct bpf_rb_node *n;							\
										\
	if (!v)									\
		return 1;							\
	bpf_spin_lock(&v->lock);						\
	n = bpf_rbtree_first(&v->tree);						\
	moved = n ? move(&v->tree, n, &v->list, &ITEM(n, r)->l) : -1;		\
	a = list_keys(&v->list);						\
	b = tree_keys(&v->tree);						\
	bpf_spin_unlock(&v->lock);						\
	return 0;								\
}

TO_LIST(to_front, bpf_rbtree_move_list_front)
TO_LIST(to_back, bpf_rbtree_move_list_back)

/*
 * The first of the first value's list is put into the second value's tree as well, and the
 * first of the tree into the list there: neither can be moved to where it is already.
 */
SEC("tc")
int other_node_taken(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct item *m = NULL, *k = NULL;
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	if (!v || !w)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	r = bpf_rbtree_first(&v->tree);
	if (n && r) {
		m = bpf_refcount_acquire(ITEM(n, l));
		k = bpf_refcount_acquire(ITEM(r, r));
	}
	bpf_spin_unlock(&v->lock);
	if (!m || !k) {
		if (m)
			bpf_obj_drop(m);
		if (k)
			bpf_obj_drop(k);
		return 2;
	}
	bpf_spin_lock(&w->lock);
	bpf_rbtree_add(&w->tree, &m->r, less);
	bpf_list_push_back(&w->list, &k->l);
	bpf_spin_unlock(&w->lock);

	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	r = bpf_rbtree_first(&v->tree);
	moved = n && r ? bpf_list_move_rbtree(&v->list, n, &v->tree, &ITEM(n, l)->r, less) +
			 bpf_rbtree_move_list_back(&v->tree, r, &v->list, &ITEM(r, r)->l) : -1;
	a = list_keys(&v->list);
	b = tree_keys(&v->tree);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Neither is where the call says. */
SEC("tc")
int not_there(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	n = bpf_list_front(&v->list);
	r = bpf_rbtree_first(&v->tree);
	moved = n && r ? bpf_list_move_rbtree(&w->list, n, &v->tree, &ITEM(n, l)->r, less) +
			 bpf_rbtree_move_list_front(&w->tree, r, &v->list, &ITEM(r, r)->l) : -1;
	a = list_keys(&v->list);
	b = tree_keys(&v->tree);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

/* To the tree of another map value, under both locks. */
SEC("tc")
int between_values(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	n = bpf_list_front(&v->list);
	moved = n ? bpf_list_move_rbtree(&v->list, n, &w->tree, &ITEM(n, l)->r, less) : -1;
	a = list_keys(&v->list);
	b = tree_keys(&w->tree);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

/* Of an owned object, between variables. */
SEC("tc")
int of_owned(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item), *m;

	if (!n)
		return 1;
	n->key = 3;
	m = bpf_refcount_acquire(n);
	bpf_spin_lock(&lock);
	bpf_list_push_back(&list, &m->l);
	moved = bpf_list_move_rbtree(&list, &n->l, &tree, &n->r, less);
	a = list_keys(&list);
	b = tree_keys(&tree);
	bpf_spin_unlock(&lock);
	bpf_obj_drop(n);
	return 0;
}

SEC("?tc")
int nodes_of_two(struct __sk_buff *ctx)
{
	struct bpf_list_node *n, *m;

	bpf_spin_lock(&lock);
	n = bpf_list_front(&list);
	m = bpf_list_back(&list);
	if (n && m)
		bpf_list_move_rbtree(&list, n, &tree, &ITEM(m, l)->r, less);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("?tc")
int just_inserted(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);

	if (!n)
		return 1;
	bpf_spin_lock(&lock);
	bpf_list_push_back(&list, &n->l);
	bpf_list_move_rbtree(&list, &n->l, &tree, &n->r, less);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("?tc")
int one_lock_of_two(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n;

	if (!v || !w)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_list_front(&v->list);
	if (n)
		bpf_list_move_rbtree(&v->list, n, &w->tree, &ITEM(n, l)->r, less);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int to_a_key(struct __sk_buff *ctx)
{
	struct bpf_list_node *n;

	bpf_spin_lock(&keyed.lock);
	n = bpf_list_front(&keyed.list);
	if (n)
		bpf_list_move_rbtree(&keyed.list, n, &keyed.tree, &ITEM(n, l)->r, less);
	bpf_spin_unlock(&keyed.lock);
	return 0;
}

static bool moving(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	bpf_rbtree_move_list_back(&tree, x, &list, &ITEM(x, r)->l);
	return false;
}

SEC("?tc")
int while_comparing(struct __sk_buff *ctx)
{
	struct bpf_list_node *n;

	bpf_spin_lock(&lock);
	n = bpf_list_front(&list);
	if (n)
		bpf_list_move_rbtree(&list, n, &tree, &ITEM(n, l)->r, moving);
	bpf_spin_unlock(&lock);
	return 0;
}
