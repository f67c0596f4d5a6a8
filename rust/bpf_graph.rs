// SPDX-License-Identifier: GPL-2.0

//! BPF's graph objects: typed allocation, lists, red-black trees and reference counts for the
//! objects of BPF programs.
//!
//! This is the crate's root: the functions that C and programs call, each a few lines over the
//! modules below. Their prototypes come from `include/bpf_graph.h`; what they do for a program is
//! said at their C bodies in `kernel/bpf/helpers.c`, and how this is built in
//! `kernel/bpf/graph/Documentation`.
//!
//! # What the verifier has proved
//!
//! The contracts of the kfuncs are kept by the verifier, not by callers in the kernel. In the
//! safety comments:
//!
//! - *verifier: owned* says that a pointer is an owning reference, or a non-owning one that is
//!   still valid: under the lock of its collection, or under RCU for shared objects.
//! - *verifier: locked* says that the lock that guards the head or root is held by the program
//!   (`check_reg_allocation_locked()`).
//! - *verifier: meta* says that metadata and offset are those of the argument's type
//!   (`bpf_fixup_kfunc_call()`).

use core::ptr::NonNull;

use kernel::{
    bindings::{
        bpf_callback_t,
        bpf_list_head,
        bpf_list_node,
        bpf_rb_node,
        bpf_rb_root,
        bpf_spin_lock,
        btf_field,
        btf_record,
        btf_struct_meta,
        EINVAL, //
    },
    prelude::*,
};

#[cfg(CONFIG_BPF_GRAPH_AB)]
mod ab;
mod drain;
mod list;
mod lock;
mod object;
mod owner;
mod rbtree;
mod record;
mod refcount;

#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
mod kunit;

use crate::{
    list::{List, ListKind, ListNode},
    lock::Lock,
    object::Object,
    owner::{Kind, Node},
    rbtree::{Tree, TreeKind, TreeNode},
    record::Record, //
};

#[cfg(CONFIG_BPF_GRAPH_AB)]
module! {
    type: ab::Switch,
    name: "bpf_graph",
    authors: ["bpf-graph developers"],
    description: "BPF graph objects in Rust",
    license: "GPL",
}

/// What `pr_warn!()` and its like put in front; where there is a module, it brings its own.
#[cfg(not(CONFIG_BPF_GRAPH_AB))]
const __LOG_PREFIX: &[u8] = b"bpf_graph\0";

/// `Some` as a pointer, `None` as null.
#[inline(always)]
fn or_null<K: Kind, T>(node: Option<Node<K>>) -> *mut T {
    node.map_or(core::ptr::null_mut(), |n| n.as_ptr().cast())
}

/// A pointer that the verifier knows not to be null.
///
/// # Safety
///
/// It is not null.
#[inline(always)]
unsafe fn non_null<T, U>(ptr: *mut T) -> NonNull<U> {
    // SAFETY: This function's contract.
    unsafe { NonNull::new_unchecked(ptr.cast()) }
}

/// The list at `head`.
///
/// # Safety
///
/// Verifier: locked.
#[inline(always)]
unsafe fn list<'l>(head: *mut bpf_list_head) -> List<'l> {
    // SAFETY: The kfunc that calls this has the lock held around it.
    unsafe { List::locked(non_null(head)) }
}

/// The list node at `node`.
///
/// # Safety
///
/// Verifier: owned.
#[inline(always)]
unsafe fn list_node(node: *mut bpf_list_node) -> ListNode {
    // SAFETY: The reference keeps the object alive around the kfunc that calls this.
    unsafe { Node::from_raw(non_null(node)) }
}

/// The tree at `root`.
///
/// # Safety
///
/// Verifier: locked.
#[inline(always)]
unsafe fn tree<'l>(root: *mut bpf_rb_root) -> Tree<'l> {
    // SAFETY: The kfunc that calls this has the lock held around it.
    unsafe { Tree::locked(non_null(root)) }
}

/// The tree node at `node`.
///
/// # Safety
///
/// Verifier: owned.
#[inline(always)]
unsafe fn tree_node(node: *mut bpf_rb_node) -> TreeNode {
    // SAFETY: The reference keeps the object alive around the kfunc that calls this.
    unsafe { Node::from_raw(non_null(node)) }
}

