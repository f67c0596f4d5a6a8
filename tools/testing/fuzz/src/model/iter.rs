// SPDX-License-Identifier: GPL-2.0

//! Steps from node to node, and loops of them.

use super::{Defect, Members, Model};
use crate::emit::MAX_STEPS;
use crate::op::{iterator, Node, Op};

impl Model<'_> {
    fn order(&self, root: usize) -> Vec<usize> {
        match &self.collections[root] {
            Members::List(l) => l.iter().copied().collect(),
            Members::Tree(t) => t.order(),
        }
    }

    /// The node behind or before another one.
    pub fn beside(&self, root: usize, node: usize, back: bool) -> Option<usize> {
        let order = self.order(root);
        let at = order.iter().position(|m| *m == node)?;
        let to = if back { at.checked_sub(1)? } else { at + 1 };
        order.get(to).copied()
    }

    pub fn each(&mut self, n: &Node) {
        let Op::Each {
            root,
            tree,
            flags,
            dst,
            body,
        } = &n.op
        else {
            unreachable!("not a loop");
        };
        let (root, field) = self.root(*root);
        let [_, step, destroy] = iterator(*tree);
        let order = self.order(root);
        let (next, back) = match flags {
            0 => (order.first(), false),
            1 => (order.last(), true),
            _ => (None, false),
        };
        let err = if *flags > 1 { -libc::EINVAL } else { 0 };
        self.returned(n, err as u32 as u64);
        let mut next = next.copied();
        self.called(step);
        while let Some(o) = next.filter(|o| self.objects[o].owner.get(&field) == Some(&root)) {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                break;
            }
            next = self.beside(root, o, back);
            let found = &mut self.found[n.id];
            *found = (*found << 3).wrapping_add(self.objects[&o].id);
            self.slots[*dst] = Some(o);
            self.all(body);
            self.slots[*dst] = None;
            if self.defect == Defect::NextBehindBody {
                next = self.beside(root, o, back);
            }
            self.called(step);
        }
        self.called(destroy);
    }
}
