/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Second names of the kfuncs' C bodies, for kernel/bpf/helpers.c alone, which
 * includes this behind the bodies.
 *
 * An alias made in the file that defines a weak function is bound to that
 * function's body, whatever the linker then takes for the name itself.
 */
#ifdef CONFIG_BPF_GRAPH_AB

#define BPF_GRAPH_C_NAME(name) \
	extern typeof(name) bpf_graph_c_##name __alias(name)

BPF_GRAPH_C_NAME(bpf_obj_new);
BPF_GRAPH_C_NAME(bpf_percpu_obj_new);
BPF_GRAPH_C_NAME(bpf_obj_drop);
BPF_GRAPH_C_NAME(bpf_percpu_obj_drop);
BPF_GRAPH_C_NAME(bpf_refcount_acquire);
BPF_GRAPH_C_NAME(bpf_list_push_front);
BPF_GRAPH_C_NAME(bpf_list_push_back);
BPF_GRAPH_C_NAME(bpf_list_add);
BPF_GRAPH_C_NAME(bpf_list_pop_front);
BPF_GRAPH_C_NAME(bpf_list_pop_back);
BPF_GRAPH_C_NAME(bpf_list_del);
BPF_GRAPH_C_NAME(bpf_list_front);
BPF_GRAPH_C_NAME(bpf_list_back);
BPF_GRAPH_C_NAME(bpf_list_is_first);
BPF_GRAPH_C_NAME(bpf_list_is_last);
BPF_GRAPH_C_NAME(bpf_list_empty);
BPF_GRAPH_C_NAME(bpf_list_next);
BPF_GRAPH_C_NAME(bpf_list_prev);
BPF_GRAPH_C_NAME(bpf_rbtree_add);
BPF_GRAPH_C_NAME(bpf_rbtree_remove);
BPF_GRAPH_C_NAME(bpf_rbtree_first);
BPF_GRAPH_C_NAME(bpf_rbtree_root);
BPF_GRAPH_C_NAME(bpf_rbtree_left);
BPF_GRAPH_C_NAME(bpf_rbtree_right);
BPF_GRAPH_C_NAME(bpf_rbtree_next);
BPF_GRAPH_C_NAME(bpf_rbtree_prev);

#undef BPF_GRAPH_C_NAME

#endif /* CONFIG_BPF_GRAPH_AB */
