// SPDX-License-Identifier: GPL-2.0

//! Steps with trees.

use kernel::bindings::bpf_rb_node;

use super::{
    super::{kfuncs::Kfuncs, refs, tree_item, tree_node, Item},
    keys::By,
    Checked, Outcome, Worker, World,
};

impl World<'_> {
    /// Puts `item`, whose reference is given up, into some tree.
    fn plant(&self, k: &Kfuncs, w: &mut Worker, item: *mut Item, done: Outcome) -> Checked {
        let (place, by) = (self.place(w), By::any(w));
        let value = place.value();
        let Ok(guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            self.put(k, w, item);
            return Ok(());
        };
        w.calls += 1;
        let node = tree_node(item);
        // SAFETY: The lock is held, and the reference is ours.
        let ret = unsafe {
            let tree = &raw mut (*value).tree;
            by.add(k, tree, node, self.items.meta())
        };
        drop(guard);
        if ret == 0 {
            by.count(w);
        }
        Self::inserted(w, ret, [done, Outcome::TreeRefused])
    }

    pub(super) fn add_to_tree(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        match self.take(k, w) {
            Some(item) => self.plant(k, w, item, Outcome::TreeAdded),
            None => Ok(()),
        }
    }

    /// What is done with an item that a tree gave back: it is dropped, or added to some tree.
    pub(super) fn out_of_tree(
        &self,
        k: &Kfuncs,
        w: &mut Worker,
        node: *mut bpf_rb_node,
    ) -> Checked {
        let item = tree_item(node);
        if refs(item) < 1 {
            return Err("tree: it gave back an item without references");
        }
        if w.random.below(4) == 0 {
            return self.plant(k, w, item, Outcome::TreePassed);
        }
        self.put(k, w, item);
        Ok(())
    }

    pub(super) fn remove_from_tree(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let Some(item) = self.take(k, w) else {
            return Ok(());
        };
        let place = self.place(w);
        let value = place.value();
        if let Ok(guard) = place.lock(value) {
            w.calls += 3;
            let node = tree_node(item);
            // SAFETY: The lock is held, and the reference is ours.
            let (owned, got, child) = unsafe {
                let tree = &raw mut (*value).tree;
                let owned = crate::bpf_rbtree_owns_node(tree, node);
                (owned, (k.remove)(tree, node), (k.left)(tree, node))
            };
            drop(guard);
            if !child.is_null() || !got.is_null() && got != node {
                return Err("tree: a node that was taken out is still there");
            }
            if owned != u64::from(!got.is_null()) {
                return Err("tree: a node is there by one word, and not by another");
            }
            if got.is_null() {
                w.count(Outcome::TreeMissed);
            } else {
                w.count(Outcome::TreeRemoved);
                self.out_of_tree(k, w, got)?;
            }
        } else {
            w.count(Outcome::NotLocked);
        }
        self.put(k, w, item);
        Ok(())
    }

    pub(super) fn pop_tree(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let place = self.place(w);
        let value = place.value();
        let Ok(guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 2;
        // SAFETY: The lock is held, and what the tree holds is alive.
        let (first, got) = unsafe {
            let tree = &raw mut (*value).tree;
            let first = (k.first)(tree);
            let got = if first.is_null() {
                first
            } else {
                (k.remove)(tree, first)
            };
            (first, got)
        };
        drop(guard);
        if got != first {
            return Err("tree: its leftmost node is not in it");
        }
        if got.is_null() {
            return Ok(());
        }
        w.count(Outcome::Popped);
        self.out_of_tree(k, w, got)
    }
}
