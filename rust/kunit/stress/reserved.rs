// SPDX-License-Identifier: GPL-2.0

//! Steps with nodes that are reserved, and stay so while all threads go on. A program has to use a
//! reservation up before it ends; here a thread is one program, and keeps one over many steps.

use super::{
    super::{
        counted::{CountedItems, LIST},
        kfuncs::Kfuncs,
        list_node,
        place::Value,
        tree::BY_KEY,
        tree_node, Item,
    },
    keys::By,
    moves::is_in_place,
    steps::EINVAL,
    Checked, Outcome, Worker, World,
};
use crate::{
    bpf_list_can_add, bpf_list_move_back, bpf_list_move_rbtree, bpf_list_owns_node,
    bpf_list_push_back_reserved, bpf_list_push_front_reserved, bpf_list_unreserve,
    bpf_rbtree_can_add, bpf_rbtree_move_list_front, bpf_rbtree_owns_node, bpf_rbtree_unreserve,
};

/// A reference by which one node of the item is reserved, its list node or its tree node.
#[derive(Clone, Copy)]
pub(super) struct Reserved {
    item: *mut Item,
    tree: bool,
}

impl Reserved {
    /// Asks for a node of `item`: what the kfunc says.
    ///
    /// # Safety
    ///
    /// The caller has a reference to the item.
    unsafe fn ask(self) -> u64 {
        // SAFETY: This function's contract.
        unsafe {
            match self.tree {
                true => bpf_rbtree_can_add(tree_node(self.item)),
                false => bpf_list_can_add(list_node(self.item)),
            }
        }
    }

    /// Whose node it is.
    pub(super) fn item(self) -> *mut Item {
        self.item
    }

    /// Whether it is the tree node.
    pub(super) fn is_tree(self) -> bool {
        self.tree
    }

    /// Sets the node free. The reference stays.
    pub(super) fn give_back(self) {
        // SAFETY: What was granted is kept by one thread, with its reference, and given up by it.
        unsafe {
            match self.tree {
                true => bpf_rbtree_unreserve(tree_node(self.item)),
                false => bpf_list_unreserve(list_node(self.item)),
            }
        }
    }

    /// Tries, under both locks, to get a list node that is reserved: by asking, by its handle, by
    /// a move, and by inserting it, for which `another` reference is given up.
    ///
    /// # Safety
    ///
    /// The locks of `values` are held, and both references are the caller's.
    unsafe fn contest_list(
        self,
        k: &Kfuncs,
        values: [*mut Value; 2],
        items: &CountedItems,
    ) -> Checked {
        let node = list_node(self.item);
        // SAFETY: This function's contract.
        unsafe {
            let [from, to] = values.map(|value| &raw mut (*value).list);
            if bpf_list_owns_node(from, node) != 0 || !(k.del)(from, node).is_null() {
                return Err("list: a reserved node is in a list");
            }
            if bpf_list_move_back(from, node, to) {
                return Err("list: a reserved node was moved");
            }
            let other = tree_node(self.item);
            if bpf_rbtree_move_list_front(&raw mut (*values[0]).tree, other, to, node) {
                return Err("list: a reserved node was inserted by a move from a tree");
            }
            if !(k.next)(from, node).is_null() || (k.is_first)(from, node) {
                return Err("list: a reserved node is beside another one");
            }
            if (k.push_back)(to, node, items.meta(), LIST) != EINVAL {
                return Err("list: a reserved node was inserted by another reference");
            }
        }
        Ok(())
    }

