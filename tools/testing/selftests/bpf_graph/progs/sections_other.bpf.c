// SPDX-License-Identifier: GPL-2.0
/* Linked to sections: uses a list there, adds to its section, and has one more. */
#include "sections_dequeue.bpf.h"

long taken SEC("dequeue") = 1000;
long other_runs SEC("other") = 2000;

SEC("tc")
int take(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;

	other_runs++;
	bpf_spin_lock(&out_lock);
	l = bpf_list_pop_back(&out_list);
	if (l) {
		taken++;
		out_nr--;
	}
	bpf_spin_unlock(&out_lock);
	if (!l)
		return -1;
	bpf_obj_drop(container_of(l, struct job, l));
	return taken + other_runs;
}
