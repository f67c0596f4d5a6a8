/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verifier asks about direct values of array elements.
 *
 * A ldimm64 with BPF_PSEUDO_MAP_VALUE or BPF_PSEUDO_MAP_IDX_VALUE names an
 * element in the off fields of its two halves, the lower 16 bits of the index
 * in the first. In registers and in the notes on an instruction that is
 * map_elem: 0 where the element is not known or the map has but one, else one
 * more than the index. It is compared exactly where states are, never through
 * an id: ids are renamed, and then the lock of one element would guard another.
 *
 * Without CONFIG_BPF_GRAPH_RUST each of these is what the verifier had before.
 */
#ifndef _BPF_GRAPH_ELEM_H
#define _BPF_GRAPH_ELEM_H

#include <linux/bpf_verifier.h>

#include "bpf_graph.h"

/*
 * Has each element of @map a direct value? One that is offloaded to a device is of
 * the same type, but has other operations, and its memory is not here.
 */
static inline bool bpf_graph_has_elems(const struct bpf_map *map)
{
	return IS_ENABLED(CONFIG_BPF_GRAPH_RUST) &&
	       map->ops->map_direct_value_addr &&
	       (map->map_type == BPF_MAP_TYPE_ARRAY ||
		map->map_type == BPF_MAP_TYPE_PERCPU_ARRAY);
}

/* Has @map more than one, so that it matters which? */
static inline bool bpf_graph_many_elems(const struct bpf_map *map)
{
	return bpf_graph_has_elems(map) && map->max_entries > 1;
}

/* May this ldimm64 name an element, as far as one can tell without its map? */
static inline bool bpf_graph_insn_may_elem(const struct bpf_insn *insn)
{
	return IS_ENABLED(CONFIG_BPF_GRAPH_RUST) &&
	       (insn->src_reg == BPF_PSEUDO_MAP_VALUE ||
		insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE);
}

/* The index that a ldimm64 names. */
static inline u32 bpf_graph_insn_elem(const struct bpf_insn *insn)
{
	return (u16)insn[0].off | (u32)(u16)insn[1].off << 16;
}

static inline void bpf_graph_insn_set_elem(struct bpf_insn *insn, u32 elem)
{
	insn[0].off = (u16)elem;
	insn[1].off = elem >> 16;
}

/* The index that map_elem stands for. */
static inline u32 bpf_graph_elem_index(u32 map_elem)
{
	return map_elem ? map_elem - 1 : 0;
}

/*
 * The immediate of a ldimm64 as the log has it: an element of an array as in a dump,
 * anything else as the number it is.
 */
static inline const char *bpf_graph_disasm_imm(void *data, const struct bpf_insn *insn, u64 imm)
{
	struct bpf_verifier_env *env = data;
	const struct bpf_insn_aux_data *aux = &env->insn_aux_data[insn - env->prog->insnsi];

	if (bpf_graph_insn_may_elem(insn) && aux->map_elem)
		snprintf(env->tmp_str_buf, TMP_STR_BUF_LEN, "map[id:%u][%u]+%u",
			 env->used_maps[aux->map_index]->id,
			 bpf_graph_elem_index(aux->map_elem), aux->map_off);
	else
		snprintf(env->tmp_str_buf, TMP_STR_BUF_LEN, "0x%llx", imm);
	return env->tmp_str_buf;
}

/* Is it known which element of its map a PTR_TO_MAP_VALUE points to? */
static inline bool bpf_graph_elem_known(const struct bpf_reg_state *reg)
{
	return !bpf_graph_many_elems(reg->map_ptr) || reg->map_elem;
}

/* Read @size bytes at @off of an element of a read-only map, see bpf_map_direct_read(). */
static inline int bpf_graph_direct_read(struct bpf_map *map, u32 map_elem, int off, int size,
					u64 *val, bool is_ldsx)
{
	if (bpf_graph_many_elems(map))
		return !map_elem ? -ENOENT :
		       bpf_graph_elem_read(map, bpf_graph_elem_index(map_elem), off, size,
					   is_ldsx, val);
	return bpf_map_direct_read(map, off, size, val, is_ldsx);
}

/*
 * That an instruction names an element of used_maps[@map]. A dump does not search
 * the other arrays: per-CPU elements are in no order.
 */
static inline void bpf_graph_note_elem(struct bpf_prog_aux *aux, u32 map)
{
#ifdef CONFIG_BPF_GRAPH_RUST
	BUILD_BUG_ON(MAX_USED_MAPS > 64);
	aux->elem_maps |= BIT_ULL(map);
#endif
}

static inline bool bpf_graph_elem_noted(const struct bpf_prog_aux *aux, u32 map)
{
#ifdef CONFIG_BPF_GRAPH_RUST
	return map < MAX_USED_MAPS && aux->elem_maps & BIT_ULL(map);
#else
	return false;
#endif
}

/* Which element of @map has @addr in its value, and how far in? See map_direct_value_meta(). */
static inline int bpf_graph_find_direct(const struct bpf_map *map, u64 addr, u32 *elem, u32 *off)
{
	if (bpf_graph_has_elems(map))
		return bpf_graph_elem_find(map, addr, elem, off);
	return map->ops->map_direct_value_meta(map, addr, off);
}

#ifdef CONFIG_BPF_GRAPH_RUST
/*
 * The address of the element of @map that @reg points to, which must be known. Of
 * a frozen map only: so @reg does not come from an inner map, as what describes
 * those is never frozen, and has no elements.
 */
static inline int bpf_graph_reg_addr(const struct bpf_reg_state *reg, const struct bpf_map *map,
				     u32 off, u64 *addr)
{
	if (bpf_graph_has_elems(map))
		return bpf_graph_elem_addr(map, bpf_graph_elem_index(reg->map_elem), off, addr);
	return map->ops->map_direct_value_addr(map, addr, off);
}

/*
 * What the lock in the value of @map that @reg points to is told apart by, together
 * with the register's id: the map, or the element where it is known.
 */
static inline void *bpf_graph_lock_ptr(const struct bpf_reg_state *reg, struct bpf_map *map)
{
	u64 addr;

	if (reg->map_elem &&
	    !bpf_graph_elem_addr(map, bpf_graph_elem_index(reg->map_elem), 0, &addr))
		return (void *)(unsigned long)addr;
	return map;
}

#else /* !CONFIG_BPF_GRAPH_RUST */

/* Macros: an inline function makes the compiler choose other registers. */
#define bpf_graph_reg_addr(reg, map, off, addr) \
	((void)(reg), (map)->ops->map_direct_value_addr(map, addr, off))
#define bpf_graph_lock_ptr(reg, map) ((void)(reg), (void *)(map))

#endif /* CONFIG_BPF_GRAPH_RUST */

#endif /* _BPF_GRAPH_ELEM_H */
