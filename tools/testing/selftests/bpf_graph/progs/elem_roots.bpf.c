// SPDX-License-Identifier: GPL-2.0
/*
 * Lists, trees and locks in the elements of an array, each addressed directly:
 * a queue for each of several classes, and what the verifier must refuse.
 */
#include "graph.bpf.h"

#define NR 4

struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
	int key;
};

struct queue {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(node, l);
	struct bpf_rb_root tree __contains(node, r);
	int nr;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct queue);
	__uint(max_entries, NR);
} queues SEC(".maps");

struct res_queue {
	struct bpf_res_spin_lock lock;
	struct bpf_list_head list __contains(node, l);
	int nr;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct res_queue);
	__uint(max_entries, NR);
} res_queues SEC(".maps");

int want, popped[NR], refused;

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

static __always_inline struct node *node_new(int key)
{
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return NULL;
	n->key = key;
	if (count_object(n))
		return n;
	bpf_obj_drop(n);
	return NULL;
}

/* Into list and tree of element @K. */
#define PUSH(K)										\
SEC("tc")										\
int push##K(struct __sk_buff *ctx)							\
{											\
	struct queue *q = bpf_map_elem(&queues, K);					\
	struct node *n = node_new(want), *m;						\
											\
	if (!n)										\
		return 1;								\
	m = bpf_refcount_acquire(n);							\
	bpf_spin_lock(&q->lock);							\
	refused += !!bpf_list_push_back(&q->list, &n->l);				\
	refused += !!bpf_rbtree_add(&q->tree, &m->r, less);				\
	q->nr++;									\
	bpf_spin_unlock(&q->lock);							\
	return 0;									\
}											\
/* Out of both again; what was its key, or -1. */					\
SEC("tc")										\
int pop##K(struct __sk_buff *ctx)							\
{											\
	struct queue *q = bpf_map_elem(&queues, K);					\
	struct bpf_rb_node *r = NULL;							\
	struct bpf_list_node *l;							\
	struct node *n;									\
											\
	popped[K] = -1;									\
	bpf_spin_lock(&q->lock);							\
	l = bpf_list_pop_front(&q->list);						\
	bpf_spin_unlock(&q->lock);							\
	if (!l)										\
		return 0;								\
	n = container_of(l, struct node, l);						\
	bpf_spin_lock(&q->lock);							\
	r = bpf_rbtree_remove(&q->tree, &n->r);						\
	if (r)										\
		q->nr--;								\
	bpf_spin_unlock(&q->lock);							\
	popped[K] = n->key;								\
	if (r)										\
		bpf_obj_drop(container_of(r, struct node, r));				\
	else										\
		refused++;								\
	bpf_obj_drop(n);								\
	return 0;									\
}

PUSH(0)
PUSH(3)

/* Two locks are held at once where they may be: those of different elements. */
SEC("tc")
int two_res_locks(struct __sk_buff *ctx)
{
	struct res_queue *a = bpf_map_elem(&res_queues, 1), *b = bpf_map_elem(&res_queues, 2);

	if (bpf_res_spin_lock(&a->lock))
		return 1;
	if (!bpf_res_spin_lock(&b->lock)) {
		a->nr++;
		b->nr += 2;
		bpf_res_spin_unlock(&b->lock);
	}
	bpf_res_spin_unlock(&a->lock);
	return 0;
}

/* What follows is refused: elem_roots.c says in which words. */
static __always_inline int push_under(struct queue *lock_of, struct queue *list_of)
{
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return 1;
	bpf_spin_lock(&lock_of->lock);
	bpf_list_push_back(&list_of->list, &n->l);
	bpf_spin_unlock(&lock_of->lock);
	return 0;
}

SEC("?tc")
int lock_of_another(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 1), *b = bpf_map_elem(&queues, 0);

	return push_under(a, b);
}

/* The way that was right is seen first: the other must not be taken for it. */
SEC("?tc")
int right_then_wrong(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 1);

	if (ctx->len & 1)
		a = bpf_map_elem(&queues, 2);
	return push_under(a, bpf_map_elem(&queues, 1));
}

SEC("?tc")
int wrong_then_right(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 2);

	if (ctx->len & 1)
		a = bpf_map_elem(&queues, 1);
	return push_under(a, bpf_map_elem(&queues, 1));
}

/* As before, with the element in a stack slot where the two ways meet. */
SEC("?tc")
int spilled(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 1);

	if (ctx->len & 1)
		a = bpf_map_elem(&queues, 2);
	asm volatile("" : "+m"(a));
	return push_under(a, bpf_map_elem(&queues, 1));
}

/* The lock was taken on two ways, and the states with it held meet. */
SEC("?tc")
int locked_then_met(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 1), *b = bpf_map_elem(&queues, 2);
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return 1;
	if (ctx->len & 1)
		bpf_spin_lock(&a->lock);
	else
		bpf_spin_lock(&b->lock);
	bpf_list_push_back(&a->list, &n->l);
	bpf_spin_unlock(&a->lock);
	return 0;
}

SEC("?tc")
int unlock_of_another(struct __sk_buff *ctx)
{
	struct queue *a = bpf_map_elem(&queues, 1), *b = bpf_map_elem(&queues, 0);

	bpf_spin_lock(&a->lock);
	a->nr++;
	bpf_spin_unlock(&b->lock);
	return 0;
}

SEC("?tc")
int locked_twice(struct __sk_buff *ctx)
{
	struct res_queue *a = bpf_map_elem(&res_queues, 1), *b = bpf_map_elem(&res_queues, 1);

	if (bpf_res_spin_lock(&a->lock))
		return 1;
	if (!bpf_res_spin_lock(&b->lock))
		bpf_res_spin_unlock(&b->lock);
	bpf_res_spin_unlock(&a->lock);
	return 0;
}

/* That a lookup finds the same element is not known. */
SEC("?tc")
int lock_by_lookup(struct __sk_buff *ctx)
{
	struct queue *a;
	int key = 1;

	a = bpf_map_lookup_elem(&queues, &key);
	if (!a)
		return 1;
	return push_under(a, bpf_map_elem(&queues, 1));
}

/* The lock is not the program's to write to, in any element. */
SEC("?tc")
int writes_to_lock(struct __sk_buff *ctx)
{
	*(int *)&bpf_map_elem(&queues, 3)->lock = 1;
	return 0;
}
