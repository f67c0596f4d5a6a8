// SPDX-License-Identifier: GPL-2.0
/*
 * Inline C that Rust inlines too; included by rust/helpers/helpers.c.
 * Sorted as the headers are.
 */

#include <linux/btf.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <asm/rqspinlock.h>

#include "../include/bpf_graph_elem.h"

__rust_helper void rust_helper_cond_resched(void)
{
	cond_resched();
}

__rust_helper u16 rust_helper_btf_kind(const struct btf_type *t)
{
	return btf_kind(t);
}

__rust_helper const struct btf_array *rust_helper_btf_array(const struct btf_type *t)
{
	return btf_array(t);
}

__rust_helper const struct btf_var_secinfo *
rust_helper_btf_type_var_secinfo(const struct btf_type *t)
{
	return btf_type_var_secinfo(t);
}

__rust_helper u32 rust_helper_btf_type_vlen(const struct btf_type *t)
{
	return btf_type_vlen(t);
}

__rust_helper const struct btf_member *
rust_helper_btf_type_member(const struct btf_type *t)
{
	return btf_type_member(t);
}

__rust_helper bool rust_helper_btf_type_is_int(const struct btf_type *t)
{
	return btf_type_is_int(t);
}

__rust_helper u8 rust_helper_btf_int_bits(const struct btf_type *t)
{
	return btf_int_bits(t);
}

__rust_helper u8 rust_helper_btf_int_offset(const struct btf_type *t)
{
	return btf_int_offset(t);
}

__rust_helper bool rust_helper_btf_type_is_signed_int(const struct btf_type *t)
{
	return btf_type_is_signed_int(t);
}

__rust_helper u32 rust_helper___btf_member_bit_offset(const struct btf_type *t,
						      const struct btf_member *m)
{
	return __btf_member_bit_offset(t, m);
}

__rust_helper u32 rust_helper___btf_member_bitfield_size(const struct btf_type *t,
							 const struct btf_member *m)
{
	return __btf_member_bitfield_size(t, m);
}

__rust_helper void rust_helper_list_add(struct list_head *new, struct list_head *head)
{
	list_add(new, head);
}

__rust_helper void rust_helper_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}

__rust_helper void rust_helper_rb_insert_color_cached(struct rb_node *node,
						      struct rb_root_cached *root,
						      bool leftmost)
{
	rb_insert_color_cached(node, root, leftmost);
}

__rust_helper void rust_helper_rb_erase_cached(struct rb_node *node,
					       struct rb_root_cached *root)
{
	rb_erase_cached(node, root);
}

__rust_helper bool rust_helper_refcount_inc_not_zero(refcount_t *r)
{
	return refcount_inc_not_zero(r);
}

__rust_helper int rust_helper_raw_res_spin_lock_irqsave(rqspinlock_t *lock,
							unsigned long *flags)
{
	return raw_res_spin_lock_irqsave(lock, *flags);
}

__rust_helper void rust_helper_raw_res_spin_unlock_irqrestore(rqspinlock_t *lock,
							      unsigned long flags)
{
	raw_res_spin_unlock_irqrestore(lock, flags);
}

#ifdef CONFIG_BPF_GRAPH_KUNIT_TEST
__rust_helper bool rust_helper_bpf_graph_has_elems(const struct bpf_map *map)
{
	return bpf_graph_has_elems(map);
}
#endif
