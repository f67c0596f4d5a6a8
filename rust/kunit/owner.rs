// SPDX-License-Identifier: GPL-2.0

//! The states of the ownership word, one step at a time.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_owner)]
mod tests {
    use core::{
        ffi::c_void,
        mem::zeroed,
        ptr::{null_mut, NonNull},
    };

    use kernel::bindings;

    use crate::{
        list::ListKind,
        owner::{Chain, Node, Root, BUSY},
    };

    type Raw = bindings::bpf_list_node_kern;

    fn raw() -> Raw {
        // SAFETY: A free node is one whose ownership word is null.
        unsafe { zeroed() }
    }

    fn node(raw: &mut Raw) -> Node<ListKind> {
        // SAFETY: Each test keeps its nodes until it is done.
        unsafe { Node::from_raw(NonNull::from(raw)) }
    }

    /// A root by its address alone: these tests link nothing.
    fn root<'l>(place: &mut u64) -> Root<'l> {
        // SAFETY: Nobody else knows this root.
        unsafe { Root::locked(NonNull::from(place).cast::<c_void>()) }
    }

    #[test]
    fn claim_makes_busy_and_only_once() {
        let mut raw = raw();
        let n = node(&mut raw);
        let claim = n.claim();
        assert!(claim.is_some());
        assert_eq!(raw.owner, BUSY);
        assert!(node(&mut raw).claim().is_none());
        assert_eq!(raw.owner, BUSY);
    }

    #[test]
    fn poison_is_what_c_says() {
        // include/linux/poison.h: 0xeB9F, moved to where nothing can be mapped.
        assert_eq!(BUSY as usize & 0xffff, 0xeb9f);
        assert!(!BUSY.is_null());
    }

    #[test]
    fn publish_says_whose() {
        let (mut raw, mut a, mut b) = (raw(), 0u64, 0u64);
        let (root_a, root_b) = (root(&mut a), root(&mut b));
        let n = node(&mut raw);
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
        let (mut raw, mut a) = (raw(), 0u64);
        let root_a = root(&mut a);
        raw.owner = (&raw mut a).cast();
        let n = node(&mut raw);
        if let Some(member) = n.member_of(root_a) {
            // SAFETY: Nothing is linked.
            let unlinked = unsafe { member.unlink(|_| ()) };
            // Still owned, so that nobody can claim it while its links may be seen half changed.
            assert!(n.claim().is_none());
            unlinked.release();
        }
        assert_eq!(raw.owner, null_mut());
        assert!(node(&mut raw).claim().is_some());
    }

    #[test]
    fn parked_is_neither_free_nor_member() {
        let (mut raw, mut a) = (raw(), 0u64);
        let root_a = root(&mut a);
        raw.owner = (&raw mut a).cast();
        let n = node(&mut raw);
        if let Some(member) = n.member_of(root_a) {
            // SAFETY: Nothing is linked.
            let busy = unsafe { member.unlink(|_| ()) }.park();
            assert!(n.claim().is_none());
            assert!(n.member_of(root_a).is_none());
            busy.release();
        }
        assert_eq!(raw.owner, null_mut());
    }

    #[test]
    fn chain_gives_back_what_it_got() {
        let (mut raws, mut a) = ([raw(), raw(), raw()], 0u64);
        let root_a = root(&mut a);
        let mut chain = Chain::<ListKind>::new();
        for raw in &mut raws {
            raw.owner = (&raw mut a).cast();
            if let Some(member) = node(raw).member_of(root_a) {
                // SAFETY: Nothing is linked.
                chain.push(unsafe { member.unlink(|_| ()) }.park());
            }
        }
        assert!(raws.iter().all(|raw| raw.owner == BUSY));
        let mut count = 0;
        while let Some(busy) = chain.pop() {
            let n = busy.release();
            count += 1;
            // Released, its links are those of a node in no list.
            // SAFETY: The nodes are on this test's stack.
            let links = unsafe { &(*n.as_ptr()).list_head };
            assert_eq!(links.next.cast_const(), core::ptr::from_ref(links));
        }
        assert_eq!(count, 3);
        assert!(raws.iter().all(|raw| raw.owner.is_null()));
    }
}
