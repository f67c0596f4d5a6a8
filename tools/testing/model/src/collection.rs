// SPDX-License-Identifier: GPL-2.0

//! Lists and trees, as one thing to a test.

use std::{ffi::c_void, mem::offset_of, ptr::NonNull};

use kernel::bindings::*;

use crate::{
    drain::Drain,
    list::{List, ListKind},
    owner::{Claim, Held, Node},
    rbtree::{Tree, TreeKind},
    types::Thing,
};

pub(crate) trait Collection: Drain + 'static {
    /// Where a thing has its node.
    const NODE: usize;
    /// The type of the root's field.
    const ROOT: u32;
    /// The collection whose lock is held.
    type Locked<'l>;

    /// # Safety
    ///
    /// `root` is a live root of this kind that the lock which is held guards.
    unsafe fn locked(root: NonNull<c_void>, held: &Held) -> Self::Locked<'_>;
    fn push<'l>(to: &mut Self::Locked<'l>, node: Node<'l, Self>) -> bool;
    /// Inserts what was claimed.
    fn put<'l>(to: &mut Self::Locked<'l>, claim: Claim<'l, Self>);
    fn remove<'l>(from: &mut Self::Locked<'l>, node: Node<'l, Self>) -> Option<Node<'l, Self>>;
    fn has<'l>(this: &Self::Locked<'l>, node: Node<'l, Self>) -> bool;
    fn hand<'l>(
        from: &mut Self::Locked<'l>,
        node: Node<'l, Self>,
        to: &mut Self::Locked<'l>,
    ) -> bool;
    fn pop<'l>(from: &mut Self::Locked<'l>) -> Option<Node<'l, Self>>;
    fn first<'l>(of: &mut Self::Locked<'l>) -> Option<Node<'l, Self>>;
    fn visit<'l>(of: &mut Self::Locked<'l>, node: Node<'l, Self>);
    /// All nodes in order, after a look at all links.
    fn nodes(root: NonNull<c_void>) -> Vec<*mut Self::Raw>;
}

impl Collection for ListKind {
    const NODE: usize = offset_of!(Thing, list);
    const ROOT: u32 = btf_field_type_BPF_LIST_HEAD;
    type Locked<'l> = List<'l>;

    unsafe fn locked(root: NonNull<c_void>, held: &Held) -> List<'_> {
        // SAFETY: This function's contract.
        unsafe { List::locked(root, held) }
    }

    fn push<'l>(to: &mut List<'l>, node: Node<'l, Self>) -> bool {
        to.push_back(node)
    }

    fn put<'l>(to: &mut List<'l>, claim: Claim<'l, Self>) {
        to.put_back(claim)
    }

    fn remove<'l>(from: &mut List<'l>, node: Node<'l, Self>) -> Option<Node<'l, Self>> {
        from.remove(node)
    }

    fn has<'l>(this: &List<'l>, node: Node<'l, Self>) -> bool {
        this.has(node)
    }

    fn hand<'l>(from: &mut List<'l>, node: Node<'l, Self>, to: &mut List<'l>) -> bool {
        from.move_to_front(to, node)
    }

    fn pop<'l>(from: &mut Self::Locked<'l>) -> Option<Node<'l, Self>> {
        from.pop_front()
    }

    fn first<'l>(of: &mut Self::Locked<'l>) -> Option<Node<'l, Self>> {
        of.front()
    }

    fn visit<'l>(of: &mut List<'l>, node: Node<'l, Self>) {
        let only = of.is_first(node) && of.is_last(node);
        assert!(!only || !of.is_empty(), "first and last of nothing");
        for beside in [of.next_of(node), of.prev_of(node)].into_iter().flatten() {
            assert!(beside.as_ptr() != node.as_ptr(), "beside itself");
        }
    }

    fn nodes(root: NonNull<c_void>) -> Vec<*mut Self::Raw> {
        let head: *mut list_head = root.as_ptr().cast();
        let mut all = Vec::new();
        // SAFETY: Whatever is linked is live, or `kernel::memory` says that it is not.
        unsafe {
            let mut at = (*head).next;
            while !at.is_null() && at != head {
                assert!((*(*at).prev).next == at, "a list whose directions differ");
                all.push(at.cast());
                at = (*at).next;
            }
        }
        all
    }
}

/// The nodes below and with `at`, from left to right.
///
/// # Safety
///
/// `at` is null or a live node of a tree.
unsafe fn walk(at: *mut rb_node, above: *mut rb_node, all: &mut Vec<*mut bpf_rb_node_kern>) {
    if at.is_null() {
        return;
    }
    // SAFETY: This function's contract.
    unsafe {
        assert!(
            (*at).__rb_parent_color == above as usize,
            "a child of another node"
        );
        walk((*at).rb_left, at, all);
        all.push(at.cast());
        walk((*at).rb_right, at, all);
    }
}

impl Collection for TreeKind {
    const NODE: usize = offset_of!(Thing, tree);
    const ROOT: u32 = btf_field_type_BPF_RB_ROOT;
    type Locked<'l> = Tree<'l>;

    unsafe fn locked(root: NonNull<c_void>, held: &Held) -> Tree<'_> {
        // SAFETY: This function's contract.
        unsafe { Tree::locked(root, held) }
    }

    fn push<'l>(to: &mut Tree<'l>, node: Node<'l, Self>) -> bool {
        to.add(node, |a, b| a.as_ptr() < b.as_ptr())
    }

    fn put<'l>(to: &mut Tree<'l>, claim: Claim<'l, Self>) {
        to.put(claim, |a, b| a.as_ptr() < b.as_ptr())
    }

    fn remove<'l>(from: &mut Tree<'l>, node: Node<'l, Self>) -> Option<Node<'l, Self>> {
        from.remove(node)
    }

    fn has<'l>(this: &Tree<'l>, node: Node<'l, Self>) -> bool {
        this.has(node)
    }

    fn hand<'l>(from: &mut Tree<'l>, node: Node<'l, Self>, to: &mut Tree<'l>) -> bool {
        from.move_to(to, node, |a, b| a.as_ptr() < b.as_ptr())
    }

    fn pop<'l>(from: &mut Self::Locked<'l>) -> Option<Node<'l, Self>> {
        let first = from.first()?;
        let popped = from.remove(first);
        assert!(popped.is_some(), "the leftmost node is no member");
        popped
    }

    fn first<'l>(of: &mut Self::Locked<'l>) -> Option<Node<'l, Self>> {
        of.first()
    }

    fn visit<'l>(of: &mut Tree<'l>, node: Node<'l, Self>) {
        for child in [of.left(node), of.right(node)].into_iter().flatten() {
            assert!(child.as_ptr() != node.as_ptr(), "a child of itself");
        }
        for beside in [of.next_of(node), of.prev_of(node)].into_iter().flatten() {
            assert!(beside.as_ptr() != node.as_ptr(), "beside itself");
        }
    }

    fn nodes(root: NonNull<c_void>) -> Vec<*mut Self::Raw> {
        let tree: *mut rb_root_cached = root.as_ptr().cast();
        let mut all = Vec::new();
        // SAFETY: Whatever is linked is live, or `kernel::memory` says that it is not.
        let first = unsafe {
            walk((*tree).rb_root.rb_node, std::ptr::null_mut(), &mut all);
            (*tree).rb_leftmost.cast()
        };
        assert!(
            all.first().map_or(std::ptr::null_mut(), |n| *n) == first,
            "another leftmost node"
        );
        assert!(all.is_sorted(), "a tree out of order");
        all
    }
}
