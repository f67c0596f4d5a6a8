// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of variables that cannot be: compiled once for each case below, with
 * that one defined.
 */
#include "graph.bpf.h"

struct locked {
	struct bpf_spin_lock lock;
	__u32 v;
};

#if defined(two_variables)
__u32 table[2] SEC(".array.table");
__u32 other[2] SEC(".array.table");
#elif defined(no_array)
__u32 table SEC(".array.table");
#elif defined(const_lock)
const struct locked table[2] SEC(".array.table");
#elif defined(lock_with_value)
struct locked table[2] SEC(".array.table") = { { .lock = { 1 } } };
#elif defined(no_btf) || defined(good)
__u32 table[2] SEC(".array.table");
#elif defined(name_taken)
__u32 progs[2] SEC(".array.progs");
#else
#error "unknown case"
#endif

SEC("tc")
int nothing(struct __sk_buff *ctx)
{
	return 0;
}
