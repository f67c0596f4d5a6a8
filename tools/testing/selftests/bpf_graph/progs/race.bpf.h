/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interleavings of the 2022 discussion of shared ownership: two CPUs, two
 * locks, one node. Both sides run the same program; they meet before each round
 * and after it, and in between side 0 looks at every word of the node, the heads
 * and the roots.
 */
#include "graph.bpf.h"
#include "bpf_atomic.h"
#include "../race.h"

struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
};

struct world {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct world);
	__uint(max_entries, 2);
} worlds SEC(".maps");

struct slot {
	struct node __kptr * node;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

#define PATIENCE	1000000	/* looks for the other side */

__u32 kind, tree, rounds;
struct race_result result;

/* What the sides say to each other: stages are numbered from 1. */
__u32 stage[2], entered[2], left[2], missed;
__u32 got[2], saw[2], seeds[2];

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return a < b;
}

static __always_inline struct world *world_get(int which)
{
	return bpf_map_lookup_elem(&worlds, &which);
}

static __always_inline struct node *slot_node(void)
{
	struct slot *slot;
	struct node *n;
	int key = 0;

	slot = bpf_map_lookup_elem(&slots, &key);
	n = slot ? slot->node : NULL;
	return n ? bpf_refcount_acquire(n) : NULL;
}

/* True if the node was added. */
__noinline int add(int which)
{
	struct world *w = world_get(which);
	struct node *n;
	int ret;

	if (!w)
		return 0;
	n = slot_node();
	if (!n)
		return 0;
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return 0;
	}
	if (tree)
		ret = bpf_rbtree_add(&w->tree, &n->r, less);
	else
		ret = bpf_list_push_back(&w->list, &n->l);
	UNLOCK(&w->lock);
	return !ret;
}

/* True if the node was removed. */
__noinline int del(int which)
{
	struct world *w = world_get(which);
	struct bpf_list_node *l = NULL;
	struct bpf_rb_node *r = NULL;
	struct node *n;

	if (!w)
		return 0;
	n = slot_node();
	if (!n)
		return 0;
	if (!LOCK(&w->lock)) {
		bpf_obj_drop(n);
		return 0;
	}
	if (tree)
		r = bpf_rbtree_remove(&w->tree, &n->r);
	else
		l = bpf_list_del(&w->list, &n->l);
	UNLOCK(&w->lock);
	bpf_obj_drop(n);
	if (l)
		bpf_obj_drop(container_of(l, struct node, l));
	if (r)
		bpf_obj_drop(container_of(r, struct node, r));
	return l || r;
}

static __always_inline bool read_words(__u64 *words, __u32 size, const void *from)
{
	return !bpf_probe_read_kernel(words, size, from);
}

/* The root that world @which has, and its two words, or 0. */
static __always_inline __u64 root_of(int which, __u64 words[2])
{
	struct world *w = world_get(which);
	void *root;

	if (!w)
		return 0;
	root = tree ? (void *)&w->tree : (void *)&w->list;
	return read_words(words, 16, root) ? (__u64)root : 0;
}

/*
 * Is the node in world @where, or in none for -1, and everything as it should
 * be? Returns 0 or the line that says no.
 */
__noinline int check(int where)
{
	__u64 words[2][2], link[3], rb[4], root[2], owner, at;
	int i, refs, key = 0;
	struct slot *slot;
	struct node *n;

	slot = bpf_map_lookup_elem(&slots, &key);
	n = slot ? slot->node : NULL;
	if (!n)
		return __LINE__;
	root[0] = root_of(0, words[0]);
	root[1] = root_of(1, words[1]);
	if (!root[0] || !root[1])
		return __LINE__;
	owner = where == 0 ? root[0] : where == 1 ? root[1] : 0;
	if (bpf_probe_read_kernel(&refs, sizeof(refs), &n->ref) || refs != (owner ? 2 : 1))
		return __LINE__;

	at = tree ? (__u64)&n->r : (__u64)&n->l;
	for (i = 0; i < 2; i++) {
		if (root[i] == owner) {
			if (words[i][0] != at || words[i][1] != at)
				return __LINE__;
		} else if (words[i][0] && (tree || words[i][0] != root[i])) {
			return __LINE__;
		} else if (words[i][1] != words[i][0]) {
			return __LINE__;
		}
	}
	if (!tree) {
		if (!read_words(link, sizeof(link), &n->l))
			return __LINE__;
		if (link[0] != (owner ?: at) || link[1] != (owner ?: at))
			return __LINE__;
		return link[2] == owner ? 0 : __LINE__;
	}
	if (!read_words(rb, sizeof(rb), &n->r))
		return __LINE__;
	/* Alone: black, no parent, no children. Free: its own parent. */
	if (owner ? rb[0] != 1 || rb[1] || rb[2] : rb[0] != at)
		return __LINE__;
	return rb[3] == owner ? 0 : __LINE__;
}

