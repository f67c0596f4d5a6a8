// SPDX-License-Identifier: GPL-2.0
/* Programs with one mistake each, which the verifier should name. */
#include "graph.bpf.h"

struct item {
	struct bpf_rb_node r;
	struct bpf_list_node l;
	struct bpf_refcount ref;
	struct item_key {
		__u64 first;
	} key;
};

struct plain {
	__u64 first;
};

struct lists {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(item, l);
	struct bpf_rb_root tree __contains(item, r);
};

struct res_lists {
	struct bpf_res_spin_lock lock;
	struct bpf_list_head head __contains(item, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct lists);
	__uint(max_entries, 2);
} maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct res_lists);
	__uint(max_entries, 1);
} res_maps SEC(".maps");

struct slot {
	struct item __kptr * item;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

PRIVATE(wrong) struct bpf_spin_lock lock;
PRIVATE(wrong) struct bpf_list_head wrong __contains(item, r);

static struct lists *lists(int i)
{
	return bpf_map_lookup_elem(&maps, &i);
}

static int push(struct bpf_list_head *head, struct bpf_spin_lock *held)
{
	struct item *n = bpf_obj_new(struct item);

	if (!n)
		return 1;
	if (held)
		bpf_spin_lock(held);
	bpf_list_push_back(head, &n->l);
	if (held)
		bpf_spin_unlock(held);
	return 0;
}

SEC("?tc")
int node_elsewhere(struct __sk_buff *ctx)
{
	struct item *n = bpf_obj_new(struct item);
	struct lists *v = lists(0);

	if (!n || !v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->head, (void *)n);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int no_node(struct __sk_buff *ctx)
{
	struct plain *n = bpf_obj_new(struct plain);
	struct lists *v = lists(0);

	if (!n || !v)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->head, (void *)n);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("?tc")
int head_elsewhere(struct __sk_buff *ctx)
{
	struct lists *v = lists(0);

	return v ? push((void *)&v->tree, &v->lock) : 1;
}

SEC("?tc")
int no_lock_held(struct __sk_buff *ctx)
{
	struct lists *v = lists(0);

	return v ? push(&v->head, NULL) : 1;
}

SEC("?tc")
int lock_of_another(struct __sk_buff *ctx)
{
	struct lists *v = lists(0), *w = lists(1);

	return v && w ? push(&v->head, &w->lock) : 1;
}

SEC("?tc")
int no_res_lock_held(struct __sk_buff *ctx)
{
	struct res_lists *v;
	int i = 0;

	v = bpf_map_lookup_elem(&res_maps, &i);
	return v ? push(&v->head, NULL) : 1;
}

SEC("?tc")
int wrong_variable(struct __sk_buff *ctx)
{
	return push(&wrong, &lock);
}

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, r)->key.first <
	       container_of(b, struct item, r)->key.first;
}

SEC("?tc")
int less_as_cmp(struct __sk_buff *ctx)
{
	struct item_key key = { .first = 1 };
	struct lists *v = lists(0);
	int found;

	if (!v)
		return 1;
	bpf_spin_lock(&v->lock);
	found = !!bpf_rbtree_find(&v->tree, &key, sizeof(key), (void *)less);
	bpf_spin_unlock(&v->lock);
	return found;
}

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* It has no type at all. */
SEC("?tc")
int memory_for_a_node(struct __sk_buff *ctx)
{
	struct lists *v = lists(0);
	void *p;

	if (!v)
		return 1;
	p = bpf_ringbuf_reserve(&ring, 64, 0);
	if (!p)
		return 2;
	bpf_spin_lock(&v->lock);
	bpf_rbtree_next(&v->tree, p);
	bpf_spin_unlock(&v->lock);
	bpf_ringbuf_discard(p, 0);
	return 0;
}

SEC("?syscall")
int kptr_without_rcu(void *ctx)
{
	struct lists *v = lists(0);
	struct item *n;
	struct slot *s;
	int i = 0;

	s = bpf_map_lookup_elem(&slots, &i);
	if (!s || !v)
		return 1;
	n = s->item;
	if (!n)
		return 2;
	bpf_spin_lock(&v->lock);
	n = (void *)bpf_list_del(&v->head, &n->l);
	bpf_spin_unlock(&v->lock);
	return !!n;
}
