/* SPDX-License-Identifier: GPL-2.0 */
/* What is in the private sections of more than one file. */
#ifndef _SECTIONS_BPF_H
#define _SECTIONS_BPF_H

#include "graph.bpf.h"

struct job {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
	int key;
};

/* Where the compiler cannot see what it is. */
static __always_inline int *unseen(const int *p)
{
	asm volatile("" : "+r"(p));
	return (int *)p;
}

#endif