/// What an insertion returns: 0, or `-EINVAL` after the reference that was passed is dropped.
///
/// # Safety
///
/// Verifier: meta. Where the insertion failed, the caller's reference to the object is given up.
#[inline(always)]
unsafe fn inserted<K: Kind>(
    done: bool,
    node: Node<K>,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    #[cold]
    unsafe fn refuse(node: *mut c_void, meta: *mut btf_struct_meta, off: u64) -> c_int {
        // SAFETY: Verifier: meta; `off` is where the node is in its object. Programs run with
        // migration disabled.
        unsafe { Object::containing(node, off as usize).drop(Record::from_meta(meta)) };
        -(EINVAL as c_int)
    }

    if done {
        0
    } else {
        // SAFETY: This function's contract.
        unsafe { refuse(node.as_ptr().cast(), meta, off) }
    }
}

/// Allocates an object of `size` bytes.
///
/// # Safety
///
/// Called by programs. Verifier: meta; the program's `local_type_id__k` was replaced by the size.
#[export]
pub unsafe extern "C" fn bpf_obj_new(size: u64, meta: *mut btf_struct_meta) -> *mut c_void {
    // SAFETY: Verifier: meta.
    let record = unsafe { Record::from_meta(meta) };
    Object::new(size as usize, record).map_or(core::ptr::null_mut(), |obj| obj.as_ptr())
}

/// [`bpf_obj_new()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_obj_new()`].
#[export]
pub unsafe extern "C" fn bpf_obj_new_impl(size: u64, meta: *mut c_void) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_obj_new(size, meta.cast()) }
}

/// Allocates an object of `size` bytes for each CPU.
///
/// # Safety
///
/// Called by programs. The verifier takes only types without special fields.
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_new(size: u64, _meta: *mut btf_struct_meta) -> *mut c_void {
    Object::new_percpu(size as usize).map_or(core::ptr::null_mut(), |obj| obj.as_ptr())
}

/// [`bpf_percpu_obj_new()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_percpu_obj_new()`].
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_new_impl(size: u64, meta: *mut c_void) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_percpu_obj_new(size, meta.cast()) }
}

/// Gives back a reference to `obj`, and frees the object if that was the last one.
///
/// # Safety
///
/// Called by programs. Verifier: owned, meta.
#[export]
pub unsafe extern "C" fn bpf_obj_drop(obj: *mut c_void, meta: *mut btf_struct_meta) {
    // SAFETY: Verifier: owned, meta. Programs run with migration disabled.
    unsafe { Object::from_raw(non_null(obj)).drop(Record::from_meta(meta)) }
}

/// [`bpf_obj_drop()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_obj_drop()`].
#[export]
pub unsafe extern "C" fn bpf_obj_drop_impl(obj: *mut c_void, meta: *mut c_void) {
    // SAFETY: This function's contract.
    unsafe { bpf_obj_drop(obj, meta.cast()) }
}

/// Frees the object that each CPU has one of.
///
/// # Safety
///
/// Called by programs. Verifier: owned.
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_drop(obj: *mut c_void, _meta: *mut btf_struct_meta) {
    // SAFETY: Verifier: owned. Such types have no special fields, and so no record.
    unsafe { Object::from_raw(non_null(obj)).drop_percpu(None) }
}

/// [`bpf_percpu_obj_drop()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_percpu_obj_drop()`].
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_drop_impl(obj: *mut c_void, meta: *mut c_void) {
    // SAFETY: This function's contract.
    unsafe { bpf_percpu_obj_drop(obj, meta.cast()) }
}

/// Gives back a reference to `obj` for the kernel itself: from a kptr that is freed.
///
/// # Safety
///
/// The caller has the reference, `record` is null or that of the object's type, `percpu` says
/// which allocator it comes from, and migration is disabled.
#[export]
pub unsafe extern "C" fn __bpf_obj_drop_impl(
    obj: *mut c_void,
    record: *const btf_record,
    percpu: bool,
) {
    // SAFETY: This function's contract.
    unsafe {
        let obj = Object::from_raw(non_null(obj));
        let record = Record::from_ptr(record.cast_mut());
        if percpu {
            obj.drop_percpu(record);
        } else {
            obj.drop(record);
        }
    }
}

