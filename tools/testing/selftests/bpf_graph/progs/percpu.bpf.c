// SPDX-License-Identifier: GPL-2.0
/* Per-CPU objects, kept in a map. */
#include "graph.bpf.h"

#define NR 64

struct tally {
	__u64 sum;
	__u64 pad[15];
};

struct slot {
	struct tally __percpu_kptr * tally;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct slot);
	__uint(max_entries, NR);
} slots SEC(".maps");

__u32 made, dropped;
__u64 sums[NR];

bool keep;			/* what is in a slot stays there */

/* Fill all slots, as far as there is memory; what was in them is dropped. */
SEC("syscall")
int fill(void *ctx)
{
	struct tally __percpu_kptr * t;
	struct slot *slot;
	int i, key;

	bpf_for(i, 0, NR) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		if (!slot || (keep && slot->tally))
			continue;
		t = bpf_percpu_obj_new(struct tally);
		if (!t)
			continue;
		made++;
		t = bpf_kptr_xchg(&slot->tally, t);
		if (t) {
			bpf_percpu_obj_drop(t);
			dropped++;
		}
	}
	return 0;
}

/* Empty all slots. */
SEC("syscall")
int drop(void *ctx)
{
	struct tally __percpu_kptr * t;
	struct slot *slot;
	int i, key;

	bpf_for(i, 0, NR) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		if (!slot)
			continue;
		t = bpf_kptr_xchg(&slot->tally, NULL);
		if (t) {
			bpf_percpu_obj_drop(t);
			dropped++;
		}
	}
	return 0;
}

/* Slot i gets i + 1 more on this CPU. */
SEC("syscall")
int add(void *ctx)
{
	struct tally __percpu_kptr * t;
	struct slot *slot;
	int i, key;

	bpf_for(i, 0, NR) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		if (!slot)
			continue;
		bpf_rcu_read_lock();
		t = slot->tally;
		if (t)
			((struct tally *)bpf_this_cpu_ptr(t))->sum += i + 1;
		bpf_rcu_read_unlock();
	}
	return 0;
}

/* The sums over all CPUs. */
SEC("tc")
int sum(struct __sk_buff *ctx)
{
	struct tally __percpu_kptr * t;
	struct tally *one;
	struct slot *slot;
	int i, cpu, key;

	bpf_for(i, 0, NR) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		if (!slot)
			continue;
		t = slot->tally;
		if (!t)
			continue;
		sums[i] = 0;
		bpf_for(cpu, 0, 8) {
			one = bpf_per_cpu_ptr(t, cpu);
			if (one)
				sums[i] += one->sum;
		}
	}
	return 0;
}
