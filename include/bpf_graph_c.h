/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Second names for the C bodies, for kernel/bpf/helpers.c alone.
 *
 * With CONFIG_BPF_GRAPH_RUST the first names belong to Rust. The C bodies stay
 * what they were, and so does what they call: a C push that fails drops the
 * node by the C drop.
 */
#ifndef _BPF_GRAPH_C_H
#define _BPF_GRAPH_C_H

#include "bpf_graph.h"

#ifdef CONFIG_BPF_GRAPH_RUST

/* Not kfuncs: BTF needs nothing of them, so they are simply renamed. */
#define __bpf_obj_drop_impl	bpf_graph_c___bpf_obj_drop_impl
#define bpf_list_head_free	bpf_graph_c_bpf_list_head_free
#define bpf_rb_root_free	bpf_graph_c_bpf_rb_root_free

#endif /* CONFIG_BPF_GRAPH_RUST */

#ifdef CONFIG_BPF_GRAPH_AB
/*
 * An alias made in the file that defines a weak function is bound to that
 * function's body, whatever the linker then takes for the name itself.
 */
#define BPF_GRAPH_C_NAME(name) \
	extern typeof(name) bpf_graph_c_##name __alias(name)
#else
#define BPF_GRAPH_C_NAME(name)
#endif

/* To be expanded once, behind the bodies. */
#define BPF_GRAPH_C_NAMES()				\
	BPF_GRAPH_C_NAME(bpf_obj_new);			\
	BPF_GRAPH_C_NAME(bpf_percpu_obj_new);		\
	BPF_GRAPH_C_NAME(bpf_obj_drop);			\
	BPF_GRAPH_C_NAME(bpf_percpu_obj_drop);		\
	BPF_GRAPH_C_NAME(bpf_refcount_acquire);		\
	BPF_GRAPH_C_NAME(bpf_list_push_front);		\
	BPF_GRAPH_C_NAME(bpf_list_push_back);		\
	BPF_GRAPH_C_NAME(bpf_list_add);			\
	BPF_GRAPH_C_NAME(bpf_list_pop_front);		\
	BPF_GRAPH_C_NAME(bpf_list_pop_back);		\
	BPF_GRAPH_C_NAME(bpf_list_del);			\
	BPF_GRAPH_C_NAME(bpf_list_front);		\
	BPF_GRAPH_C_NAME(bpf_list_back);		\
	BPF_GRAPH_C_NAME(bpf_list_is_first);		\
	BPF_GRAPH_C_NAME(bpf_list_is_last);		\
	BPF_GRAPH_C_NAME(bpf_list_empty);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_add);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_remove);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_first);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_root);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_left);		\
	BPF_GRAPH_C_NAME(bpf_rbtree_right)

#endif /* _BPF_GRAPH_C_H */
