/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam between C and the Rust implementation of BPF's graph objects.
 *
 * One list of prototypes, seen by three readers: helpers.c, whose definitions
 * of these kfuncs become weak where CONFIG_BPF_GRAPH_RUST is set; bindgen; and
 * so #[export], which refuses a Rust definition of another shape. What each
 * kfunc does is said at its definition in rust/kfuncs/.
 */
#ifndef _BPF_GRAPH_H
#define _BPF_GRAPH_H

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/filter.h>

#ifdef CONFIG_BPF_GRAPH_RUST

/*
 * The C bodies of these kfuncs: they carry the prototype into BTF, and yield
 * to Rust when the kernel is linked.
 */
#define __bpf_gfunc __bpf_kfunc __weak

/* Iterators over lists and trees, on the stack of programs, and what they are inside. */
struct bpf_iter_list {
	__u64 __opaque[3];
} __aligned(8);

struct bpf_iter_rbtree {
	__u64 __opaque[3];
} __aligned(8);

struct bpf_graph_iter {
	void *root;
	void *next;
	u32 left;	/* how many steps more */
	u32 flags;
};

/* The flags of bpf_iter_list_new() and bpf_iter_rbtree_new(). */
enum bpf_graph_iter_flags {
	BPF_GRAPH_ITER_BACKWARD = 1,
};

void *bpf_obj_new(u64 local_type_id__k, struct btf_struct_meta *meta);
void *bpf_obj_new_impl(u64 local_type_id__k, void *meta__ign);
void *bpf_percpu_obj_new(u64 local_type_id__k, struct btf_struct_meta *meta);
void *bpf_percpu_obj_new_impl(u64 local_type_id__k, void *meta__ign);
void bpf_obj_drop(void *p__alloc, struct btf_struct_meta *meta);
void bpf_obj_drop_impl(void *p__alloc, void *meta__ign);
void bpf_percpu_obj_drop(void *p__alloc, struct btf_struct_meta *meta);
void bpf_percpu_obj_drop_impl(void *p__alloc, void *meta__ign);
void *bpf_refcount_acquire(void *p__refcounted_kptr, struct btf_struct_meta *meta);
void *bpf_refcount_acquire_impl(void *p__refcounted_kptr, void *meta__ign);

int bpf_list_push_front(struct bpf_list_head *head, struct bpf_list_node *node,
			struct btf_struct_meta *meta, u64 off);
int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
			     void *meta__ign, u64 off);
int bpf_list_push_back(struct bpf_list_head *head, struct bpf_list_node *node,
		       struct btf_struct_meta *meta, u64 off);
int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node,
			    void *meta__ign, u64 off);
int bpf_list_add(struct bpf_list_head *head, struct bpf_list_node *new,
		 struct bpf_list_node *prev__nonown_allowed,
		 struct btf_struct_meta *meta, u64 off);
struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head);
struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head);
struct bpf_list_node *bpf_list_del(struct bpf_list_head *head,
				   struct bpf_list_node *node__nonown_allowed);
struct bpf_list_node *bpf_list_front(struct bpf_list_head *head);
struct bpf_list_node *bpf_list_back(struct bpf_list_head *head);
bool bpf_list_is_first(struct bpf_list_head *head, struct bpf_list_node *node__nonown_allowed);
bool bpf_list_is_last(struct bpf_list_head *head, struct bpf_list_node *node__nonown_allowed);
bool bpf_list_empty(struct bpf_list_head *head);
struct bpf_list_node *bpf_list_next(struct bpf_list_head *head,
				    struct bpf_list_node *node__nonown_allowed);
struct bpf_list_node *bpf_list_prev(struct bpf_list_head *head,
				    struct bpf_list_node *node__nonown_allowed);

int bpf_rbtree_add(struct bpf_rb_root *root, struct bpf_rb_node *node,
		   bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
		   struct btf_struct_meta *meta, u64 off);
int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
			void *meta__ign, u64 off);
struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node);
struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root);
struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root);
struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node);
struct bpf_rb_node *bpf_rbtree_right(struct bpf_rb_root *root, struct bpf_rb_node *node);
struct bpf_rb_node *bpf_rbtree_next(struct bpf_rb_root *root, struct bpf_rb_node *node);
struct bpf_rb_node *bpf_rbtree_prev(struct bpf_rb_root *root, struct bpf_rb_node *node);

struct bpf_rb_node *
bpf_rbtree_find(struct bpf_rb_root *root, const void *key, u32 key__szk,
		int (*cmp)(const void *key, const struct bpf_rb_node *node));
