// SPDX-License-Identifier: GPL-2.0

//! Moves between two lists and two trees, against a model.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_moves)]
mod tests {
    use core::mem::offset_of;

    use kernel::bindings::{bpf_list_head, bpf_list_node, bpf_rb_root};

    use super::{
        super::{
            insert,
            list::{self, Head},
            list_node, refs,
            tree::{self, TreeRoot, BY_KEY},
            tree_node, Item, Items, Random,
        },
        *,
    };
    use crate::{
        bpf_list_del, bpf_list_move_back, bpf_list_move_front, bpf_list_push_back, bpf_rbtree_move,
        bpf_rbtree_remove, bpf_rbtree_reposition,
    };

    const ITEMS: usize = 20;
    const STEPS: usize = 2000;

    /// Takes what is at `at` out of `from`, if it is there.
    fn take(from: &mut KVec<*mut Item>, item: *mut Item) -> bool {
        match from.iter().position(|&i| i == item) {
            Some(at) => from.remove(at).is_ok(),
            None => false,
        }
    }

    #[test]
    fn from_list_to_list() -> Result {
        type Move = unsafe extern "C" fn(
            *mut bpf_list_head,
            *mut bpf_list_node,
            *mut bpf_list_head,
        ) -> bool;
        let kinds: [(Move, bool); 2] = [(bpf_list_move_front, true), (bpf_list_move_back, false)];
        let items = Items::shared()?;
        let mut heads = [Head::new()?, Head::new()?, Head::new()?];
        let heads: [*mut bpf_list_head; 3] = core::array::from_fn(|i| heads[i].as_ptr());
        let mut want = [KVec::new(), KVec::new(), KVec::new()];
        let mut all = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
        for key in 0..ITEMS as u64 {
            let item = items.make(key);
            assert!(!item.is_null());
            // One of them is in no list.
            if key != 0 {
                assert!(items.acquire(item));
                let off = offset_of!(Item, list) as u64;
                // SAFETY: The head is the test's own, and so is the item.
                let added =
                    unsafe { bpf_list_push_back(heads[0], list_node(item), items.meta(), off) };
                assert_eq!(added, 0);
                want[0].push(item, GFP_KERNEL)?;
            }
            all.push(item, GFP_KERNEL)?;
        }
        let mut random = Random::new(0x1357_9bdf_0246_8ace);
        let (mut moved, mut left) = (0, 0);
        for _ in 0..STEPS {
            let (from, to) = (random.below(3), random.below(3));
            let item = all[random.below(ITEMS)];
            let (kfunc, front) = kinds[random.below(2)];
            let there = take(&mut want[from], item);
            if there {
                let at = if front { 0 } else { want[to].len() };
                insert(&mut want[to], at, item)?;
            }
            // SAFETY: All of it is the test's own.
            let done = unsafe { kfunc(heads[from], list_node(item), heads[to]) };
            assert_eq!(done, there);
            assert!((0..3).all(|i| list::holds(heads[i], &want[i])));
            moved += usize::from(done);
            left += usize::from(!done);
        }
        assert!(moved > STEPS / 5 && left > STEPS / 5);
        for item in all {
            // No reference was taken or given on the way.
            let listed = want.iter().position(|list| list.contains(&item));
            assert_eq!(refs(item), 1 + i32::from(listed.is_some()));
            if let Some(at) = listed {
                // SAFETY: All of it is the test's own.
                assert!(!unsafe { bpf_list_del(heads[at], list_node(item)) }.is_null());
                items.drop(item);
            }
            items.drop(item);
        }
        Ok(())
    }

    #[test]
    fn from_tree_to_tree() -> Result {
        let items = Items::shared()?;
        let mut roots = [TreeRoot::new()?, TreeRoot::new()?];
        let roots: [*mut bpf_rb_root; 2] = core::array::from_fn(|i| roots[i].as_ptr());
        let mut want: [KVec<*mut Item>; 2] = [KVec::new(), KVec::new()];
        let mut all = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
        // SAFETY: All items are live.
        let key = |item: *mut Item| unsafe { (*item).key };
        for n in 0..ITEMS as u64 {
            let item = items.make(n);
            assert!(!item.is_null());
            if n != 0 {
                assert!(items.acquire(item));
                assert_eq!(tree::add(&items, roots[0], item), 0);
                want[0].push(item, GFP_KERNEL)?;
            }
            all.push(item, GFP_KERNEL)?;
        }
        let mut random = Random::new(0x0f1e_2d3c_4b5a_6978);
        let (mut moved, mut left) = (0, 0);
        for _ in 0..STEPS {
            let (from, to) = (random.below(2), random.below(2));
            let item = all[random.below(ITEMS)];
            let there = want[from].contains(&item);
            let reposition = random.below(2) == 0;
            // A key changes where the node is put in order behind that.
            if there && (reposition || from == to) {
                // SAFETY: The item is live, and no comparison runs meanwhile.
                unsafe { (*item).key = random.below(ITEMS / 2) as u64 };
            }
            let to = if reposition { from } else { to };
            if take(&mut want[from], item) {
                let at = want[to].partition_point(|&i| key(i) <= key(item));
                insert(&mut want[to], at, item)?;
            }
            // SAFETY: All of it is the test's own.
            let done = unsafe {
                if reposition {
                    bpf_rbtree_reposition(roots[from], tree_node(item), Some(BY_KEY))
                } else {
                    bpf_rbtree_move(roots[from], tree_node(item), roots[to], Some(BY_KEY))
                }
            };
            assert_eq!(done, there);
            for i in 0..2 {
                assert!(tree::holds(roots[i], &want[i]));
            }
            moved += usize::from(done);
            left += usize::from(!done);
        }
        assert!(moved > STEPS / 5 && left > STEPS / 5);
        for item in all {
            let planted = want.iter().position(|tree| tree.contains(&item));
            assert_eq!(refs(item), 1 + i32::from(planted.is_some()));
            if let Some(at) = planted {
                // SAFETY: All of it is the test's own.
                assert!(!unsafe { bpf_rbtree_remove(roots[at], tree_node(item)) }.is_null());
                items.drop(item);
            }
            items.drop(item);
        }
        Ok(())
    }
}
