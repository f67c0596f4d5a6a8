// SPDX-License-Identifier: GPL-2.0

//! Trees by a declared key. The verifier wants all of a root by its key, or nothing; here the key
//! is what the comparison compares, so both find and leave the same order, and a step takes either.

use core::mem::offset_of;

use kernel::{
    bindings::{bpf_rb_node, bpf_rb_root, btf_struct_meta},
    sync::atomic::{Atomic, Relaxed},
};

use super::{
    super::{
        counted::TREE,
        key::{whole, word},
        kfuncs::Kfuncs,
        tree::BY_KEY,
        tree_item, Item,
    },
    Outcome, Worker,
};
use crate::{
    bpf_rbtree_add_key,
    bpf_rbtree_add_key_reserved,
    bpf_rbtree_add_reserved,
    bpf_rbtree_find_key,
    bpf_rbtree_lower_bound_key,
    bpf_rbtree_move,
    bpf_rbtree_move_key,
    bpf_rbtree_reposition,
    bpf_rbtree_upper_bound_key,
    key::Int, //
};

/// By what a step finds the order.
#[derive(Clone, Copy)]
pub(super) enum By {
    Comparison,
    Key,
}

impl By {
    /// One or the other.
    pub(super) fn any(w: &mut Worker) -> Self {
        match w.random.below(3) {
            0 => Self::Key,
            _ => Self::Comparison,
        }
    }

    /// Counts what was ordered by the key.
    pub(super) fn count(self, w: &mut Worker) {
        if matches!(self, Self::Key) {
            w.count(Outcome::Keyed);
        }
    }

    /// The key of an item, as the verifier passes it.
    fn word() -> u64 {
        const {
            assert!(offset_of!(Item, tree) as u64 == TREE);
        }
        word(whole(Int::U64), None)
    }

    /// `bpf_rbtree_add()` or `bpf_rbtree_add_key()`.
    ///
    /// # Safety
    ///
    /// The lock of `tree` is held; the reference is the caller's, and given up.
    pub(super) unsafe fn add(
        self,
        k: &Kfuncs,
        tree: *mut bpf_rb_root,
        node: *mut bpf_rb_node,
        meta: *mut btf_struct_meta,
    ) -> i32 {
        // SAFETY: This function's contract.
        unsafe {
            match self {
                By::Comparison => (k.add)(tree, node, Some(BY_KEY), meta, TREE),
                By::Key => bpf_rbtree_add_key(tree, node, meta, Self::word()),
            }
        }
    }

    /// The same of a node that is reserved.
    ///
    /// # Safety
    ///
    /// As for [`add()`](Self::add); the reservation is the caller's, and used up.
    pub(super) unsafe fn add_reserved(
        self,
        tree: *mut bpf_rb_root,
        node: *mut bpf_rb_node,
        meta: *mut btf_struct_meta,
    ) {
        // SAFETY: This function's contract.
        unsafe {
            match self {
                By::Comparison => bpf_rbtree_add_reserved(tree, node, Some(BY_KEY)),
                By::Key => bpf_rbtree_add_key_reserved(tree, node, meta, Self::word()),
            }
        }
    }

    /// `bpf_rbtree_move()` or `bpf_rbtree_move_key()`.
    ///
    /// # Safety
    ///
    /// The locks of both trees are held, and the item of `node` is alive.
    pub(super) unsafe fn move_to(
        self,
        from: *mut bpf_rb_root,
        node: *mut bpf_rb_node,
        to: *mut bpf_rb_root,
        meta: *mut btf_struct_meta,
    ) -> bool {
        // SAFETY: This function's contract.
        unsafe {
            match self {
                By::Comparison => bpf_rbtree_move(from, node, to, Some(BY_KEY)),
                By::Key => bpf_rbtree_move_key(from, node, to, meta, Self::word()),
            }
        }
    }

    /// `bpf_rbtree_reposition()`, or what does the same by a key.
    ///
    /// # Safety
    ///
    /// The lock of `tree` is held, and the item of `node` is alive.
    pub(super) unsafe fn reposition(
        self,
        tree: *mut bpf_rb_root,
        node: *mut bpf_rb_node,
        meta: *mut btf_struct_meta,
    ) -> bool {
        // SAFETY: This function's contract.
        unsafe {
            match self {
                By::Comparison => bpf_rbtree_reposition(tree, node, Some(BY_KEY)),
                By::Key => bpf_rbtree_move_key(tree, node, tree, meta, Self::word()),
            }
        }
    }

    /// What the three searches for `key` find: the first that is equal, not less, and greater.
    ///
    /// # Safety
    ///
    /// The lock of `tree` is held.
    pub(super) unsafe fn found(
        tree: *mut bpf_rb_root,
        key: u64,
        meta: *mut btf_struct_meta,
    ) -> [*mut bpf_rb_node; 3] {
        let searches = [
            bpf_rbtree_find_key,
            bpf_rbtree_lower_bound_key,
            bpf_rbtree_upper_bound_key,
        ];
        // SAFETY: This function's contract.
        searches.map(|search| unsafe { search(tree, key, 0, meta, Self::word()) })
    }
}

/// Gives the item at `node` another key.
///
/// # Safety
///
/// The item is alive, and the lock of the tree that it is in is held.
pub(super) unsafe fn set_key(node: *mut bpf_rb_node, key: u64) {
    // SAFETY: This function's contract. Who reads it to compare has the lock of this tree. A move
    // by key reads it before it knows whether the node is there, and then does nothing with it.
    unsafe { Atomic::from_ptr(&raw mut (*tree_item(node)).key) }.store(key, Relaxed);
}
