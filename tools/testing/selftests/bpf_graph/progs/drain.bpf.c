// SPDX-License-Identifier: GPL-2.0
/*
 * An object with a long list or a large tree in it is dropped, on the CPU that
 * runs the program, while a timer interrupt on the same CPU looks every time
 * how many of the nodes still name the root as their owner.
 */
#include "graph.bpf.h"
#include "../drain.h"

struct item {
	struct bpf_list_node l;
};

struct leaf {
	struct bpf_rb_node r;
	__u32 key;
};

struct queue {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(item, l);
};

struct tree {
	struct bpf_spin_lock lock;
	struct bpf_rb_root root __contains(leaf, r);
};

struct slot {
	struct queue __kptr * queue;
	struct tree __kptr * tree;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

__u32 nodes;		/* in the list or tree, so far */
__u32 batch;		/* to be added by one run of fill_* */
__u32 step;		/* every so many nodes, one is looked at */
__u64 owner_addr;	/* what the owner word of a linked node says */
__u64 owner_word[NR_MARKS];	/* where it is */

bool draining;
__u32 linked;		/* of those looked at, at the last interrupt */
__u32 samples;		/* interrupts during the drain */
__u32 largest;		/* most that changed hands between two of them */
__u64 last_ns, longest_ns;	/* for information only */

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, r)->key < container_of(b, struct leaf, r)->key;
}

/* Remember the @nodes'th node's owner word, if it is one to be looked at. */
static __always_inline void mark(__u64 addr)
{
	if (step && !(nodes % step))
		owner_word[nodes / step % NR_MARKS] = addr;
}

SEC("tc")
int fill_list(struct __sk_buff *ctx)
{
	struct queue *q = NULL;
	struct slot *slot;
	struct item *it;
	int i, key = 0;

	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	q = bpf_kptr_xchg(&slot->queue, NULL);
	if (!q)
		q = bpf_obj_new(struct queue);
	if (!q)
		return 0;
	owner_addr = (__u64)&q->head;
	bpf_for(i, 0, batch) {
		it = bpf_obj_new(struct item);
		if (!it)
			break;
		mark((__u64)&it->l + offsetof(struct bpf_list_node_kern, owner));
		nodes++;
		bpf_spin_lock(&q->lock);
		bpf_list_push_back(&q->head, &it->l);
		bpf_spin_unlock(&q->lock);
	}
	q = bpf_kptr_xchg(&slot->queue, q);
	if (q)
		bpf_obj_drop(q);
	return 0;
}

SEC("tc")
int fill_tree(struct __sk_buff *ctx)
{
	struct tree *t = NULL;
	struct slot *slot;
	struct leaf *leaf;
	int i, key = 0;

	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	t = bpf_kptr_xchg(&slot->tree, NULL);
	if (!t)
		t = bpf_obj_new(struct tree);
	if (!t)
		return 0;
	owner_addr = (__u64)&t->root;
	bpf_for(i, 0, batch) {
		leaf = bpf_obj_new(struct leaf);
		if (!leaf)
			break;
		leaf->key = nodes * 2654435761U;
		mark((__u64)&leaf->r + offsetof(struct bpf_rb_node_kern, owner));
		nodes++;
		bpf_spin_lock(&t->lock);
		bpf_rbtree_add(&t->root, &leaf->r, less);
		bpf_spin_unlock(&t->lock);
	}
	t = bpf_kptr_xchg(&slot->tree, t);
	if (t)
		bpf_obj_drop(t);
	return 0;
}

/* A freed node's memory stays mapped and never says owner_addr again. */
static __always_inline __u32 count_linked(void)
{
	__u32 n = 0;
	__u64 owner, addr;
	__u32 i;

	bpf_for(i, 0, NR_MARKS) {
		addr = owner_word[i % NR_MARKS];
		if (bpf_probe_read_kernel(&owner, sizeof(owner), (void *)addr))
			continue;
		if (owner == owner_addr)
			n++;
	}
	return n;
}

static __always_inline void look(void)
{
	__u32 n = count_linked();
	__u64 now = bpf_ktime_get_ns();

	if (linked - n > largest)
		largest = linked - n;
	if (now - last_ns > longest_ns)
		longest_ns = now - last_ns;
	linked = n;
	last_ns = now;
	samples++;
}

SEC("perf_event")
int sample(void *ctx)
{
	if (draining)
		look();
	return 0;
}

static __always_inline void begin(void)
{
	linked = count_linked();
	last_ns = bpf_ktime_get_ns();
	draining = true;
	barrier();
}

SEC("tc")
int drain_list(struct __sk_buff *ctx)
{
	struct slot *slot;
	struct queue *q;
	int key = 0;

	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	q = bpf_kptr_xchg(&slot->queue, NULL);
	if (!q)
		return 0;
	begin();
	bpf_obj_drop(q);
	barrier();
	draining = false;
	look();
	return 0;
}

SEC("tc")
int drain_tree(struct __sk_buff *ctx)
{
	struct slot *slot;
	struct tree *t;
	int key = 0;

	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	t = bpf_kptr_xchg(&slot->tree, NULL);
	if (!t)
		return 0;
	begin();
	bpf_obj_drop(t);
	barrier();
	draining = false;
	look();
	return 0;
}
