// SPDX-License-Identifier: GPL-2.0
/*
 * Sections that cannot be private ones, or not together with another object:
 * compiled once for each case_NAME below, with that one defined.
 */
#include "sections.bpf.h"

struct locked {
	int v;
	struct bpf_spin_lock lock;
};

#if defined(case_good)
struct locked var SEC("queue") = { .v = 7 };
#define what var.v
#elif defined(case_no_btf)
int var SEC("queue") = 1;
#elif defined(case_dotted)
int var SEC("my.queue") = 1;
#elif defined(case_dot_first)
int var SEC(".queue") = 1;
#elif defined(case_optional)
int var SEC("?queue") = 1;
#elif defined(case_no_name)
int var SEC("que\\ue") = 1;
#elif defined(case_license)
#define what _license[0]
#elif defined(case_lock_with_value)
struct locked var SEC("queue") = { .lock = { 1 } };
#define what var.v
#elif defined(case_const_lock)
const struct locked var SEC("queue") = {};
#define what (*unseen(&var.v))
#elif defined(case_two_locks)
struct locked var SEC("queue"), other SEC("queue");
#define what ({ bpf_spin_lock(&var.lock); bpf_spin_unlock(&var.lock); 0; })
#elif defined(case_constant)
const int constant SEC("queue") = 1;
#define what (*unseen(&constant))
#elif defined(case_programs)
int var;
#define in_section SEC("queue")
#elif defined(case_map)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, int);
	__uint(max_entries, 1);
} queue SEC(".maps");
int other;
#define what other
#define uses uses_other
#elif defined(case_keyword)
int var SEC("default") = 1;
#elif defined(case_digit)
int var SEC("1st") = 1;
#elif defined(case_same_member)
int var SEC("data/queue") = 1, other SEC(".data.queue") = 2;
#define what (var + other)
#else
#error "unknown case"
#endif

#ifndef what
#define what var
#endif
#ifndef in_section
#define in_section SEC("tc")
#endif

in_section
int uses(struct __sk_buff *ctx)
{
	return what;
}
