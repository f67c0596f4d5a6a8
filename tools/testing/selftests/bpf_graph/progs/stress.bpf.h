/* SPDX-License-Identifier: GPL-2.0 */
/* Many random operations per run, on the nodes and worlds of shared.bpf.h. */
#include "shared.bpf.h"

__u32 batch = 256;		/* operations per run */
__u32 seeds[MAX_THREADS];
__u32 next_id;
struct stress_stats stats[MAX_THREADS];

/* Global functions: each is verified once, by itself. */
__noinline int op_new(__u32 slot_nr, __u32 key)
{
	struct slot *slot = slot_at(slot_nr);
	struct node *n;

	if (!slot)
		return END_NONE;
	n = bpf_obj_new(struct node);
	if (!n)
		return END_NONE;
	n->id = __sync_fetch_and_add(&next_id, 1);
	n->key = key % 64;
	if (!count_object(n)) {
		bpf_obj_drop(n);
		return END_WRONG;
	}
	n = bpf_kptr_xchg(&slot->node, n);
	if (n)
		bpf_obj_drop(n);
	return END_DONE;
}

__noinline int op_drop(__u32 slot_nr)
{
	struct slot *slot = slot_at(slot_nr);
	struct node *n;

	if (!slot)
		return END_NONE;
	n = bpf_kptr_xchg(&slot->node, NULL);
	if (!n)
		return END_NONE;
	bpf_obj_drop(n);
	return END_DONE;
}

__noinline int op_add(__u32 world_nr, __u32 slot_nr, __u32 front)
{
	struct world *w = world_get(world_nr);
	struct node *n = slot_node(slot_nr);
	int ret;

	if (!n)
		return END_NONE;
	if (!w) {
		bpf_obj_drop(n);
		return END_NONE;
	}
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return END_LOCK;
	}
	if (front & 1)
		ret = bpf_list_push_front(&w->list, &n->l);
	else
		ret = bpf_list_push_back(&w->list, &n->l);
	UNLOCK(&w->lock);
	return ret ? END_REFUSED : END_DONE;
}

__noinline int op_add_after(__u32 world_nr, __u32 slot_nr, __u32 behind)
{
	struct node *n, *prev;
	struct world *w;
	int ret;

	w = world_get(world_nr);
	if (!w)
		return END_NONE;
	prev = slot_node(behind);
	if (!prev)
		return END_NONE;
	n = slot_node(slot_nr);
	if (!n) {
		bpf_obj_drop(prev);
		return END_NONE;
	}
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(prev);
		bpf_obj_drop(n);
		return END_LOCK;
	}
	ret = bpf_list_add(&w->list, &n->l, &prev->l);
	UNLOCK(&w->lock);
	bpf_obj_drop(prev);
	return ret ? END_REFUSED : END_DONE;
}

__noinline int op_del(__u32 world_nr, __u32 slot_nr)
{
	struct world *w = world_get(world_nr);
	struct bpf_list_node *l;
	struct node *n;

	if (!w)
		return END_NONE;
	n = slot_node(slot_nr);
	if (!n)
		return END_NONE;
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return END_LOCK;
	}
	l = bpf_list_del(&w->list, &n->l);
	UNLOCK(&w->lock);
	/* If it was there, that was the same node. */
	if (l && container_of(l, struct node, l)->id != n->id) {
		bpf_obj_drop(container_of(l, struct node, l));
		bpf_obj_drop(n);
		return END_WRONG;
	}
	bpf_obj_drop(n);
	if (!l)
		return END_REFUSED;
	bpf_obj_drop(container_of(l, struct node, l));
	return END_DONE;
}

