// SPDX-License-Identifier: GPL-2.0

//! Lists: `struct bpf_list_head` and `struct bpf_list_node`.
//!
//! C header: [`include/linux/list.h`](srctree/include/linux/list.h), which does the linking.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::{
    drain::Drain,
    owner::{Claim, Held, Kind, Member, Node, Root, Unlinked},
};

/// The kind of node that lists link.
pub(crate) struct ListKind;

/// A node of a list.
pub(crate) type ListNode<'l> = Node<'l, ListKind>;

// SAFETY: `owner` is the node's ownership word. The links of a list node are read by who finds it
// linked, and written by who claims it first, so `next` is spare while it is free. Both are fields,
// so in bounds and aligned.
unsafe impl Kind for ListKind {
    type Raw = bindings::bpf_list_node_kern;

    #[inline(always)]
    unsafe fn owner(node: NonNull<Self::Raw>) -> *mut *mut c_void {
        // SAFETY: The caller says that `node` is live.
        unsafe { &raw mut (*node.as_ptr()).owner }
    }

    #[inline(always)]
    unsafe fn spare(node: NonNull<Self::Raw>) -> *mut *mut Self::Raw {
        // SAFETY: The caller says that `node` is live.
        unsafe { (&raw mut (*node.as_ptr()).list_head.next).cast() }
    }
}

/// A list whose lock is held.
///
/// # Invariants
///
/// - `head` points to a live list head: all zero, or initialised.
/// - `root` is the same head with its lock held for `'l`.
/// - Every node in the list's links is live and has `head` in its ownership word.
pub(crate) struct List<'l> {
    head: *mut bindings::list_head,
    root: Root<'l>,
    held: &'l Held,
}

impl<'l> List<'l> {
    /// The list at `head`.
    ///
    /// # Safety
    ///
    /// `head` points to a live `bpf_list_head` that only graph kfuncs have written, and `held` is
    /// the lock that guards it.
    #[inline(always)]
    pub(crate) unsafe fn locked(head: NonNull<c_void>, held: &'l Held) -> Self {
        // INVARIANT: By this function's contract; the third by rules 2 and 4 of the protocol.
        Self {
            head: head.as_ptr().cast(),
            // SAFETY: This function's contract.
            root: unsafe { Root::locked(head, held) },
            held,
        }
    }

    #[inline(always)]
    fn next(&self) -> *mut bindings::list_head {
        // SAFETY: By the type invariant `head` is live, and only we may change it.
        unsafe { (*self.head).next }
    }

    #[inline(always)]
    fn prev(&self) -> *mut bindings::list_head {
        // SAFETY: By the type invariant `head` is live, and only we may change it.
        unsafe { (*self.head).prev }
    }

    /// Makes an all-zero head, as in a map's new value, an empty list.
    #[inline(always)]
    fn init(&mut self) {
        if self.next().is_null() {
            // SAFETY: By the type invariant `head` is live, and only we may change it.
            unsafe { bindings::INIT_LIST_HEAD(self.head) };
        }
    }

    /// Whether there is no node. Initialises an all-zero head, as C does.
    #[inline(always)]
    pub(crate) fn is_empty(&mut self) -> bool {
        self.init();
        self.next() == self.head
    }

