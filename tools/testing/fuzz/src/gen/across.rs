// SPDX-License-Identifier: GPL-2.0

//! What is for objects that can be in a list and in a tree.

use super::keys::order;
use super::{choose, Gen, RawOp, Test};
use crate::op::{Op, Place, Root, Slot};

impl Gen<'_> {
    /// Moves an object to a tree from a list, or the other way.
    pub fn across(&mut self, r: RawOp, tree: bool) -> Option<()> {
        let ty = choose(&self.types_of_both(), r.b)?;
        let (root, _) = self.root(r, !tree, Some(ty))?;
        let to = choose(&self.undeclared(ty, tree), r.c >> 4)?;
        let mut nodes = self.nodes(ty);
        nodes.retain(|slot| !self.nameless.contains(slot) && self.may_take(root, Some(*slot)));
        let slot = match choose(&nodes, r.b >> 4) {
            Some(slot) if r.c & 1 == 0 => slot,
            _ if self.may_take(root, None) => self.look(root, tree, r.a & 2 == 0)?,
            _ => return None,
        };
        let maybe = matches!(self.slots[slot], Slot::MayNon(..));
        if maybe {
            self.open(Test::Slot(slot))?;
        }
        self.put(Op::Across {
            root,
            slot,
            to,
            tree,
            back: r.a & 1 == 0,
            less: order(r),
        });
        if maybe {
            self.close();
        }
        Some(())
    }

    /// Looks for a node to move: at an end of a list, or at the first one or the top of a tree.
    fn look(&mut self, root: Root, list: bool, other: bool) -> Option<usize> {
        let dst = self.free()?;
        self.put(match (list, other) {
            (true, back) => Op::End { root, back, dst },
            (false, false) => Op::First { root, dst },
            (false, true) => Op::Top { root, dst },
        });
        self.found(dst, root, false);
        Some(dst)
    }

    /// Inserts an object by nodes of both kinds.
    pub fn add_to_both(&mut self, r: RawOp) -> Option<()> {
        let ty = choose(&self.types_of_both(), r.a)?;
        let slot = self.object(r, ty)?;
        let (root, _) = self.root(r, false, Some(ty))?;
        let to = choose(&self.roots_of(ty, true), r.c >> 4)?;
        let dst = self.free().filter(|_| !self.locked_by(slot))?;
        self.put(Op::Acquire { dst, src: slot });
        let back = r.c & 1 == 0;
        self.put(Op::Push { root, slot, back });
        self.inserted(slot, ty);
        self.put(Op::TreeAdd {
            root: to,
            slot: dst,
            less: self.order(r, to),
        });
        self.inserted(dst, ty);
        Some(())
    }

    /// The types of which there are lists and trees: under the lock that is held, or in values.
    fn types_of_both(&self) -> Vec<usize> {
        let roots = match self.lock {
            Some(_) => self.held_roots(),
            None => self.roots(Place::Value(0)),
        };
        let has = |ty, tree| roots.iter().any(|r| (r.1, r.2) == (tree, ty));
        (0..self.world.types.len())
            .filter(|ty| has(*ty, false) && has(*ty, true))
            .collect()
    }

    /// The trees or lists of a type whose lock is held.
    pub fn roots_of(&self, ty: usize, tree: bool) -> Vec<Root> {
        let roots = self.held_roots().into_iter();
        roots
            .filter(|r| (r.1, r.2) == (tree, ty))
            .map(|r| r.0)
            .collect()
    }

    /// Those to which objects are moved from the other kind: that goes by no declared key.
    pub fn undeclared(&self, ty: usize, tree: bool) -> Vec<Root> {
        let mut roots = self.roots_of(ty, tree);
        roots.retain(|root| self.declared(*root).is_none());
        roots
    }
}
