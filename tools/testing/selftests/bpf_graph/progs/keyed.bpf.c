// SPDX-License-Identifier: GPL-2.0
/*
 * Trees in the order of a declared key: one of each kind. Programs act on the
 * tree @which with what they find in @in, and leave what they found in @out.
 */
#include "graph.bpf.h"
#include "../keyed.h"

struct item {
	struct bpf_rb_node r;
	__u64 id;
	__u32 u32_first;
	__s32 s32_first;
	__s64 s64_first;
	const __u64 u64_first;
};

struct shared {
	struct bpf_refcount ref;
	__s32 first;
	struct bpf_rb_node r;
	__u64 second;
	__u64 id;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_rb_root by_u32 __contains(item, r) __key(u32_first);
	struct bpf_rb_root by_s32 __contains(item, r) __key(s32_first);
	struct bpf_rb_root by_u64 __contains(item, r) __key(u64_first);
	struct bpf_rb_root by_s64 __contains(item, r) __key(s64_first);
	struct bpf_rb_root by_two __contains(shared, r) __keys(first, second);
	struct bpf_rb_root unkeyed __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

PRIVATE(roots) struct bpf_spin_lock lock;
PRIVATE(roots) struct bpf_rb_root global __contains(item, r) __key(u64_first);

struct keyed_in in;
__u64 out;

static bool by_id(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, r)->id < container_of(b, struct item, r)->id;
}

static struct item *make(void)
{
	struct item *n = bpf_obj_new(struct item);

	if (!n)
		return NULL;
	n->id = in.id;
	n->u32_first = in.first;
	n->s32_first = in.first;
	n->s64_first = in.first;
	*(__u64 *)&n->u64_first = in.first;
	return n;
}

/* What a search finds, by @id_of. */
#define SEARCH(root, id_of)							\
({										\
	struct bpf_rb_node *r_;							\
										\
	switch (in.op) {							\
	case KEYED_FIND:							\
		r_ = bpf_rbtree_find_key(root, in.first, in.second);		\
		break;								\
	case KEYED_LOWER:							\
		r_ = bpf_rbtree_lower_bound_key(root, in.first, in.second);	\
		break;								\
	default:								\
		r_ = bpf_rbtree_upper_bound_key(root, in.first, in.second);	\
	}									\
	out = r_ ? id_of(r_) : KEYED_NONE;					\
})

#define ITEM_ID(node)	(container_of(node, struct item, r)->id)
#define SHARED_ID(node)	(container_of(node, struct shared, r)->id)

/* The first node is taken out, and its object dropped. */
#define POP(root, type, lock)							\
({										\
	struct bpf_rb_node *r_;							\
	struct type *n_ = NULL;							\
										\
	bpf_spin_lock(lock);							\
	r_ = bpf_rbtree_first(root);						\
	if (r_)									\
		r_ = bpf_rbtree_remove(root, r_);				\
	bpf_spin_unlock(lock);							\
	out = KEYED_NONE;							\
	if (r_) {								\
		n_ = container_of(r_, struct type, r);				\
		out = n_->id;							\
		bpf_obj_drop(n_);						\
	}									\
})

