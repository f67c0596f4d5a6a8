// SPDX-License-Identifier: GPL-2.0

//! The program at the end of a case.

use super::{slot_off, Code, Context, Emit, COUNT, KPTR_XCHG, READ, READS};
use crate::asm::*;
use crate::op::{Place, Root, Slot, SLOTS};
use crate::world::Kind;

/// Takes everything out of the map and says in which order.
pub fn reader(cx: &Context) -> Code {
    let mut e = Emit::new(cx);
    for value in 0..cx.world.values() {
        for (field, elem, tree, ty, node) in cx.world.value.roots() {
            let place = Place::Value(value);
            e.read_root(Root { place, field, elem }, tree, ty, node);
        }
        for (field, (kind, _)) in cx.world.value.fields.iter().enumerate() {
            e.read_kptr(value, field, *kind);
        }
    }
    e.a.imm(0, 0);
    e.a.exit();
    e.finish()
}

impl Emit<'_> {
    /// Put r1, or a mark, behind what was read before.
    fn read(&mut self) {
        self.a.load(2, 6, COUNT as i32 * 8);
        self.a.mov(3, 2);
        self.a.add(3, 1);
        self.a.store(6, COUNT as i32 * 8, 3);
        self.a.op(AND_K, 2, 0, 0, READS as i32 - 1);
        self.a.op(LSH_K, 2, 0, 0, 3);
        self.a.mov(3, 6);
        self.a.op(ADD_X, 3, 2, 0, 0);
        self.a.store(3, READ as i32 * 8, 1);
    }

    fn mark(&mut self) {
        self.a.imm(1, 1);
        self.a.op(LSH_K, 1, 0, 0, 40);
        self.read();
    }

    fn read_root(&mut self, root: Root, tree: bool, ty: usize, node: usize) {
        let none = [Slot::Empty; SLOTS];
        let t = &self.cx.world.types[ty];
        let (lock, lock_off) = self.cx.world.value.lock().unwrap_or((Kind::SpinLock, 0));
        let back = self.cx.world.backwards;
        let (again, taken, end) = (self.a.label(), self.a.label(), self.a.label());
        let node_off = t.fields[node].1;
        self.mark();
        self.a.bind(again);
        self.a.jump(MAY_GOTO, 0, 0, 0, end);
        self.field(1, root.place, lock_off);
        self.lock_call(lock, true);
        if lock == Kind::ResLock {
            self.a.jump(JNE_K, 0, 0, 0, end);
        }
        self.root(root, &none);
        if tree {
            let found = self.a.label();
            self.kfunc(if back {
                "bpf_rbtree_root"
            } else {
                "bpf_rbtree_first"
            });
            self.a.jump(JNE_K, 0, 0, 0, found);
            self.field(1, root.place, lock_off);
            self.lock_call(lock, false);
            self.a.jump(JA, 0, 0, 0, end);
            self.a.bind(found);
            self.a.mov(2, 0);
            self.root(root, &none);
            self.kfunc("bpf_rbtree_remove");
        } else {
            self.kfunc(if back {
                "bpf_list_pop_back"
            } else {
                "bpf_list_pop_front"
            });
        }
        self.a.store(10, slot_off(0), 0);
        self.field(1, root.place, lock_off);
        self.lock_call(lock, false);
        self.a.load(1, 10, slot_off(0));
        self.a.jump(JNE_K, 1, 0, 0, taken);
        self.a.jump(JA, 0, 0, 0, end);
        self.a.bind(taken);
        self.a.add(1, -(node_off as i32));
        self.a.store(10, slot_off(0), 1);
        self.a.load(1, 1, t.find(Kind::Id).unwrap_or(0) as i32);
        self.read();
        self.a.load(1, 10, slot_off(0));
        self.kfunc("bpf_obj_drop_impl");
        self.a.jump(JA, 0, 0, 0, again);
        self.a.bind(end);
    }

    fn read_kptr(&mut self, value: usize, field: usize, kind: Kind) {
        let off = self.cx.world.value.fields[field].1;
        let end = self.a.label();
        if !matches!(kind, Kind::Kptr(_) | Kind::Percpu) {
            return;
        }
        self.mark();
        self.field(1, Place::Value(value), off);
        self.a.imm(2, 0);
        self.a.helper(KPTR_XCHG);
        self.a.jump(JEQ_K, 0, 0, 0, end);
        if let Kind::Kptr(ty) = kind {
            let id = self.cx.world.types[ty].find(Kind::Id).unwrap_or(0);
            self.a.store(10, slot_off(0), 0);
            self.a.load(1, 0, id as i32);
            self.read();
            self.a.load(1, 10, slot_off(0));
            self.kfunc("bpf_obj_drop_impl");
        } else {
            self.a.mov(1, 0);
            self.kfunc("bpf_percpu_obj_drop_impl");
        }
        self.a.bind(end);
    }
}
