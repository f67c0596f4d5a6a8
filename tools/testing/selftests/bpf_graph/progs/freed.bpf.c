// SPDX-License-Identifier: GPL-2.0
/*
 * When the memory of an object is free again: each program makes ROUNDS objects
 * and frees each before the next, under RCU all the time. @again counts those
 * that were where the one before had been.
 */
#include "graph.bpf.h"

#define ROUNDS 100

/* Seen by its owner, and by who has the lock of its list. */
struct plain {
	struct bpf_list_node l;
	__u64 key;
};

/* The same, each for a program of its own, as that has the type marked. */
struct sliced {
	struct bpf_list_node l;
	char buf[64];
};

struct mixed {
	struct bpf_list_node l;
	__u64 key;
};

/* The same, but it can be in a kptr. */
struct kept {
	struct bpf_list_node l;
	__u64 key;
};

/* It has several owners. */
struct shared {
	struct bpf_list_node l;
	struct bpf_refcount ref;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head plains __contains(plain, l);
	struct bpf_list_head kepts __contains(kept, l);
	struct bpf_list_head sliceds __contains(sliced, l);
	struct bpf_list_head mixeds __contains(mixed, l);
	struct bpf_list_head shareds __contains(shared, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

struct stash {
	struct kept __kptr * kept;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct stash);
	__uint(max_entries, 1);
} stashes SEC(".maps");

int made, again;

static void note(__u64 at, __u64 *before)
{
	made++;
	if (at == *before)
		again++;
	*before = at;
}

#define FREED(name, type)						\
SEC("tc")								\
int name(struct __sk_buff *ctx)						\
{									\
	__u64 before = 0;						\
	int i;								\
									\
	bpf_for(i, 0, ROUNDS) {						\
		struct type *n = bpf_obj_new(struct type);		\
									\
		if (n) {						\
			note((__u64)n, &before);			\
			bpf_obj_drop(n);				\
		}							\
	}								\
	return 0;							\
}

FREED(plain_dropped, plain)
FREED(mixed_dropped, mixed)
FREED(kept_dropped, kept)
FREED(shared_dropped, shared)

/* One call that frees both types. */
SEC("tc")
int both_dropped(struct __sk_buff *ctx)
{
	__u64 before = 0;
	int i;

	bpf_for(i, 0, ROUNDS) {
		void *n;

		if (bpf_get_prandom_u32() & 1)
			n = bpf_obj_new(struct kept);
		else
			n = bpf_obj_new(struct mixed);
		if (n) {
			note((__u64)n, &before);
			bpf_obj_drop(n);
		}
	}
	return 0;
}

/*
 * The slice is the buffer where the packet has several parts, and can be used when
 * the object is gone.
 */
SEC("tc")
int sliced_dropped(struct __sk_buff *ctx)
{
	struct bpf_dynptr ptr;
	__u64 before = 0;
	int i;

	if (bpf_dynptr_from_skb(ctx, 0, &ptr))
		return 1;
	bpf_for(i, 0, ROUNDS) {
		struct sliced *n = bpf_obj_new(struct sliced);
		char *slice;

		if (!n)
			continue;
		note((__u64)n, &before);
		slice = bpf_dynptr_slice_rdwr(&ptr, 0, n->buf, sizeof(n->buf));
		bpf_obj_drop(n);
		if (slice)
			slice[0] = 1;
	}
	return 0;
}

/* The program can read what is refused until it unlocks. */
SEC("tc")
int plain_refused(struct __sk_buff *ctx)
{
	struct plain *n, *stranger;
	__u64 before = 0;
	struct roots *v;
	int key = 0, i;

	v = bpf_map_lookup_elem(&maps, &key);
	if (!v)
		return 1;
	bpf_for(i, 0, ROUNDS) {
		n = bpf_obj_new(struct plain);
		if (!n)
			continue;
		stranger = bpf_obj_new(struct plain);
		if (!stranger) {
			bpf_obj_drop(n);
			continue;
		}
		note((__u64)n, &before);
		bpf_spin_lock(&v->lock);
		bpf_list_add(&v->plains, &n->l, &stranger->l);
		bpf_spin_unlock(&v->lock);
		bpf_obj_drop(stranger);
	}
	return 0;
}

/* What was found under the lock can be written to until it is dropped. */
SEC("tc")
int plain_found(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;
	struct roots *v;
	struct plain *n;
	int key = 0;

	v = bpf_map_lookup_elem(&maps, &key);
	n = bpf_obj_new(struct plain);
	if (!v || !n) {
		if (n)
			bpf_obj_drop(n);
		return 1;
	}
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->plains, &n->l);
	l = bpf_list_front(&v->plains);
	if (l)
		container_of(l, struct plain, l)->key = 7;
	l = bpf_list_pop_front(&v->plains);
	bpf_spin_unlock(&v->lock);
	if (!l)
		return 2;
	n = container_of(l, struct plain, l);
	made = n->key;
	bpf_obj_drop(n);
	return 0;
}
