// SPDX-License-Identifier: GPL-2.0

//! Nodes that are reserved.

use super::{slot_off, Emit};
use crate::asm::JEQ_K;
use crate::op::{Node, Slot};

impl Emit<'_> {
    /// r1 = a node of the object in a slot.
    fn node_in(&mut self, slot: usize, what: Slot, node: usize) {
        let off = self.object(what).fields[node].1;
        self.a.load(1, 10, slot_off(slot));
        self.a.add(1, off as i32);
    }

    pub fn can_add(&mut self, n: &Node, slot: usize, node: usize, body: &[Node]) {
        let end = self.a.label();
        self.node_in(slot, n.slots[slot], node);
        self.kfunc(n.kfunc().unwrap_or_default());
        self.returned(n.id, false);
        self.a.jump(JEQ_K, 0, 0, 0, end);
        for n in body {
            self.node(n);
        }
        self.a.bind(end);
    }

    pub fn unreserve(&mut self, n: &Node, slot: usize, node: usize) {
        self.node_in(slot, n.slots[slot], node);
        self.kfunc(n.kfunc().unwrap_or_default());
    }

    /// Gives back what is reserved of an object that is to be dropped.
    pub fn unreserve_all(&mut self, slot: usize, what: Slot) {
        let Some(ty) = what.object() else { return };
        for (node, tree) in self.cx.world.types[ty].nodes() {
            if what.reserved(node) {
                self.node_in(slot, what, node);
                self.kfunc(if tree {
                    "bpf_rbtree_unreserve"
                } else {
                    "bpf_list_unreserve"
                });
            }
        }
    }
}