    /// `links` as a node of this list, unless they are the head's or null.
    #[inline(always)]
    fn node(&self, links: *mut bindings::list_head) -> Option<ListNode<'l>> {
        if links == self.head {
            return None;
        }
        // The links are the first field of a node.
        let node = NonNull::new(links.cast())?;
        // SAFETY: By the type invariant what the head links to is the head or a live node.
        Some(unsafe { Node::from_raw(node, self.held) })
    }

    /// Whether `node` is in this list.
    #[inline(always)]
    pub(crate) fn has(&self, node: ListNode<'l>) -> bool {
        node.member_of(self.root).is_some()
    }

    /// The node behind `node`, which must be in this list for there to be one.
    #[inline(always)]
    pub(crate) fn next_of(&self, node: ListNode<'l>) -> Option<ListNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live, and its links change under the lock only, which is held.
        self.node(unsafe { (*member.as_ptr()).list_head.next })
    }

    /// The node before `node`, which must be in this list for there to be one.
    #[inline(always)]
    pub(crate) fn prev_of(&self, node: ListNode<'l>) -> Option<ListNode<'l>> {
        let member = node.member_of(self.root)?;
        // SAFETY: A member is live, and its links change under the lock only, which is held.
        self.node(unsafe { (*member.as_ptr()).list_head.prev })
    }

    /// The first node.
    #[inline(always)]
    pub(crate) fn front(&self) -> Option<ListNode<'l>> {
        self.node(self.next())
    }

    /// The last node.
    #[inline(always)]
    pub(crate) fn back(&self) -> Option<ListNode<'l>> {
        self.node(self.prev())
    }

    /// Whether `node` is the first one of this list.
    #[inline(always)]
    pub(crate) fn is_first(&self, node: ListNode<'l>) -> bool {
        node.member_of(self.root)
            .is_some_and(|m| m.as_ptr().cast() == self.next())
    }

    /// Whether `node` is the last one of this list.
    #[inline(always)]
    pub(crate) fn is_last(&self, node: ListNode<'l>) -> bool {
        node.member_of(self.root)
            .is_some_and(|m| m.as_ptr().cast() == self.prev())
    }

    /// Puts what was claimed behind `prev`.
    ///
    /// # Safety
    ///
    /// `prev` points to the head of this list, initialised, or to the links of a node in it.
    #[inline(always)]
    unsafe fn link(&mut self, claim: Claim<'l, ListKind>, prev: *mut bindings::list_head) {
        // SAFETY: The claim says that its node is in no links; this function's contract says that
        // `prev` is in this list's, and `root` is this list.
        let linked = unsafe {
            claim.link(self.root, |n| {
                bindings::list_add(&raw mut (*n).list_head, prev)
            })
        };
        linked.publish();
    }

    /// Puts what was claimed in front.
    #[inline(always)]
    pub(crate) fn put_front(&mut self, claim: Claim<'l, ListKind>) {
        self.init();
        // SAFETY: The head was just initialised where it was not.
        unsafe { self.link(claim, self.head) }
    }

    /// Puts what was claimed at the end.
    #[inline(always)]
    pub(crate) fn put_back(&mut self, claim: Claim<'l, ListKind>) {
        self.init();
        // SAFETY: The head was just initialised where it was not, so `prev` is the head or, by the
        // type invariant, a node in this list.
        unsafe { self.link(claim, self.prev()) }
    }

    /// Inserts `node` in front; `false` if it is not free.
    #[inline(always)]
    #[must_use]
    pub(crate) fn push_front(&mut self, node: ListNode<'l>) -> bool {
        node.claim().map(|claim| self.put_front(claim)).is_some()
    }

    /// Inserts `node` at the end; `false` if it is not free.
    #[inline(always)]
    #[must_use]
    pub(crate) fn push_back(&mut self, node: ListNode<'l>) -> bool {
        node.claim().map(|claim| self.put_back(claim)).is_some()
    }

    /// Inserts `node` behind `prev`; `false` if it is not free or `prev` is not in this list.
    #[inline(always)]
    #[must_use]
    pub(crate) fn insert_after(&mut self, node: ListNode<'l>, prev: ListNode<'l>) -> bool {
        self.init();
        let Some(prev) = prev.member_of(self.root) else {
            return false;
        };
        let Some(claim) = node.claim() else {
            return false;
        };
        // SAFETY: `prev` is in this list, as was just checked.
        unsafe { self.link(claim, prev.as_ptr().cast()) };
        true
    }

    /// Takes `node` out of this list and puts it in front of `to`, which may be the same; `false`
    /// if it is not in this list, and then stays where it is.
    ///
    /// Nobody sees a step between: both locks are held.
    #[inline(always)]
    #[must_use]
    pub(crate) fn move_to_front(&mut self, to: &mut Self, node: ListNode<'l>) -> bool {
        // SAFETY: The head is what a list begins with.
        unsafe { self.move_behind(to, node, |to| to.head) }
    }

    /// [`move_to_front()`](Self::move_to_front) to the end.
    #[inline(always)]
    #[must_use]
    pub(crate) fn move_to_back(&mut self, to: &mut Self, node: ListNode<'l>) -> bool {
        // SAFETY: What the head links back to is the last node, or the head.
        unsafe { self.move_behind(to, node, Self::prev) }
    }

    /// # Safety
    ///
    /// `prev` gives the head of a list, which is initialised, or the links of a node in it.
    #[inline(always)]
    unsafe fn move_behind(
        &mut self,
        to: &mut Self,
        node: ListNode<'l>,
        prev: impl FnOnce(&Self) -> *mut bindings::list_head,
    ) -> bool {
        let Some(unlinked) = self.take_out(node) else {
            return false;
        };
        to.init();
        let prev = prev(to);
        // SAFETY: The node is in no links; this function's contract says what `prev` is, and the
        // lock of `to` is held.
        let linked = unsafe {
            unlinked.link(to.root, |n| {
                bindings::list_add(&raw mut (*n).list_head, prev)
            })
        };
        linked.publish();
        true
    }

    /// Takes `node` out of the links; `None` if it is not in this list.
    #[inline(always)]
    fn take_out(&mut self, node: ListNode<'l>) -> Option<Unlinked<'l, ListKind>> {
        let member = node.member_of(self.root)?;
        // SAFETY: The member was just made, of this list, and is the only one of its node.
        Some(unsafe { self.unlink(member) })
    }

    /// Takes a member out of the links.
    ///
    /// # Safety
    ///
    /// `member` is of this list, and no other [`Member`] of the same node is used again.
    #[inline(always)]
    unsafe fn unlink(&mut self, member: Member<'l, ListKind>) -> Unlinked<'l, ListKind> {
        // SAFETY: `list_del_init()` takes the node out of the list, whose lock is held; the rest
        // is this function's contract.
        unsafe { member.unlink(|n| bindings::list_del_init(&raw mut (*n).list_head)) }
    }

    /// Takes `node` out and sets it free; `None` if it is not in this list.
    #[inline(always)]
    pub(crate) fn remove(&mut self, node: ListNode<'l>) -> Option<ListNode<'l>> {
        Some(self.take_out(node)?.release())
    }

    /// Takes the node at `links`, which are those of one end, out and sets it free.
    #[inline(always)]
    fn pop(&mut self, links: *mut bindings::list_head) -> Option<ListNode<'l>> {
        if links.is_null() {
            never_used();
            return None;
        }
        let node = self.node(links)?;
        self.remove(node)
    }

    /// Takes the first node out and sets it free.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self) -> Option<ListNode<'l>> {
        self.pop(self.next())
    }

    /// Takes the last node out and sets it free.
    #[inline(always)]
    pub(crate) fn pop_back(&mut self) -> Option<ListNode<'l>> {
        self.pop(self.prev())
    }
}

/// Tells the compiler that a head of zeroes is rare: it is one only until its first insertion.
#[cold]
fn never_used() {}

// SAFETY: What is given was just unlinked and released, and is no longer in front.
unsafe impl Drain for ListKind {
    // A step is one node's memory and one count, some fifty microseconds for all in the worst case,
    // where each waits for memory. Interrupts off and on cost as much as a hundred steps where a
    // host has to be asked for it.
    const CHUNK: usize = 512;

    unsafe fn take<'l>(
        head: NonNull<c_void>,
        held: &'l Held,
        mut give: impl FnMut(ListNode<'l>),
    ) -> bool {
        // SAFETY: The caller says that `head` is a live list head that the held lock guards.
        let mut list = unsafe { List::locked(head, held) };
        for _ in 0..Self::CHUNK {
            let Some(first) = list.front() else {
                return false;
            };
            // SAFETY: The node comes from this list's links; it is the only member made of it.
            give(unsafe { list.unlink(first.linked_member()) }.release());
        }
        true
    }
}
