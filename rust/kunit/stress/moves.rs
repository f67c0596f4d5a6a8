// SPDX-License-Identifier: GPL-2.0

//! Steps that take a node from one list or tree to another, under the locks of both, or to another
//! place in the same.

use kernel::bindings::{bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root};

use super::{
    super::{
        kfuncs::Kfuncs,
        list_node,
        place::{Two, Value},
        tree_node, Item,
    },
    keys::{set_key, By},
    looks::key_of,
    Checked, Outcome, Worker, World, KEYS, PLACES,
};
use crate::{bpf_list_move_back, bpf_list_move_front, bpf_list_owns_node, bpf_rbtree_owns_node};

/// Where a node that was moved must be known to be, in the root it came from and in the other.
fn known(moved: bool, before: [u64; 2], same: bool) -> [u64; 2] {
    match moved {
        true => [u64::from(same), 1],
        false => before,
    }
}

/// Whether `node` is behind its equals in `tree`, and before what is greater.
///
/// # Safety
///
/// The lock of `tree` is held, and the item of `node` is alive.
pub(super) unsafe fn is_in_place(
    k: &Kfuncs,
    tree: *mut bpf_rb_root,
    node: *mut bpf_rb_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let (key, prev, next) = (
            key_of(node),
            (k.tree_prev)(tree, node),
            (k.tree_next)(tree, node),
        );
        (prev.is_null() || key_of(prev) <= key) && (next.is_null() || key < key_of(next))
    }
}

impl World<'_> {
    /// Two values with the same kind of lock, and both locks held. They can be one value.
    pub(super) fn two(&self, w: &mut Worker) -> Option<([*mut Value; 2], Two)> {
        let from = w.random.below(PLACES);
        // Two behind one another have the same kind.
        let to = from / 2 * 2 + w.random.below(2);
        let [a, b] = [from, to].map(|at| self.places[at].value());
        w.calls += 2;
        match self.places[from].lock_two(a, b) {
            Ok(two) => {
                w.count(match a == b {
                    true => Outcome::OneTwice,
                    false => Outcome::TwoHeld,
                });
                Some(([a, b], two))
            }
            Err(_) => {
                w.count(Outcome::NotLocked);
                None
            }
        }
    }

    /// Does `step` with a node that the thread has a reference to, or has to find in the root.
    pub(super) fn with_some(
        &self,
        k: &Kfuncs,
        w: &mut Worker,
        step: impl FnOnce(&mut Worker, Option<*mut Item>) -> Checked,
    ) -> Checked {
        let item = match w.random.below(2) {
            0 => self.take(k, w),
            _ => None,
        };
        step(w, item)?;
        if let Some(item) = item {
            self.put(k, w, item);
        }
        Ok(())
    }

    pub(super) fn move_list_node(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        self.with_some(k, w, |w, item| self.move_in_lists(k, w, item))
    }

    fn move_in_lists(&self, k: &Kfuncs, w: &mut Worker, item: Option<*mut Item>) -> Checked {
        type Move = unsafe extern "C" fn(
            *mut bpf_list_head,
            *mut bpf_list_node,
            *mut bpf_list_head,
        ) -> bool;
        let front = w.random.below(2) == 0;
        let Some((values, _two)) = self.two(w) else {
            return Ok(());
        };
        w.calls += 7;
        // SAFETY: Both locks are held; the reference is ours, or the list's.
        unsafe {
            let [from, to] = values.map(|value| &raw mut (*value).list);
            let node = item.map_or_else(|| (k.front)(from), list_node);
            if node.is_null() {
                return Ok(());
            }
            let owned = || [from, to].map(|list| bpf_list_owns_node(list, node));
            let before = owned();
            let (kfunc, is_there, beyond): (Move, _, _) = match front {
                true => (bpf_list_move_front, k.is_first, k.prev),
                false => (bpf_list_move_back, k.is_last, k.next),
            };
            let moved = kfunc(from, node, to);
            if moved != (before[0] == 1) {
                return Err("list: a move and the question before it disagree");
            }
            if owned() != known(moved, before, from == to) {
                return Err("list: a moved node is not known where it is");
            }
            if moved && !(is_there(to, node) && beyond(to, node).is_null()) {
                return Err("list: what was moved to an end is not there");
            }
            w.count(match moved {
                true => Outcome::ListMoved,
                false => Outcome::ListStayed,
            });
        }
        Ok(())
    }

    pub(super) fn move_tree_node(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        self.with_some(k, w, |w, item| self.move_in_trees(k, w, item))
    }

    fn move_in_trees(&self, k: &Kfuncs, w: &mut Worker, item: Option<*mut Item>) -> Checked {
        let Some((values, _two)) = self.two(w) else {
            return Ok(());
        };
        let by = By::any(w);
        w.calls += 7;
        // SAFETY: Both locks are held; the reference is ours, or the tree's.
        unsafe {
            let [from, to] = values.map(|value| &raw mut (*value).tree);
            let node = item.map_or_else(|| (k.first)(from), tree_node);
            if node.is_null() {
                return Ok(());
            }
            let owned = || [from, to].map(|tree| bpf_rbtree_owns_node(tree, node));
            let before = owned();
            let moved = by.move_to(from, node, to, self.items.meta());
            if moved != (before[0] == 1) {
                return Err("tree: a move and the question before it disagree");
            }
            if owned() != known(moved, before, from == to) {
                return Err("tree: a moved node is not known where it is");
            }
            if moved && !is_in_place(k, to, node) {
                return Err("tree: what was moved is not where its key belongs");
            }
            if moved {
                by.count(w);
            }
            w.count(match moved {
                true => Outcome::TreeMoved,
                false => Outcome::TreeStayed,
            });
        }
        Ok(())
    }

    /// Gives a node another key, and takes it to where that belongs.
    pub(super) fn reposition(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        self.with_some(k, w, |w, item| self.change_key(k, w, item))
    }

    fn change_key(&self, k: &Kfuncs, w: &mut Worker, item: Option<*mut Item>) -> Checked {
        let (key, by) = (w.random.below(KEYS) as u64, By::any(w));
        let place = self.place(w);
        let value = place.value();
        let Ok(_guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 5;
        // SAFETY: The lock is held; the reference is ours, or the tree's.
        unsafe {
            let tree = &raw mut (*value).tree;
            let node = item.map_or_else(|| (k.first)(tree), tree_node);
            if node.is_null() {
                return Ok(());
            }
            let owned = bpf_rbtree_owns_node(tree, node) == 1;
            if owned {
                set_key(node, key);
            }
            if by.reposition(tree, node, self.items.meta()) != owned {
                return Err("tree: a reposition and the question before it disagree");
            }
            if owned {
                if !is_in_place(k, tree, node) {
                    return Err("tree: what has another key is not where that belongs");
                }
                by.count(w);
                w.count(Outcome::Repositioned);
            }
        }
        Ok(())
    }
}
