// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that are both in a list and in a tree, large enough for the allocator
 * to have few at hand: for faults.c, which keeps it from getting more.
 */
#include "graph.bpf.h"

struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
	__u32 key;
	char data[1500];
};

struct world {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct world);
	__uint(max_entries, 1);
} worlds SEC(".maps");

/* The same in a hash map, for updates that allocate. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct world);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} hashed SEC(".maps");

#define MAX_LINKED	100000

__u32 want;			/* how many to make */
__u32 made, no_memory, gone;	/* how many of them were, were not, were dropped */
__u32 in_list, in_tree, broken;	/* what look() found */
__u32 refused;			/* operations that failed and should not */

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

static __always_inline struct world *world_get(void)
{
	int key = 0;

	return bpf_map_lookup_elem(&worlds, &key);
}

/* Into the list and the tree, or not there at all. */
SEC("syscall")
int fill(void *ctx)
{
	struct world *w = world_get();
	struct node *n, *m;
	int i;

	if (!w)
		return 0;
	bpf_for(i, 0, want) {
		n = bpf_obj_new(struct node);
		if (!n) {
			no_memory++;
			continue;
		}
		n->key = bpf_get_prandom_u32();
		if (!count_object(n)) {
			bpf_obj_drop(n);
			refused++;
			continue;
		}
		made++;
		m = bpf_refcount_acquire(n);
		bpf_spin_lock(&w->lock);
		refused += !!bpf_list_push_back(&w->list, &n->l);
		refused += !!bpf_rbtree_add(&w->tree, &m->r, less);
		bpf_spin_unlock(&w->lock);
	}
	return 0;
}

static __always_inline int rotate_list(void)
{
	struct world *w = world_get();
	struct bpf_list_node *l;
	int i;

	if (!w)
		return 0;
	bpf_for(i, 0, want) {
		bpf_spin_lock(&w->lock);
		l = bpf_list_pop_front(&w->list);
		if (l)
			refused += !!bpf_list_push_back(&w->list, l);
		bpf_spin_unlock(&w->lock);
	}
	return 0;
}

SEC("syscall")
int rotate(void *ctx)
{
	return rotate_list();
}

/*
 * Without a callback, so that it can be loaded from its instructions alone; and
 * for a packet, so that to run it takes memory.
 */
SEC("tc")
int rotate_packet(struct __sk_buff *ctx)
{
	return rotate_list();
}

/* Take nodes out of both and drop them. */
SEC("syscall")
int empty(void *ctx)
{
	struct world *w = world_get();
	struct bpf_list_node *l;
	struct bpf_rb_node *r;
	struct node *n;
	int i;

	if (!w)
		return 0;
	bpf_for(i, 0, want) {
		bpf_spin_lock(&w->lock);
		l = bpf_list_pop_back(&w->list);
		bpf_spin_unlock(&w->lock);
		if (!l)
			break;
		n = container_of(l, struct node, l);
		bpf_spin_lock(&w->lock);
		r = bpf_rbtree_remove(&w->tree, &n->r);
		bpf_spin_unlock(&w->lock);
		if (r)
			bpf_obj_drop(container_of(r, struct node, r));
		else
			refused++;
		bpf_obj_drop(n);
		gone++;
	}
	return 0;
}

static __always_inline __u64 word(__u64 at)
{
	__u64 value = 0;

	if (bpf_probe_read_kernel(&value, sizeof(value), (void *)at))
		broken++;
	return value;
}

/* Follow the list, and look at each node's two owners and its references. */
SEC("syscall")
int look(void *ctx)
{
	struct world *w = world_get();
	__u64 head, root, at, next;
	int i;

	in_list = 0;
	in_tree = 0;
	broken = 0;
	if (!w)
		return 0;
	head = (__u64)&w->list;
	root = (__u64)&w->tree;
	at = word(head);
	bpf_for(i, 0, MAX_LINKED) {
		if (!at || at == head)
			break;
		in_list++;
		next = word(at);
		broken += word(next + 8) != at;
		broken += word(at + 16) != head;
		at += offsetof(struct node, r);
		in_tree += word(at + 24) == root;
		at += offsetof(struct node, ref) - offsetof(struct node, r);
		broken += (__u32)word(at) != 2;
		at = next;
	}
	return 0;
}
