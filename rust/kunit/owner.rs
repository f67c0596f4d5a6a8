// SPDX-License-Identifier: GPL-2.0

//! The states of the ownership word, one step at a time.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_owner)]
mod tests {
    use core::{cell::UnsafeCell, ffi::c_void, mem::zeroed, ptr::NonNull};

    use kernel::bindings;

    use crate::{
        list::ListKind,
        owner::{Held, Node, Root, BUSY},
    };

    /// A node that nobody else knows.
    struct Cell(UnsafeCell<bindings::bpf_list_node_kern>);

    impl Cell {
        /// A free one: its ownership word is null.
        fn new() -> Self {
            // SAFETY: All zeroes are a valid node.
            Self(UnsafeCell::new(unsafe { zeroed() }))
        }

        fn node<'l>(&self, held: &'l Held) -> Node<'l, ListKind> {
            // SAFETY: Each test keeps its nodes until it is done.
            unsafe { Node::from_raw(NonNull::new_unchecked(self.0.get()), held) }
        }

        fn owner(&self) -> *mut c_void {
            // SAFETY: Nobody else knows the node.
            unsafe { (*self.0.get()).owner }
        }

        fn set_owner(&self, root: &UnsafeCell<u64>) {
            // SAFETY: Nobody else knows the node.
            unsafe { (*self.0.get()).owner = root.get().cast() };
        }
    }

    /// A lock that nobody else knows, so that it need not be taken.
    fn held() -> Held {
        // SAFETY: The roots and nodes of these tests are theirs alone.
        unsafe { Held::new() }
    }

    /// A root by its address alone: these tests link nothing.
    fn root<'l>(place: &UnsafeCell<u64>, held: &'l Held) -> Root<'l> {
        // SAFETY: Nobody else knows this root.
        unsafe { Root::locked(NonNull::new_unchecked(place.get()).cast(), held) }
    }

    #[test]
    fn claim_makes_busy_and_only_once() {
        let (cell, held) = (Cell::new(), held());
        let claim = cell.node(&held).claim();
        assert!(claim.is_some());
        assert_eq!(cell.owner(), BUSY);
        assert!(cell.node(&held).claim().is_none());
        assert_eq!(cell.owner(), BUSY);
    }

    #[test]
    fn poison_is_what_c_says() {
        // include/linux/poison.h: 0xeB9F, moved to where nothing can be mapped.
        let moved = if cfg!(CONFIG_ILLEGAL_POINTER_VALUE = "0xdead000000000000") {
            0xdead_0000_0000_0000
        } else {
            0
        };
        assert_eq!(BUSY as usize, 0xeb9f + moved);
    }

    #[test]
    fn publish_says_whose() {
        let (cell, held) = (Cell::new(), held());
        let (a, b) = (UnsafeCell::new(0), UnsafeCell::new(0));
        let (root_a, root_b) = (root(&a, &held), root(&b, &held));
        let n = cell.node(&held);
        assert!(n.member_of(root_a).is_none());
        if let Some(claim) = n.claim() {
            assert!(n.member_of(root_a).is_none());
            // SAFETY: Nothing is linked, as nothing here follows links.
            let linked = unsafe { claim.link(root_a, |_| ()) };
            assert!(n.member_of(root_a).is_none());
            linked.publish();
        }
        assert!(n.member_of(root_a).is_some());
        assert!(n.member_of(root_b).is_none());
        assert!(n.claim().is_none());
    }

    #[test]
    fn release_sets_free() {
        let (cell, held, a) = (Cell::new(), held(), UnsafeCell::new(0));
        let n = cell.node(&held);
        cell.set_owner(&a);
        let member = n.member_of(root(&a, &held));
        assert!(member.is_some());
        if let Some(member) = member {
            // SAFETY: Nothing is linked.
            let unlinked = unsafe { member.unlink(|_| ()) };
            // Still owned, so that nobody can claim it while its links may be seen half changed.
            assert!(n.claim().is_none());
            unlinked.release();
        }
        assert!(cell.owner().is_null());
        assert!(n.claim().is_some());
    }
}
