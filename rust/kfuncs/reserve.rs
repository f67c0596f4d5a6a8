// SPDX-License-Identifier: GPL-2.0

//! Nodes that are claimed before they are inserted, so that the insertion cannot fail.

use kernel::{
    bindings::{bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root},
    prelude::*,
};

use super::{
    list::{list, list_node},
    rbtree::{order, tree, tree_node, Less},
};
use crate::owner::{Claim, Held, Kind, Node};

/// Claims `node`, if it is free, for a later insertion: 1 or 0, in all of the register.
#[inline(always)]
fn reserve<K: Kind>(node: Node<'_, K>) -> u64 {
    node.claim().map(Claim::reserve).is_some().into()
}

/// Reserves `node` for an insertion into a list: 1, or 0 if it is in a list, or claimed by who has
/// another reference to its object. With or without a lock.
///
/// # Safety
///
/// Called by programs. Verifier: owned.
#[export]
pub unsafe extern "C" fn bpf_list_can_add(node: *mut bpf_list_node) -> u64 {
    // SAFETY: This function's contract; the program's own reference keeps the object.
    unsafe { reserve(list_node(node, &Held::new())) }
}

/// [`bpf_list_can_add()`] for a tree.
///
/// # Safety
///
/// As for [`bpf_list_can_add()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_can_add(node: *mut bpf_rb_node) -> u64 {
    // SAFETY: This function's contract; the program's own reference keeps the object.
    unsafe { reserve(tree_node(node, &Held::new())) }
}

/// Sets `node`, which is reserved, free.
///
/// # Safety
///
/// Called by programs. Verifier: owned, reserved.
#[export]
pub unsafe extern "C" fn bpf_list_unreserve(node: *mut bpf_list_node) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it.
    unsafe { list_node(node, &Held::new()).reserved().give_back() }
}

/// [`bpf_list_unreserve()`] for a tree.
///
/// # Safety
///
/// As for [`bpf_list_unreserve()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_unreserve(node: *mut bpf_rb_node) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it.
    unsafe { tree_node(node, &Held::new()).reserved().give_back() }
}

/// Inserts `node`, which is reserved, in front of `head`. The reference becomes the list's.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, reserved.
#[export]
pub unsafe extern "C" fn bpf_list_push_front_reserved(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it.
    unsafe {
        let held = Held::new();
        list(head, &held).put_front(list_node(node, &held).reserved())
    }
}

/// [`bpf_list_push_front_reserved()`] at the end of `head`.
///
/// # Safety
///
/// As for [`bpf_list_push_front_reserved()`].
#[export]
pub unsafe extern "C" fn bpf_list_push_back_reserved(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it.
    unsafe {
        let held = Held::new();
        list(head, &held).put_back(list_node(node, &held).reserved())
    }
}

/// Inserts `node`, which is reserved, into `root` where `less` says, behind its equals. The
/// reference becomes the tree's.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, reserved; `less` as for
/// [`bpf_rbtree_add()`](super::bpf_rbtree_add).
#[export]
pub unsafe extern "C" fn bpf_rbtree_add_reserved(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    less: Less,
) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it.
    unsafe {
        let held = Held::new();
        let (mut tree, node) = (tree(root, &held), tree_node(node, &held));
        // Null is not what the verifier lets through.
        if let Some(less) = order(less) {
            tree.put(node.reserved(), less);
        };
    }
}
