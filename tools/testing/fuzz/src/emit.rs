// SPDX-License-Identifier: GPL-2.0

//! From operations to instructions.
//!
//! r6 is the address of the results, r7 and r8 those of the map's elements.
//! What was found by operation n is word n of the results, 0 if it did not run.

mod iter;
mod node;
mod reader;
mod reserve;

use crate::asm::*;
use crate::btf::Kernel;
use crate::op::{Less, Node, Place, Root, Slot, SLOTS};
use crate::world::{Kind, Layout, Types, World};
pub use reader::reader;
use std::os::fd::{AsRawFd, OwnedFd};

/// Words of the results: parameters, then one for each operation, then what
/// readers find.
pub const BASE: usize = 0;
pub const BITS: usize = 1;
pub const COUNT: usize = 2;
/// How many steps loops have made, twice; and how many they may make. Two guards, so that a bent
/// program has one.
pub const STEPS: [usize; 2] = [3, 4];
pub const MAX_STEPS: i32 = 64;
pub const FIRST: usize = 8;
pub const READ: usize = 256;
pub const READS: usize = 512;
pub const WORDS: usize = READ + READS;

/// What a program returns that could not do all it was to do.
pub const GAVE_UP: u32 = 1;
/// Set in what is recorded of a return value, so that it is never 0.
pub const RETURNED: u64 = 1 << 32;
/// Set in what a reader says between two collections.
pub const MARK: u64 = 1 << 40;

const LOOKUP: i32 = 1;
const SPIN_LOCK: i32 = 93;
const SPIN_UNLOCK: i32 = 94;
const PROBE_READ_KERNEL: i32 = 113;
const THIS_CPU_PTR: i32 = 154;
const CURRENT_TASK_BTF: i32 = 158;
const KPTR_XCHG: i32 = 194;

pub struct Context<'a> {
    pub world: &'a World,
    pub types: &'a Types,
    pub kernel: &'a Kernel,
    pub results: &'a OwnedFd,
    pub map: &'a OwnedFd,
}

/// Instructions, and where which function begins.
pub struct Code {
    pub insns: Vec<Insn>,
    pub funcs: Vec<(u32, u32)>,
}

struct Emit<'a> {
    cx: &'a Context<'a>,
    a: Asm,
    /// The comparisons that are called: of two nodes, or of a key with a node.
    called: Vec<(Comparison, Label)>,
    /// What failed, and what is to be let go of then.
    gave_up: Vec<(Label, [Slot; SLOTS])>,
    /// In how many loops this is.
    loops: i32,
}

/// Of which type's objects, by which node, in which order; with a key or among themselves.
type Comparison = (usize, usize, Less, bool);

fn slot_off(slot: usize) -> i32 {
    -8 * (slot as i32 + 1)
}

const SCRATCH: i32 = -8 * (SLOTS as i32 + 1);

pub fn program(cx: &Context, ops: &[Node]) -> Code {
    let mut e = Emit::new(cx);
    for slot in 0..SLOTS {
        e.a.store_imm(10, slot_off(slot), 0);
    }
    for n in ops {
        e.node(n);
    }
    e.a.imm(0, 0);
    e.a.exit();
    e.finish()
}

/// Says how many references there are to the task that runs it.
pub fn counter(kernel: &Kernel) -> Vec<Insn> {
    let mut a = Asm::default();
    a.helper(CURRENT_TASK_BTF);
    a.op(LDX_W, 0, 0, kernel.rcu_users as i16, 0);
    a.exit();
    a.finish()
}

impl<'a> Emit<'a> {
    fn new(cx: &'a Context<'a>) -> Self {
        let mut e = Emit {
            cx,
            a: Asm::default(),
            called: Vec::new(),
            gave_up: Vec::new(),
            loops: 0,
        };
        e.a.ld64(6, PSEUDO_MAP_VALUE, cx.results.as_raw_fd(), 0);
        if cx.world.lookups == 0 {
            e.a.ld64(7, PSEUDO_MAP_VALUE, cx.map.as_raw_fd(), 0);
        }
        for i in 0..cx.world.lookups {
            let found = e.a.label();
            e.a.store_imm(10, SCRATCH, i as i32);
            e.a.mov(2, 10);
            e.a.add(2, SCRATCH);
            e.a.ld64(1, PSEUDO_MAP_FD, cx.map.as_raw_fd(), 0);
            e.a.helper(LOOKUP);
            e.a.jump(JNE_K, 0, 0, 0, found);
            e.a.imm(0, GAVE_UP as i32);
            e.a.exit();
            e.a.bind(found);
            e.a.mov(7 + i as u8, 0);
        }
        e
    }

    fn finish(mut self) -> Code {
        for (label, slots) in std::mem::take(&mut self.gave_up) {
            self.a.bind(label);
            for (i, s) in slots.into_iter().enumerate() {
                self.give_up_slot(i, s);
            }
            self.a.imm(0, GAVE_UP as i32);
            self.a.exit();
        }
        let mut funcs = vec![(0, self.cx.types.main)];
        for (which, label) in std::mem::take(&mut self.called) {
            self.a.bind(label);
            let (compare, less) = (self.cx.types.compare, self.cx.types.less);
            funcs.push((
                self.a.insns.len() as u32,
                if which.3 { compare } else { less },
            ));
            self.comparison(which);
        }
        Code {
            insns: self.a.finish(),
            funcs,
        }
    }

    /// The function for a comparison, to be called.
    fn callback(&mut self, reg: u8, which: Comparison) {
        let label = match self.called.iter().find(|known| known.0 == which) {
            Some(known) => known.1,
            None => {
                let label = self.a.label();
                self.called.push((which, label));
                label
            }
        };
        self.a.function(reg, label);
    }

