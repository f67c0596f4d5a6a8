// SPDX-License-Identifier: GPL-2.0

//! The ownership word of a graph node, and its states as types.
//!
//! Each node has one word that is shared with C and with other CPUs:
//!
//! | value              | meaning                                             |
//! |--------------------|-----------------------------------------------------|
//! | `NULL`             | free: in no collection, anyone may claim it         |
//! | `BPF_PTR_POISON`   | busy: somebody is putting it in, or has reserved it |
//! | anything else      | linked: the head or root whose collection it is in  |
//!
//! # The protocol
//!
//! 1. *Claim*: `cmpxchg(NULL -> POISON)`, fully ordered. Needs no lock.
//! 2. *Publish*: after linking, store the root, under the root's lock. It is the linearization
//!    point of an insertion.
//! 3. *Check*: a node may be unlinked, walked from or compared only where `owner == root` was
//!    read under that root's lock.
//! 4. *Release*: after unlinking, and only then, store `NULL` with release ordering.
//! 5. *Give back*: a claim that was reserved for later and is not needed is a store of `NULL` with
//!    release ordering. Nobody waits for a busy node, so it can stay so for long.
//!
//! The states are types that only the step before yields, and each step consumes its state:
//!
//! ```text
//!  Node --claim--> Claim --link--> Linked --publish--> (in the root)
//!                  Claim --reserve--> (busy) --reserved--> Claim --give_back--> Node, now free
//!  Node --member_of--> Member --unlink--> Unlinked --release--> Node, now free
//!                                            \--link--> Linked --publish--> (in a root)
//! ```
//!
//! A node that is released while it is linked, published before it is linked, or carried out of
//! the lock between is a program that does not compile; see `tools/testing/compile-fail`. What
//! holds the lock is a [`Held`], and all states borrow it.
//!
//! # Ordering
//!
//! | step      | access                      | pairs with                                      |
//! |-----------|-----------------------------|-------------------------------------------------|
//! | claim     | full `cmpxchg`              | the release of whoever had the node before      |
//! | publish   | relaxed store               | check, by the root's lock                       |
//! | check     | relaxed load                | publish, by the root's lock                     |
//! | release   | store-release               | claim of whoever gets the node next             |
//! | give back | store-release               | the same                                        |
//!
//! Release pairs with claim without any lock in common: the next claimer may hold the lock of
//! another root. Without it the claimer could see the node free and yet see its old links.

use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use kernel::{
    bindings,
    sync::atomic::{Atomic, Full, Relaxed, Release},
};

/// What an ownership word holds while its node is neither free nor in a collection.
pub(crate) const BUSY: *mut c_void = bindings::BPF_PTR_POISON as *mut c_void;

/// A kind of node: where its ownership word and its links are.
///
/// # Safety
///
/// For a pointer to a live `Raw`, `owner` returns a pointer to its ownership word and `spare` one
/// to a word of the node that nobody reads or writes while the node is free, but who claims it or
/// has had the last reference to its object; both are in bounds and aligned.
pub(crate) unsafe trait Kind: Sized {
    /// The node as C knows it.
    type Raw;

    /// Where the ownership word is.
    ///
    /// # Safety
    ///
    /// `node` points to a live node.
    unsafe fn owner(node: NonNull<Self::Raw>) -> *mut *mut c_void;

    /// Where a free node can keep a link to another one.
    ///
    /// # Safety
    ///
    /// `node` points to a live node.
    unsafe fn spare(node: NonNull<Self::Raw>) -> *mut *mut Self::Raw;
}

/// A lock that this context holds, for as long as the value lives.
///
/// # Invariants
///
/// The lock that guards the collections which are reached through this is held.
pub(crate) struct Held(());

impl Held {
    /// States that a lock is held.
    ///
    /// # Safety
    ///
    /// The lock that guards each collection which is reached through the returned value is held by
    /// this context until that is dropped, and so are the references to each node that is used.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        // INVARIANT: By this function's contract.
        Self(())
    }
}

/// A node of which nothing is known but that it is there.
///
/// # Invariants
///
/// `0` points to a node in an object that somebody keeps alive for `'l`: the program by its owning
/// reference, the collection that the node is in or was taken out of, or RCU. Who gives up the
/// reference of a collection uses the node no more.
pub(crate) struct Node<'l, K: Kind>(NonNull<K::Raw>, PhantomData<&'l Held>);

impl<K: Kind> Clone for Node<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Node<'_, K> {}