/// Takes another reference to `obj`; null if it is already on its way out.
///
/// # Safety
///
/// Called by programs. Verifier: owned, meta; the type has a `bpf_refcount`.
#[export]
pub unsafe extern "C" fn bpf_refcount_acquire(
    obj: *mut c_void,
    meta: *mut btf_struct_meta,
) -> *mut c_void {
    // SAFETY: Verifier: owned, meta.
    let count = unsafe { Record::from_meta(meta).and_then(|r| r.refcount(non_null(obj))) };
    if count.is_some_and(|count| count.acquire()) {
        obj
    } else {
        core::ptr::null_mut()
    }
}

/// [`bpf_refcount_acquire()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_refcount_acquire()`].
#[export]
pub unsafe extern "C" fn bpf_refcount_acquire_impl(
    obj: *mut c_void,
    meta: *mut c_void,
) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_refcount_acquire(obj, meta.cast()) }
}

/// Inserts `node` at the front of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta.
#[export]
pub unsafe extern "C" fn bpf_list_push_front(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let node = list_node(node);
        inserted(list(head).push_front(node), node, meta, off)
    }
}

/// [`bpf_list_push_front()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_list_push_front()`].
#[export]
pub unsafe extern "C" fn bpf_list_push_front_impl(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_list_push_front(head, node, meta.cast(), off) }
}

/// Inserts `node` at the end of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta.
#[export]
pub unsafe extern "C" fn bpf_list_push_back(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let node = list_node(node);
        inserted(list(head).push_back(node), node, meta, off)
    }
}

/// [`bpf_list_push_back()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_list_push_back()`].
#[export]
pub unsafe extern "C" fn bpf_list_push_back_impl(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_list_push_back(head, node, meta.cast(), off) }
}

/// Inserts `new` behind `prev`, which must be in `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned (both nodes), meta.
#[export]
pub unsafe extern "C" fn bpf_list_add(
    head: *mut bpf_list_head,
    new: *mut bpf_list_node,
    prev: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let node = list_node(new);
        inserted(
            list(head).insert_after(node, list_node(prev)),
            node,
            meta,
            off,
        )
    }
}

/// Takes the first node out of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_pop_front(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    or_null(unsafe { list(head) }.pop_front())
}

/// Takes the last node out of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_pop_back(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    or_null(unsafe { list(head) }.pop_back())
}

/// Takes `node` out of `head`; null if it is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_del(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    or_null(unsafe { list(head).remove(list_node(node)) })
}

/// The first node of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_front(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    or_null(unsafe { list(head) }.front())
}

/// The last node of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_back(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    or_null(unsafe { list(head) }.back())
}

/// Whether `node` is the first one of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_is_first(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe { list(head).is_first(list_node(node)) }
}

/// Whether `node` is the last one of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_is_last(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe { list(head).is_last(list_node(node)) }
}

/// Whether `head` has no node.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_empty(head: *mut bpf_list_head) -> bool {
    // SAFETY: This function's contract.
    unsafe { list(head) }.is_empty()
}

/// Inserts `node` into `root` where `less` says.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta; `less` is a subprogram of the caller that
/// takes two nodes and does nothing but compare them.
#[export]
pub unsafe extern "C" fn bpf_rbtree_add(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    less: Option<unsafe extern "C" fn(a: *mut bpf_rb_node, b: *const bpf_rb_node) -> bool>,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: The JIT makes subprograms functions of `bpf_callback_t`, which is also what their
    // kCFI hash says; the prototype here is for the verifier. Both are pointers to functions that
    // can be null.
    let less: bpf_callback_t = unsafe { core::mem::transmute(less) };
    // SAFETY: This function's contract.
    unsafe {
        let node = tree_node(node);
        let done = match less {
            Some(less) => tree(root).add(node, |a, b| {
                less(a.as_ptr() as u64, b.as_ptr() as u64, 0, 0, 0) != 0
            }),
            None => false,
        };
        inserted(done, node, meta, off)
    }
}

