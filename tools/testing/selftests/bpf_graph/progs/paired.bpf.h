/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Items move between the values of a map, under the locks of two. Who has both locks
 * finds each item in one of them, or in the third value. Threads take the two in
 * either order.
 */
#include "graph.bpf.h"
#include "../paired.h"

struct item {
	struct bpf_list_node l;
	int key;
};

struct bag {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(item, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct bag);
	__uint(max_entries, BAGS);
} bags SEC(".maps");

struct paired_seen seen;

static struct bag *bag(int i)
{
	return bpf_map_lookup_elem(&bags, &i);
}

/* Adds how many nodes there are to what is in memory, where the verifier does not follow. */
static void count(struct bpf_list_head *head, int *found)
{
	struct bpf_list_node *n;

	for (n = bpf_list_front(head); n && can_loop; n = bpf_list_next(head, n))
		(*found)++;
}

int found[2];

/* All items are in the first value. */
SEC("tc")
int fill(struct __sk_buff *ctx)
{
	struct bag *v = bag(0);
	int i;

	if (!v)
		return 1;
	bpf_for(i, 0, ITEMS) {
		struct item *n = bpf_obj_new(struct item);

		if (!n)
			return 2;
		if (!LOCK(&v->lock)) {
			bpf_obj_drop(n);
			return 3;
		}
		bpf_list_push_back(&v->list, &n->l);
		UNLOCK(&v->lock);
	}
	return 0;
}

/* Thread 0 moves between values 0 and 1 the one way round, thread 1 the other. */
SEC("tc")
int swing(struct __sk_buff *ctx)
{
	int from = ctx->mark & 1, to = bpf_get_prandom_u32() % 8 ? !from : from;
	struct bag *v = bag(from), *w = bag(to);
	struct bpf_list_node *n;

	if (!v || !w)
		return 1;
	if (!LOCK_DOUBLE(&v->lock, &w->lock)) {
		__sync_fetch_and_add(&seen.refused, 1);
		return 0;
	}
	if (to == from) {
		__sync_fetch_and_add(&seen.same, 1);
	} else {
		found[from] = 0;
		count(&v->list, &found[from]);
		count(&w->list, &found[from]);
		if (found[from] != ITEMS)
			__sync_fetch_and_add(&seen.wrong, 1);
	}
	n = bpf_list_front(&v->list);
	if (n && bpf_list_move_back(&v->list, n, &w->list) && to != from)
		__sync_fetch_and_add(&seen.moved, 1);
	/* In whichever order they are named. */
	UNLOCK_DOUBLE(&w->lock, &v->lock);
	return 0;
}
