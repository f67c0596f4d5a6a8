// SPDX-License-Identifier: GPL-2.0
/* Nodes that are reserved before the lock is taken, and then inserted without a check. */
#include "graph.bpf.h"

struct item {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	int key;
};

/* One owner, who can always insert it. */
struct sole {
	struct bpf_list_node l;
	int key;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

struct slot {
	struct item __kptr * item;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

PRIVATE(key) struct bpf_spin_lock lock;
PRIVATE(key) struct bpf_rb_root keyed __contains(item, r) __key(key);
PRIVATE(key) struct bpf_list_head soles __contains(sole, l);

/* What was found out on the way; lengths of list and tree at the end. */
int first, again, after, in_list, in_tree;

#define ITEM(node, member)	container_of(node, struct item, member)

static bool less(struct bpf_rb_node *x, const struct bpf_rb_node *y)
{
	return ITEM(x, r)->key < ITEM(y, r)->key;
}

static struct roots *roots(void)
{
	int i = 0;

	return bpf_map_lookup_elem(&maps, &i);
}

static void lengths(struct bpf_list_head *list, struct bpf_rb_root *tree)
{
	struct bpf_list_node *n;
	struct bpf_rb_node *r;

	in_list = 0;
	in_tree = 0;
	for (n = bpf_list_front(list); n && can_loop; n = bpf_list_next(list, n))
		in_list++;
	for (r = bpf_rbtree_first(tree); r && can_loop; r = bpf_rbtree_next(tree, r))
		in_tree++;
}

/* Both nodes of an object are reserved, nobody else can insert it, and it is inserted. */
SEC("tc")
int into_both(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct item *n, *m, *k;

	if (!v)
		return 1;
	n = bpf_obj_new(struct item);
	if (!n)
		return 2;
	m = bpf_refcount_acquire(n);
	k = bpf_refcount_acquire(n);
	if (!bpf_list_can_add(&n->l)) {
		bpf_obj_drop(n);
		bpf_obj_drop(m);
		bpf_obj_drop(k);
		return 3;
	}
	first = 1;
	again = bpf_list_can_add(&k->l);
	if (again)
		bpf_list_unreserve(&k->l);
	if (!bpf_rbtree_can_add(&m->r)) {
		bpf_list_unreserve(&n->l);
		bpf_obj_drop(n);
		bpf_obj_drop(m);
		bpf_obj_drop(k);
		return 4;
	}
	bpf_spin_lock(&v->lock);
	after = bpf_list_push_front(&v->list, &k->l);
	bpf_list_push_back_reserved(&v->list, &n->l);
	bpf_rbtree_add_reserved(&v->tree, &m->r, less);
	lengths(&v->list, &v->tree);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Given back it is as free as before; in a list it cannot be reserved. */
SEC("tc")
int given_back(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct item *n, *m;

	if (!v)
		return 1;
	n = bpf_obj_new(struct item);
	if (!n)
		return 2;
	m = bpf_refcount_acquire(n);
	first = 0;
	again = 0;
	after = 0;
	if (bpf_list_can_add(&n->l)) {
		first = 1;
		bpf_list_unreserve(&n->l);
	}
	bpf_spin_lock(&v->lock);
	if (bpf_list_can_add(&n->l)) {
		again = 1;
		bpf_list_push_front_reserved(&v->list, &n->l);
	} else {
		bpf_spin_unlock(&v->lock);
		bpf_obj_drop(n);
		bpf_obj_drop(m);
		return 3;
	}
	lengths(&v->list, &v->tree);
	bpf_spin_unlock(&v->lock);
	if (bpf_list_can_add(&m->l)) {
		after = 1;
		bpf_list_unreserve(&m->l);
	}
	bpf_obj_drop(m);
	return 0;
}

SEC("tc")
int by_key(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);
	struct bpf_list_node *l;
	struct sole *s;

	if (!n)
		return 1;
	if (!bpf_rbtree_can_add(&n->r)) {
		bpf_obj_drop(n);
		return 2;
	}
	bpf_spin_lock(&lock);
	bpf_rbtree_add_key_reserved(&keyed, &n->r);
	first = !!bpf_rbtree_find_key(&keyed, 0, 0);
	bpf_spin_unlock(&lock);

	s = bpf_obj_new(struct sole);
	if (!s)
		return 3;
	if (!bpf_list_can_add(&s->l)) {
		bpf_obj_drop(s);
		return 4;
	}
	bpf_spin_lock(&lock);
	bpf_list_push_front_reserved(&soles, &s->l);
	l = bpf_list_pop_front(&soles);
	bpf_spin_unlock(&lock);
	again = !!l;
	if (l)
		bpf_obj_drop(container_of(l, struct sole, l));
	return 0;
}

#define WITH_ITEM(name, body)							\
SEC("?tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct item *n = bpf_obj_new(struct item);				\
	struct roots *v = roots();						\
										\
	if (!n)									\
		return 1;							\
	if (!v) {								\
		bpf_obj_drop(n);						\
		return 2;							\
	}									\
	body									\
	return 0;								\
}

WITH_ITEM(dropped, {
	bpf_list_can_add(&n->l);
	bpf_obj_drop(n);
})

WITH_ITEM(stored, {
	struct slot *s;
	int i = 0;

	s = bpf_map_lookup_elem(&slots, &i);
	if (!s || !bpf_rbtree_can_add(&n->r)) {
		bpf_obj_drop(n);
		return 3;
	}
	n = bpf_kptr_xchg(&s->item, n);
	if (n)
		bpf_obj_drop(n);
})

WITH_ITEM(one_of_two, {
	bpf_rbtree_can_add(&n->r);
	if (!bpf_list_can_add(&n->l)) {
		bpf_rbtree_unreserve(&n->r);
		bpf_obj_drop(n);
		return 3;
	}
	bpf_spin_lock(&v->lock);
	bpf_list_push_back_reserved(&v->list, &n->l);
	bpf_spin_unlock(&v->lock);
})

WITH_ITEM(not_asked, {
	bpf_spin_lock(&v->lock);
	bpf_list_push_back_reserved(&v->list, &n->l);
	bpf_spin_unlock(&v->lock);
})

WITH_ITEM(not_granted, {
	if (bpf_list_can_add(&n->l))
		bpf_list_unreserve(&n->l);
	bpf_spin_lock(&v->lock);
	bpf_list_push_back_reserved(&v->list, &n->l);
	bpf_spin_unlock(&v->lock);
})

WITH_ITEM(other_node, {
	if (!bpf_rbtree_can_add(&n->r)) {
		bpf_obj_drop(n);
		return 3;
	}
	bpf_list_unreserve(&n->l);
	bpf_obj_drop(n);
})

WITH_ITEM(by_plain_push, {
	if (!bpf_list_can_add(&n->l)) {
		bpf_obj_drop(n);
		return 3;
	}
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->list, &n->l);
	bpf_spin_unlock(&v->lock);
})

WITH_ITEM(asked_twice, {
	if (!bpf_list_can_add(&n->l) || !bpf_list_can_add(&n->l)) {
		bpf_obj_drop(n);
		return 3;
	}
	bpf_list_unreserve(&n->l);
	bpf_obj_drop(n);
})

WITH_ITEM(without_the_lock, {
	if (!bpf_list_can_add(&n->l)) {
		bpf_obj_drop(n);
		return 3;
	}
	bpf_list_push_back_reserved(&v->list, &n->l);
})

WITH_ITEM(not_owned, {
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->list, &n->l);
	bpf_rbtree_can_add(&n->r);
	bpf_spin_unlock(&v->lock);
})
