// SPDX-License-Identifier: GPL-2.0

//! Nodes that are reserved, and then inserted or given back.
//!
//! A reservation ends in the body for which it is made: only there it is there on all paths.

use super::{choose, Gen, RawOp, Test};
use crate::op::{Op, Slot};
use crate::world::Kind;

impl Gen<'_> {
    /// Begins a body for a node of an owned object that can be reserved.
    pub fn reserve(&mut self, r: RawOp) -> Option<()> {
        let owned = self.which(|s| matches!(s, Slot::Own(_) | Slot::Reserved(..)));
        let slot = match choose(&owned, r.b) {
            Some(slot) => slot,
            None => self.object(r, r.a as usize % self.world.types.len())?,
        };
        let ty = self.slots[slot].object()?;
        if self.world.types[ty].has(Kind::Refcount) && r.c & 3 == 0 {
            let dst = self.free()?;
            self.put(Op::Acquire { dst, src: slot });
            self.slots[dst] = Slot::Own(ty);
        }
        let nodes: Vec<(usize, bool)> = self.world.types[ty].nodes().collect();
        let (node, tree) = choose(&nodes, r.a >> 4)?;
        self.slots[slot].reserve(node)?;
        self.open(Test::CanAdd { slot, node, tree })
    }

    /// Inserts the node that this body is for, where it can be: no other one of the object may be
    /// reserved then.
    pub fn add_reserved(&mut self, r: RawOp) -> Option<()> {
        let (slot, node, tree) = self.reserved_here()?;
        let ty = self.slots[slot].object()?;
        if self.slots[slot] != Slot::Own(ty).reserve(node)? {
            return None;
        }
        let (root, ..) = self.root_that(r, |root| (root.1, root.2, root.3) == (tree, ty, node))?;
        if self.locked_by(slot) || self.fixed(slot) {
            return None;
        }
        self.put(if tree {
            let less = self.order(r, root);
            Op::TreeAddReserved { root, slot, less }
        } else {
            let back = r.c & 1 == 0;
            Op::PushReserved { root, slot, back }
        });
        self.inserted(slot, ty);
        Some(())
    }

    /// Gives back the node that this body is for, if it is still reserved.
    pub fn unreserve(&mut self) -> Option<()> {
        let (slot, node, tree) = self.reserved_here()?;
        self.put(Op::Unreserve { slot, node, tree });
        self.slots[slot] = self.slots[slot].unreserve(node);
        Some(())
    }

    fn reserved_here(&self) -> Option<(usize, usize, bool)> {
        match self.frames.last()?.test {
            Test::CanAdd { slot, node, tree } if self.slots[slot].reserved(node) => {
                Some((slot, node, tree))
            }
            _ => None,
        }
    }
}
