// SPDX-License-Identifier: GPL-2.0

//! Walks from node to node, by Rust and by C.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_walk)]
mod tests {
    use core::{iter::successors, mem::offset_of};

    use kernel::bindings::{bpf_list_head, bpf_rb_root};

    use super::{
        super::{
            kfuncs::Kfuncs,
            list::Head,
            list_item, list_node,
            tree::{self, TreeRoot},
            tree_item, tree_node, Item, Items, Random,
        },
        *,
    };
    use crate::{bpf_list_owns_node, bpf_rbtree_owns_node};

    const ITEMS: usize = 50;
    const LIST: u64 = offset_of!(Item, list) as u64;

    fn implementations() -> impl Iterator<Item = Kfuncs> {
        #[cfg(CONFIG_BPF_GRAPH_AB)]
        return [Kfuncs::rust(), Kfuncs::c()].into_iter();
        #[cfg(not(CONFIG_BPF_GRAPH_AB))]
        return [Kfuncs::rust()].into_iter();
    }

    /// What comes after `first`, with it, by `step`; null ends it.
    fn walk(
        first: *mut Item,
        step: impl Fn(*mut Item) -> *mut Item,
    ) -> impl Iterator<Item = *mut Item> {
        let there = |item: *mut Item| (!item.is_null()).then_some(item);
        successors(there(first), move |&item| there(step(item)))
    }

    /// Whether walks over the list in both directions find `want`.
    fn list_is(k: &Kfuncs, head: *mut bpf_list_head, want: &[*mut Item]) -> bool {
        // SAFETY: The head is the test's own, and all items are live.
        let (first, last) = unsafe { (list_item((k.front)(head)), list_item((k.back)(head))) };
        // SAFETY: As above.
        let next = |item| unsafe { list_item((k.next)(head, list_node(item))) };
        // SAFETY: As above.
        let prev = |item| unsafe { list_item((k.prev)(head, list_node(item))) };
        walk(first, next).eq(want.iter().copied())
            && walk(last, prev).eq(want.iter().rev().copied())
    }

    #[test]
    fn a_list_in_both_directions() -> Result {
        let items = Items::shared()?;
        let (mut head, mut other) = (Head::new()?, Head::new()?);
        let (head, other) = (head.as_ptr(), other.as_ptr());
        let mut want = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
        for k in implementations() {
            assert!(list_is(&k, head, &[]));
            for key in 0..ITEMS as u64 {
                let item = items.make(key);
                assert!(!item.is_null());
                // SAFETY: The heads are the test's own, and so is the item.
                unsafe {
                    // In no list, it has no neighbours.
                    assert!((k.next)(head, list_node(item)).is_null());
                    assert!((k.prev)(head, list_node(item)).is_null());
                    assert_eq!(bpf_list_owns_node(head, list_node(item)), 0);
                    assert_eq!((k.push_back)(head, list_node(item), items.meta(), LIST), 0);
                    assert!((k.next)(other, list_node(item)).is_null());
                    assert!((k.prev)(other, list_node(item)).is_null());
                    assert_eq!(bpf_list_owns_node(head, list_node(item)), 1);
                    assert_eq!(bpf_list_owns_node(other, list_node(item)), 0);
                }
                want.push(item, GFP_KERNEL)?;
                assert!(list_is(&k, head, &want));
            }
            // What is walked over can be taken out, if the one behind it was found before.
            let mut left = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
            // SAFETY: The head is the test's own, and all items are live.
            unsafe {
                let mut at = (k.front)(head);
                while !at.is_null() {
                    let next = (k.next)(head, at);
                    let item = list_item(at);
                    if (*item).key % 3 == 0 {
                        assert_eq!((k.del)(head, at), at);
                        assert_eq!(bpf_list_owns_node(head, at), 0);
                        items.drop(item);
                    } else {
                        left.push(item, GFP_KERNEL)?;
                    }
                    at = next;
                }
            }
            assert!(list_is(&k, head, &left));
            for item in left {
                // SAFETY: As above.
                assert_eq!(list_item(unsafe { (k.pop_front)(head) }), item);
                items.drop(item);
            }
            want.clear();
        }
        Ok(())
    }

    /// Whether walks over the tree in both directions find `want`.
    fn tree_is(k: &Kfuncs, root: *mut bpf_rb_root, want: &[*mut Item]) -> bool {
        // SAFETY: The root is the test's own, and all items are live.
        let first = tree_item(unsafe { (k.first)(root) });
        let last = want.last().copied().unwrap_or(core::ptr::null_mut());
        // SAFETY: As above.
        let next = |item| tree_item(unsafe { (k.tree_next)(root, tree_node(item)) });
        // SAFETY: As above.
        let prev = |item| tree_item(unsafe { (k.tree_prev)(root, tree_node(item)) });
        walk(first, next).eq(want.iter().copied())
            && walk(last, prev).eq(want.iter().rev().copied())
    }

    #[test]
    fn a_tree_in_both_directions() -> Result {
        let items = Items::shared()?;
        let (mut root, mut other) = (TreeRoot::new()?, TreeRoot::new()?);
        let (root, other) = (root.as_ptr(), other.as_ptr());
        let mut random = Random::new(0x2545_f491_4f6c_dd1d);
        let mut want: KVec<*mut Item> = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
        for k in implementations() {
            for _ in 0..ITEMS {
                let key = random.below(30) as u64;
                let item = items.make(key);
                assert!(!item.is_null());
                // SAFETY: The roots are the test's own, and so is the item.
                unsafe {
                    assert!((k.tree_next)(root, tree_node(item)).is_null());
                    assert!((k.tree_prev)(root, tree_node(item)).is_null());
                    assert_eq!(bpf_rbtree_owns_node(root, tree_node(item)), 0);
                }
                assert_eq!(tree::add(&items, root, item), 0);
                // SAFETY: As above.
                unsafe {
                    assert!((k.tree_next)(other, tree_node(item)).is_null());
                    assert!((k.tree_prev)(other, tree_node(item)).is_null());
                    assert_eq!(bpf_rbtree_owns_node(root, tree_node(item)), 1);
                    assert_eq!(bpf_rbtree_owns_node(other, tree_node(item)), 0);
                }
                // SAFETY: All items are live.
                let at = want.partition_point(|&i| unsafe { (*i).key } <= key);
                want.insert_within_capacity(at, item).map_err(|_| ENOMEM)?;
                assert!(tree_is(&k, root, &want));
            }
            while let Some(item) = want.pop() {
                // SAFETY: As above.
                let removed = unsafe { (k.remove)(root, tree_node(item)) };
                assert_eq!(tree_item(removed), item);
                items.drop(item);
                assert!(tree_is(&k, root, &want));
            }
        }
        Ok(())
    }
}
