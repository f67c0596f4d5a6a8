// SPDX-License-Identifier: GPL-2.0

//! Trees in the order of a declared key.
//!
//! - *verifier: key* says that the word `key` is that of the root's field, and so of its nodes.

use kernel::{
    bindings::{bpf_rb_node, bpf_rb_root, btf_struct_meta},
    prelude::*,
};

use super::{
    claimed, or_null,
    rbtree::{tree, tree_node},
};
use crate::{
    key::{node_offset, with_key, Key},
    owner::{Claim, Held},
    rbtree::{TreeKind, TreeNode},
};

/// Inserts `node` into `root` in the order of the key that `root` declares, behind its equals;
/// `claim` claims it.
///
/// # Safety
///
/// Verifier: locked, owned, meta, key.
#[inline(always)]
unsafe fn add(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    meta: *mut btf_struct_meta,
    key: u64,
    claim: impl FnOnce(TreeNode<'_>) -> Option<Claim<'_, TreeKind>>,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let done = put(root, tree_node(node, &held), &held, key, claim);
        claimed(done, tree_node(node, &held), meta, node_offset(key).into())
    }
}

/// [`add()`] without what happens to the reference: whether it was inserted.
///
/// # Safety
///
/// Verifier: locked, owned, key.
#[inline(always)]
unsafe fn put<'l>(
    root: *mut bpf_rb_root,
    node: TreeNode<'l>,
    held: &'l Held,
    key: u64,
    claim: impl FnOnce(TreeNode<'l>) -> Option<Claim<'l, TreeKind>>,
) -> bool {
    let Some(of) = Key::from_word(key) else {
        return false;
    };
    // SAFETY: This function's contract.
    unsafe {
        let mut tree = tree(root, held);
        claim(node)
            .map(|claim| {
                with_key!(of, node_offset(key), |of, _to| {
                    let new = of(node);
                    tree.add_before(claim, |at| new < of(at))
                })
            })
            .is_some()
    }
}

/// Inserts `node` into `root` in the order of the key that `root` declares, behind its equals.
/// 0, or `-EINVAL` if the node was not free; the reference is given up then.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta, key.
#[export]
pub unsafe extern "C" fn bpf_rbtree_add_key(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    meta: *mut btf_struct_meta,
    key: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { add(root, node, meta, key, |node| node.claim()) }
}

/// [`bpf_rbtree_add_key()`] of an object with one owner.
///
/// # Safety
///
/// As for [`bpf_rbtree_add_key()`]; the type of `meta` has no `bpf_refcount`.
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
pub(crate) unsafe extern "C" fn rbtree_add_key_sole(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    meta: *mut btf_struct_meta,
    key: u64,
) -> c_int {
    // SAFETY: This function's contract; verifier: owned, and by the type there is no other owner.
    unsafe { add(root, node, meta, key, |node| Some(node.claim_of_sole())) }
}

/// Inserts `node`, which is reserved, into `root` in the order of the key that `root` declares,
/// behind its equals.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, reserved, meta, key.
#[export]
pub unsafe extern "C" fn bpf_rbtree_add_key_reserved(
    root: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    _meta: *mut btf_struct_meta,
    key: u64,
) {
    // SAFETY: This function's contract; verifier: reserved, so this is the one return to it. The
    // word is a key, so it is inserted.
    unsafe {
        let held = Held::new();
        put(root, tree_node(node, &held), &held, key, |n| {
            Some(n.reserved())
        });
    }
}

/// Takes `node` out of `from` and inserts it into `to`, which may be the same, in the order of the
/// key that both declare, behind its equals. Whether it was in `from`: if not, nothing is done.
///
/// # Safety
///
/// Called by programs. Verifier: locked (both roots), owned, key (of both roots).
#[export]
pub unsafe extern "C" fn bpf_rbtree_move_key(
    from: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
    to: *mut bpf_rb_root,
    _meta: *mut btf_struct_meta,
    key: u64,
) -> bool {
    let Some(of) = Key::from_word(key) else {
        return false;
    };
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = tree_node(node, &held);
        let (mut from, mut to) = (tree(from, &held), tree(to, &held));
        with_key!(of, node_offset(key), |of, _to| {
            let new = of(node);
            from.move_before(&mut to, node, |at| new < of(at))
        })
    }
}

/// What is searched for.
#[derive(Clone, Copy)]
enum Search {
    Equal,
    NotLess,
    Greater,
}

/// The first node of `root` that `what` says of the key (`first`, `second`); null if there is none.
/// Of a key that is one integer `second` says nothing.
///
/// # Safety
///
/// Verifier: locked, key.
#[inline(always)]
unsafe fn search(
    what: Search,
    root: *mut bpf_rb_root,
    first: u64,
    second: u64,
    key: u64,
) -> *mut bpf_rb_node {
    let Some(parts) = Key::from_word(key) else {
        return core::ptr::null_mut();
    };
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let tree = tree(root, &held);
        or_null(with_key!(parts, node_offset(key), |of, to| {
            let wanted = to(first, second);
            match what {
                Search::Greater => tree.first_that(|at| of(at) > wanted),
                Search::NotLess => tree.first_that(|at| of(at) >= wanted),
                Search::Equal => tree
                    .first_that(|at| of(at) >= wanted)
                    .filter(|&at| of(at) == wanted),
            }
        }))
    }
}

/// The first node of `root` whose key is (`first`, `second`); null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked, key.
#[export]
pub unsafe extern "C" fn bpf_rbtree_find_key(
    root: *mut bpf_rb_root,
    first: u64,
    second: u64,
    _meta: *mut btf_struct_meta,
    key: u64,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe { search(Search::Equal, root, first, second, key) }
}

/// The first node of `root` whose key is not less than (`first`, `second`); null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked, key.
#[export]
pub unsafe extern "C" fn bpf_rbtree_lower_bound_key(
    root: *mut bpf_rb_root,
    first: u64,
    second: u64,
    _meta: *mut btf_struct_meta,
    key: u64,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe { search(Search::NotLess, root, first, second, key) }
}

/// The first node of `root` whose key is greater than (`first`, `second`); null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked, key.
#[export]
pub unsafe extern "C" fn bpf_rbtree_upper_bound_key(
    root: *mut bpf_rb_root,
    first: u64,
    second: u64,
    _meta: *mut btf_struct_meta,
    key: u64,
) -> *mut bpf_rb_node {
    // SAFETY: This function's contract.
    unsafe { search(Search::Greater, root, first, second, key) }
}
