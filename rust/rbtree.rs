// SPDX-License-Identifier: GPL-2.0

//! Red-black trees: `struct bpf_rb_root` and `struct bpf_rb_node`.
//!
//! C header: [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h), which does the linking
//! and the balancing.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::{
    drain::Drain,
    owner::{Claim, Held, Kind, Member, Node, Root, Unlinked}, //
};

/// The kind of node that trees link.
pub(crate) struct TreeKind;

/// A node of a tree.
pub(crate) type TreeNode<'l> = Node<'l, TreeKind>;

// SAFETY: `owner` is the node's ownership word. The links of a tree node are read by who finds it
// linked, and written by who claims it first, so `rb_right` is spare while it is free. Both are
// fields, so in bounds and aligned.
unsafe impl Kind for TreeKind {
    type Raw = bindings::bpf_rb_node_kern;

    #[inline(always)]
    unsafe fn owner(node: NonNull<Self::Raw>) -> *mut *mut c_void {
        // SAFETY: The caller says that `node` is live.
        unsafe { &raw mut (*node.as_ptr()).owner }
    }

    #[inline(always)]
    unsafe fn spare(node: NonNull<Self::Raw>) -> *mut *mut Self::Raw {
        // SAFETY: The caller says that `node` is live.
        unsafe { (&raw mut (*node.as_ptr()).rb_node.rb_right).cast() }
    }
}

/// `RB_CLEAR_NODE()`: a node that is its own parent is in no tree.
///
/// # Safety
///
/// `node` is live, unlinked and nobody else's.
#[inline(always)]
pub(crate) unsafe fn clear(node: *mut bindings::rb_node) {
    // SAFETY: This function's contract.
    unsafe { (*node).__rb_parent_color = node as usize };
}

/// Both children of a node.
///
/// They are read before it is known which is wanted, and then one is taken without a branch: which
/// way a search goes is as good as random, and to guess wrong costs more than to wait for the
/// comparison.
struct Children {
    left: *mut bindings::rb_node,
    right: *mut bindings::rb_node,
}

impl Children {
    /// Those of `node`.
    ///
    /// # Safety
    ///
    /// `node` is live, and its links do not change meanwhile.
    #[inline(always)]
    unsafe fn of(node: *mut bindings::rb_node) -> Self {
        // SAFETY: This function's contract.
        unsafe {
            Self {
                left: (*node).rb_left,
                right: (*node).rb_right,
            }
        }
    }

    #[inline(always)]
    fn at(self, left: bool) -> *mut bindings::rb_node {
        if left {
            self.left
        } else {
            self.right
        }
    }
}

/// Where a way down ended: left or right of a node, or at the top if there is none.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    parent: *mut bindings::rb_node,
    left: bool,
}

impl Place {
    /// The only one in an empty tree, left of everything.
    const TOP: Self = Self {
        parent: core::ptr::null_mut(),
        left: true,
    };

    /// What a program has found by itself: the address of the parent, and 1 for its left.
    #[cfg(CONFIG_BPF_GRAPH_INLINE)]
    #[inline(always)]
    pub(crate) fn from_word(word: u64) -> Self {
        Self {
            parent: (word & !1) as *mut bindings::rb_node,
            left: word & 1 != 0,
        }
    }
}

/// A tree whose lock is held.
///
/// # Invariants
///
/// - `tree` points to a live root: all zero, or of a tree.
/// - `root` is the same root with its lock held for `'l`.
/// - Every node in the tree's links is live and has `tree` in its ownership word.
pub(crate) struct Tree<'l> {
    tree: *mut bindings::rb_root_cached,
    root: Root<'l>,
    held: &'l Held,
}

impl<'l> Tree<'l> {
    /// The tree at `root`.
    ///
    /// # Safety
    ///
    /// `root` points to a live `bpf_rb_root` that only graph kfuncs have written, and `held` is the
    /// lock that guards it.
    #[inline(always)]
    pub(crate) unsafe fn locked(root: NonNull<c_void>, held: &'l Held) -> Self {
        // INVARIANT: By this function's contract; the third by rules 2 and 4 of the protocol.
        Self {
            tree: root.as_ptr().cast(),
            // SAFETY: This function's contract.
            root: unsafe { Root::locked(root, held) },
            held,
        }
    }

