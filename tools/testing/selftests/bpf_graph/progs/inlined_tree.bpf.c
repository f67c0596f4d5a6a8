// SPDX-License-Identifier: GPL-2.0
/*
 * Insertions into trees, where the way down can become a part of the program. Each
 * program fills the tree and empties it again from the left, and leaves in @order
 * the keys it found, as digits of an octal number.
 */
#include "graph.bpf.h"

#define KEYS 8

/* Of the stack, which has 64. */
#define WORDS 44

struct node {
	struct bpf_rb_node r;
	__u64 key;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_rb_root tree __contains(node, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

__u64 order, compared, changed;
bool down;
const bool dead;

/* In an order that has all turns of a tree in it. */
static __u64 key_at(__u64 i)
{
	return (5 * i + 3) % KEYS;
}

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

static bool more(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key > container_of(b, struct node, r)->key;
}

static struct node *new_node(__u64 key)
{
	struct node *n = bpf_obj_new(struct node);

	if (n)
		n->key = key;
	return n;
}

static __u64 empty(struct roots *w, struct bpf_rb_root *tree)
{
	__u64 found = 0;
	int i;

	bpf_for(i, 0, 2 * KEYS) {
		struct bpf_rb_node *r;
		struct node *n;

		bpf_spin_lock(&w->lock);
		r = bpf_rbtree_first(tree);
		if (r)
			r = bpf_rbtree_remove(tree, r);
		bpf_spin_unlock(&w->lock);
		if (!r)
			break;
		n = container_of(r, struct node, r);
		found = 8 * found + (n->key & 7);
		bpf_obj_drop(n);
	}
	return found;
}

static struct roots *roots(void)
{
	int key = 0;

	return bpf_map_lookup_elem(&maps, &key);
}

/* One callback at the call. */
SEC("tc")
int one(struct __sk_buff *ctx)
{
	struct roots *w = roots();
	int i;

	if (!w)
		return 0;
	bpf_for(i, 0, KEYS) {
		struct node *n = new_node(key_at(i));

		if (!n)
			break;
		bpf_spin_lock(&w->lock);
		bpf_rbtree_add(&w->tree, &n->r, less);
		bpf_spin_unlock(&w->lock);
	}
	order = empty(w, &w->tree);
	return 0;
}

/* Two of them, by two paths: whom to call is not known before. */
SEC("tc")
int either(struct __sk_buff *ctx)
{
	bool (*before)(struct bpf_rb_node *a, const struct bpf_rb_node *b) = less;
	struct roots *w = roots();
	int i;

	if (!w)
		return 0;
	if (down)
		before = more;
	bpf_for(i, 0, KEYS) {
		struct node *n = new_node(key_at(i));

		if (!n)
			break;
		bpf_spin_lock(&w->lock);
		bpf_rbtree_add(&w->tree, &n->r, before);
		bpf_spin_unlock(&w->lock);
	}
	order = empty(w, &w->tree);
	return 0;
}

static bool less_too(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	compared++;
	return less(a, b);
}

static __noinline int never(struct roots *w)
{
	bpf_spin_lock(&w->lock);
	compared += !bpf_rbtree_first(&w->tree);
	bpf_spin_unlock(&w->lock);
	return 0;
}

/* The function in front of the callback is not there any more when it runs. */
SEC("tc")
int gone(struct __sk_buff *ctx)
{
	struct roots *w = roots();
	const bool *is = &dead;
	int i;

	if (!w)
		return 0;
	/* The compiler is not to know what the verifier does. */
	barrier_var(is);
	if (*is)
		return never(w);
	bpf_for(i, 0, KEYS) {
		struct node *n = new_node(key_at(i));

		if (!n)
			break;
		bpf_spin_lock(&w->lock);
		bpf_rbtree_add(&w->tree, &n->r, less_too);
		bpf_spin_unlock(&w->lock);
	}
	order = empty(w, &w->tree);
	return 0;
}

/* All of the stack and of the registers is in use around the call. */
SEC("tc")
int full(struct __sk_buff *ctx)
{
	__u64 a = bpf_get_prandom_u32(), b = a ^ 1, c = a ^ 2, d = a ^ 3, sum = 0;
	__u64 stack[WORDS];
	struct roots *w = roots();
	struct node *n;
	int i;

	if (!w)
		return 0;
	for (i = 0; i < WORDS; i++)
		stack[i] = a + i;
	asm volatile("" : : "r"(stack) : "memory");
	n = new_node(1);
	if (!n)
		return 0;
	bpf_spin_lock(&w->lock);
	bpf_rbtree_add(&w->tree, &n->r, less);
	bpf_spin_unlock(&w->lock);
	n = new_node(0);
	if (!n)
		return 0;
	bpf_spin_lock(&w->lock);
	barrier_var(a);
	barrier_var(b);
	barrier_var(c);
	barrier_var(d);
	bpf_rbtree_add(&w->tree, &n->r, less_too);
	barrier_var(a);
	barrier_var(b);
	barrier_var(c);
	barrier_var(d);
	bpf_spin_unlock(&w->lock);
	asm volatile("" : : "r"(stack) : "memory");
	for (i = 0; i < WORDS; i++)
		sum += stack[i] - a - i;
	changed = sum + ((b ^ a) - 1) + ((c ^ a) - 2) + ((d ^ a) - 3);
	order = empty(w, &w->tree);
	return 0;
}
