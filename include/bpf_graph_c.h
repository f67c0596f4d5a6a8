/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C bodies call by their second names, for kernel/bpf/helpers.c alone.
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

#endif /* _BPF_GRAPH_C_H */
