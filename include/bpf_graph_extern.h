/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Externs in BTF: functions and variables that a program declares and something else
 * defines. They are members of sections of their own kind, which have neither size nor
 * layout: nothing of them is in the program.
 *
 * Without CONFIG_BPF_GRAPH_RUST there are none, as in BTF that the kernel had before.
 */
#ifndef _BPF_GRAPH_EXTERN_H
#define _BPF_GRAPH_EXTERN_H

#include <linux/btf.h>

#include "bpf_graph.h"

/* Is @t, a type whose trailing data is there, an extern? */
static inline bool bpf_graph_type_is_extern(const struct btf_type *t)
{
	if (!IS_ENABLED(CONFIG_BPF_GRAPH_RUST))
		return false;
	if (btf_type_is_func(t))
		return btf_type_vlen(t) == BTF_FUNC_EXTERN;
	return btf_type_is_var(t) &&
	       ((const struct btf_var *)(t + 1))->linkage == BTF_VAR_GLOBAL_EXTERN;
}

/* Is the type @id of @btf, if there is one, a section of externs? No other has no size. */
static inline bool bpf_graph_is_extern_section(const struct btf *btf, u32 id)
{
	const struct btf_type *t;

	if (!IS_ENABLED(CONFIG_BPF_GRAPH_RUST))
		return false;
	t = btf_type_by_id(btf, id);
	return t && BTF_INFO_KIND(t->info) == BTF_KIND_DATASEC && !t->size;
}

#endif /* _BPF_GRAPH_EXTERN_H */
