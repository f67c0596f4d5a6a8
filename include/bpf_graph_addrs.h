/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The role of an instruction array, given when it is created: a jump table, or with
 * BPF_F_INSN_ADDRS plain addresses, by which no instruction jumps.
 *
 * Without CONFIG_BPF_GRAPH_RUST there is but the first.
 */
#ifndef _BPF_GRAPH_ADDRS_H
#define _BPF_GRAPH_ADDRS_H

#include <linux/bpf_verifier.h>

#include "bpf_graph.h"

/* The flags that an instruction array can be created with. */
#define BPF_GRAPH_ADDRS (IS_ENABLED(CONFIG_BPF_GRAPH_RUST) ? BPF_F_INSN_ADDRS : 0)

/* Is @map an array of plain addresses? */
static inline bool bpf_graph_is_addrs(const struct bpf_map *map)
{
	return IS_ENABLED(CONFIG_BPF_GRAPH_RUST) &&
	       map->map_type == BPF_MAP_TYPE_INSN_ARRAY &&
	       map->map_flags & BPF_F_INSN_ADDRS;
}

#ifdef CONFIG_BPF_GRAPH_RUST
void bpf_graph_addrs_explain(struct bpf_verifier_env *env, struct bpf_map *map, int err);
#else
#define bpf_graph_addrs_explain(env, map, err) ((void)(env), (void)(map), (void)(err))
#endif

#endif /* _BPF_GRAPH_ADDRS_H */
