// SPDX-License-Identifier: GPL-2.0

//! Moves between a list and a tree, and nodes that are reserved for an insertion.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_across)]
mod tests {
    use kernel::{
        bindings::{bpf_list_head, bpf_rb_root},
        sync::atomic::{Atomic, Relaxed},
    };

    use super::{
        super::{
            insert,
            list::{self, Head},
            list_item, list_node, refs,
            threads::together,
            tree::{self, TreeRoot, BY_KEY},
            tree_node, Item, Items, Random,
        },
        *,
    };
    use crate::{
        bpf_list_can_add, bpf_list_del, bpf_list_move_rbtree, bpf_list_owns_node,
        bpf_list_pop_front, bpf_list_push_back, bpf_list_push_back_reserved,
        bpf_list_push_front_reserved, bpf_list_unreserve, bpf_rbtree_add_reserved,
        bpf_rbtree_can_add, bpf_rbtree_move_list_back, bpf_rbtree_move_list_front,
        bpf_rbtree_remove, bpf_rbtree_unreserve,
    };

    const ITEMS: usize = 16;
    const STEPS: usize = 2000;
    const LIST: u64 = core::mem::offset_of!(Item, list) as u64;

    /// Two lists and two trees, and what should be in them.
    struct World {
        heads: [*mut bpf_list_head; 2],
        roots: [*mut bpf_rb_root; 2],
        lists: [KVec<*mut Item>; 2],
        trees: [KVec<*mut Item>; 2],
    }

    fn key(item: *mut Item) -> u64 {
        // SAFETY: All items of these tests are live.
        unsafe { (*item).key }
    }

    fn is_in(all: &[KVec<*mut Item>; 2], item: *mut Item) -> bool {
        all.iter().any(|one| one.contains(&item))
    }

    impl World {
        fn list_to_tree(&mut self, item: *mut Item, from: usize, to: usize) -> Result<bool> {
            let (list, tree) = (&mut self.lists[from], &mut self.trees[to]);
            // SAFETY: All of it is the test's own.
            let done = unsafe {
                bpf_list_move_rbtree(
                    self.heads[from],
                    list_node(item),
                    self.roots[to],
                    tree_node(item),
                    Some(BY_KEY),
                )
            };
            if done {
                list.retain(|&mut i| i != item);
                let at = tree.partition_point(|&i| key(i) <= key(item));
                insert(tree, at, item)?;
            }
            Ok(done)
        }

        fn tree_to_list(
            &mut self,
            item: *mut Item,
            from: usize,
            to: usize,
            front: bool,
        ) -> Result<bool> {
            let (tree, list) = (&mut self.trees[from], &mut self.lists[to]);
            let kfunc = if front {
                bpf_rbtree_move_list_front
            } else {
                bpf_rbtree_move_list_back
            };
            // SAFETY: All of it is the test's own.
            let done = unsafe {
                kfunc(
                    self.roots[from],
                    tree_node(item),
                    self.heads[to],
                    list_node(item),
                )
            };
            if done {
                tree.retain(|&mut i| i != item);
                insert(list, if front { 0 } else { list.len() }, item)?;
            }
            Ok(done)
        }

        fn holds(&self) -> bool {
            (0..2).all(|i| {
                list::holds(self.heads[i], &self.lists[i])
                    && tree::holds(self.roots[i], &self.trees[i])
            })
        }
    }

    #[test]
    fn there_and_back() -> Result {
        let items = Items::shared()?;
        let (mut heads, mut roots) = (
            [Head::new()?, Head::new()?],
            [TreeRoot::new()?, TreeRoot::new()?],
        );
        let mut world = World {
            heads: core::array::from_fn(|i| heads[i].as_ptr()),
            roots: core::array::from_fn(|i| roots[i].as_ptr()),
            lists: [KVec::new(), KVec::new()],
            trees: [KVec::new(), KVec::new()],
        };
        let mut all = KVec::with_capacity(ITEMS, GFP_KERNEL)?;
        for n in 0..ITEMS as u64 {
            let item = items.make(n / 2);
            assert!(!item.is_null() && items.acquire(item));
            // SAFETY: The head is the test's own, and so is the item.
            let added =
                unsafe { bpf_list_push_back(world.heads[0], list_node(item), items.meta(), LIST) };
            assert_eq!(added, 0);
            world.lists[0].push(item, GFP_KERNEL)?;
            // Each fourth is in a tree at once, and stays in both: neither way is free.
            if n % 4 == 0 {
                assert!(items.acquire(item));
                assert_eq!(tree::add(&items, world.roots[1], item), 0);
                let at = world.trees[1].partition_point(|&i| key(i) <= key(item));
                insert(&mut world.trees[1], at, item)?;
            }
            all.push(item, GFP_KERNEL)?;
        }
        let mut random = Random::new(0x2468_ace0_1357_9bdf);
        let mut done = [0; 2];
        for _ in 0..STEPS {
            let item = all[random.below(ITEMS)];
            let (from, to) = (random.below(2), random.below(2));
            let was = (is_in(&world.lists, item), is_in(&world.trees, item));
            let moved = if random.below(2) == 0 {
                let want = world.lists[from].contains(&item) && !was.1;
                let moved = world.list_to_tree(item, from, to)?;
                assert_eq!(moved, want);
                moved
            } else {
                let want = world.trees[from].contains(&item) && !was.0;
                let moved = world.tree_to_list(item, from, to, random.below(2) == 0)?;
                assert_eq!(moved, want);
                moved
            };
            assert!(world.holds());
            done[usize::from(moved)] += 1;
        }
        assert!(done.iter().all(|&n| n > STEPS / 10));
        for &item in &all {
            let mut left = 1;
            for i in 0..2 {
                // SAFETY: All of it is the test's own.
                let out = unsafe {
                    [
                        !bpf_list_del(world.heads[i], list_node(item)).is_null(),
                        !bpf_rbtree_remove(world.roots[i], tree_node(item)).is_null(),
                    ]
                };
                left += out.into_iter().filter(|&out| out).count();
            }
            // No reference was taken or given on the way.
            assert_eq!(refs(item), left as i32);
            (0..left).for_each(|_| items.drop(item));
        }
        Ok(())
    }