struct bpf_rb_node *
bpf_rbtree_lower_bound(struct bpf_rb_root *root, const void *key, u32 key__szk,
		       int (*cmp)(const void *key, const struct bpf_rb_node *node));
struct bpf_rb_node *
bpf_rbtree_upper_bound(struct bpf_rb_root *root, const void *key, u32 key__szk,
		       int (*cmp)(const void *key, const struct bpf_rb_node *node));

bool bpf_list_move_front(struct bpf_list_head *from, struct bpf_list_node *node__nonown_allowed,
			 struct bpf_list_head *to);
bool bpf_list_move_back(struct bpf_list_head *from, struct bpf_list_node *node__nonown_allowed,
			struct bpf_list_head *to);
bool bpf_rbtree_move(struct bpf_rb_root *from, struct bpf_rb_node *node, struct bpf_rb_root *to,
		     bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b));
bool bpf_rbtree_reposition(struct bpf_rb_root *root, struct bpf_rb_node *node,
			   bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b));

bool bpf_list_move_rbtree(struct bpf_list_head *from, struct bpf_list_node *node__nonown_allowed,
			  struct bpf_rb_root *to, struct bpf_rb_node *to_node,
			  bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b));
bool bpf_rbtree_move_list_front(struct bpf_rb_root *from, struct bpf_rb_node *node,
				struct bpf_list_head *to,
				struct bpf_list_node *to_node__nonown_allowed);
bool bpf_rbtree_move_list_back(struct bpf_rb_root *from, struct bpf_rb_node *node,
			       struct bpf_list_head *to,
			       struct bpf_list_node *to_node__nonown_allowed);

/* 1 or 0 in all of the register, as the verifier takes them for constants. */
u64 bpf_list_owns_node(struct bpf_list_head *head, struct bpf_list_node *node__nonown_allowed);
u64 bpf_rbtree_owns_node(struct bpf_rb_root *root, struct bpf_rb_node *node);

int bpf_iter_list_new(struct bpf_iter_list *it, struct bpf_list_head *head, u32 flags);
struct bpf_list_node *bpf_iter_list_next(struct bpf_iter_list *it);
void bpf_iter_list_destroy(struct bpf_iter_list *it);
int bpf_iter_rbtree_new(struct bpf_iter_rbtree *it, struct bpf_rb_root *root, u32 flags);
struct bpf_rb_node *bpf_iter_rbtree_next(struct bpf_iter_rbtree *it);
void bpf_iter_rbtree_destroy(struct bpf_iter_rbtree *it);

u64 bpf_list_can_add(struct bpf_list_node *node);
u64 bpf_rbtree_can_add(struct bpf_rb_node *node);
void bpf_list_unreserve(struct bpf_list_node *node);
void bpf_rbtree_unreserve(struct bpf_rb_node *node);
void bpf_list_push_front_reserved(struct bpf_list_head *head, struct bpf_list_node *node);
void bpf_list_push_back_reserved(struct bpf_list_head *head, struct bpf_list_node *node);
void bpf_rbtree_add_reserved(struct bpf_rb_root *root, struct bpf_rb_node *node,
			     bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b));
void bpf_rbtree_add_key_reserved(struct bpf_rb_root *root, struct bpf_rb_node *node,
				 struct btf_struct_meta *meta, u64 key);

void bpf_spin_lock_double(struct bpf_spin_lock *a, struct bpf_spin_lock *b);
void bpf_spin_unlock_double(struct bpf_spin_lock *a, struct bpf_spin_lock *b);
int bpf_res_spin_lock_double(struct bpf_res_spin_lock *a, struct bpf_res_spin_lock *b);
void bpf_res_spin_unlock_double(struct bpf_res_spin_lock *a, struct bpf_res_spin_lock *b);

int bpf_rbtree_add_key(struct bpf_rb_root *root, struct bpf_rb_node *node,
		       struct btf_struct_meta *meta, u64 key);
bool bpf_rbtree_move_key(struct bpf_rb_root *from, struct bpf_rb_node *node,
			 struct bpf_rb_root *to, struct btf_struct_meta *meta, u64 key);
struct bpf_rb_node *bpf_rbtree_find_key(struct bpf_rb_root *root, u64 first, u64 second,
					struct btf_struct_meta *meta, u64 key);
struct bpf_rb_node *bpf_rbtree_lower_bound_key(struct bpf_rb_root *root, u64 first, u64 second,
					       struct btf_struct_meta *meta, u64 key);