impl<'l, K: Kind> Node<'l, K> {
    /// Wraps a pointer that came from a program or from a collection's links.
    ///
    /// # Safety
    ///
    /// `raw` points to a node whose object is alive for `'l`.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: NonNull<K::Raw>, _held: &'l Held) -> Self {
        // INVARIANT: By this function's contract.
        Self(raw, PhantomData)
    }

    /// The pointer, for C and for programs.
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut K::Raw {
        self.0.as_ptr()
    }

    /// The pointer, which is not null.
    #[inline(always)]
    pub(crate) fn as_non_null(self) -> NonNull<K::Raw> {
        self.0
    }

    #[inline(always)]
    fn word(&self) -> &Atomic<*mut c_void> {
        // SAFETY: By the invariant of `Node` the node is live, so by the contract of `Kind` the
        // pointer is to its ownership word, which C and Rust access atomically only.
        unsafe { Atomic::from_ptr(K::owner(self.0)) }
    }

    /// Claims a free node; `None` if it is not free.
    ///
    /// Fully ordered; its acquire side pairs with the release in [`Unlinked::release()`] (in C:
    /// `smp_store_release(&node->owner, NULL)`).
    #[inline(always)]
    pub(crate) fn claim(self) -> Option<Claim<'l, K>> {
        match self.word().cmpxchg(core::ptr::null_mut(), BUSY, Full) {
            // INVARIANT: The word went from free to busy by us, so the node is in no collection
            // and nobody else can claim it.
            Ok(_) => Some(Claim(self)),
            Err(_) => None,
        }
    }

    /// Takes a free node that nobody else can claim, without an access to its word: whoever asks
    /// finds it free until it is published.
    ///
    /// # Safety
    ///
    /// The node's object has one owner, who inserts it: its type has no `bpf_refcount`.
    #[cfg(CONFIG_BPF_GRAPH_INLINE)]
    #[inline(always)]
    pub(crate) unsafe fn claim_of_sole(self) -> Claim<'l, K> {
        // INVARIANT: To claim takes the owning reference, which this function's contract says the
        // caller has alone; so the node is in no collection, and nobody else will claim it.
        Claim(self)
    }

    /// Comes back to a node that was claimed and left so.
    ///
    /// # Safety
    ///
    /// The node was left by [`Claim::reserve()`] for the reference that the caller has, and this is
    /// the only return to it.
    #[inline(always)]
    pub(crate) unsafe fn reserved(self) -> Claim<'l, K> {
        // INVARIANT: By this function's contract it is busy by a claim that is now ours.
        Claim(self)
    }

    /// Finds out whether the node is in the collection of `root`, whose lock is held.
    ///
    /// Pairs with [`Linked::publish()`] by that lock.
    #[inline(always)]
    pub(crate) fn member_of(self, root: Root<'l>) -> Option<Member<'l, K>> {
        if self.word().load(Relaxed) == root.0.as_ptr() {
            // INVARIANT: Only a holder of the root's lock stores the root or takes it away, and
            // for `'l` that is us.
            Some(Member(self))
        } else {
            None
        }
    }

    /// Takes the links' word for the node being in a collection whose lock is held.
    ///
    /// For who empties a collection: nothing may stay linked to a root that goes away, whatever
    /// the ownership word says.
    ///
    /// # Safety
    ///
    /// The node was read from the links of that collection, under the lock.
    #[inline(always)]
    pub(crate) unsafe fn linked_member(self) -> Member<'l, K> {
        // INVARIANT: By this function's contract the node is linked, and what is linked under the
        // lock is published before the lock is dropped.
        Member(self)
    }
}

/// A head or root whose lock is held by this context for `'l`.
///
/// # Invariants
///
/// - `0` is the address that the collection's nodes have in their ownership words.
/// - The lock that guards the collection is held for `'l`.
#[derive(Clone, Copy)]
pub(crate) struct Root<'l>(NonNull<c_void>, PhantomData<&'l Held>);

impl<'l> Root<'l> {
    /// The root that `held` guards.
    ///
    /// # Safety
    ///
    /// `held` is the lock that guards `root`.
    #[inline(always)]
    pub(crate) unsafe fn locked(root: NonNull<c_void>, _held: &'l Held) -> Self {
        // INVARIANT: By this function's contract.
        Self(root, PhantomData)
    }
}