    #[test]
    fn reserved_is_nobody_elses() -> Result {
        let items = Items::shared()?;
        let (mut head, mut root) = (Head::new()?, TreeRoot::new()?);
        let (head, root) = (head.as_ptr(), root.as_ptr());
        let item = items.make(1);
        assert!(!item.is_null() && items.acquire(item) && items.acquire(item));
        let (list, tree) = (list_node(item), tree_node(item));
        // SAFETY: All of it is the test's own.
        unsafe {
            assert_eq!(bpf_list_can_add(list), 1);
            assert_eq!(bpf_list_can_add(list), 0);
            // The other node is another matter.
            assert_eq!(bpf_rbtree_can_add(tree), 1);
            assert_eq!(bpf_rbtree_can_add(tree), 0);
            assert_eq!(bpf_list_owns_node(head, list), 0);
            assert!(bpf_list_del(head, list).is_null());
            assert!(items.acquire(item));
            assert!(bpf_list_push_back(head, list, items.meta(), LIST) != 0);
            bpf_list_unreserve(list);
            assert_eq!(bpf_list_can_add(list), 1);
            bpf_list_push_front_reserved(head, list);
            assert!(list::holds(head, &[item]));
            assert_eq!(bpf_list_can_add(list), 0);
            bpf_rbtree_unreserve(tree);
            assert_eq!(bpf_rbtree_can_add(tree), 1);
            bpf_rbtree_add_reserved(root, tree, Some(BY_KEY));
            assert!(tree::holds(root, &[item]));
            assert_eq!(refs(item), 3);
            assert_eq!(list_item(bpf_list_del(head, list)), item);
            assert!(!bpf_rbtree_remove(root, tree).is_null());
        }
        (0..3).for_each(|_| items.drop(item));
        Ok(())
    }

    /// Two threads with a list each reserve the same nodes: each is granted to one of them, who
    /// inserts it, and what is granted and given back is granted again.
    #[test]
    fn granted_to_one() -> Result {
        const GRANTS: usize = 2_000;
        const TRIES: usize = 200_000_000;
        let items = Items::shared()?;
        let mut heads = [Head::new()?, Head::new()?];
        let heads: [Atomic<*mut bpf_list_head>; 2] =
            core::array::from_fn(|i| Atomic::new(heads[i].as_ptr()));
        let item = items.make(1);
        assert!(!item.is_null() && items.acquire(item));
        let shared = Atomic::new(item);
        let granted = [Atomic::new(0usize), Atomic::new(0)];
        let wrong = Atomic::new(0usize);
        together(2, &|i| {
            let (head, item) = (heads[i].load(Relaxed), shared.load(Relaxed));
            // Who had it often enough waits for the other one.
            for _ in 0..TRIES {
                if granted.iter().all(|n| n.load(Relaxed) >= GRANTS) {
                    return;
                }
                // SAFETY: Each thread has a reference of its own, and a list that nobody else uses.
                unsafe {
                    if bpf_list_can_add(list_node(item)) == 0 {
                        continue;
                    }
                    if granted[i].fetch_add(1, Relaxed) % 2 == 0 {
                        bpf_list_unreserve(list_node(item));
                        continue;
                    }
                    bpf_list_push_back_reserved(head, list_node(item));
                    if list_item(bpf_list_pop_front(head)) != item {
                        wrong.fetch_add(1, Relaxed);
                    }
                }
            }
        })?;
        assert_eq!(wrong.load(Relaxed), 0);
        assert!(granted.iter().all(|n| n.load(Relaxed) >= GRANTS));
        // SAFETY: The threads have ended.
        unsafe {
            assert_eq!(bpf_list_can_add(list_node(item)), 1);
            bpf_list_unreserve(list_node(item));
        }
        assert_eq!(refs(item), 2);
        (0..2).for_each(|_| items.drop(item));
        Ok(())
    }
}
