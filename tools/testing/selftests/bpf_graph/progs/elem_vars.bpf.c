// SPDX-License-Identifier: GPL-2.0
/* Arrays of variables, SEC(".array.NAME"), and arrays in .maps, element by element. */
#include "graph.bpf.h"
#include "table.bpf.h"

struct guarded {
	struct bpf_spin_lock lock;
	__u32 v;
};

struct odd table[5] SEC(".array.table") = { { 1, 2, 3 }, { 4, 5, 6 }, [4] = { .x = 40 } };
const __u32 steps[4] SEC(".array.steps") = { 10, 20, 30, 40 };
struct guarded guarded[8] SEC(".array.guarded") = { [2] = { .v = 77 } };
static struct odd hidden[3] SEC(".array.hidden") = { [2] = { 5, 6, 7 } };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct odd);
	__uint(max_entries, 64);
} in_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct odd);
	__uint(max_entries, 64);
} per_cpu SEC(".maps");

__u32 found;

SEC("tc")
int variables(struct __sk_buff *ctx)
{
	struct guarded *g = bpf_array_elem(guarded, 2);

	bpf_array_elem(table, 1)->y += 100;
	bpf_array_elem(table, 3)->z = bpf_array_elem(table, 4)->x + *bpf_array_elem(steps, 2);
	table[0].x = 11;
	bpf_spin_lock(&g->lock);
	found = g->v++;
	bpf_spin_unlock(&g->lock);
	found += bpf_array_elem(hidden, 2)->y;
	return 0;
}

SEC("tc")
int maps(struct __sk_buff *ctx)
{
	int i;

	for (i = 1; i < 4; i++)
		bpf_map_elem(&in_maps, i * 10)->z = i;
	bpf_map_elem(&per_cpu, 33)->y = 9;
	return 0;
}

/* Beside the last element that the map may come to have. */
SEC("?tc")
int last(struct __sk_buff *ctx)
{
	bpf_map_elem(&in_maps, 63)->x = 63;
	return 0;
}