/* Tell the other side that we are there and wait for it. */
static __always_inline bool meet(__u32 side, __u32 here)
{
	int i;

	WRITE_ONCE(stage[side], here);
	bpf_for(i, 0, PATIENCE) {
		if (READ_ONCE(missed))
			return false;
		if (READ_ONCE(stage[!side]) >= here)
			return true;
	}
	WRITE_ONCE(missed, 1);
	return false;
}

/* A side's part of the round; @here makes it known from others. */
static __always_inline void act(__u32 side, __u32 here)
{
	__u32 x = seeds[side] * 1103515245 + 12345;
	int i;

	seeds[side] = x;
	bpf_for(i, 0, (x >> 16) & 63)
		barrier();

	WRITE_ONCE(entered[side], here);
	if (kind == RACE_ADD_ADD || (kind == RACE_ADD_REMOVE && !side))
		got[side] = add(kind == RACE_ADD_ADD ? side : 1);
	else
		got[side] = del(0);
	saw[side] = READ_ONCE(entered[!side]) == here && READ_ONCE(left[!side]) != here;
	WRITE_ONCE(left[side], here);
}

/* Where the node must be after a round; -2 if that cannot be. */
static __always_inline int outcome(void)
{
	switch (kind) {
	case RACE_ADD_REMOVE:
		/* It was in world 0 and nobody else takes it out. */
		return !got[1] ? -2 : got[0] ? 1 : -1;
	case RACE_ADD_ADD:
		return got[0] == got[1] ? -2 : got[0] ? 0 : 1;
	default:
		return got[0] == got[1] ? -2 : -1;
	}
}

/* After a round, side 0: look, count, take the node out of where it is. */
static __always_inline void conclude(void)
{
	int i, line, where = outcome();

	line = where == -2 ? __LINE__ : check(where);
	if (line) {
		if (!result.wrong++)
			result.why = line;
	}
	for (i = 0; i < 2; i++) {
		if (got[i])
			result.won[i]++;
		else
			result.lost[i]++;
	}
	result.overlaps += saw[0] || saw[1];
	result.rounds++;
	del(0);
	del(1);
}

SEC("tc")
int race(struct __sk_buff *ctx)
{
	__u32 side = ctx->mark & 1, here = 0;
	int i;

	bpf_for(i, 0, rounds) {
		if (!side && kind != RACE_ADD_ADD)
			add(0);
		if (!meet(side, ++here))
			break;
		act(side, here);
		if (!meet(side, ++here))
			break;
		if (!side)
			conclude();
	}
	return 0;
}

/* A new node, in nothing; the words that the sides use at their beginning. */
SEC("tc")
int prepare(struct __sk_buff *ctx)
{
	struct slot *slot;
	struct node *n;
	int i, key = 0;

	result.missed += missed;
	missed = 0;
	for (i = 0; i < 2; i++) {
		stage[i] = 0;
		entered[i] = 0;
		left[i] = 0;
	}
	del(0);
	del(1);
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	n = bpf_obj_new(struct node);
	if (!n)
		return 1;
	if (!count_object(n)) {
		bpf_obj_drop(n);
		return 1;
	}
	n = bpf_kptr_xchg(&slot->node, n);
	if (n)
		bpf_obj_drop(n);
	return 0;
}