struct bpf_rb_node *bpf_rbtree_upper_bound_key(struct bpf_rb_root *root, u64 first, u64 second,
					       struct btf_struct_meta *meta, u64 key);

/* Rust, called from syscall.c and verifier.c. */
bool bpf_graph_free_res_root(const struct btf_record *rec, const struct btf_field *field,
			     void *obj);

/* C, in helpers.c, called from Rust. */
unsigned long bpf_graph_spin_lock(struct bpf_spin_lock *lock);
void bpf_graph_spin_unlock(struct bpf_spin_lock *lock, unsigned long flags);
void bpf_graph_spin_lock_pair(struct bpf_spin_lock *first, struct bpf_spin_lock *second);
void bpf_graph_spin_unlock_pair(struct bpf_spin_lock *first, struct bpf_spin_lock *second);

/* Of <linux/bpf_verifier.h>, which is more than the bindings need. */
__printf(2, 3) void bpf_log(struct bpf_verifier_log *log, const char *fmt, ...);

/* Kfuncs of rqspinlock.c, which tell the program what went wrong. */
int bpf_res_spin_lock(struct bpf_res_spin_lock *lock);
void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock);

/* The C bodies in helpers.c that are not kfuncs; see bpf_graph_c.h. */
void bpf_graph_c___bpf_obj_drop_impl(void *p, const struct btf_record *rec, bool percpu);
void bpf_graph_c_bpf_list_head_free(const struct btf_field *field, void *list_head,
				    struct bpf_spin_lock *spin_lock);
void bpf_graph_c_bpf_rb_root_free(const struct btf_field *field, void *rb_root,
				  struct bpf_spin_lock *spin_lock);

#else /* !CONFIG_BPF_GRAPH_RUST */

#define __bpf_gfunc __bpf_kfunc

static inline bool bpf_graph_free_res_root(const struct btf_record *rec,
					   const struct btf_field *field, void *obj)
{
	return false;
}

#endif /* CONFIG_BPF_GRAPH_RUST */

/*
 * Rust, called from the verifier and for dumps: direct values of array maps,
 * BPF_MAP_TYPE_ARRAY and _PERCPU_ARRAY and no others, nor such that are offloaded
 * to a device or describe inner maps. See rust/array.rs. Declared without
 * CONFIG_BPF_GRAPH_RUST as well, for calls that the compiler then drops.
 */
int bpf_graph_elem_addr(const struct bpf_map *map, u32 elem, u32 off, u64 *addr);
int bpf_graph_elem_find(const struct bpf_map *map, u64 addr, u32 *elem, u32 *off);
int bpf_graph_elem_read(const struct bpf_map *map, u32 elem, u32 off, u32 size, bool sign,
			u64 *val);

/*
 * Rust, called from bpf_insn_array.c, see bpf_graph_addrs.h. Is each of the @cnt addresses
 * in @values that of one of the @len instructions at @insns? If not, @at says which is the
 * first that is not: of none (-ERANGE), or of the second half of one (-EINVAL).
 * Declared without CONFIG_BPF_GRAPH_RUST as well, for a call that is then dropped.
 */
int bpf_graph_addrs_fit(const struct bpf_insn_array_value *values, u32 cnt,
			const struct bpf_insn *insns, u32 len, u32 *at);

/*
 * Rust, called from verifier.c where a call gets its hidden arguments. Writes to
 * @buf what becomes of a @call to the kfunc at @addr, with an object of type @meta,
 * a new one of @size bytes if it makes one: no more than @room instructions. Returns
 * how many, or 0: it stays a call.
 * Declared without CONFIG_BPF_GRAPH_INLINE as well, for a call that is then dropped.
 */
int bpf_graph_inline(unsigned long addr, struct btf_struct_meta *meta, u64 size,
		     const struct bpf_insn *call, struct bpf_insn *buf, u32 room);

/*
 * Longer programs keep their calls. Jumps have 16 bits, and some instructions have to
 * become more than they are.
 */
#define BPF_GRAPH_INLINE_MAX (S16_MAX / 2)

/* What bpf_graph_walk() has written. */
struct bpf_graph_walk {
	u32 len;	/* how many instructions */
	u32 body;	/* at which of them the callback is called, or copied to */
	u32 copied;	/* how many instructions of it have been copied; 0: it is called */
};

#define BPF_GRAPH_WALK_MAX 55

