/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nodes that several threads share: through the slots, which keep a reference to
 * each, and through what two worlds hold, each with a lock, a list and a tree of
 * its own.
 */
#ifndef _SHARED_BPF_H
#define _SHARED_BPF_H

#include "graph.bpf.h"
#include "../stress.h"

struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
	__u32 id;
	__u32 key;
};

struct world {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
};

/*
 * A world can go in two ways while others are at work. If its map is replaced,
 * it is drained. If only the element is deleted, what is in it stays until the
 * next user of the memory, or the end of the map (7.3).
 */
struct world_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct world);
	__uint(max_entries, 4);
} world_type SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__type(key, int);
	__type(value, int);
	__uint(max_entries, WORLDS);
	__array(values, struct world_map);
} worlds SEC(".maps");

struct slot {
	struct node __kptr * node;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, SLOTS);
} slots SEC(".maps");

/* An object with roots: dropping it drains them, on this CPU. */
struct bag {
	LOCK_TYPE lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
	struct task_struct __kptr * counted;
};

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

static __always_inline struct world *world_get(__u32 which)
{
	int key = which % WORLDS, zero = 0;
	void *map = bpf_map_lookup_elem(&worlds, &key);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

static __always_inline struct slot *slot_at(__u32 which)
{
	int key = which % SLOTS;

	return bpf_map_lookup_elem(&slots, &key);
}

/* A reference to the node in a slot, which stays there. */
static __always_inline struct node *slot_node(__u32 which)
{
	struct slot *slot = slot_at(which);
	struct node *n;

	if (!slot)
		return NULL;
	n = slot->node;
	return n ? bpf_refcount_acquire(n) : NULL;
}

#include "walk.bpf.h"

#endif
