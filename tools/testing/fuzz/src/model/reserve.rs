// SPDX-License-Identifier: GPL-2.0

//! Nodes that are reserved.

use super::{Defect, Model, RESERVED};
use crate::op::{Node, Root};

impl Model<'_> {
    pub fn can_add(&mut self, n: &Node, slot: usize, node: usize, body: &[Node]) {
        let free = !self.object(slot).owner.contains_key(&node);
        let lies = self.defect == Defect::CanAddWhenTaken;
        self.returned(n, (free || lies) as u64);
        if free {
            self.object(slot).owner.insert(node, RESERVED);
            self.all(body);
        }
    }

    pub fn unreserve(&mut self, slot: usize, node: usize) {
        let owner = self.object(slot).owner.remove(&node);
        assert_eq!(owner, Some(RESERVED), "given back, but not reserved");
    }

    /// An insertion that cannot fail, by `link`.
    pub fn insert_reserved(
        &mut self,
        root: Root,
        slot: usize,
        link: impl Fn(&mut Self, usize, usize),
    ) {
        let (root, node) = self.root(root);
        self.unreserve(slot, node);
        let o = self.slots[slot].expect("the slot is checked before");
        link(self, root, o);
        self.object(slot).owner.insert(node, root);
    }
}
