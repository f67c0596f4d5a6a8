// SPDX-License-Identifier: GPL-2.0

//! Red-black trees.

use kernel::{
    bindings::{bpf_callback_t, bpf_rb_node, bpf_rb_root, btf_struct_meta},
    prelude::*,
};

use super::{claimed, non_null, or_null};
use crate::{
    owner::{Held, Node},
    rbtree::{Place, Tree, TreeNode},
};

/// The tree at `root`.
///
/// # Safety
///
/// Verifier: locked.
#[inline(always)]
pub(super) unsafe fn tree(root: *mut bpf_rb_root, held: &Held) -> Tree<'_> {
    // SAFETY: The kfunc that calls this has the lock held around it.
    unsafe { Tree::locked(non_null(root), held) }
}

/// The tree node at `node`.
///
/// # Safety
///
/// Verifier: owned.
#[inline(always)]
pub(super) unsafe fn tree_node(node: *mut bpf_rb_node, held: &Held) -> TreeNode<'_> {
    // SAFETY: The reference keeps the object alive around the kfunc that calls this.
    unsafe { Node::from_raw(non_null(node), held) }
}

/// What programs pass as the order of a tree.
pub(super) type Less =
    Option<unsafe extern "C" fn(a: *mut bpf_rb_node, b: *const bpf_rb_node) -> bool>;

/// `less` as something that can be called; `None` for null.
///
/// # Safety
///
/// `less` is a subprogram of the program that is running, which takes two nodes and returns 0 or 1;
/// it takes no node out of a tree, and no lock. What is returned is called with nodes that the
/// program may read.
#[inline(always)]
pub(super) unsafe fn order<'l>(less: Less) -> Option<impl Fn(TreeNode<'l>, TreeNode<'l>) -> bool> {
    // SAFETY: The JIT makes subprograms functions of `bpf_callback_t`, which is also what their
    // kCFI hash says; the prototype here is for the verifier. Both are pointers to functions that
    // can be null.
    let less: bpf_callback_t = unsafe { core::mem::transmute(less) };
    less.map(|less| {
        // SAFETY: This function's contract.
        move |a: TreeNode<'l>, b: TreeNode<'l>| unsafe {
            less(a.as_ptr() as u64, b.as_ptr() as u64, 0, 0, 0) != 0
        }
    })
}

/// Inserts `node` into `root` where `less` says.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta; `less` is a subprogram of the caller that
/// takes two nodes and returns 0 or 1; it takes no node out of the tree, and no lock.
#[export]
pub unsafe extern "C" fn bpf_rbtree_add(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    less: Less,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = tree_node(node, &held);
        let done = order(less).is_some_and(|less| tree(root, &held).add(node, less));
        claimed(done, node, meta, off)
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
    less: Less,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_rbtree_add(root, node, less, meta.cast(), off) }
}

/// Inserts `node` into `root` at `place`, where a program has found by itself that it belongs.
/// What is left of a call of [`bpf_rbtree_add()`] then.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta; `place` was found under the same lock by
/// `inline/walk.rs`, and the tree has not changed since.
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
pub(crate) unsafe extern "C" fn rbtree_add_at(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    place: u64,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = tree_node(node, &held);
        let done = node
            .claim()
            .map(|claim| tree(root, &held).link(claim, Place::from_word(place)))
            .is_some();
        claimed(done, node, meta, off)
    }
}

/// [`rbtree_add_at()`] of an object with one owner: always 0.
///
/// # Safety
///
/// As for [`rbtree_add_at()`]; the type of the object has no `bpf_refcount`.
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
pub(crate) unsafe extern "C" fn rbtree_add_at_sole(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    place: u64,
) -> c_int {
    // SAFETY: This function's contract; verifier: owned, and by the type there is no other owner.
    unsafe {
        let held = Held::new();
        let claim = tree_node(node, &held).claim_of_sole();
        tree(root, &held).link(claim, Place::from_word(place));
    }
    0
}

/// What a program compares a key with nodes by: negative if the key comes first, 0 if they are
/// equal, positive if the node comes first.
type Compare = Option<unsafe extern "C" fn(key: *const c_void, node: *const bpf_rb_node) -> c_int>;

/// The last node on the way down for which `way` says that it is found; null if there is none. It
/// is given the result of `cmp` for `key` and each node, and says too whether to go left.
///
/// # Safety
///
/// Verifier: locked; `cmp` is a subprogram of the caller that takes `key`, which it can read, and a
/// node; it takes no node out of the tree, and no lock.
#[inline(always)]
unsafe fn search(
    root: *mut bpf_rb_root,
    key: *const c_void,
    cmp: Compare,
    way: impl Fn(c_int) -> (bool, bool),
) -> *mut bpf_rb_node {
    // SAFETY: As in `order()`.
    let cmp: bpf_callback_t = unsafe { core::mem::transmute(cmp) };
    let Some(cmp) = cmp else {
        return core::ptr::null_mut();
    };
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).last_on(|at| {
            // An `int`: the upper half of the register says nothing.
            way(cmp(key as u64, at.as_ptr() as u64, 0, 0, 0) as c_int)
        }))
    }
}

/// The first node of `root` that is equal to `key` by `cmp`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked; `cmp` is a subprogram of the caller that compares `key`,
/// of `key__szk` bytes, with a node; it takes no node out of the tree, and no lock.
#[export]
pub unsafe extern "C" fn bpf_rbtree_find(
    root: *mut bpf_rb_root,
    key: *const c_void,
    _key_size: u32,
    cmp: Compare,
) -> *mut bpf_rb_node {
    // Left of one that is equal there may be others.
    // SAFETY: This function's contract.
    unsafe { search(root, key, cmp, |order| (order <= 0, order == 0)) }
}

/// The first node of `root` that is not less than `key` by `cmp`; null if there is none.
///
/// # Safety
///
/// As for [`bpf_rbtree_find()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_lower_bound(
    root: *mut bpf_rb_root,
    key: *const c_void,
    _key_size: u32,
    cmp: Compare,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe { search(root, key, cmp, |order| (order <= 0, order <= 0)) }
}

/// The first node of `root` that is greater than `key` by `cmp`; null if there is none.
///
/// # Safety
///
/// As for [`bpf_rbtree_find()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_upper_bound(
    root: *mut bpf_rb_root,
    key: *const c_void,
    _key_size: u32,
    cmp: Compare,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe { search(root, key, cmp, |order| (order < 0, order < 0)) }
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
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).remove(tree_node(node, &held)))
    }
}

/// The leftmost node of `root`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_rbtree_first(root: *mut bpf_rb_root) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).first())
    }
}

/// The node at the top of `root`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_rbtree_root(root: *mut bpf_rb_root) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).top())
    }
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
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).left(tree_node(node, &held)))
    }
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
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).right(tree_node(node, &held)))
    }
}

/// Whether `node` is in `root`: 1 or 0, which the verifier believes as after
/// [`bpf_list_owns_node()`](super::list::bpf_list_owns_node).
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_owns_node(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> u64 {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        u64::from(tree(root, &held).has(tree_node(node, &held)))
    }
}

/// The node behind `node` in the order of `root`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_next(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).next_of(tree_node(node, &held)))
    }
}

/// The node before `node` in the order of `root`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_rbtree_prev(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(tree(root, &held).prev_of(tree_node(node, &held)))
    }
}