/* Out of one list; into the other one, if @move. */
__noinline int op_pop(__u32 world_nr, __u32 front, __u32 move)
{
	struct world *w = world_get(world_nr), *to = world_get(world_nr + 1);
	struct bpf_list_node *l;
	struct node *n;
	int ret;

	if (!w || !to)
		return END_NONE;
	if (!LOCK(&w->lock))
		return END_LOCK;
	if (front & 1)
		l = bpf_list_pop_front(&w->list);
	else
		l = bpf_list_pop_back(&w->list);
	UNLOCK(&w->lock);
	if (!l)
		return END_NONE;
	n = container_of(l, struct node, l);
	if (!move) {
		bpf_obj_drop(n);
		return END_DONE;
	}
	if (!LOCK(&to->lock)) {
		bpf_obj_drop(n);
		return END_REFUSED;
	}
	ret = bpf_list_push_back(&to->list, &n->l);
	UNLOCK(&to->lock);
	return ret ? END_REFUSED : END_DONE;
}

__noinline int op_rb_add(__u32 world_nr, __u32 slot_nr)
{
	struct world *w = world_get(world_nr);
	struct node *n;
	int ret;

	if (!w)
		return END_NONE;
	n = slot_node(slot_nr);
	if (!n)
		return END_NONE;
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return END_LOCK;
	}
	ret = bpf_rbtree_add(&w->tree, &n->r, less);
	UNLOCK(&w->lock);
	return ret ? END_REFUSED : END_DONE;
}

__noinline int op_rb_remove(__u32 world_nr, __u32 slot_nr)
{
	struct world *w = world_get(world_nr);
	struct bpf_rb_node *r;
	struct node *n;

	if (!w)
		return END_NONE;
	n = slot_node(slot_nr);
	if (!n)
		return END_NONE;
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return END_LOCK;
	}
	r = bpf_rbtree_remove(&w->tree, &n->r);
	UNLOCK(&w->lock);
	if (r && container_of(r, struct node, r)->id != n->id) {
		bpf_obj_drop(container_of(r, struct node, r));
		bpf_obj_drop(n);
		return END_WRONG;
	}
	bpf_obj_drop(n);
	if (!r)
		return END_REFUSED;
	bpf_obj_drop(container_of(r, struct node, r));
	return END_DONE;
}

__noinline int op_rb_pop(__u32 world_nr, __u32 move)
{
	struct world *w = world_get(world_nr), *to = world_get(world_nr + 1);
	struct bpf_rb_node *first, *r = NULL;
	struct node *n;
	int ret;

	if (!w || !to)
		return END_NONE;
	if (!LOCK(&w->lock))
		return END_LOCK;
	first = bpf_rbtree_first(&w->tree);
	if (!first) {
		UNLOCK(&w->lock);
		return END_NONE;
	}
	r = bpf_rbtree_remove(&w->tree, first);
	UNLOCK(&w->lock);
	if (!r)
		return END_WRONG;
	n = container_of(r, struct node, r);
	if (!move) {
		bpf_obj_drop(n);
		return END_DONE;
	}
	if (!LOCK(&to->lock)) {
		bpf_obj_drop(n);
		return END_REFUSED;
	}
	ret = bpf_rbtree_add(&to->tree, &n->r, less);
	UNLOCK(&to->lock);
	return ret ? END_REFUSED : END_DONE;
}

/* What can be taken is put in; the rest shows that others hold it. */
__noinline int op_bag(__u32 slot_nr)
{
	struct bag *bag = bpf_obj_new(struct bag);
	int i, ret = END_REFUSED;
	struct node *n;

	if (!bag)
		return END_NONE;
	if (!count_object(bag)) {
		bpf_obj_drop(bag);
		return END_WRONG;
	}
	bpf_for(i, 0, 6) {
		n = slot_node(slot_nr + i);
		if (!n)
			continue;
		if (!LOCK(&bag->lock)) {
			bpf_obj_drop(n);
			continue;
		}
		if (i & 1)
			ret = bpf_rbtree_add(&bag->tree, &n->r, less) ? ret : END_DONE;
		else
			ret = bpf_list_push_back(&bag->list, &n->l) ? ret : END_DONE;
		UNLOCK(&bag->lock);
	}
	bpf_obj_drop(bag);
	return ret;
}

