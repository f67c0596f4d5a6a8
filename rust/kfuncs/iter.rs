// SPDX-License-Identifier: GPL-2.0

//! Iterators over lists and trees, for `bpf_for_each()`.
//!
//! They are at the node that they returned last, and know the next one already, so the program may
//! take out the one that they are at.
//!
//! - *verifier: iterator* says that an iterator was made by `new` of its kind and not destroyed
//!   yet; that the lock of what it goes over is held since then; and that no node has been taken
//!   out meanwhile but the one that it was at (`check_iters_stay()`, `check_iters_ended()`).

use kernel::{
    bindings::{
        bpf_graph_iter, bpf_graph_iter_flags_BPF_GRAPH_ITER_BACKWARD as BACKWARD, bpf_iter_list,
        bpf_iter_rbtree, bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root, BPF_MAX_LOOPS,
        EINVAL,
    },
    prelude::*,
};

use super::{
    list::{list, list_node},
    or_null,
    rbtree::{tree, tree_node},
};
use crate::owner::Held;

const _: () = assert!(
    size_of::<bpf_graph_iter>() <= size_of::<bpf_iter_list>()
        && align_of::<bpf_graph_iter>() <= align_of::<bpf_iter_list>()
        && size_of::<bpf_graph_iter>() <= size_of::<bpf_iter_rbtree>()
        && align_of::<bpf_graph_iter>() <= align_of::<bpf_iter_rbtree>()
);

/// Begins to go over `root`, at `front` or, backward, at `back`.
///
/// # Safety
///
/// `it` points to room for an iterator, which nobody else has.
#[inline(always)]
unsafe fn begin<I, T>(
    it: *mut I,
    root: *mut T,
    flags: u32,
    front: impl FnOnce() -> *mut c_void,
    back: impl FnOnce() -> *mut c_void,
) -> c_int {
    let (next, err) = match flags {
        0 => (front(), 0),
        BACKWARD => (back(), 0),
        _ => (core::ptr::null_mut(), -(EINVAL as c_int)),
    };
    let begun = bpf_graph_iter {
        root: root.cast(),
        next,
        left: BPF_MAX_LOOPS,
        flags,
    };
    // SAFETY: By this function's contract; it fits, by the assertion above.
    unsafe { it.cast::<bpf_graph_iter>().write(begun) };
    err
}

/// The node that `it` goes to, if any that is `there`; `behind` finds the next one, or `before`.
#[inline(always)]
fn step(
    it: &mut bpf_graph_iter,
    there: impl FnOnce(*mut c_void) -> bool,
    behind: impl FnOnce(*mut c_void) -> *mut c_void,
    before: impl FnOnce(*mut c_void) -> *mut c_void,
) -> *mut c_void {
    let at = it.next;
    // What has gone in spite of the verifier is no node to go on from.
    if at.is_null() || it.left == 0 || !there(at) {
        return core::ptr::null_mut();
    }
    it.left -= 1;
    it.next = match it.flags {
        BACKWARD => before(at),
        _ => behind(at),
    };
    at
}

/// Makes `it` an iterator over `head`: from its front, or from its end with
/// `BPF_GRAPH_ITER_BACKWARD`. 0, or `-EINVAL` with other flags: it goes over nothing then.
///
/// # Safety
///
/// Called by programs. Verifier: locked, iterator (which is made here).
#[export]
pub unsafe extern "C" fn bpf_iter_list_new(
    it: *mut bpf_iter_list,
    head: *mut bpf_list_head,
    flags: u32,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let list = list(head, &held);
        begin(
            it,
            head,
            flags,
            || or_null(list.front()),
            || or_null(list.back()),
        )
    }
}

/// The next node of the list that `it` goes over; null behind the last one, or after
/// `BPF_MAX_LOOPS` nodes.
///
/// # Safety
///
/// Called by programs. Verifier: iterator.
#[export]
pub unsafe extern "C" fn bpf_iter_list_next(it: *mut bpf_iter_list) -> *mut bpf_list_node {
    // SAFETY: This function's contract: `new` has written the iterator, and only the program, which
    // waits for this kfunc, has it. The node that is next is still in the list, which keeps it, as
    // no other has been taken out than the one before.
    unsafe {
        let held = Held::new();
        let it = &mut *it.cast::<bpf_graph_iter>();
        let list = list(it.root.cast(), &held);
        step(
            it,
            |at| list.has(list_node(at.cast(), &held)),
            |at| or_null(list.next_of(list_node(at.cast(), &held))),
            |at| or_null(list.prev_of(list_node(at.cast(), &held))),
        )
        .cast()
    }
}

/// Ends `it`.
///
/// # Safety
///
/// Called by programs.
#[export]
pub unsafe extern "C" fn bpf_iter_list_destroy(_it: *mut bpf_iter_list) {}

/// [`bpf_iter_list_new()`] over the tree `root`, in its order or, backward, against it.
///
/// # Safety
///
/// As for [`bpf_iter_list_new()`].
#[export]
pub unsafe extern "C" fn bpf_iter_rbtree_new(
    it: *mut bpf_iter_rbtree,
    root: *mut bpf_rb_root,
    flags: u32,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let tree = tree(root, &held);
        begin(
            it,
            root,
            flags,
            || or_null(tree.first()),
            || or_null(tree.last()),
        )
    }
}

/// [`bpf_iter_list_next()`] of a tree.
///
/// # Safety
///
/// As for [`bpf_iter_list_next()`].
#[export]
pub unsafe extern "C" fn bpf_iter_rbtree_next(it: *mut bpf_iter_rbtree) -> *mut bpf_rb_node {
    // SAFETY: As in `bpf_iter_list_next()`.
    unsafe {
        let held = Held::new();
        let it = &mut *it.cast::<bpf_graph_iter>();
        let tree = tree(it.root.cast(), &held);
        step(
            it,
            |at| tree.has(tree_node(at.cast(), &held)),
            |at| or_null(tree.next_of(tree_node(at.cast(), &held))),
            |at| or_null(tree.prev_of(tree_node(at.cast(), &held))),
        )
        .cast()
    }
}

/// Ends `it`.
///
/// # Safety
///
/// Called by programs.
#[export]
pub unsafe extern "C" fn bpf_iter_rbtree_destroy(_it: *mut bpf_iter_rbtree) {}
