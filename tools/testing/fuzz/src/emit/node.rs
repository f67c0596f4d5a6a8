// SPDX-License-Identifier: GPL-2.0

//! The instructions of each operation.

use super::{
    slot_off, Emit, BASE, BITS, CURRENT_TASK_BTF, KPTR_XCHG, PROBE_READ_KERNEL, SCRATCH,
    THIS_CPU_PTR,
};
use crate::asm::*;
use crate::op::{Node, Op, Slot};
use crate::world::Kind;

impl Emit<'_> {
    fn new_object(&mut self, n: &Node, dst: usize, ty: usize, key: u64) {
        let t = &self.cx.world.types[ty];
        let failed = self.a.label();
        self.a.imm(1, self.cx.types.objects[ty] as i32);
        self.a.imm(2, 0);
        self.kfunc(n.kfunc().unwrap_or_default());
        self.a.jump(JEQ_K, 0, 0, 0, failed);
        self.gave_up.push((failed, n.slots));
        self.a.store(10, slot_off(dst), 0);
        self.a.load(1, 6, BASE as i32 * 8);
        self.a.add(1, n.id as i32);
        self.a.store(0, t.find(Kind::Id).unwrap_or(0) as i32, 1);
        self.a.imm(1, key as i32);
        for kind in [Kind::Key, Kind::Aux] {
            if let Some(off) = t.find(kind) {
                self.a.store(0, off as i32, 1);
            }
        }
        if let Some(off) = t.find(Kind::Counted) {
            let failed = self.a.label();
            let none = self.a.label();
            self.a.helper(CURRENT_TASK_BTF);
            self.a.mov(1, 0);
            self.kfunc("bpf_task_acquire");
            self.a.jump(JEQ_K, 0, 0, 0, failed);
            self.a.mov(2, 0);
            self.a.load(1, 10, slot_off(dst));
            self.a.add(1, off as i32);
            self.a.helper(KPTR_XCHG);
            self.a.jump(JEQ_K, 0, 0, 0, none);
            self.a.mov(1, 0);
            self.kfunc("bpf_task_release");
            self.a.bind(none);
            let mut slots = n.slots;
            slots[dst] = Slot::Own(ty);
            self.gave_up.push((failed, slots));
        }
    }

    pub fn node(&mut self, n: &Node) {
        let kfunc = n.kfunc().unwrap_or_default();
        match &n.op {
            Op::New { dst, ty, key } => self.new_object(n, *dst, *ty, *key),
            Op::Drop { slot } | Op::PercpuDrop { slot } => {
                self.a.load(1, 10, slot_off(*slot));
                self.a.imm(2, 0);
                self.kfunc(kfunc);
                self.a.store_imm(10, slot_off(*slot), 0);
            }
            Op::PercpuNew { dst } => {
                let failed = self.a.label();
                self.a.imm(1, self.cx.types.percpu as i32);
                self.a.imm(2, 0);
                self.kfunc(kfunc);
                self.a.jump(JEQ_K, 0, 0, 0, failed);
                self.gave_up.push((failed, n.slots));
                self.a.store(10, slot_off(*dst), 0);
            }
            Op::PercpuSet { value, to } => {
                let none = self.a.label();
                let off = self.cx.world.value.find(Kind::Percpu).unwrap_or(0);
                self.a.load(1, 7 + *value as u8, off as i32);
                self.a.jump(JEQ_K, 1, 0, 0, none);
                self.a.helper(THIS_CPU_PTR);
                self.a.store_imm(0, 8, *to as i32);
                self.a.load(0, 0, 8);
                self.returned(n.id, false);
                self.a.bind(none);
            }
            Op::Acquire { dst, src } => {
                self.a.load(1, 10, slot_off(*src));
                self.a.imm(2, 0);
                self.kfunc(kfunc);
                self.a.store(10, slot_off(*dst), 0);
            }
            Op::Write { slot, key } => {
                let off = self.object(n.slots[*slot]).find(Kind::Key).unwrap_or(0);
                self.a.load(1, 10, slot_off(*slot));
                self.a.store_imm(1, off as i32, *key as i32);
            }
            Op::Read { slot } => {
                let t = self.object(n.slots[*slot]);
                self.a.load(1, 10, slot_off(*slot));
                self.a.load(0, 1, t.find(Kind::Key).unwrap_or(0) as i32);
                if let Some(off) = t.find(Kind::Aux) {
                    self.a.load(2, 1, off as i32);
                    self.a.op(LSH_K, 2, 0, 0, 8);
                    self.a.op(OR_X, 0, 2, 0, 0);
                }
                self.returned(n.id, false);
            }
            Op::Refs { slot } => {
                let off = self.object(n.slots[*slot]).find(Kind::Refcount);
                self.a.load(3, 10, slot_off(*slot));
                self.a.add(3, off.unwrap_or(0) as i32);
                self.a.store_imm(10, SCRATCH, 0);
                self.a.mov(1, 10);
                self.a.add(1, SCRATCH);
                self.a.imm(2, 4);
                self.a.helper(PROBE_READ_KERNEL);
                self.a.load(0, 10, SCRATCH);
                self.returned(n.id, false);
            }
            Op::Lock { place } => self.lock(n, *place, true),
            Op::Unlock { place } => self.lock(n, *place, false),
            Op::LockTwo { places, .. } => self.lock_two(n, *places, true),
            Op::UnlockTwo { places, .. } => self.lock_two(n, *places, false),
            Op::IfOwned {
                root, slot, body, ..
            } => {
                let end = self.a.label();
                let (off, ..) = self.root(*root, &n.slots);
                self.a.load(2, 10, slot_off(*slot));
                self.a.add(2, off as i32);
                self.kfunc(kfunc);
                self.returned(n.id, false);
                self.a.jump(JEQ_K, 0, 0, 0, end);
                for n in body {
                    self.node(n);
                }
                self.a.bind(end);
            }
            Op::IfCanAdd {
                slot, node, body, ..
            } => self.can_add(n, *slot, *node, body),
            Op::Unreserve { slot, node, .. } => self.unreserve(n, *slot, *node),
            Op::Each { .. } => self.each(n),
            Op::Zero { slot } => self.a.store_imm(10, slot_off(*slot), 0),
            Op::Adjust { slot, by } => {
                let none = self.a.label();
                self.a.load(1, 10, slot_off(*slot));
                self.a.jump(JEQ_K, 1, 0, 0, none);
                self.a.add(1, *by);
                self.a.store(10, slot_off(*slot), 1);
                self.a.bind(none);
            }
            Op::Xchg {
                place,
                field,
                src,
                dst,
            } => {
                let off = self.layout(*place, &n.slots).fields[*field].1;
                match src {
                    Some(src) => self.a.load(2, 10, slot_off(*src)),
                    None => self.a.imm(2, 0),
                }
                self.field(1, *place, off);
                self.a.helper(KPTR_XCHG);
                self.a.store(10, slot_off(*dst), 0);
                if let Some(src) = src {
                    self.a.store_imm(10, slot_off(*src), 0);
                }
            }
            Op::If { slot, body } => self.test(n, *slot, body),
            Op::IfBit { bit, body } => {
                let (then, end) = (self.a.label(), self.a.label());
                self.a.load(1, 6, BITS as i32 * 8);
                self.a.jump(JSET_K, 1, 0, 1 << bit, then);
                self.a.jump(JA, 0, 0, 0, end);
                self.a.bind(then);
                for n in body {
                    self.node(n);
                }
                self.a.bind(end);
            }
            _ => self.collection(n, kfunc),
        }
    }

    fn test(&mut self, n: &Node, slot: usize, body: &[Node]) {
        let end = self.a.label();
        self.a.load(1, 10, slot_off(slot));
        self.a.jump(JEQ_K, 1, 0, 0, end);
        if let Some((ty, off)) = n.tested() {
            self.a.add(1, -(off as i32));
            self.a.store(10, slot_off(slot), 1);
            let id = self.cx.world.types[ty].find(Kind::Id).unwrap_or(0);
            self.a.load(2, 1, id as i32);
            self.record(n.id, 2);
        }
        for n in body {
            self.node(n);
        }
        self.a.bind(end);
    }

    fn collection(&mut self, n: &Node, kfunc: &str) {
        let (root, node, dst) = match n.op {
            Op::Push { root, slot, .. } | Op::TreeAdd { root, slot, .. } => {
                (root, Some(slot), None)
            }
            Op::Add { root, slot, .. }
            | Op::PushReserved { root, slot, .. }
            | Op::TreeAddReserved { root, slot, .. }
            | Op::Move { root, slot, .. }
            | Op::TreeMove { root, slot, .. }
            | Op::Reposition { root, slot, .. }
            | Op::Across { root, slot, .. } => (root, Some(slot), None),
            Op::Pop { root, dst, .. }
            | Op::End { root, dst, .. }
            | Op::First { root, dst }
            | Op::Top { root, dst }
            | Op::Search { root, dst, .. } => (root, None, Some(dst)),
            Op::Del { root, slot, dst }
            | Op::Remove { root, slot, dst }
            | Op::Child {
                root, slot, dst, ..
            }
            | Op::Beside {
                root, slot, dst, ..
            } => (root, Some(slot), Some(dst)),
            Op::IsEnd { root, slot, .. } => (root, Some(slot), None),
            Op::IsEmpty { root } => (root, None, None),
            _ => unreachable!("not an operation on a collection"),
        };
        let (off, ty, field) = self.root(root, &n.slots);
        if let Some(slot) = node {
            self.a.load(2, 10, slot_off(slot));
            self.a.add(2, off as i32);
        }
        match n.op {
            Op::Push { .. } if n.twin => {
                self.a.imm(3, 0);
                self.a.imm(4, 0);
            }
            Op::Add { prev, .. } => {
                self.a.load(3, 10, slot_off(prev));
                self.a.add(3, off as i32);
            }
            Op::TreeMove { to, less, .. } if less.is_declared() => {
                self.root_in(3, to, &n.slots);
            }
            Op::Reposition { less, .. } if less.is_declared() => {
                self.root_in(3, root, &n.slots);
            }
            Op::Search {
                order, key, made, ..
            } if order.is_declared() => {
                self.a.imm(2, key as i32);
                self.a.load(3, 6, BASE as i32 * 8);
                self.a.add(3, made as i32);
            }
            Op::TreeAdd { less, .. } | Op::TreeAddReserved { less, .. } if less.is_declared() => {}
            Op::TreeAdd { less, .. } => {
                self.callback(3, (ty, field, less, false));
                if n.twin {
                    self.a.imm(4, 0);
                    self.a.imm(5, 0);
                }
            }
            Op::Move { to, .. } => {
                self.root_in(3, to, &n.slots);
            }
            Op::TreeMove { to, less, .. } => {
                self.root_in(3, to, &n.slots);
                self.callback(4, (ty, field, less, false));
            }
            Op::Reposition { less, .. } | Op::TreeAddReserved { less, .. } => {
                self.callback(3, (ty, field, less, false))
            }
            Op::Across {
                slot,
                to,
                tree,
                less,
                ..
            } => {
                let (off, ty, field) = self.root_in(3, to, &n.slots);
                self.a.load(4, 10, slot_off(slot));
                self.a.add(4, off as i32);
                if tree {
                    self.callback(5, (ty, field, less, false));
                }
            }
            Op::Search { order, key, .. } => {
                self.a.store_imm(10, SCRATCH, key as i32);
                self.a.mov(2, 10);
                self.a.add(2, SCRATCH);
                self.a.imm(3, 8);
                self.callback(4, (ty, field, order, true));
            }
            _ => {}
        }
        self.kfunc(kfunc);
        match dst {
            _ if matches!(n.op, Op::PushReserved { .. } | Op::TreeAddReserved { .. }) => {}
            Some(dst) => self.a.store(10, slot_off(dst), 0),
            None => {
                let boolean =
                    !matches!(n.op, Op::Push { .. } | Op::Add { .. } | Op::TreeAdd { .. });
                self.returned(n.id, boolean);
            }
        }
    }
}