/// A node that is ours to link.
///
/// # Invariants
///
/// The node is in no collection, and nobody else can claim it: it is busy by our claim, or free
/// with one owner, who is the caller.
#[must_use = "a claimed node stays busy for ever unless it is linked and published"]
pub(crate) struct Claim<'l, K: Kind>(Node<'l, K>);

impl<'l, K: Kind> Claim<'l, K> {
    /// The node, to compare.
    #[inline(always)]
    pub(crate) fn node(&self) -> Node<'l, K> {
        self.0
    }

    /// Leaves the node claimed, for who comes back by [`Node::reserved()`].
    #[inline(always)]
    pub(crate) fn reserve(self) {}

    /// Sets the node free, unlinked as it was.
    ///
    /// Store-release, as [`Unlinked::release()`]. Pairs with [`Node::claim()`].
    #[inline(always)]
    pub(crate) fn give_back(self) {
        self.0.word().store(core::ptr::null_mut(), Release);
    }

    /// Links the node by `link`.
    ///
    /// # Safety
    ///
    /// `link` puts the node's links into the collection of `root` and nowhere else.
    #[inline(always)]
    pub(crate) unsafe fn link(
        self,
        root: Root<'l>,
        link: impl FnOnce(*mut K::Raw),
    ) -> Linked<'l, K> {
        link(self.0.as_ptr());
        // INVARIANT: `link` did as this function's contract says.
        Linked(self.0, root)
    }
}

/// A node that is in a collection's links but still busy.
///
/// # Invariants
///
/// The node is linked into the collection of `1`, and its word is as the claim left it, or names
/// the root that the node was taken from, whose lock is held as well.
#[must_use = "a linked node must be published under the lock it was linked under"]
pub(crate) struct Linked<'l, K: Kind>(Node<'l, K>, Root<'l>);

impl<K: Kind> Linked<'_, K> {
    /// Says in the ownership word what the links say already.
    ///
    /// Pairs with [`Node::member_of()`] by the root's lock.
    #[inline(always)]
    pub(crate) fn publish(self) {
        self.0.word().store(self.1 .0.as_ptr(), Relaxed);
    }
}

/// A node that is in a collection whose lock is held.
///
/// # Invariants
///
/// The node is linked, and its word holds the root whose lock is held for `'l`.
#[must_use]
pub(crate) struct Member<'l, K: Kind>(Node<'l, K>);

impl<'l, K: Kind> Member<'l, K> {
    /// The node, to walk from or to compare.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut K::Raw {
        self.0.as_ptr()
    }

    /// Unlinks the node by `unlink`.
    ///
    /// # Safety
    ///
    /// `unlink` takes the node's links out of the collection that the node is a member of, and for
    /// this node there is no other [`Member`] that is used again.
    #[inline(always)]
    pub(crate) unsafe fn unlink(self, unlink: impl FnOnce(*mut K::Raw)) -> Unlinked<'l, K> {
        unlink(self.0.as_ptr());
        // INVARIANT: `unlink` did as this function's contract says.
        Unlinked(self.0)
    }
}

/// A node that is out of its collection's links but still owned by the root.
///
/// It cannot leave the lock: once that is dropped, a holder of it would take the word for true.
///
/// # Invariants
///
/// The node is in no links, and its word holds the root whose lock is held for `'l`.
#[must_use = "an unlinked node must be released or linked before the lock is dropped"]
pub(crate) struct Unlinked<'l, K: Kind>(Node<'l, K>);

impl<'l, K: Kind> Unlinked<'l, K> {
    /// Sets the node free.
    ///
    /// Store-release: whoever sees the word `NULL` sees the node unlinked. Pairs with
    /// [`Node::claim()`] (in C: `cmpxchg(&node->owner, NULL, BPF_PTR_POISON)`).
    #[inline(always)]
    pub(crate) fn release(self) -> Node<'l, K> {
        self.0.word().store(core::ptr::null_mut(), Release);
        self.0
    }

    /// Links the node by `link` into the collection of `root`, which may be the one that it was in.
    ///
    /// Meanwhile its word holds the former root: who would believe it holds that one's lock, which
    /// is ours.
    ///
    /// # Safety
    ///
    /// `link` puts the node's links into the collection of `root` and nowhere else.
    #[inline(always)]
    pub(crate) unsafe fn link(
        self,
        root: Root<'l>,
        link: impl FnOnce(*mut K::Raw),
    ) -> Linked<'l, K> {
        link(self.0.as_ptr());
        // INVARIANT: `link` did as this function's contract says.
        Linked(self.0, root)
    }
}
