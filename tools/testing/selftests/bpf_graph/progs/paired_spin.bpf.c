// SPDX-License-Identifier: GPL-2.0
#include "paired.bpf.h"

/* A lock and a root each, in two sections, so that two map values are named directly. */
PRIVATE(one) struct bpf_spin_lock one;
PRIVATE(one) struct bpf_list_head ones __contains(item, l);
PRIVATE(two) struct bpf_spin_lock two;
PRIVATE(two) struct bpf_list_head twos __contains(item, l);

int left, right;

SEC("tc")
int between_variables(struct __sk_buff *ctx)
{
	struct item *m = bpf_obj_new(struct item);
	struct bpf_list_node *n;

	if (!m)
		return 1;
	bpf_spin_lock(&one);
	bpf_list_push_back(&ones, &m->l);
	bpf_spin_unlock(&one);
	bpf_spin_lock_double(&two, &one);
	n = bpf_list_front(&ones);
	if (n)
		bpf_list_move_back(&ones, n, &twos);
	count(&ones, &left);
	count(&twos, &right);
	bpf_spin_unlock_double(&one, &two);
	return 0;
}

SEC("?tc")
int one_of_two_released(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_spin_unlock(&w->lock);
	return 0;
}

SEC("?tc")
int taken_alone(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock(&v->lock);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

SEC("?tc")
int another_one_released(struct __sk_buff *ctx)
{
	struct bag *x = bag(2);
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w || !x)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_spin_unlock_double(&v->lock, &x->lock);
	return 0;
}

SEC("?tc")
int one_released_twice(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_spin_unlock_double(&w->lock, &w->lock);
	return 0;
}

SEC("?tc")
int under_a_lock(struct __sk_buff *ctx)
{
	struct bag *x = bag(2);
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w || !x)
		return 1;
	bpf_spin_lock(&x->lock);
	bpf_spin_lock_double(&v->lock, &w->lock);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	bpf_spin_unlock(&x->lock);
	return 0;
}

SEC("?tc")
int twice_the_same(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &v->lock);
	bpf_spin_unlock_double(&v->lock, &v->lock);
	return 0;
}

SEC("?tc")
int never_released(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	return 0;
}

SEC("?tc")
int no_lock_there(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, (void *)&w->list);
	bpf_spin_unlock_double(&v->lock, (void *)&w->list);
	return 0;
}

SEC("?tc")
int node_used_behind(struct __sk_buff *ctx)
{
	struct bpf_list_node *n;
	struct bag *v = bag(0), *w = bag(1);

	if (!v || !w)
		return 1;
	bpf_spin_lock_double(&v->lock, &w->lock);
	n = bpf_list_front(&v->list);
	if (n)
		bpf_list_move_back(&v->list, n, &w->list);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return n ? container_of(n, struct item, l)->key : 0;
}
