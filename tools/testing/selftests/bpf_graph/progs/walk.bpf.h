/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hand every node of a list, a tree or the slots to user space as it is in
 * memory. Reads without a lock: nobody else may be at work. Included by
 * shared.bpf.h.
 */
#ifndef _WALK_BPF_H
#define _WALK_BPF_H

struct walk walk;
__u32 walk_end;		/* of those that walk_tree() has found; the verifier need not follow it */

static __always_inline bool walk_node(__u32 i, __u64 addr)
{
	if (i >= MAX_NODES)
		return false;
	walk.nodes[i].addr = addr;
	return !bpf_probe_read_kernel(&walk.nodes[i].raw, sizeof(struct raw_node), (void *)addr);
}

static __always_inline void walk_list(void)
{
	__u64 at = walk.first - offsetof(struct node, l);
	int i;

	bpf_for(i, 0, MAX_NODES) {
		if (!at || at + offsetof(struct node, l) == walk.root || !walk_node(i, at))
			break;
		at = walk.nodes[i].raw.next - offsetof(struct node, l);
		walk.nr = i + 1;
	}
}

static __always_inline void walk_found(__u64 rb)
{
	__u32 end = walk_end;

	if (!rb || end >= MAX_NODES)
		return;
	walk.nodes[end].addr = rb - offsetof(struct node, r);
	walk_end = end + 1;
}

/* Level by level: those found are the queue of those to look into. */
static __always_inline void walk_tree(void)
{
	int i;

	walk_end = 0;
	walk_found(walk.first);
	bpf_for(i, 0, MAX_NODES) {
		struct walk_node *n = &walk.nodes[i];

		if (i >= walk_end || !walk_node(i, n->addr))
			break;
		walk_found(n->raw.left);
		walk_found(n->raw.right);
		walk.nr = i + 1;
	}
}

static __always_inline void walk_slots(void)
{
	struct slot *slot;
	int i, key;

	bpf_for(i, 0, SLOTS) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		if (slot && slot->node && walk_node(walk.nr, (__u64)slot->node))
			walk.nr++;
	}
}

SEC("tc")
int walk_all(struct __sk_buff *ctx)
{
	struct world *w;
	__u64 words[2];

	walk.nr = 0;
	walk.found = 0;
	if (walk.what == WALK_SLOTS) {
		walk_slots();
		return 0;
	}
	w = world_get(walk.world);
	if (!w)
		return 0;
	walk.root = walk.what == WALK_LIST ? (__u64)&w->list : (__u64)&w->tree;
	if (bpf_probe_read_kernel(words, sizeof(words), (void *)walk.root))
		return 0;
	walk.found = 1;
	walk.first = words[0];
	walk.second = words[1];
	if (walk.what == WALK_LIST)
		walk_list();
	else
		walk_tree();
	return 0;
}

#endif