    /// [`contest_list()`](Self::contest_list) for a tree node.
    ///
    /// # Safety
    ///
    /// As for [`contest_list()`](Self::contest_list).
    unsafe fn contest_tree(
        self,
        k: &Kfuncs,
        by: By,
        values: [*mut Value; 2],
        items: &CountedItems,
    ) -> Checked {
        let node = tree_node(self.item);
        // SAFETY: This function's contract.
        unsafe {
            let [from, to] = values.map(|value| &raw mut (*value).tree);
            if bpf_rbtree_owns_node(from, node) != 0 || !(k.remove)(from, node).is_null() {
                return Err("tree: a reserved node is in a tree");
            }
            if by.move_to(from, node, to, items.meta()) {
                return Err("tree: a reserved node was moved");
            }
            let (list, other) = (&raw mut (*values[0]).list, list_node(self.item));
            if bpf_list_move_rbtree(list, other, to, node, Some(BY_KEY)) {
                return Err("tree: a reserved node was inserted by a move from a list");
            }
            if !(k.left)(from, node).is_null() || !(k.tree_next)(from, node).is_null() {
                return Err("tree: a reserved node is beside another one");
            }
            if by.add(k, to, node, items.meta()) != EINVAL {
                return Err("tree: a reserved node was inserted by another reference");
            }
        }
        Ok(())
    }
}

impl World<'_> {
    /// Reserves a node, or does something with the one that the thread has reserved.
    pub(super) fn reserve(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let Some(reserved) = w.reserved else {
            return self.ask(k, w);
        };
        match w.random.below(8) {
            0 => {
                w.calls += 1;
                w.reserved = None;
                w.count(Outcome::GivenBack);
                reserved.give_back();
                self.put(k, w, reserved.item);
                Ok(())
            }
            1..=3 => self.put_in(k, w, reserved),
            _ => self.contest(k, w, reserved),
        }
    }

    fn ask(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let Some(item) = self.take(k, w) else {
            return Ok(());
        };
        w.calls += 1;
        let tree = w.random.below(2) == 0;
        let reserved = Reserved { item, tree };
        // SAFETY: The reference is ours.
        match unsafe { reserved.ask() } {
            0 => {
                w.count(Outcome::NotReserved);
                self.put(k, w, item);
            }
            1 => {
                w.count(Outcome::Reserved);
                w.reserved = Some(reserved);
            }
            _ => return Err("a reservation is neither granted nor refused"),
        }
        Ok(())
    }

    /// Inserts what is reserved. Without the lock it stays reserved.
    fn put_in(&self, k: &Kfuncs, w: &mut Worker, reserved: Reserved) -> Checked {
        let (place, front) = (self.place(w), w.random.below(2) == 0);
        let by = By::any(w);
        let value = place.value();
        let Ok(_guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 3;
        w.reserved = None;
        // SAFETY: The lock is held. The reservation and its reference are used up here, and what
        // the root holds is alive.
        let there = unsafe {
            if reserved.tree {
                let (tree, node) = (&raw mut (*value).tree, tree_node(reserved.item));
                by.add_reserved(tree, node, self.items.meta());
                bpf_rbtree_owns_node(tree, node) == 1 && is_in_place(k, tree, node)
            } else {
                let (list, node) = (&raw mut (*value).list, list_node(reserved.item));
                if front {
                    bpf_list_push_front_reserved(list, node);
                    (k.is_first)(list, node)
                } else {
                    bpf_list_push_back_reserved(list, node);
                    (k.is_last)(list, node)
                }
            }
        };
        if !there {
            return Err("a reserved node is not where it was inserted");
        }
        if reserved.tree {
            by.count(w);
            w.count(Outcome::TreePut);
        } else {
            w.count(Outcome::ListPut);
        }
        Ok(())
    }

    /// Sees that nobody can have what is reserved.
    fn contest(&self, k: &Kfuncs, w: &mut Worker, reserved: Reserved) -> Checked {
        let meta = self.items.meta();
        // SAFETY: The reference that the reservation is for is ours.
        unsafe {
            if reserved.ask() != 0 {
                return Err("what is reserved was granted once more");
            }
            if (k.acquire)(reserved.item.cast(), meta).is_null() {
                return Err("there is a reference, and none more");
            }
        }
        w.calls += 9;
        let Some((values, _two)) = self.two(w) else {
            self.put(k, w, reserved.item);
            return Ok(());
        };
        w.count(Outcome::Contested);
        let by = By::any(w);
        // SAFETY: Both locks are held, and both references are ours.
        unsafe {
            match reserved.tree {
                true => reserved.contest_tree(k, by, values, &self.items),
                false => reserved.contest_list(k, values, &self.items),
            }
        }
    }
}
