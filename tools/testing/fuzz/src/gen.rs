// SPDX-License-Identifier: GPL-2.0

//! From numbers to a program that is valid.
//!
//! Each raw operation becomes what it can become where it stands, with what it
//! needs before it, or nothing. So any part of a list of raw operations is a
//! valid program too, and shrinking needs to know nothing of validity.

mod across;
mod frames;
mod iter;
mod keys;
mod locks;
mod nodes;
mod reserve;
mod step;
#[cfg(test)]
mod tests;

use crate::op::{Node, Op, Place, Program, Root, Slot, SLOTS};
use crate::world::{Layout, World};
use frames::{Frame, Test};
use locks::Held;

#[derive(Clone, Copy, Debug)]
pub struct RawOp {
    pub kind: u8,
    pub a: u8,
    pub b: u8,
    pub c: u8,
}

/// Operations in all.
const MAX_OPS: usize = 140;

struct Gen<'w> {
    world: &'w World,
    slots: [Slot; SLOTS],
    lock: Option<Held>,
    /// Nodes that are not in some list or tree on one of two paths: there it is refused to use
    /// them for that, until the lock is gone.
    elsewhere: Vec<usize>,
    /// Nodes that were inserted: of what object they are the verifier does not know any more.
    nameless: Vec<usize>,
    frames: Vec<Frame>,
    ops: Program,
    next: usize,
    twin: bool,
}

fn choose<T: Copy>(from: &[T], n: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[n as usize % from.len()])
}

pub fn program(world: &World, raw: &[RawOp]) -> Program {
    let mut g = Gen {
        world,
        slots: [Slot::Empty; SLOTS],
        lock: None,
        elsewhere: Vec::new(),
        nameless: Vec::new(),
        frames: Vec::new(),
        ops: Vec::new(),
        next: 1,
        twin: false,
    };
    for r in raw {
        if g.next > MAX_OPS {
            break;
        }
        // Now and then the other form, for which the verifier goes through all of
        // the kernel's BTF at each call.
        g.twin = r.c >> 4 != 15;
        // What cannot be done here is left out.
        let _ = g.step(*r);
    }
    while !g.frames.is_empty() {
        g.close();
    }
    g.finish();
    g.ops
}