    fn comparison(&mut self, (ty, node, less, with_key): Comparison) {
        let t = &self.cx.world.types[ty];
        let kind = if less == Less::Id {
            Kind::Id
        } else {
            Kind::Key
        };
        let off = t.find(kind).unwrap_or(0) as i32 - t.fields[node].1 as i32;
        let done = self.a.label();
        let constant = matches!(less, Less::Never | Less::Always);
        let down = less == Less::KeyDown;
        let (jump, back) = if down { (JGT_X, JLT_X) } else { (JLT_X, JGT_X) };
        if !constant {
            self.a.load(3, 1, if with_key { 0 } else { off });
            self.a.load(4, 2, off);
        }
        // A key comes first, where a node would be less.
        let first = if with_key { -1 } else { 1 };
        self.a.imm(0, if less == Less::Never { 0 } else { first });
        if !constant {
            self.a.jump(jump, 3, 4, 0, done);
            if with_key {
                self.a.imm(0, 1);
                self.a.jump(back, 3, 4, 0, done);
            }
            self.a.imm(0, 0);
        }
        self.a.bind(done);
        self.a.exit();
    }

    fn give_up_slot(&mut self, i: usize, s: Slot) {
        let (off, kfunc) = match s {
            Slot::Own(_) | Slot::Reserved(..) => (0, "bpf_obj_drop_impl"),
            Slot::MayOwn(_, off) => (off as i32, "bpf_obj_drop_impl"),
            Slot::Percpu | Slot::MayPercpu => (0, "bpf_percpu_obj_drop_impl"),
            _ => return,
        };
        self.unreserve_all(i, s);
        let next = self.a.label();
        self.a.load(1, 10, slot_off(i));
        if matches!(s, Slot::MayOwn(..) | Slot::MayPercpu) {
            self.a.jump(JEQ_K, 1, 0, 0, next);
        }
        self.a.add(1, -off);
        self.kfunc(kfunc);
        self.a.bind(next);
    }

    fn kfunc(&mut self, name: &str) {
        self.a.kfunc(self.cx.kernel.func(name));
    }

    fn layout(&self, place: Place, slots: &[Slot; SLOTS]) -> &'a Layout {
        match place {
            Place::Value(_) => &self.cx.world.value,
            Place::Object(s) => self.object(slots[s]),
        }
    }

    fn object(&self, slot: Slot) -> &'a Layout {
        &self.cx.world.types[slot.object().expect("no object in the slot")]
    }

    fn field(&mut self, reg: u8, place: Place, off: u32) {
        match place {
            Place::Value(i) => self.a.mov(reg, 7 + i as u8),
            Place::Object(slot) => self.a.load(reg, 10, slot_off(slot)),
        }
        self.a.add(reg, off as i32);
    }

    /// r1 = the root; gives the offset of the node, the type and the field.
    fn root(&mut self, root: Root, slots: &[Slot; SLOTS]) -> (u32, usize, usize) {
        self.root_in(1, root, slots)
    }

    fn root_in(&mut self, reg: u8, root: Root, slots: &[Slot; SLOTS]) -> (u32, usize, usize) {
        let (kind, off) = self.layout(root.place, slots).fields[root.field];
        let (_, ty, node, _) = kind.root().unwrap_or_default();
        self.field(reg, root.place, off + 16 * root.elem as u32);
        (self.cx.world.types[ty].fields[node].1, ty, node)
    }

    fn record(&mut self, id: usize, reg: u8) {
        self.a.store(6, ((FIRST + id) * 8) as i32, reg);
    }

    /// Record r0, of which the low bits count.
    fn returned(&mut self, id: usize, boolean: bool) {
        self.a.op(MOV32_X, 1, 0, 0, 0);
        if boolean {
            self.a.op(AND_K, 1, 0, 0, 0xff);
        }
        self.a.imm(2, 1);
        self.a.op(LSH_K, 2, 0, 0, 32);
        self.a.op(OR_X, 1, 2, 0, 0);
        self.record(id, 1);
    }

    fn lock(&mut self, n: &Node, place: Place, lock: bool) {
        let (kind, off) = match self.layout(place, &n.slots).lock() {
            Some(l) => l,
            None => unreachable!("no lock there"),
        };
        self.field(1, place, off);
        self.lock_call(kind, lock);
        if lock && kind == Kind::ResLock {
            let failed = self.a.label();
            self.a.jump(JNE_K, 0, 0, 0, failed);
            self.gave_up.push((failed, n.slots));
        }
    }

    fn lock_two(&mut self, n: &Node, places: [Place; 2], lock: bool) {
        for (reg, place) in (1..).zip(places) {
            let off = match self.layout(place, &n.slots).lock() {
                Some((_, off)) => off,
                None => unreachable!("no lock there"),
            };
            self.field(reg, place, off);
        }
        let kfunc = n.kfunc().unwrap_or_default();
        self.kfunc(kfunc);
        if lock && kfunc == "bpf_res_spin_lock_double" {
            let failed = self.a.label();
            self.a.jump(JNE_K, 0, 0, 0, failed);
            self.gave_up.push((failed, n.slots));
        }
    }

    fn lock_call(&mut self, kind: Kind, lock: bool) {
        match (kind, lock) {
            (Kind::ResLock, true) => self.kfunc("bpf_res_spin_lock"),
            (Kind::ResLock, false) => self.kfunc("bpf_res_spin_unlock"),
            (_, true) => self.a.helper(SPIN_LOCK),
            (_, false) => self.a.helper(SPIN_UNLOCK),
        }
    }
}
