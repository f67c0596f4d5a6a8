// SPDX-License-Identifier: GPL-2.0
#define RES_LOCK
#include "paired.bpf.h"

int below, above;

/* Two that can be had, and two of which this program has one already. */
SEC("tc")
int under_another(struct __sk_buff *ctx)
{
	struct bag *again = bag(2);
	struct bag *v = bag(0), *w = bag(1), *x = bag(2);

	if (!v || !w || !x || !again)
		return 1;
	if (bpf_res_spin_lock(&x->lock))
		return 2;
	below = bpf_res_spin_lock_double(&v->lock, &w->lock);
	if (!below)
		bpf_res_spin_unlock_double(&v->lock, &w->lock);
	above = bpf_res_spin_lock_double(&v->lock, &again->lock);
	if (!above)
		bpf_res_spin_unlock_double(&v->lock, &again->lock);
	bpf_res_spin_unlock(&x->lock);
	/* None of them is held. */
	if (bpf_res_spin_lock_double(&v->lock, &x->lock))
		return 3;
	bpf_res_spin_unlock_double(&v->lock, &x->lock);
	return 0;
}

SEC("?tc")
int out_of_order(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1), *x = bag(2);

	if (!v || !w || !x)
		return 1;
	if (bpf_res_spin_lock_double(&v->lock, &w->lock))
		return 2;
	if (bpf_res_spin_lock(&x->lock)) {
		bpf_res_spin_unlock_double(&v->lock, &w->lock);
		return 3;
	}
	bpf_res_spin_unlock_double(&v->lock, &w->lock);
	bpf_res_spin_unlock(&x->lock);
	return 0;
}

SEC("?tc")
int released_alone(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1), *x = bag(2);

	if (!v || !w || !x)
		return 1;
	if (bpf_res_spin_lock_double(&v->lock, &w->lock))
		return 2;
	bpf_res_spin_unlock(&w->lock);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}

/* Where it failed nothing is held. */
SEC("?tc")
int not_looked_at(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1), *x = bag(2);

	if (!v || !w || !x)
		return 1;
	bpf_res_spin_lock_double(&v->lock, &w->lock);
	bpf_res_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

SEC("?tc")
int held_already(struct __sk_buff *ctx)
{
	struct bag *v = bag(0), *w = bag(1), *x = bag(2);

	if (!v || !w || !x)
		return 1;
	if (bpf_res_spin_lock(&v->lock))
		return 2;
	if (!bpf_res_spin_lock_double(&v->lock, &w->lock))
		bpf_res_spin_unlock_double(&v->lock, &w->lock);
	bpf_res_spin_unlock(&v->lock);
	return 0;
}
