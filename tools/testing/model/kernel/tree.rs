// SPDX-License-Identifier: GPL-2.0

//! Trees: the calls of `linux/rbtree.h`, without the balancing.
//!
//! For the protocol a tree is a set of nodes that touch their neighbours' links, which a tree that
//! leans does as well. Colours are left out: `__rb_parent_color` is the parent, and a node that is
//! its own parent is in no tree.

use core::ptr::null_mut;

use crate::links::{rb_node, rb_root, rb_root_cached};

/// # Safety
///
/// `node` is live and in a tree whose lock is held.
unsafe fn parent(node: *mut rb_node) -> *mut rb_node {
    // SAFETY: This function's contract.
    unsafe { (*node).__rb_parent_color as *mut rb_node }
}

/// # Safety
///
/// `node` is in no tree and the caller's; `link` is an empty child pointer of `parent`, or that of
/// an empty root, in a tree whose lock is held.
pub unsafe fn rb_link_node(node: *mut rb_node, parent: *mut rb_node, link: *mut *mut rb_node) {
    // SAFETY: This function's contract.
    unsafe {
        (*node).__rb_parent_color = parent as usize;
        (*node).rb_left = null_mut();
        (*node).rb_right = null_mut();
        *link = node;
    }
}

/// # Safety
///
/// `node` was just linked into `tree`, whose lock is held.
pub unsafe fn rb_insert_color_cached(node: *mut rb_node, tree: *mut rb_root_cached, left: bool) {
    if left {
        // SAFETY: This function's contract.
        unsafe { (*tree).rb_leftmost = node };
    }
}

/// Puts `new` (or nothing, if null) where `old` is.
///
/// # Safety
///
/// `old` is in `tree`, whose lock is held.
unsafe fn replace(tree: *mut rb_root_cached, old: *mut rb_node, new: *mut rb_node) {
    // SAFETY: This function's contract.
    unsafe {
        let above = parent(old);
        if above.is_null() {
            assert!(
                (*tree).rb_root.rb_node == old,
                "rb_erase: the tree is broken"
            );
            (*tree).rb_root.rb_node = new;
        } else if (*above).rb_left == old {
            (*above).rb_left = new;
        } else {
            assert!((*above).rb_right == old, "rb_erase: the tree is broken");
            (*above).rb_right = new;
        }
        if !new.is_null() {
            (*new).__rb_parent_color = above as usize;
        }
    }
}

/// The leftmost node below and with `node`.
///
/// # Safety
///
/// `node` is in a tree whose lock is held.
unsafe fn leftmost(mut node: *mut rb_node) -> *mut rb_node {
    // SAFETY: This function's contract.
    unsafe {
        while !(*node).rb_left.is_null() {
            node = (*node).rb_left;
        }
    }
    node
}

/// # Safety
///
/// `node` is in `tree`, whose lock is held.
pub unsafe fn rb_erase_cached(node: *mut rb_node, tree: *mut rb_root_cached) {
    // SAFETY: This function's contract.
    unsafe {
        let (left, right) = ((*node).rb_left, (*node).rb_right);
        if (*tree).rb_leftmost == node {
            // It has nothing left of it, so the next is right of it or above.
            (*tree).rb_leftmost = if right.is_null() {
                parent(node)
            } else {
                leftmost(right)
            };
        }
        if left.is_null() || right.is_null() {
            replace(tree, node, if left.is_null() { right } else { left });
            return;
        }
        let next = leftmost(right);
        if next != right {
            replace(tree, next, (*next).rb_right);
            (*next).rb_right = right;
            (*right).__rb_parent_color = next as usize;
        }
        replace(tree, node, next);
        (*next).rb_left = left;
        (*left).__rb_parent_color = next as usize;
    }
}

/// # Safety
///
/// `node` is in a tree whose lock is held.
pub unsafe fn rb_next(node: *const rb_node) -> *mut rb_node {
    let mut node = node.cast_mut();
    // SAFETY: This function's contract.
    unsafe {
        if !(*node).rb_right.is_null() {
            return leftmost((*node).rb_right);
        }
        let mut above = parent(node);
        while !above.is_null() && (*above).rb_right == node {
            (node, above) = (above, parent(above));
        }
        above
    }
}

/// # Safety
///
/// `node` is live.
unsafe fn rightmost(mut node: *mut rb_node) -> *mut rb_node {
    // SAFETY: This function's contract.
    unsafe {
        while !(*node).rb_right.is_null() {
            node = (*node).rb_right;
        }
    }
    node
}

/// # Safety
///
/// `root` is that of a tree whose lock is held.
pub unsafe fn rb_last(root: *const rb_root) -> *mut rb_node {
    // SAFETY: This function's contract.
    unsafe {
        let top = (*root).rb_node;
        if top.is_null() {
            return top;
        }
        rightmost(top)
    }
}

/// # Safety
///
/// `node` is in a tree whose lock is held.
pub unsafe fn rb_prev(node: *const rb_node) -> *mut rb_node {
    let mut node = node.cast_mut();
    // SAFETY: This function's contract.
    unsafe {
        if !(*node).rb_left.is_null() {
            return rightmost((*node).rb_left);
        }
        let mut above = parent(node);
        while !above.is_null() && (*above).rb_left == node {
            (node, above) = (above, parent(above));
        }
        above
    }
}