/* Nothing changes; what is seen under the lock must fit together. */
__noinline int op_look(__u32 world_nr)
{
	struct world *w = world_get(world_nr);
	struct bpf_list_node *front, *back;
	struct bpf_rb_node *r, *next;
	int ret = END_NONE, key;
	bool empty;

	if (!w)
		return END_NONE;
	if (!LOCK(&w->lock))
		return END_LOCK;
	empty = bpf_list_empty(&w->list);
	front = bpf_list_front(&w->list);
	back = bpf_list_back(&w->list);
	if (front) {
		ret = END_DONE;
		if (empty || !bpf_list_is_first(&w->list, front))
			ret = END_WRONG;
	} else if (!empty) {
		ret = END_WRONG;
	}
	if (back) {
		if (empty || !bpf_list_is_last(&w->list, back))
			ret = END_WRONG;
	} else if (!empty) {
		ret = END_WRONG;
	}
	r = bpf_rbtree_first(&w->tree);
	if (r) {
		key = container_of(r, struct node, r)->key;
		if (bpf_rbtree_left(&w->tree, r))
			ret = END_WRONG;
		next = bpf_rbtree_right(&w->tree, r);
		if (next && container_of(next, struct node, r)->key < key)
			ret = END_WRONG;
		next = bpf_rbtree_root(&w->tree);
		if (!next || container_of(next, struct node, r)->key < key)
			ret = END_WRONG;
	} else if (bpf_rbtree_root(&w->tree)) {
		ret = END_WRONG;
	}
	UNLOCK(&w->lock);
	return ret;
}

/*
 * Which operation for which of 64 numbers. There are few new nodes, and as many
 * ways out as in: half of the slots' nodes are in a list, a third in a tree.
 */
static const unsigned char mix[64] = {
	[0 ... 2] = S_NEW, [3] = S_DROP,
	[4 ... 13] = S_ADD, [14 ... 19] = S_ADD_AFTER,
	[20 ... 28] = S_DEL, [29 ... 32] = S_POP, [33 ... 36] = S_MOVE,
	[37 ... 44] = S_RB_ADD,
	[45 ... 51] = S_RB_REMOVE, [52 ... 56] = S_RB_POP, [57 ... 59] = S_RB_MOVE,
	[60] = S_BAG, [61 ... 63] = S_LOOK,
};

static __always_inline int one(__u32 op, __u32 a, __u32 b)
{
	switch (op) {
	case S_NEW:
		return op_new(a, b);
	case S_DROP:
		return op_drop(a);
	case S_ADD:
		return op_add(b, a, b >> 1);
	case S_ADD_AFTER:
		return op_add_after(b, a, b >> 1);
	case S_DEL:
		return op_del(b, a);
	case S_POP:
		return op_pop(b, a, 0);
	case S_MOVE:
		return op_pop(b, a, 1);
	case S_RB_ADD:
		return op_rb_add(b, a);
	case S_RB_REMOVE:
		return op_rb_remove(b, a);
	case S_RB_POP:
		return op_rb_pop(b, 0);
	case S_RB_MOVE:
		return op_rb_pop(b, 1);
	case S_BAG:
		return op_bag(a);
	default:
		return op_look(b);
	}
}

/* @batch operations of thread number ctx->mark. */
static __always_inline int operate(struct __sk_buff *ctx)
{
	__u32 thread = ctx->mark % MAX_THREADS;
	__u32 op, a, b, end, x = seeds[thread];
	int i;

	bpf_for(i, 0, batch) {
		x = x * 1103515245 + 12345;
		op = mix[x >> 26];
		a = (x >> 16) & 0x3ff;
		x = x * 1103515245 + 12345;
		b = x >> 16;
		end = one(op, a, b);
		/* clang knows what these can be, the verifier does not. */
		barrier_var(op);
		barrier_var(end);
		if (op < NR_STRESS_OPS && end < NR_ENDS)
			stats[thread].n[op][end]++;
	}
	seeds[thread] = x;
	return 0;
}

SEC("tc")
int stress(struct __sk_buff *ctx)
{
	return operate(ctx);
}

/* Empty the slots. */
SEC("tc")
int forget_all(struct __sk_buff *ctx)
{
	int i;

	bpf_for(i, 0, SLOTS)
		op_drop(i);
	return 0;
}
