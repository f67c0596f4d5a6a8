// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that are reached by a handle in a map: whether they are in a list or tree is asked,
 * and then known.
 */
#include "graph.bpf.h"

struct item {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	int key;
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

struct slot {
	struct item __kptr * item;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

int in_list, in_tree, key;

static struct roots *roots(int i)
{
	return bpf_map_lookup_elem(&maps, &i);
}

static struct slot *slot(void)
{
	int i = 0;

	return bpf_map_lookup_elem(&slots, &i);
}

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, r)->key < container_of(b, struct item, r)->key;
}

/* One item is in the list, in the tree and in the slot. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item), *m, *old;
	struct roots *v = roots(0);
	struct slot *s = slot();

	if (!n)
		return 1;
	if (!v || !s) {
		bpf_obj_drop(n);
		return 2;
	}
	n->key = 7;
	m = bpf_refcount_acquire(n);
	old = bpf_kptr_xchg(&s->item, bpf_refcount_acquire(n));
	if (old)
		bpf_obj_drop(old);
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->list, &n->l);
	bpf_rbtree_add(&v->tree, &m->r, less);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* The item that the slot has a handle to, under the lock of its roots. */
static struct item *lock_and_read(struct roots *v)
{
	struct slot *s = slot();

	bpf_spin_lock(&v->lock);
	return s ? s->item : NULL;
}

static int unlocked(struct roots *v)
{
	bpf_spin_unlock(&v->lock);
	return 2;
}

/* Where it is known to be there nothing is checked; the other list is asked in vain. */
SEC("tc")
int out_of_list(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct bpf_list_node *out = NULL, *copy;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	in_list = bpf_list_owns_node(&v->other, &e->l) ? 2 : 0;
	copy = &e->l;
	if (bpf_list_owns_node(&v->list, &e->l)) {
		in_list++;
		out = bpf_list_del(&v->list, copy);
		key = container_of(out, struct item, l)->key;
	}
	bpf_spin_unlock(&v->lock);
	if (out)
		bpf_obj_drop(container_of(out, struct item, l));
	return 0;
}

SEC("tc")
int out_of_tree(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct bpf_rb_node *out = NULL;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	in_tree = bpf_rbtree_owns_node(&v->tree, &e->r);
	if (in_tree) {
		out = bpf_rbtree_remove(&v->tree, &e->r);
		key = container_of(out, struct item, r)->key;
	}
	bpf_spin_unlock(&v->lock);
	if (out)
		bpf_obj_drop(container_of(out, struct item, r));
	return 0;
}

/* A question for each node that is walked over, with two answers each. */
SEC("tc")
int asked_on_the_way(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct bpf_list_node *n;

	if (!v)
		return 1;
	in_list = 0;
	in_tree = 0;
	bpf_spin_lock(&v->lock);
	for (n = bpf_list_front(&v->list); n && can_loop; n = bpf_list_next(&v->list, n)) {
		if (bpf_rbtree_owns_node(&v->tree, &container_of(n, struct item, l)->r))
			in_tree++;
		if (bpf_list_owns_node(&v->other, n))
			in_list++;
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* By an owning reference, and what is not there can be inserted. */
SEC("tc")
int back_into_list(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct item *own;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	own = bpf_refcount_acquire(e);
	in_list = -1;
	if (!own) {
		bpf_spin_unlock(&v->lock);
		return 3;
	}
	in_list = bpf_list_owns_node(&v->list, &own->l);
	if (in_list) {
		bpf_spin_unlock(&v->lock);
		bpf_obj_drop(own);
		return 0;
	}
	bpf_list_push_back(&v->list, &own->l);
	bpf_spin_unlock(&v->lock);
	return 0;
}

static int drop_out(struct roots *v, struct bpf_list_node *out)
{
	key = container_of(out, struct item, l)->key;
	bpf_spin_unlock(&v->lock);
	bpf_obj_drop(container_of(out, struct item, l));
	return 0;
}

/* It is known not to be there. */
SEC("?tc")
int taken_from_where_it_is_not(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	if (!bpf_list_owns_node(&v->list, &e->l)) {
		struct bpf_list_node *out = bpf_list_del(&v->list, &e->l);

		if (out)
			return drop_out(v, out);
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int walked_from_where_it_is_not(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	if (!bpf_rbtree_owns_node(&v->tree, &e->r))
		key = !!bpf_rbtree_next(&v->tree, &e->r);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Nobody looked at the answer. */
SEC("?tc")
int never_known(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	bpf_list_owns_node(&v->list, &e->l);
	bpf_list_move_back(&v->list, &e->l, &v->other);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* Here it may be NULL: another list was asked, */
SEC("?tc")
int known_of_another_list(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	if (bpf_list_owns_node(&v->other, &e->l)) {
		struct bpf_list_node *out = bpf_list_del(&v->list, &e->l);

		return drop_out(v, out);
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* or that of another value, */
SEC("?tc")
int known_of_another_value(struct __sk_buff *ctx)
{
	struct roots *v = roots(0), *w = roots(1);
	struct bpf_list_node *n, *out;

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	n = bpf_list_front(&v->list);
	if (n && bpf_list_owns_node(&v->list, n)) {
		out = bpf_list_del(&w->list, n);
		key = container_of(out, struct item, l)->key;
		bpf_spin_unlock_double(&v->lock, &w->lock);
		bpf_obj_drop(container_of(out, struct item, l));
		return 0;
	}
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

/* or another node, which may be this one, was taken out meanwhile, */
SEC("?tc")
int known_before_another_was_taken(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct bpf_list_node *out, *popped;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	if (bpf_list_owns_node(&v->list, &e->l)) {
		popped = bpf_list_pop_front(&v->list);
		if (popped)
			bpf_list_push_back(&v->other, popped);
		out = bpf_list_del(&v->list, &e->l);
		return drop_out(v, out);
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* or the lock was not held all the time, */
SEC("?tc")
int known_before_the_unlock(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct bpf_list_node *out;
	struct item *own;
	bool there;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	own = bpf_refcount_acquire(e);
	if (!own) {
		bpf_spin_unlock(&v->lock);
		return 3;
	}
	there = bpf_list_owns_node(&v->list, &own->l);
	bpf_spin_unlock(&v->lock);
	if (!there) {
		bpf_obj_drop(own);
		return 0;
	}
	bpf_spin_lock(&v->lock);
	out = bpf_list_del(&v->list, &own->l);
	key = container_of(out, struct item, l)->key;
	bpf_spin_unlock(&v->lock);
	bpf_obj_drop(own);
	bpf_obj_drop(container_of(out, struct item, l));
	return 0;
}

/* or it is another object. */
SEC("?tc")
int known_of_another_node(struct __sk_buff *ctx)
{
	struct roots *v = roots(0);
	struct item *e;
	struct bpf_list_node *front, *out;

	if (!v)
		return 1;
	e = lock_and_read(v);
	if (!e)
		return unlocked(v);
	front = bpf_list_front(&v->list);
	if (front && bpf_list_owns_node(&v->list, front)) {
		out = bpf_list_del(&v->list, &e->l);
		return drop_out(v, out);
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int without_the_lock(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);
	struct roots *v = roots(0);

	if (!n)
		return 1;
	key = v ? bpf_list_owns_node(&v->list, &n->l) : 0;
	bpf_obj_drop(n);
	return 0;
}
