// SPDX-License-Identifier: GPL-2.0
/* The other half of the leak accounting: how often is this process held? */
#include "graph.bpf.h"

__u32 held;

SEC("syscall")
int count(void *ctx)
{
	held = bpf_get_current_task_btf()->group_leader->rcu_users.refs.counter;
	return 0;
}