/// [`bpf_rbtree_add()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_rbtree_add()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_add_impl(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    less: Option<unsafe extern "C" fn(a: *mut bpf_rb_node, b: *const bpf_rb_node) -> bool>,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_rbtree_add(root, node, less, meta.cast(), off) }
}

/// Takes `node` out of `root`; null if it is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_remove(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    or_null(unsafe { tree(root).remove(tree_node(node)) })
}

/// The leftmost node of `root`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_rbtree_first(root: *mut bpf_rb_root) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    or_null(unsafe { tree(root) }.first())
}

/// The node at the top of `root`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_rbtree_root(root: *mut bpf_rb_root) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    or_null(unsafe { tree(root) }.top())
}

/// The left child of `node` in `root`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_left(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    or_null(unsafe { tree(root).left(tree_node(node)) })
}

/// The right child of `node` in `root`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_right(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    or_null(unsafe { tree(root).right(tree_node(node)) })
}

/// Frees the nodes of a list that a `bpf_spin_lock` guards.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `list_head` is a live head that `field` describes and
/// `spin_lock` guards, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_list_head_free(
    field: *const btf_field,
    list_head: *mut c_void,
    spin_lock: *mut bpf_spin_lock,
) {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Impl::C {
        // SAFETY: The contracts are the same.
        return unsafe {
            kernel::bindings::bpf_graph_c_bpf_list_head_free(field, list_head, spin_lock)
        };
    }
    // SAFETY: This function's contract.
    unsafe {
        let lock = Lock::spin(non_null(spin_lock));
        drain::drain::<ListKind>(non_null(list_head), lock, &*field);
    }
}

/// Frees the nodes of a tree that a `bpf_spin_lock` guards.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `rb_root` is a live root that `field` describes and
/// `spin_lock` guards, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_rb_root_free(
    field: *const btf_field,
    rb_root: *mut c_void,
    spin_lock: *mut bpf_spin_lock,
) {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Impl::C {
        // SAFETY: The contracts are the same.
        return unsafe {
            kernel::bindings::bpf_graph_c_bpf_rb_root_free(field, rb_root, spin_lock)
        };
    }
    // SAFETY: This function's contract.
    unsafe {
        let lock = Lock::spin(non_null(spin_lock));
        drain::drain::<TreeKind>(non_null(rb_root), lock, &*field);
    }
}

/// Frees the nodes of a list or tree that a `bpf_res_spin_lock` guards; `false` if it is not such
/// a one.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `obj` is live, `rec` describes it, `field` is one of `rec`'s
/// that is a list head or root, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_graph_free_res_root(
    rec: *const btf_record,
    field: *const btf_field,
    obj: *mut c_void,
) -> bool {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Impl::C {
        return false;
    }
    // SAFETY: This function's contract.
    let (lock, field) = unsafe { ((*rec).res_spin_lock_off, &*field) };
    let Ok(lock) = usize::try_from(lock) else {
        return false;
    };
    // SAFETY: This function's contract; the record says where lock and root are in the object.
    unsafe {
        let lock = Lock::resilient(non_null(obj.byte_add(lock)));
        let root = non_null(obj.byte_add(field.offset as usize));
        match field.type_ {
            kernel::bindings::btf_field_type_BPF_LIST_HEAD => {
                drain::drain::<ListKind>(root, lock, field)
            }
            kernel::bindings::btf_field_type_BPF_RB_ROOT => {
                drain::drain::<TreeKind>(root, lock, field)
            }
            _ => return false,
        }
    }
    true
}

/// The address that a program's call to the kfunc at `addr` gets.
///
/// # Safety
///
/// Always safe to call; unsafe as all exported functions are.
#[cfg(CONFIG_BPF_GRAPH_AB)]
#[export]
pub unsafe extern "C" fn bpf_graph_kfunc_addr(addr: usize) -> usize {
    ab::kfunc_addr(addr)
}
