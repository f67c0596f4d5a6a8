// SPDX-License-Identifier: GPL-2.0

//! Steps that take an item from a list to a tree and back, under the locks of both, while others
//! insert, reserve and remove its other node under a third lock, or under none.

use super::{
    super::{kfuncs::Kfuncs, list_item, list_node, tree::BY_KEY, tree_item, tree_node, Item},
    moves::is_in_place,
    Checked, Outcome, Worker, World,
};
use crate::{
    bpf_list_move_rbtree, bpf_list_owns_node, bpf_rbtree_move_list_back,
    bpf_rbtree_move_list_front, bpf_rbtree_owns_node,
};

/// Checks what a move between a list and a tree said: `before` and `after` are whether the item was
/// where it came from, and where it should go. The other node may be elsewhere or claimed, which
/// nobody can know before.
fn check(w: &mut Worker, moved: bool, before: [bool; 2], after: [bool; 2], to: Outcome) -> Checked {
    if moved && before != [true, false] {
        return Err("across: an item that was not there, or was at both ends, was moved");
    }
    if after != if moved { [false, true] } else { before } {
        return Err("across: an item is not known where it is");
    }
    w.count(match (moved, before[0]) {
        (true, _) => to,
        (false, true) => Outcome::AcrossTaken,
        (false, false) => Outcome::AcrossStayed,
    });
    Ok(())
}

impl World<'_> {
    pub(super) fn list_to_tree(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        self.with_some(k, w, |w, item| self.move_to_tree(k, w, item))
    }

    fn move_to_tree(&self, k: &Kfuncs, w: &mut Worker, item: Option<*mut Item>) -> Checked {
        let Some((values, _two)) = self.two(w) else {
            return Ok(());
        };
        w.calls += 10;
        // SAFETY: Both locks are held; the reference is ours, or the list's.
        unsafe {
            let (list, tree) = (&raw mut (*values[0]).list, &raw mut (*values[1]).tree);
            let node = item.map_or_else(|| (k.front)(list), list_node);
            if node.is_null() {
                return Ok(());
            }
            let other = tree_node(list_item(node));
            let owned = || {
                [
                    bpf_list_owns_node(list, node) == 1,
                    bpf_rbtree_owns_node(tree, other) == 1,
                ]
            };
            let beside = || ((k.prev)(list, node), (k.next)(list, node));
            let (before, around) = (owned(), beside());
            let moved = bpf_list_move_rbtree(list, node, tree, other, Some(BY_KEY));
            check(w, moved, before, owned(), Outcome::ToTree)?;
            if moved && !is_in_place(k, tree, other) {
                return Err("across: what came from a list is not where its key belongs");
            }
            if !moved && beside() != around {
                return Err("across: what stays in a list is elsewhere in it");
            }
        }
        Ok(())
    }

    pub(super) fn tree_to_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        self.with_some(k, w, |w, item| self.move_to_list(k, w, item))
    }

    fn move_to_list(&self, k: &Kfuncs, w: &mut Worker, item: Option<*mut Item>) -> Checked {
        let front = w.random.below(2) == 0;
        let Some((values, _two)) = self.two(w) else {
            return Ok(());
        };
        w.calls += 10;
        // SAFETY: Both locks are held; the reference is ours, or the tree's.
        unsafe {
            let (tree, list) = (&raw mut (*values[0]).tree, &raw mut (*values[1]).list);
            let node = item.map_or_else(|| (k.first)(tree), tree_node);
            if node.is_null() {
                return Ok(());
            }
            let other = list_node(tree_item(node));
            let owned = || {
                [
                    bpf_rbtree_owns_node(tree, node) == 1,
                    bpf_list_owns_node(list, other) == 1,
                ]
            };
            let beside = || ((k.tree_prev)(tree, node), (k.tree_next)(tree, node));
            let (before, around) = (owned(), beside());
            let (moved, at_its_end) = if front {
                let moved = bpf_rbtree_move_list_front(tree, node, list, other);
                (moved, (k.is_first)(list, other))
            } else {
                let moved = bpf_rbtree_move_list_back(tree, node, list, other);
                (moved, (k.is_last)(list, other))
            };
            check(w, moved, before, owned(), Outcome::ToList)?;
            if moved && !at_its_end {
                return Err("across: what came from a tree is not at the list's end");
            }
            if !moved && beside() != around {
                return Err("across: what stays in a tree is elsewhere in it");
            }
        }
        Ok(())
    }
}
