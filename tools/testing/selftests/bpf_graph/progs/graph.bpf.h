/* SPDX-License-Identifier: GPL-2.0 */
/* What every BPF program of these tests shares. */
#ifndef _GRAPH_BPF_H
#define _GRAPH_BPF_H

#include "bpf_experimental.h"

/* The integers by which a tree is in order. */
#define __key(field)		__attribute__((btf_decl_tag("key:" #field)))
#define __keys(first, second)	__attribute__((btf_decl_tag("key:" #first ":" #second)))

/*
 * clang makes one call of the last two of a program, also where they drop objects of two
 * types. Where the kernel cannot tell these apart, it refuses the program.
 */
#define bpf_obj_drop(obj)							\
({										\
	bpf_obj_drop(obj);							\
	asm volatile("" :: "i"(__COUNTER__));					\
})

#ifndef offsetof
#define offsetof(type, member)	__builtin_offsetof(type, member)
#endif

/* Roots and the lock that guards them can be variables: those of a section are one map value. */
#define PRIVATE(section)	SEC(".data." #section) __hidden

/*
 * Leak accounting. An object with a field
 *
 *	struct task_struct __kptr * counted;
 *
 * holds a reference on the process that made it, so the rcu_users of its first
 * task, less what they were before, are the number of such objects that are
 * still alive. That is exact, knows only this test's objects, and sees one whose
 * memory went without its fields being freed just as one that was never let go
 * of. See live.bpf.c for the counting.
 *
 * Count @obj, which must be an owning reference. Evaluates to true if done. A
 * program that can sleep needs RCU for the way to the first task.
 */
#define count_object(obj)							\
({										\
	struct task_struct *task_;						\
	bool done_ = false;							\
										\
	bpf_rcu_read_lock();							\
	task_ = bpf_get_current_task_btf()->group_leader;			\
	task_ = bpf_task_acquire(task_);					\
	bpf_rcu_read_unlock();							\
	if (task_) {								\
		task_ = bpf_kptr_xchg(&(obj)->counted, task_);			\
		if (task_)							\
			bpf_task_release(task_);				\
		done_ = true;							\
	}									\
	done_;									\
})

/*
 * One source, two kinds of lock: an object file is built from these files once
 * as they are and once with RES_LOCK defined.
 */
#ifdef RES_LOCK
#define LOCK_TYPE		struct bpf_res_spin_lock
#define LOCK(l)			(!bpf_res_spin_lock(l))
#define UNLOCK(l)		bpf_res_spin_unlock(l)
#define LOCK_DOUBLE(a, b)	(!bpf_res_spin_lock_double(a, b))
#define UNLOCK_DOUBLE(a, b)	bpf_res_spin_unlock_double(a, b)
#else
#define LOCK_TYPE		struct bpf_spin_lock
#define LOCK(l)			({ bpf_spin_lock(l); true; })
#define UNLOCK(l)		bpf_spin_unlock(l)
#define LOCK_DOUBLE(a, b)	({ bpf_spin_lock_double(a, b); true; })
#define UNLOCK_DOUBLE(a, b)	bpf_spin_unlock_double(a, b)
#endif

char _license[] SEC("license") = "GPL";

#endif