impl Gen<'_> {
    fn put(&mut self, op: Op) -> usize {
        let id = self.next;
        self.next += 1;
        let twin = match op {
            // These are few.
            Op::PercpuNew { .. } | Op::PercpuDrop { .. } => id & 1 == 0,
            _ => self.twin,
        };
        let node = Node {
            id,
            twin,
            op,
            slots: self.slots,
        };
        match self.frames.last_mut() {
            Some(f) => f.ops.push(node),
            None => self.ops.push(node),
        }
        id
    }

    fn which(&self, f: impl Fn(Slot) -> bool) -> Vec<usize> {
        (0..SLOTS).filter(|i| f(self.slots[*i])).collect()
    }

    /// A slot that is empty here and was where each open body began.
    fn free(&self) -> Option<usize> {
        (0..SLOTS).find(|i| self.is_free(*i))
    }

    fn is_free(&self, i: usize) -> bool {
        self.slots[i] == Slot::Empty
            && self
                .frames
                .iter()
                .all(|f| f.saved[i] == Slot::Empty && !matches!(f.test, Test::Slot(s) if s == i))
    }

    fn layout(&self, place: Place) -> &Layout {
        match place {
            Place::Value(_) => &self.world.value,
            Place::Object(slot) => {
                let ty = self.slots[slot].object();
                &self.world.types[ty.expect("a place without an object")]
            }
        }
    }

    fn owned(&self, ty: usize) -> Vec<usize> {
        (0..SLOTS)
            .filter(|i| self.slots[*i] == Slot::Own(ty) && !self.locked_by(*i) && !self.fixed(*i))
            .collect()
    }

    /// An owning reference to an object of type `ty`, made if there is none.
    fn object(&mut self, r: RawOp, ty: usize) -> Option<usize> {
        if let Some(slot) = choose(&self.owned(ty), r.b) {
            return Some(slot);
        }
        let dst = self.free()?;
        self.unlock()?;
        self.make(r, ty, dst);
        Some(dst)
    }

    fn make(&mut self, r: RawOp, ty: usize, dst: usize) {
        let key = u64::from(r.b & 7);
        self.put(Op::New { dst, ty, key });
        self.slots[dst] = Slot::Own(ty);
    }

    /// Root and object for an insertion: the object first, as no object can be
    /// made under a lock.
    fn insertion(&mut self, r: RawOp, tree: bool) -> Option<(Root, usize)> {
        if self.lock.is_some() {
            let fit: Vec<(Root, usize)> = self
                .held_roots()
                .into_iter()
                .filter(|(_, t, ty, _)| *t == tree && !self.owned(*ty).is_empty())
                .map(|(root, _, ty, _)| (root, ty))
                .collect();
            if let Some((root, ty)) = choose(&fit, r.a) {
                return Some((root, choose(&self.owned(ty), r.b)?));
            }
            self.unlock()?;
        }
        let types: Vec<usize> = self
            .world
            .value
            .roots()
            .filter(|f| f.2 == tree)
            .map(|f| f.3)
            .collect();
        let ty = choose(&types, r.a)?;
        let slot = self.object(r, ty)?;
        let (root, _) = self.root(r, tree, Some(ty))?;
        (!self.locked_by(slot)).then_some((root, slot))
    }

    /// What can be used as a node of an object, if it is not NULL.
    fn nodes(&self, ty: usize) -> Vec<usize> {
        let mut nodes = self.which(|s| match s {
            Slot::MayNon(t, _) => t == ty,
            s => s.object() == Some(ty),
        });
        nodes.retain(|slot| {
            let known = !matches!(self.slots[*slot], Slot::MayNon(..));
            !self.elsewhere.contains(slot) && (known || !self.fixed(*slot))
        });
        nodes
    }

    /// An operation on a node that is there, or on none if it may not be; whether it takes the
    /// node out.
    fn with_node(
        &mut self,
        r: RawOp,
        tree: bool,
        takes: bool,
        f: impl Fn(&mut Self, Root, usize),
    ) -> Option<()> {
        let (root, ty) = self.root(r, tree, None)?;
        let mut nodes = self.nodes(ty);
        nodes.retain(|slot| !takes || self.may_take(root, Some(*slot)));
        let slot = choose(&nodes, r.b)?;
        if let Slot::MayNon(..) = self.slots[slot] {
            self.open(Test::Slot(slot))?;
            f(self, root, slot);
            self.close();
        } else {
            f(self, root, slot);
        }
        Some(())
    }

    /// Let go of everything.
    fn finish(&mut self) {
        let _ = self.unlock();
        for slot in 0..SLOTS {
            match self.slots[slot] {
                Slot::MayOwn(..) | Slot::MayPercpu => {
                    let _ = self.open(Test::Slot(slot));
                    self.release(slot);
                    self.close();
                }
                _ => self.release(slot),
            }
        }
    }

    fn release(&mut self, slot: usize) {
        match self.slots[slot] {
            Slot::Own(_) => self.put(Op::Drop { slot }),
            Slot::Percpu => self.put(Op::PercpuDrop { slot }),
            _ => return,
        };
        self.slots[slot] = Slot::Empty;
    }

    /// The object in a slot was inserted.
    fn inserted(&mut self, slot: usize, ty: usize) {
        self.slots[slot] = Slot::Non(ty);
        self.nameless.push(slot);
    }

    /// No pointer is left in a slot.
    fn zero(&mut self, slot: usize) {
        self.put(Op::Zero { slot });
        self.slots[slot] = Slot::Empty;
        self.is_new(slot);
    }

    /// What is known of what was in a slot is not so of what comes.
    fn is_new(&mut self, slot: usize) {
        self.elsewhere.retain(|s| *s != slot);
        self.nameless.retain(|s| *s != slot);
    }

    /// A node that was looked at or taken out goes to `dst`.
    fn found(&mut self, dst: usize, root: Root, owned: bool) {
        let (ty, off) = self.contents(root);
        self.is_new(dst);
        self.slots[dst] = if owned {
            Slot::MayOwn(ty, off)
        } else {
            Slot::MayNon(ty, off)
        };
    }

    /// What a root has: objects of which type, by the node at which offset.
    fn contents(&self, root: Root) -> (usize, u32) {
        let kind = self.layout(root.place).fields[root.field].0;
        let (_, ty, node, _) = kind.root().unwrap_or_default();
        (ty, self.world.types[ty].fields[node].1)
    }
}