    /// `links` as a node of this tree, unless they are null.
    #[inline(always)]
    fn node(&self, links: *mut bindings::rb_node) -> Option<TreeNode<'l>> {
        // The links are the first field of a node.
        let node = NonNull::new(links.cast())?;
        // SAFETY: Callers pass links that they read from the tree, so by the type invariant the
        // node is live.
        Some(unsafe { Node::from_raw(node, self.held) })
    }

    /// The leftmost node.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<TreeNode<'l>> {
        // SAFETY: By the type invariant `tree` is live, and only we may change it.
        self.node(unsafe { (*self.tree).rb_leftmost })
    }

    /// The rightmost node.
    #[inline(always)]
    pub(crate) fn last(&self) -> Option<TreeNode<'l>> {
        // SAFETY: By the type invariant `tree` is live, and its links change under the lock only.
        self.node(unsafe { bindings::rb_last(&raw const (*self.tree).rb_root) })
    }

    /// The node at the top.
    #[inline(always)]
    pub(crate) fn top(&self) -> Option<TreeNode<'l>> {
        // SAFETY: By the type invariant `tree` is live, and only we may change it.
        self.node(unsafe { (*self.tree).rb_root.rb_node })
    }

    /// The left child of `node`, which must be in this tree for it to have one.
    #[inline(always)]
    pub(crate) fn left(&self, node: TreeNode<'l>) -> Option<TreeNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live, and its links change under the lock only, which is held.
        self.node(unsafe { (*member.as_ptr()).rb_node.rb_left })
    }

    /// The right child of `node`, which must be in this tree for it to have one.
    #[inline(always)]
    pub(crate) fn right(&self, node: TreeNode<'l>) -> Option<TreeNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live, and its links change under the lock only, which is held.
        self.node(unsafe { (*member.as_ptr()).rb_node.rb_right })
    }

    /// Whether `node` is in this tree.
    #[inline(always)]
    pub(crate) fn has(&self, node: TreeNode<'l>) -> bool {
        node.member_of(self.root).is_some()
    }

    /// The node behind `node` in order, which must be in this tree for there to be one.
    #[inline(always)]
    pub(crate) fn next_of(&self, node: TreeNode<'l>) -> Option<TreeNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live and in this tree, whose links change under the lock only.
        self.node(unsafe { bindings::rb_next(&raw const (*member.as_ptr()).rb_node) })
    }

    /// The node before `node` in order, which must be in this tree for there to be one.
    #[inline(always)]
    pub(crate) fn prev_of(&self, node: TreeNode<'l>) -> Option<TreeNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live and in this tree, whose links change under the lock only.
        self.node(unsafe { bindings::rb_prev(&raw const (*member.as_ptr()).rb_node) })
    }

    /// The first node that is `there`, which must hold for all nodes behind one for which it holds.
    #[inline(always)]
    pub(crate) fn first_that(&self, there: impl Fn(TreeNode<'l>) -> bool) -> Option<TreeNode<'l>> {
        let mut found = None;
        let mut at = self.top();
        while let Some(node) = at {
            // SAFETY: By the type invariant a node that was read from the tree's links is live, and
            // only we may change them.
            let children = unsafe { Children::of(node.as_ptr().cast()) };
            let left = there(node);
            found = if left { Some(node) } else { found };
            at = self.node(children.at(left));
        }
        found
    }

    /// The last node on the way down for which `way` says that it is found; with each it says too
    /// whether to go left. It may add other nodes: the links are read behind it.
    #[inline(always)]
    pub(crate) fn last_on(
        &self,
        mut way: impl FnMut(TreeNode<'l>) -> (bool, bool),
    ) -> Option<TreeNode<'l>> {
        let mut last = None;
        let mut at = self.top();
        while let Some(node) = at {
            let (left, found) = way(node);
            last = if found { Some(node) } else { last };
            // SAFETY: By the type invariant a node that was read from the tree's links is live; a
            // comparison takes none out.
            at = self.node(unsafe { Children::of(node.as_ptr().cast()) }.at(left));
        }
        last
    }

    /// Inserts `node` before the first one that it is `less` than; `false` if it is not free.
    ///
    /// A node that is `less` than none of its equals goes behind them: equals keep the order in
    /// which they came. An order that contradicts itself leaves a balanced tree in some order.
    #[inline(always)]
    #[must_use]
    pub(crate) fn add(
        &mut self,
        node: TreeNode<'l>,
        less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) -> bool {
        node.claim().map(|claim| self.put(claim, less)).is_some()
    }

    /// [`add()`](Self::add) of what was claimed.
    #[inline(always)]
    pub(crate) fn put(
        &mut self,
        claim: Claim<'l, TreeKind>,
        less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) {
        let place = self.place_of(claim.node(), less);
        // SAFETY: The place was just found.
        unsafe { self.link(claim, place) };
    }

    /// Where `node` belongs: before the first one that it is `less` than.
    #[inline(always)]
    fn place_of(
        &self,
        node: TreeNode<'l>,
        mut less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) -> Place {
        let mut place = Place::TOP;
        let mut next = self.top();
        // A comparison cannot take a node out, as the verifier forbids removal in callbacks.
        while let Some(at) = next {
            let parent = at.as_ptr().cast();
            let left = less(node, at);
            place = Place { parent, left };
            // SAFETY: By the type invariant a node that was read from the tree's links is live.
            // They are read behind the comparison, which may add other nodes.
            next = self.node(unsafe { Children::of(parent) }.at(left));
        }
        place
    }

    /// [`add()`](Self::add) where `before` says which nodes come behind the new one, and does
    /// nothing but say so.
    #[inline(always)]
    pub(crate) fn add_before(
        &mut self,
        claim: Claim<'l, TreeKind>,
        before: impl Fn(TreeNode<'l>) -> bool,
    ) {
        let place = self.place_before(before);
        // SAFETY: `place` is where the way ended.
        unsafe { self.link(claim, place) };
    }

    /// [`move_to()`](Self::move_to) where `before` says which nodes come behind it, and does
    /// nothing but say so.
    #[inline(always)]
    #[must_use]
    pub(crate) fn move_before(
        &mut self,
        to: &mut Self,
        node: TreeNode<'l>,
        before: impl Fn(TreeNode<'l>) -> bool,
    ) -> bool {
        let Some(unlinked) = self.take_out(node) else {
            return false;
        };
        let place = to.place_before(before);
        // SAFETY: The place was just found, and the lock is held.
        unsafe { unlinked.link(to.root, to.linking(place)) }.publish();
        true
    }

    /// Where what comes before the nodes that `before` names belongs.
    #[inline(always)]
    fn place_before(&self, before: impl Fn(TreeNode<'l>) -> bool) -> Place {
        let mut place = Place::TOP;
        let mut next = self.top();
        while let Some(at) = next {
            let parent = at.as_ptr().cast();
            // SAFETY: By the type invariant a node that was read from the tree's links is live;
            // `before` does not change them.
            let children = unsafe { Children::of(parent) };
            let left = before(at);
            place = Place { parent, left };
            next = self.node(children.at(left));
        }
        place
    }

    /// Puts what was claimed into the links at `place` and balances the tree.
    ///
    /// # Safety
    ///
    /// As for [`linking()`](Self::linking).
    #[inline(always)]
    pub(crate) unsafe fn link(&mut self, claim: Claim<'l, TreeKind>, place: Place) {
        // SAFETY: The claim says that its node is in no links.
        // The rest is this function's contract.
        unsafe { claim.link(self.root, self.linking(place)) }.publish();
    }

    /// What puts a node, that is in no links, into those of this tree at `place`.
    ///
    /// # Safety
    ///
    /// It is called before the tree changes. `place` was found under this lock: its parent is in
    /// the tree and has no child there, or is null in a tree that is empty.
    #[inline(always)]
    unsafe fn linking(&self, place: Place) -> impl FnOnce(*mut bindings::bpf_rb_node_kern) {
        let Place { parent, left } = place;
        let tree = self.tree;
        move |node| {
            // SAFETY: By the type invariant `tree` is live, and by this function's contract
            // `parent`; the caller's node is in no links.
            unsafe {
                let link = match (parent.is_null(), left) {
                    (true, _) => &raw mut (*tree).rb_root.rb_node,
                    (_, true) => &raw mut (*parent).rb_left,
                    (_, false) => &raw mut (*parent).rb_right,
                };
                // Not "was it left all the way": a callback that adds other nodes to this tree can
                // have turned it under the walk. Null and null if the tree is empty.
                let leftmost = left && parent == (*tree).rb_leftmost;
                let node = &raw mut (*node).rb_node;
                bindings::rb_link_node(node, parent, link);
                bindings::rb_insert_color_cached(node, tree, leftmost);
            }
        }
    }

    /// Takes `node` out of this tree and puts it into `to`, which may be the same, where `less`
    /// says; `false` if it is not in this tree, and then stays where it is.
    ///
    /// Nobody sees a step between: both locks are held.
    #[inline(always)]
    #[must_use]
    pub(crate) fn move_to(
        &mut self,
        to: &mut Self,
        node: TreeNode<'l>,
        less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) -> bool {
        let Some(unlinked) = self.take_out(node) else {
            return false;
        };
        to.settle(unlinked, node, less);
        true
    }

    /// Puts `node`, which is `unlinked`, where `less` says.
    #[inline(always)]
    fn settle(
        &mut self,
        unlinked: Unlinked<'l, TreeKind>,
        node: TreeNode<'l>,
        less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) {
        let place = self.place_of(node, less);
        // SAFETY: The place was just found, and the lock is held.
        unsafe { unlinked.link(self.root, self.linking(place)) }.publish();
    }

    /// Puts `node` where `less` says that it belongs now, behind its equals; `false` if it is not
    /// in this tree.
    #[inline(always)]
    #[must_use]
    pub(crate) fn reposition(
        &mut self,
        node: TreeNode<'l>,
        mut less: impl FnMut(TreeNode<'l>, TreeNode<'l>) -> bool,
    ) -> bool {
        if !self.has(node) {
            return false;
        }
        // Where it is, if it is not before the one in front of it, and before the one behind it.
        let stays = self.prev_of(node).is_none_or(|prev| !less(node, prev))
            && self.next_of(node).is_none_or(|next| less(node, next));
        if !stays {
            let Some(unlinked) = self.take_out(node) else {
                return false;
            };
            self.settle(unlinked, node, less);
        }
        true
    }

    /// Takes a member out of the links.
    ///
    /// # Safety
    ///
    /// `member` is of this tree, and no other [`Member`] of the same node is used again.
    #[inline(always)]
    unsafe fn unlink(&mut self, member: Member<'l, TreeKind>) -> Unlinked<'l, TreeKind> {
        // SAFETY: `rb_erase_cached()` takes the node out of the tree, whose lock is held; the rest
        // is this function's contract.
        unsafe {
            member.unlink(|n| {
                let n = &raw mut (*n).rb_node;
                bindings::rb_erase_cached(n, self.tree);
                clear(n);
            })
        }
    }

    /// Takes `node` out of the links; `None` if it is not in this tree.
    #[inline(always)]
    fn take_out(&mut self, node: TreeNode<'l>) -> Option<Unlinked<'l, TreeKind>> {
        let member = node.member_of(self.root)?;
        // SAFETY: The member was just made, of this tree, and is the only one of its node.
        Some(unsafe { self.unlink(member) })
    }

    /// Takes `node` out and sets it free; `None` if it is not in this tree.
    #[inline(always)]
    pub(crate) fn remove(&mut self, node: TreeNode<'l>) -> Option<TreeNode<'l>> {
        Some(self.take_out(node)?.release())
    }
}

// SAFETY: What is given was just unlinked and released, and is in the tree no more.
unsafe impl Drain for TreeKind {
    // A step erases a node, and can go as deep as the tree.
    const CHUNK: usize = 32;

    unsafe fn take<'l>(
        root: NonNull<c_void>,
        held: &'l Held,
        mut give: impl FnMut(TreeNode<'l>),
    ) -> bool {
        // SAFETY: The caller says that `root` is a live tree root that the held lock guards.
        let mut tree = unsafe { Tree::locked(root, held) };
        for _ in 0..Self::CHUNK {
            // C's insertion trusts the comparison with the cached leftmost node; nothing may be
            // lost for that.
            let Some(first) = tree.first().or_else(|| tree.top()) else {
                return false;
            };
            // SAFETY: The node comes from this tree's links; it is the only member made of it.
            give(unsafe { tree.unlink(first.linked_member()) }.release());
        }
        true
    }
}