/* One tree of items; each has programs of its own, as a call knows one key. */
#define TREE(name, root, lock, LOOKUP)						\
SEC("tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct roots *w;							\
	struct item *n;								\
	int key = 0;								\
										\
	LOOKUP;									\
	if (in.op == KEYED_ADD) {						\
		n = make();							\
		if (!n)								\
			return 2;						\
		bpf_spin_lock(lock);						\
		out = bpf_rbtree_add_key(root, &n->r);				\
		bpf_spin_unlock(lock);						\
	} else if (in.op == KEYED_POP) {					\
		POP(root, item, lock);						\
	} else {								\
		bpf_spin_lock(lock);						\
		SEARCH(root, ITEM_ID);						\
		bpf_spin_unlock(lock);						\
	}									\
	return 0;								\
}

#define IN_MAP									\
do {										\
	w = bpf_map_lookup_elem(&maps, &key);					\
	if (!w)									\
		return 1;							\
} while (0)

TREE(by_u32, &w->by_u32, &w->lock, IN_MAP)
TREE(by_s32, &w->by_s32, &w->lock, IN_MAP)
TREE(by_u64, &w->by_u64, &w->lock, IN_MAP)
TREE(by_s64, &w->by_s64, &w->lock, IN_MAP)
TREE(in_global, &global, &lock, (void)w; (void)key)

SEC("tc")
int by_two(struct __sk_buff *ctx)
{
	struct shared *n, *m;
	struct roots *w;
	int key = 0;

	IN_MAP;
	if (in.op == KEYED_ADD) {
		n = bpf_obj_new(struct shared);
		if (!n)
			return 2;
		n->first = in.first;
		n->second = in.second;
		n->id = in.id;
		m = bpf_refcount_acquire(n);
		bpf_spin_lock(&w->lock);
		out = bpf_rbtree_add_key(&w->by_two, &n->r);
		/* It is there: this one is refused, and gives its reference up. */
		if (bpf_rbtree_add_key(&w->by_two, &m->r) != -22)
			out = 1;
		bpf_spin_unlock(&w->lock);
	} else if (in.op == KEYED_POP) {
		POP(&w->by_two, shared, &w->lock);
	} else {
		bpf_spin_lock(&w->lock);
		SEARCH(&w->by_two, SHARED_ID);
		bpf_spin_unlock(&w->lock);
	}
	return 0;
}

/* What must not load, each alone. */
SEC("?tc")
int add_without_key(struct __sk_buff *ctx)
{
	struct roots *w;
	struct item *n;
	int key = 0;

	IN_MAP;
	n = make();
	if (!n)
		return 2;
	bpf_spin_lock(&w->lock);
	bpf_rbtree_add_key(&w->unkeyed, &n->r);
	bpf_spin_unlock(&w->lock);
	return 0;
}

SEC("?tc")
int find_without_key(struct __sk_buff *ctx)
{
	struct roots *w;
	int key = 0;

	IN_MAP;
	bpf_spin_lock(&w->lock);
	bpf_rbtree_find_key(&w->unkeyed, 1, 0);
	bpf_spin_unlock(&w->lock);
	return 0;
}

SEC("?tc")
int callback_with_key(struct __sk_buff *ctx)
{
	struct roots *w;
	struct item *n;
	int key = 0;

	IN_MAP;
	n = make();
	if (!n)
		return 2;
	bpf_spin_lock(&w->lock);
	bpf_rbtree_add(&w->by_u64, &n->r, by_id);
	bpf_spin_unlock(&w->lock);
	return 0;
}

SEC("?tc")
int find_without_lock(struct __sk_buff *ctx)
{
	struct roots *w;
	int key = 0;

	IN_MAP;
	bpf_rbtree_find_key(&w->by_u64, 1, 0);
	return 0;
}

/* What is found ends with the lock. */
SEC("?tc")
int found_after_unlock(struct __sk_buff *ctx)
{
	struct bpf_rb_node *r;
	struct roots *w;
	int key = 0;

	IN_MAP;
	bpf_spin_lock(&w->lock);
	r = bpf_rbtree_find_key(&w->by_u64, 1, 0);
	bpf_spin_unlock(&w->lock);
	if (r)
		out = ITEM_ID(r);
	return 0;
}

/* One call for trees with different keys. */
SEC("?tc")
int two_keys(struct __sk_buff *ctx)
{
	struct bpf_rb_root *root;
	struct bpf_rb_node *r;
	struct roots *w;
	int key = 0;

	IN_MAP;
	bpf_spin_lock(&w->lock);
	if (ctx->len & 1) {
		root = &w->by_u64;
		barrier_var(root);
	} else {
		root = &w->by_s64;
		barrier_var(root);
	}
	r = bpf_rbtree_find_key(root, 1, 0);
	if (r)
		out = ITEM_ID(r);
	bpf_spin_unlock(&w->lock);
	return 0;
}

/* The callback form is as it was. */
SEC("tc")
int unkeyed(struct __sk_buff *ctx)
{
	struct roots *w;
	struct item *n;
	int key = 0;

	IN_MAP;
	n = make();
	if (!n)
		return 2;
	bpf_spin_lock(&w->lock);
	out = bpf_rbtree_add(&w->unkeyed, &n->r, by_id);
	bpf_spin_unlock(&w->lock);
	return 0;
}
