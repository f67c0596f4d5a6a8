// SPDX-License-Identifier: GPL-2.0
/* A program that uses externs: externs.bpf.h, and functions that vmlinux.h declares. */
#include "graph.bpf.h"
#include "externs.bpf.h"

__u64 fops, version;
int active = -1, weak;

SEC("tc")
int externs(struct __sk_buff *ctx)
{
	bpf_rcu_read_lock();
	active = *(int *)bpf_this_cpu_ptr(&bpf_prog_active);
	bpf_rcu_read_unlock();
	fops = (__u64)&bpf_link_fops;
	version = LINUX_KERNEL_VERSION;
	weak = &no_such_struct || (no_such_function && no_such_function(1, NULL));
	return 0;
}
