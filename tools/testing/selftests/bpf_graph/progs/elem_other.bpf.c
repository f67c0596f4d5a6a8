// SPDX-License-Identifier: GPL-2.0
/* Linked to elem_vars: an array of variables that is defined in another file. */
#include "graph.bpf.h"
#include "table.bpf.h"

__u32 own[3] SEC(".array.own") = { 7, 8, 9 };

SEC("tc")
int other(struct __sk_buff *ctx)
{
	bpf_array_elem(table, 4)->y = *bpf_array_elem(own, 2);
	return 0;
}
