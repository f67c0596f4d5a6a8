// SPDX-License-Identifier: GPL-2.0
/*
 * Searches by a comparison of the program's own. Each program leaves in @found what
 * it has found for @when and @rank: time and rank, as 10 * time + rank.
 */
#include "graph.bpf.h"
#include "../found.h"

struct item {
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	int when;
	int rank;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_rb_root tree __contains(item, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

struct wanted {
	int when;
	int rank;
};

int when, rank, found, compared;
const int eight = 8;

#define ITEM(node) container_of(node, struct item, r)

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	const struct item *x = ITEM(a), *y = ITEM(b);

	return x->when != y->when ? x->when < y->when : x->rank < y->rank;
}

/* Short enough to be copied; the key is a scalar. */
static int by_time(const void *key, const struct bpf_rb_node *node)
{
	return *(const int *)key - ITEM(node)->when;
}

/* By more than one integer, and with an access that keeps it from being copied. */
static int by_both(const void *key, const struct bpf_rb_node *node)
{
	const struct wanted *k = key;
	const struct item *i = ITEM(node);

	compared++;
	if (k->when != i->when)
		return k->when < i->when ? -1 : 1;
	return k->rank < i->rank ? -1 : k->rank > i->rank;
}

static struct roots *roots(void)
{
	int key = 0;

	return bpf_map_lookup_elem(&maps, &key);
}

SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int i;

	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *n = bpf_obj_new(struct item);

		if (!n)
			return 2;
		/* In no order. */
		n->when = (5 * i) % ITEMS & ~1;
		n->rank = (5 * i) % ITEMS & 1;
		bpf_spin_lock(&v->lock);
		bpf_rbtree_add(&v->tree, &n->r, less);
		bpf_spin_unlock(&v->lock);
	}
	return 0;
}

#define SEARCH(name, what, type, cmp)						\
SEC("tc")									\
int name(struct __sk_buff *ctx)							\
{										\
	struct roots *v = roots();						\
	struct wanted key = { when, rank };					\
	struct bpf_rb_node *n;							\
										\
	if (!v)									\
		return 1;							\
	bpf_spin_lock(&v->lock);						\
	n = what(&v->tree, &key, sizeof(type), cmp);				\
	found = n ? 10 * ITEM(n)->when + ITEM(n)->rank : NOTHING;		\
	bpf_spin_unlock(&v->lock);						\
	return 0;								\
}

SEARCH(find_time, bpf_rbtree_find, int, by_time)
SEARCH(lower_time, bpf_rbtree_lower_bound, int, by_time)
SEARCH(upper_time, bpf_rbtree_upper_bound, int, by_time)
SEARCH(find_both, bpf_rbtree_find, struct wanted, by_both)
SEARCH(lower_both, bpf_rbtree_lower_bound, struct wanted, by_both)
SEARCH(upper_both, bpf_rbtree_upper_bound, struct wanted, by_both)

/* What is found can be taken out; the key is a constant. */
SEC("tc")
int take_eight(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_rb_node *n;

	if (!v)
		return 1;
	found = NOTHING;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_find(&v->tree, &eight, sizeof(eight), by_time);
	if (n)
		n = bpf_rbtree_remove(&v->tree, n);
	bpf_spin_unlock(&v->lock);
	if (n) {
		found = 10 * ITEM(n)->when + ITEM(n)->rank;
		bpf_obj_drop(ITEM(n));
	}
	return 0;
}

/* What must not load, each alone. */
SEC("?tc")
int without_lock(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int key = 0;

	return v && bpf_rbtree_find(&v->tree, &key, sizeof(key), by_time);
}

SEC("?tc")
int without_key(struct __sk_buff *ctx)
{
	struct roots *v = roots();

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, NULL, 4, by_time);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* The function reads more than the key is long. */
SEC("?tc")
int short_key(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int key = 0;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, &key, sizeof(key), by_both);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* What a callback reads must not be gone; this is no memory at all. */
SEC("?tc")
int key_cast(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct list_head *key;

	if (!v)
		return 1;
	key = bpf_rdonly_cast((void *)8, bpf_core_type_id_kernel(struct list_head));
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, key, 4, by_time);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int key_of_the_kernel(struct __sk_buff *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct roots *v = roots();

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, &task->pid, 4, by_time);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* It is said to be longer than it can be. */
SEC("?tc")
int long_key(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int key = 0;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, &key, 512, by_time);
	bpf_spin_unlock(&v->lock);
	return 0;
}

static int writes(const void *key, const struct bpf_rb_node *node)
{
	*(int *)key = 0;
	return 0;
}

SEC("?tc")
int key_written(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	int key = 0;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_find(&v->tree, &key, sizeof(key), writes);
	bpf_spin_unlock(&v->lock);
	return key;
}

PRIVATE(one) struct bpf_spin_lock lock;
PRIVATE(one) struct bpf_rb_root tree __contains(item, r);

static int removes(const void *key, const struct bpf_rb_node *node)
{
	return !bpf_rbtree_remove(&tree, (struct bpf_rb_node *)node);
}

SEC("?tc")
int node_removed(struct __sk_buff *ctx)
{
	int key = 0;

	bpf_spin_lock(&lock);
	bpf_rbtree_find(&tree, &key, sizeof(key), removes);
	bpf_spin_unlock(&lock);
	return 0;
}

/* What was found is there as long as the lock is held. */
SEC("?tc")
int used_after_unlock(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_rb_node *n;
	int key = 0;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_find(&v->tree, &key, sizeof(key), by_time);
	bpf_spin_unlock(&v->lock);
	return n ? ITEM(n)->when : 0;
}

SEC("?tc")
int unchecked(struct __sk_buff *ctx)
{
	struct roots *v = roots();
	struct bpf_rb_node *n;
	int key = 0;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	n = bpf_rbtree_find(&v->tree, &key, sizeof(key), by_time);
	found = ITEM(n)->when;
	bpf_spin_unlock(&v->lock);
	return 0;
}