/*
 * Rust, called from the verifier, for the call of a kfunc that calls its program back.
 * Of which kind the way is that the kfunc at @addr goes, if it can be written out, or 0;
 * then the writing, to @buf, with @call at its end if anything is left to call. The
 * callback is the @len instructions at @callback; what is copied of it begins with the
 * first, and has as many. Where it is called the call has yet to be aimed. From @stack
 * on, counted from the end of the stack, three words of it are free.
 */
u32 bpf_graph_walks(unsigned long addr);
void bpf_graph_walk(u32 kind, s32 stack, const struct bpf_insn *callback, u32 len,
		    const struct bpf_insn *call, struct bpf_insn *buf,
		    struct bpf_graph_walk *walk);

/*
 * Rust, called from verifier.c: what a call of the kfunc at @addr with an object of type
 * @meta calls, behind such a way if it has @walked, else with its own arguments.
 */
unsigned long bpf_graph_callee(unsigned long addr, struct btf_struct_meta *meta, bool walked);

/*
 * Rust, called from the verifier: what objects come to a call of bpf_obj_drop(), from the
 * second type on. See rust/drops.rs.
 */
struct bpf_graph_drops;

struct bpf_graph_drops *bpf_graph_drops(struct btf_struct_meta *meta, u32 size);
int bpf_graph_drops_also(struct bpf_graph_drops *drops, struct btf_struct_meta *meta, u32 size);
int bpf_graph_drops_insns(const struct bpf_graph_drops *drops, const struct bpf_insn *call,
			  struct bpf_insn *buf, u32 room);
void bpf_graph_drops_free(struct bpf_graph_drops *drops);

/*
 * Rust, called from btf.c: the key that a root declares by the tag "key:" and @names
 * in the struct @id that it contains, as a word without the node's offset, or a
 * negative error. See rust/key.rs. Declared without CONFIG_BPF_GRAPH_RUST as well.
 */
s64 bpf_graph_key(const struct btf *btf, u32 id, const char *names);

/*
 * Rust, called from btf.c: whether the @key, with the node's offset, reads what is
 * one of the special fields in @rec, the record of the objects.
 */
bool bpf_graph_key_hits(u64 key, const struct btf_record *rec);

/*
 * Rust, called from btf.c and verifier.c where something is refused and the log is read.
 * Writes to @log what is wrong with the locks, heads, roots and nodes of the type @id of
 * @btf: of objects, with 0 for which types own each other without end; of map values; or
 * which @field there is where a program has found none.
 */
void bpf_graph_explain(struct bpf_verifier_log *log, const struct btf *btf, u32 id);
void bpf_graph_explain_value(struct bpf_verifier_log *log, const struct btf *btf, u32 id);
void bpf_graph_explain_missing(struct bpf_verifier_log *log, const struct btf *btf, u32 id,
			       enum btf_field_type field);

/* What bpf_graph_check_sections() finds fault with. */
enum bpf_graph_btf_fault_kind {
	BPF_GRAPH_SECTION_SIZE,
	BPF_GRAPH_MEMBER_OFFSET,
	BPF_GRAPH_MEMBER_SIZE,
	BPF_GRAPH_MEMBER_END,
	BPF_GRAPH_MEMBER_KIND,
	BPF_GRAPH_MEMBER_MIXED,
	BPF_GRAPH_EXTERN_LAYOUT,
	BPF_GRAPH_EXTERN_FUNC_SIZE,
	BPF_GRAPH_EXTERN_VAR_FREE,
	BPF_GRAPH_EXTERN_FUNC_FREE,
};

/* The fault, and where: at a type, or at a member of it. */
struct bpf_graph_btf_fault {
	u32 type;
	u32 member;
	u32 what;
};

#define BPF_GRAPH_NO_MEMBER 0xffffffff

/*
 * Rust, called from btf.c when all types of @btf, from @first on, are known, each by
 * itself: whether its sections are laid out as they have to be, and all externs are in
 * one. -EINVAL, and then @fault is set, or -ENOMEM. See rust/section.rs. Declared
 * without CONFIG_BPF_GRAPH_RUST as well, for a call that is then dropped.
 */
int bpf_graph_check_sections(const struct btf *btf, u32 first, struct bpf_graph_btf_fault *fault);

#ifdef CONFIG_BPF_GRAPH_AB
/* Rust, called from verifier.c where a kfunc's name has become an address. */
unsigned long bpf_graph_kfunc_addr(unsigned long addr);
#else
static inline unsigned long bpf_graph_kfunc_addr(unsigned long addr)
{
	return addr;
}
#endif /* CONFIG_BPF_GRAPH_AB */

#endif /* _BPF_GRAPH_H */
