// SPDX-License-Identifier: GPL-2.0

//! Nodes that go from one place to another.

use super::{Defect, Model};
use crate::op::{Less, Node, Root};

impl Model<'_> {
    /// Takes a node from one root to another, which may be the same, by `link`; whether it was
    /// there.
    pub fn move_node(
        &mut self,
        n: &Node,
        from: Root,
        slot: usize,
        to: Root,
        link: impl Fn(&mut Self, usize, usize),
    ) {
        let ((from, field), (to, _)) = (self.root(from), self.root(to));
        let o = self.slots[slot].expect("the slot is checked before");
        let there = self.objects[&o].owner.get(&field) == Some(&from);
        if there {
            self.unlink(from, o);
            link(self, to, o);
            self.object(slot).owner.insert(field, to);
        }
        self.returned(n, there as u64);
    }

    /// Takes an object from a root to one of the other kind by `link`; whether it was there, and
    /// its other node is free.
    pub fn move_across(
        &mut self,
        n: &Node,
        from: Root,
        slot: usize,
        to: Root,
        link: impl Fn(&mut Self, usize, usize),
    ) {
        let ((from, field), (to, to_field)) = (self.root(from), self.root(to));
        let o = self.slots[slot].expect("the slot is checked before");
        let owner = &self.objects[&o].owner;
        let (there, taken) = (
            owner.get(&field) == Some(&from),
            owner.contains_key(&to_field),
        );
        if there && !taken {
            self.unlink(from, o);
            link(self, to, o);
            self.object(slot).owner.insert(to_field, to);
        }
        let moved = there && (!taken || self.defect == Defect::AcrossWhenTaken);
        self.returned(n, moved as u64);
    }

    /// Whether a node of a tree can stay where it is.
    pub fn stays(&mut self, root: usize, o: usize, less: Less) -> bool {
        let order = self.tree(root).order();
        let at = order.iter().position(|m| *m == o).unwrap_or_default();
        let prev = at.checked_sub(1).map(|at| order[at]);
        let next = order.get(at + 1).copied();
        self.defect == Defect::RepositionStays
            || prev.is_none_or(|prev| !self.less(less, o, prev))
                && next.is_none_or(|next| self.less(less, o, next))
    }
}
