// SPDX-License-Identifier: GPL-2.0

//! Loops over lists and trees.

use super::{slot_off, Emit, FIRST, MAX_STEPS, SCRATCH, STEPS};
use crate::asm::*;
use crate::op::{iterator, Node, Op};
use crate::world::Kind;

const ITERATOR: i32 = 24;

impl Emit<'_> {
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
        let (again, end) = (self.a.label(), self.a.label());
        let [new, next, destroy] = iterator(*tree);
        self.loops += 1;
        let it = SCRATCH - ITERATOR * self.loops;
        let (off, ty, _) = self.root_in(2, *root, &n.slots);
        self.a.imm(3, *flags as i32);
        self.iterator(it, new);
        self.returned(n.id, false);
        self.a.bind(again);
        self.iterator(it, next);
        self.a.jump(JEQ_K, 0, 0, 0, end);
        self.count(STEPS[0], end);
        self.a.add(0, -(off as i32));
        self.a.store(10, slot_off(*dst), 0);
        self.seen(n.id, ty);
        for n in body {
            self.node(n);
        }
        self.a.store_imm(10, slot_off(*dst), 0);
        self.count(STEPS[1], end);
        self.a.jump(JA, 0, 0, 0, again);
        self.a.bind(end);
        self.iterator(it, destroy);
        self.loops -= 1;
    }

    fn iterator(&mut self, it: i32, kfunc: &str) {
        self.a.mov(1, 10);
        self.a.add(1, it);
        self.kfunc(kfunc);
    }

    /// One step more, or too many.
    fn count(&mut self, word: usize, end: Label) {
        self.a.load(1, 6, word as i32 * 8);
        self.a.add(1, 1);
        self.a.store(6, word as i32 * 8, 1);
        self.a.jump(JGT_K, 1, 0, MAX_STEPS, end);
    }

    /// Add the object at r0 to what was found.
    fn seen(&mut self, id: usize, ty: usize) {
        let off = self.cx.world.types[ty].find(Kind::Id).unwrap_or(0);
        self.a.load(1, 6, ((FIRST + id) * 8) as i32);
        self.a.op(LSH_K, 1, 0, 0, 3);
        self.a.load(2, 0, off as i32);
        self.a.op(ADD_X, 1, 2, 0, 0);
        self.record(id, 1);
    }
}
