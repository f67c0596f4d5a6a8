// SPDX-License-Identifier: GPL-2.0

//! Moves, from one head or root to another, or within one.
//!
//! - *verifier: both* says that the nodes of both heads or roots are the same field of the same
//!   type.
//! - *verifier: one object* says that two nodes are of the same object.

use kernel::{
    bindings::{bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root},
    prelude::*,
};

use super::{
    list::{list, list_node},
    rbtree::{order, tree, tree_node, Less},
};
use crate::{
    list::{List, ListKind},
    owner::{Claim, Held},
};

/// Takes `node` out of `from` and puts it in front of `to`, which may be the same. Whether it was
/// in `from`: if not, nothing is done.
///
/// # Safety
///
/// Called by programs. Verifier: locked (both heads), owned, both.
#[export]
pub unsafe extern "C" fn bpf_list_move_front(
    from: *mut bpf_list_head,
    node: *mut bpf_list_node,
    to: *mut bpf_list_head,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        list(from, &held).move_to_front(&mut list(to, &held), list_node(node, &held))
    }
}

/// [`bpf_list_move_front()`] to the end of `to`.
///
/// # Safety
///
/// As for [`bpf_list_move_front()`].
#[export]
pub unsafe extern "C" fn bpf_list_move_back(
    from: *mut bpf_list_head,
    node: *mut bpf_list_node,
    to: *mut bpf_list_head,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        list(from, &held).move_to_back(&mut list(to, &held), list_node(node, &held))
    }
}

/// Takes `node` out of `from` and inserts it into `to`, which may be the same, where `less` says.
/// Whether it was in `from`: if not, nothing is done.
///
/// # Safety
///
/// Called by programs. Verifier: locked (both roots), owned, both; `less` as for
/// [`bpf_rbtree_add()`](super::bpf_rbtree_add).
#[export]
pub unsafe extern "C" fn bpf_rbtree_move(
    from: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    to: *mut bpf_rb_root,
    less: Less,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let (mut from, mut to) = (tree(from, &held), tree(to, &held));
        order(less).is_some_and(|less| from.move_to(&mut to, tree_node(node, &held), less))
    }
}

/// Takes `node` out of `from` and inserts `to_node`, the tree's node of the same object, into `to`
/// where `less` says; the list's reference becomes the tree's. `false` if `node` was not in `from`
/// or `to_node` is in a tree or claimed: nothing is done then.
///
/// # Safety
///
/// Called by programs. Verifier: locked (head and root), owned, one object; `less` as for
/// [`bpf_rbtree_add()`](super::bpf_rbtree_add).
#[export]
pub unsafe extern "C" fn bpf_list_move_rbtree(
    from: *mut bpf_list_head,
    node: *mut bpf_list_node,
    to: *mut bpf_rb_root,
    to_node: *mut bpf_rb_node,
    less: Less,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let (mut from, mut to) = (list(from, &held), tree(to, &held));
        let node = list_node(node, &held);
        let Some(less) = order(less).filter(|_| from.has(node)) else {
            return false;
        };
        let Some(claim) = tree_node(to_node, &held).claim() else {
            return false;
        };
        // It is there: the lock is held since that was found.
        match from.remove(node) {
            Some(_) => to.put(claim, less),
            None => claim.give_back(),
        }
    }
    true
}

/// Takes `node` out of `from`; `put` puts `to_node`, the list's node of the same object, into `to`.
/// `false` if `node` was not in `from` or `to_node` is in a list or claimed: nothing is done then.
///
/// # Safety
///
/// Verifier: locked (root and head), owned, one object.
#[inline(always)]
unsafe fn move_list(
    from: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    to: *mut bpf_list_head,
    to_node: *mut bpf_list_node,
    put: impl for<'l> FnOnce(&mut List<'l>, Claim<'l, ListKind>),
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let (mut from, node) = (tree(from, &held), tree_node(node, &held));
        if !from.has(node) {
            return false;
        }
        let Some(claim) = list_node(to_node, &held).claim() else {
            return false;
        };
        // It is there: the lock is held since that was found.
        match from.remove(node) {
            Some(_) => put(&mut list(to, &held), claim),
            None => claim.give_back(),
        }
    }
    true
}

/// Takes `node` out of `from` and puts `to_node`, the list's node of the same object, in front of
/// `to`; the tree's reference becomes the list's. `false` if `node` was not in `from` or `to_node`
/// is in a list or claimed: nothing is done then.
///
/// # Safety
///
/// Called by programs. Verifier: locked (root and head), owned, one object.
#[export]
pub unsafe extern "C" fn bpf_rbtree_move_list_front(
    from: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    to: *mut bpf_list_head,
    to_node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe { move_list(from, node, to, to_node, |to, claim| to.put_front(claim)) }
}

/// [`bpf_rbtree_move_list_front()`] to the end of `to`.
///
/// # Safety
///
/// As for [`bpf_rbtree_move_list_front()`].
#[export]
pub unsafe extern "C" fn bpf_rbtree_move_list_back(
    from: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    to: *mut bpf_list_head,
    to_node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe { move_list(from, node, to, to_node, |to, claim| to.put_back(claim)) }
}

/// Puts `node`, whose key has changed, where `less` says that it belongs in `root` now: behind its
/// equals, as if it were inserted again. Whether it was in `root`: if not, nothing is done.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned; `less` as for
/// [`bpf_rbtree_add()`](super::bpf_rbtree_add).
#[export]
pub unsafe extern "C" fn bpf_rbtree_reposition(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    less: Less,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let mut tree = tree(root, &held);
        order(less).is_some_and(|less| tree.reposition(tree_node(node, &held), less))
    }
}
