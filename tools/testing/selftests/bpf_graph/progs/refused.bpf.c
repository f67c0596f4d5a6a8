// SPDX-License-Identifier: GPL-2.0
/* Programs that must not load, and beside them what may; the test loads each alone. */
#include "graph.bpf.h"

/* Nothing to free but the memory. */
struct plain {
	__u64 data[2];
};

struct other_plain {
	__u64 data[3];
};

struct front {
	struct bpf_list_node l;
	struct bpf_refcount ref;
};

struct back {
	__u64 data[4];
	struct bpf_refcount ref;
	struct bpf_list_node l;
};

struct lists {
	struct bpf_spin_lock lock;
	struct bpf_list_head fronts __contains(front, l);
	struct bpf_list_head backs __contains(back, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct lists);
	__uint(max_entries, 1);
} lists SEC(".maps");

/*
 * Calls that two paths through a program have in common, each bringing another
 * object: what compilers make of equal calls at the end of two branches. Clang
 * must not see the two, or it would part the paths again.
 */
#define EITHER(a, b)						\
({								\
	void *obj_;						\
								\
	if (ctx->len & 1) {					\
		obj_ = bpf_obj_new(a);				\
		barrier_var(obj_);				\
	} else {						\
		obj_ = bpf_obj_new(b);				\
		barrier_var(obj_);				\
	}							\
	obj_;							\
})

struct only_node {
	struct bpf_list_node l;
	__u64 data;
};

/* As large, but without a node that would be initialised. */
struct plain4 {
	__u64 data[4];
};

SEC("?tc")
int create_node(struct __sk_buff *ctx)
{
	__u64 type = bpf_core_type_id_local(struct only_node);
	void *obj;

	if (ctx->len & 1)
		type = bpf_core_type_id_local(struct plain4);
	barrier_var(type);
	obj = bpf_obj_new_impl(type, NULL);
	if (obj)
		bpf_obj_drop(obj);
	return 0;
}

SEC("?tc")
int create(struct __sk_buff *ctx)
{
	__u64 type = bpf_core_type_id_local(struct other_plain);
	void *obj;

	if (ctx->len & 1)
		type = bpf_core_type_id_local(struct plain);
	barrier_var(type);
	obj = bpf_obj_new_impl(type, NULL);
	if (obj)
		bpf_obj_drop(obj);
	return 0;
}

SEC("?tc")
int acquire(struct __sk_buff *ctx)
{
	void *obj = EITHER(struct front, struct back), *second;

	if (!obj)
		return 0;
	second = bpf_refcount_acquire(obj);
	if (ctx->len & 1) {
		bpf_obj_drop((struct front *)obj);
		bpf_obj_drop((struct front *)second);
		return 1;
	}
	bpf_obj_drop((struct back *)obj);
	bpf_obj_drop((struct back *)second);
	return 0;
}

SEC("?tc")
int acquire_plain(struct __sk_buff *ctx)
{
	struct plain *obj = bpf_obj_new(struct plain), *second;

	if (!obj)
		return 0;
	second = bpf_refcount_acquire(obj);
	bpf_obj_drop(obj);
	if (second)
		bpf_obj_drop(second);
	return 0;
}

SEC("?tc")
int push(struct __sk_buff *ctx)
{
	struct bpf_list_node *node;
	struct bpf_list_head *head;
	struct lists *v;
	int key = 0;

	v = bpf_map_lookup_elem(&lists, &key);
	if (!v)
		return 0;
	if (ctx->len & 1) {
		struct front *f = bpf_obj_new(struct front);

		if (!f)
			return 0;
		barrier_var(f);
		head = &v->fronts;
		node = &f->l;
	} else {
		struct back *b = bpf_obj_new(struct back);

		if (!b)
			return 0;
		barrier_var(b);
		head = &v->backs;
		node = &b->l;
	}
	barrier_var(head);
	barrier_var(node);
	bpf_spin_lock(&v->lock);
	bpf_list_push_front(head, node);
	bpf_spin_unlock(&v->lock);
	return 0;
}

/* What bpf_kptr_xchg() puts into a map must be there, and be the program's own. */
struct stash {
	struct plain __kptr * plain;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct stash);
	__uint(max_entries, 2);
} stashes SEC(".maps");

SEC("?tc")
int exchange_unchecked(struct __sk_buff *ctx)
{
	struct stash *s;
	struct plain *p;
	int key = 0;

	s = bpf_map_lookup_elem(&stashes, &key);
	if (!s)
		return 0;
	p = bpf_kptr_xchg(&s->plain, bpf_obj_new(struct plain));
	if (p)
		bpf_obj_drop(p);
	return 0;
}

SEC("?tc")
int exchange_borrowed(struct __sk_buff *ctx)
{
	struct stash *s;
	struct plain *p;
	int key = 0;

	s = bpf_map_lookup_elem(&stashes, &key);
	if (!s)
		return 0;
	bpf_rcu_read_lock();
	p = s->plain;
	if (p) {
		p = bpf_kptr_xchg(&s->plain, p);
		if (p)
			bpf_obj_drop(p);
	}
	bpf_rcu_read_unlock();
	return 0;
}
