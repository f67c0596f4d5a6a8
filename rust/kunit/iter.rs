// SPDX-License-Identifier: GPL-2.0

//! Iterators, from either end, with what can be done to the node that they are at.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_iter)]
mod tests {
    use core::mem::{offset_of, zeroed};

    use kernel::bindings::{
        bpf_graph_iter, bpf_graph_iter_flags_BPF_GRAPH_ITER_BACKWARD as BACKWARD, bpf_iter_list,
        bpf_iter_rbtree, bpf_list_head, bpf_rb_root, BPF_MAX_LOOPS, EINVAL,
    };

    use super::{
        super::{
            list::Head,
            list_item, list_node,
            tree::{self, TreeRoot},
            tree_item, tree_node, Item, Items,
        },
        *,
    };
    use crate::{
        bpf_iter_list_destroy, bpf_iter_list_new, bpf_iter_list_next, bpf_iter_rbtree_destroy,
        bpf_iter_rbtree_new, bpf_iter_rbtree_next, bpf_list_del, bpf_list_move_back,
        bpf_list_push_back, bpf_rbtree_remove,
    };

    const ITEMS: u64 = 9;
    const LIST: u64 = offset_of!(Item, list) as u64;

    /// The keys that an iterator over `head` sees; `at` is done to each item.
    fn list_keys(
        head: *mut bpf_list_head,
        flags: u32,
        mut at: impl FnMut(*mut Item),
    ) -> Result<KVec<u64>> {
        let mut keys = KVec::new();
        // SAFETY: An iterator is words. The head is the test's own, and all items are live.
        unsafe {
            let mut it: bpf_iter_list = zeroed();
            if bpf_iter_list_new(&mut it, head, flags) != 0 {
                return Err(EIO);
            }
            loop {
                let item = list_item(bpf_iter_list_next(&mut it));
                if item.is_null() {
                    break;
                }
                keys.push((*item).key, GFP_KERNEL)?;
                at(item);
            }
            if !bpf_iter_list_next(&mut it).is_null() {
                return Err(EIO);
            }
            bpf_iter_list_destroy(&mut it);
        }
        Ok(keys)
    }

    fn tree_keys(
        root: *mut bpf_rb_root,
        flags: u32,
        mut at: impl FnMut(*mut Item),
    ) -> Result<KVec<u64>> {
        let mut keys = KVec::new();
        // SAFETY: As in `list_keys()`.
        unsafe {
            let mut it: bpf_iter_rbtree = zeroed();
            if bpf_iter_rbtree_new(&mut it, root, flags) != 0 {
                return Err(EIO);
            }
            loop {
                let item = tree_item(bpf_iter_rbtree_next(&mut it));
                if item.is_null() {
                    break;
                }
                keys.push((*item).key, GFP_KERNEL)?;
                at(item);
            }
            if !bpf_iter_rbtree_next(&mut it).is_null() {
                return Err(EIO);
            }
            bpf_iter_rbtree_destroy(&mut it);
        }
        Ok(keys)
    }

    #[test]
    fn over_a_list() -> Result {
        let items = Items::single()?;
        let mut head = Head::new()?;
        let head = head.as_ptr();
        assert!(list_keys(head, 0, |_| ())?.is_empty());
        for flags in [0, BACKWARD] {
            for key in 0..ITEMS {
                let item = items.make(key);
                assert!(!item.is_null());
                // SAFETY: The head is the test's own, and so is the item.
                let added =
                    unsafe { bpf_list_push_back(head, list_node(item), items.meta(), LIST) };
                assert_eq!(added, 0);
            }
            assert!(list_keys(head, 0, |_| ())?.iter().copied().eq(0..ITEMS));
            assert!(list_keys(head, BACKWARD, |_| ())?
                .iter()
                .copied()
                .eq((0..ITEMS).rev()));
            // The one that it is at goes each time, and none is left out.
            let gone = list_keys(head, flags, |item| {
                // SAFETY: As above.
                assert!(!unsafe { bpf_list_del(head, list_node(item)) }.is_null());
                items.drop(item);
            })?;
            assert_eq!(gone.len(), ITEMS as usize);
        }
        assert!(list_keys(head, 0, |_| ())?.is_empty());
        Ok(())
    }

    #[test]
    fn over_a_tree() -> Result {
        let items = Items::single()?;
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        assert!(tree_keys(root, BACKWARD, |_| ())?.is_empty());
        for flags in [0, BACKWARD] {
            for key in (0..ITEMS).rev() {
                let item = items.make(key);
                assert!(!item.is_null());
                assert_eq!(tree::add(&items, root, item), 0);
            }
            assert!(tree_keys(root, 0, |_| ())?.iter().copied().eq(0..ITEMS));
            assert!(tree_keys(root, BACKWARD, |_| ())?
                .iter()
                .copied()
                .eq((0..ITEMS).rev()));
            let gone = tree_keys(root, flags, |item| {
                // SAFETY: The root is the test's own, and the item is in it.
                assert!(!unsafe { bpf_rbtree_remove(root, tree_node(item)) }.is_null());
                items.drop(item);
            })?;
            assert_eq!(gone.len(), ITEMS as usize);
        }
        assert!(tree_keys(root, 0, |_| ())?.is_empty());
        Ok(())
    }

    /// What is put behind again and again would never end.
    #[test]
    fn comes_to_an_end() -> Result {
        let items = Items::single()?;
        let mut head = Head::new()?;
        let head = head.as_ptr();
        for key in 0..2 {
            let item = items.make(key);
            assert!(!item.is_null());
            // SAFETY: The head is the test's own, and so is the item.
            let added = unsafe { bpf_list_push_back(head, list_node(item), items.meta(), LIST) };
            assert_eq!(added, 0);
        }
        let mut steps = 0;
        // SAFETY: As in `list_keys()`.
        unsafe {
            let mut it: bpf_iter_list = zeroed();
            assert_eq!(bpf_iter_list_new(&mut it, head, 0), 0);
            let inner = (&raw mut it).cast::<bpf_graph_iter>();
            assert_eq!((*inner).left, BPF_MAX_LOOPS);
            // Most of them are done already.
            (*inner).left = 1000;
            loop {
                let node = bpf_iter_list_next(&mut it);
                if node.is_null() || steps > 1000 {
                    break;
                }
                assert!(bpf_list_move_back(head, node, head));
                steps += 1;
            }
            // Over nothing, where it is asked for what there is not.
            let mut it: bpf_iter_list = zeroed();
            assert_eq!(bpf_iter_list_new(&mut it, head, 2), -(EINVAL as i32));
            assert!(bpf_iter_list_next(&mut it).is_null());
        }
        assert_eq!(steps, 1000);
        list_keys(head, 0, |item| {
            // SAFETY: The head is the test's own, and the item is in it.
            assert!(!unsafe { bpf_list_del(head, list_node(item)) }.is_null());
            items.drop(item);
        })?;
        Ok(())
    }
}
