// SPDX-License-Identifier: GPL-2.0

//! What each raw operation becomes.

use super::{choose, Gen, RawOp, Test};
use crate::op::{Op, Place, Slot, SLOTS};
use crate::world::Kind;

/// How many kinds of raw operations there are.
pub const KINDS: u8 = 56;

impl Gen<'_> {
    pub fn step(&mut self, r: RawOp) -> Option<()> {
        match r.kind % KINDS {
            0 => {
                let dst = self.free()?;
                self.unlock()?;
                self.make(r, r.a as usize % self.world.types.len(), dst);
            }
            1..=4 => {
                let back = r.kind & 1 == 0;
                let (root, slot) = self.insertion(r, false)?;
                if let Slot::Own(ty) = self.slots[slot] {
                    self.put(Op::Push { root, slot, back });
                    self.inserted(slot, ty);
                }
            }
            5..=7 => {
                let (root, slot) = self.insertion(r, true)?;
                let less = self.order(r, root);
                if let Slot::Own(ty) = self.slots[slot] {
                    self.put(Op::TreeAdd { root, slot, less });
                    self.inserted(slot, ty);
                }
            }
            8 | 9 => {
                let dst = self.free()?;
                let (root, _) = self.root(r, false, None)?;
                let back = r.kind & 1 == 0;
                self.may_take(root, None).then_some(())?;
                self.put(Op::Pop { root, back, dst });
                self.found(dst, root, true);
            }
            10 | 11 => {
                let dst = self.free()?;
                let (root, _) = self.root(r, false, None)?;
                let back = r.kind & 1 == 0;
                self.put(Op::End { root, back, dst });
                self.found(dst, root, false);
            }
            12 => {
                let (root, slot) = self.insertion(r, false)?;
                let Slot::Own(ty) = self.slots[slot] else {
                    return None;
                };
                let mut nodes = self.nodes(ty);
                // Behind one that is reserved nothing can be: that is refused.
                nodes.retain(|s| *s != slot && !matches!(self.slots[*s], Slot::Reserved(..)));
                let prev = match choose(&nodes, r.c) {
                    Some(prev) => prev,
                    None => {
                        let prev = self.free()?;
                        self.put(Op::End {
                            root,
                            back: r.a & 1 == 0,
                            dst: prev,
                        });
                        self.found(prev, root, false);
                        prev
                    }
                };
                let maybe = matches!(self.slots[prev], Slot::MayNon(..));
                if maybe {
                    self.open(Test::Slot(prev))?;
                }
                self.put(Op::Add { root, slot, prev });
                // Refused, it may have been the last reference.
                self.zero(slot);
                if maybe {
                    self.close();
                }
            }
            13 | 14 => {
                let dst = self.free()?;
                self.with_node(r, false, true, |g, root, slot| {
                    g.put(Op::Del { root, slot, dst });
                    g.found(dst, root, true);
                })?;
            }
            15 => {
                let back = r.c & 1 == 0;
                self.with_node(r, false, false, |g, root, slot| {
                    g.put(Op::IsEnd { root, slot, back });
                })?;
            }
            16 => {
                let (root, _) = self.root(r, false, None)?;
                self.put(Op::IsEmpty { root });
            }
            17 => {
                let dst = self.free()?;
                let (root, _) = self.root(r, true, None)?;
                self.put(Op::First { root, dst });
                self.found(dst, root, false);
            }
            18 => {
                let dst = self.free()?;
                let (root, _) = self.root(r, true, None)?;
                self.put(Op::Top { root, dst });
                self.found(dst, root, false);
            }
            19 | 20 => {
                let dst = self.free()?;
                self.with_node(r, true, true, |g, root, slot| {
                    g.put(Op::Remove { root, slot, dst });
                    g.found(dst, root, true);
                })?;
            }
            21 | 22 => {
                let dst = self.free()?;
                let right = r.kind & 1 == 0;
                self.with_node(r, true, false, |g, root, slot| {
                    g.put(Op::Child {
                        root,
                        slot,
                        right,
                        dst,
                    });
                    g.found(dst, root, false);
                })?;
            }
            _ => self.step_object(r)?,
        }
        Some(())
    }

    /// What is done to objects, and what makes the program branch.
    fn step_object(&mut self, r: RawOp) -> Option<()> {
        let refcounted = |g: &Self, ty: usize| g.world.types[ty].has(Kind::Refcount);
        match r.kind % KINDS {
            23 | 24 => {
                let dst = self.free()?;
                let from = self.which(|s| s.object().is_some_and(|t| refcounted(self, t)));
                let src = choose(&from, r.b)?;
                self.put(Op::Acquire { dst, src });
                self.slots[dst] = match self.slots[src] {
                    Slot::Own(ty) | Slot::Reserved(ty, _) => Slot::Own(ty),
                    Slot::Non(ty) => Slot::MayOwn(ty, 0),
                    _ => return None,
                };
            }
            25 => {
                let slot = choose(&self.which(|s| s.object().is_some()), r.b)?;
                if r.c & 1 == 0 {
                    self.put(Op::Write {
                        slot,
                        key: u64::from(r.a & 7),
                    });
                } else if r.c & 2 == 0 || self.lock.is_some() {
                    self.put(Op::Read { slot });
                } else {
                    let slots = self.which(|s| matches!(s, Slot::Own(t) if refcounted(self, t)));
                    let slot = choose(&slots, r.b)?;
                    self.put(Op::Refs { slot });
                }
            }
            26 | 27 => self.exchange(r)?,
            28 => {
                if r.c & 3 == 0 && self.which(|s| s == Slot::Percpu).is_empty() {
                    let dst = self.free()?;
                    self.unlock()?;
                    self.put(Op::PercpuNew { dst });
                    self.slots[dst] = Slot::Percpu;
                } else if r.c & 1 == 0 {
                    let slots: Vec<usize> =
                        self.which(|s| matches!(s, Slot::Own(_) | Slot::Percpu));
                    let slot = choose(&slots, r.b)?;
                    self.unlock()?;
                    self.release(slot);
                } else if self.world.value.has(Kind::Percpu) {
                    let value = r.a as usize % self.world.values();
                    self.unlock()?;
                    self.put(Op::PercpuSet {
                        value,
                        to: u64::from(r.b),
                    });
                }
            }
            29 => self.unlock()?,
            30 => {
                let mut slots = self
                    .which(|s| matches!(s, Slot::MayOwn(..) | Slot::MayNon(..) | Slot::MayPercpu));
                slots.retain(|slot| !self.fixed(*slot));
                match choose(&slots, r.b) {
                    Some(slot) => self.open(Test::Slot(slot))?,
                    None => self.open(Test::Bit(u32::from(r.a & 3)))?,
                }
            }
            31 => {
                if !self.frames.is_empty() {
                    self.close();
                }
            }
            _ => self.step_node(r)?,
        }
        Some(())
    }

    fn exchange(&mut self, r: RawOp) -> Option<()> {
        let dst = self.free()?;
        let mut places: Vec<(Place, usize, Kind)> = Vec::new();
        let mut holders: Vec<Place> = (0..self.world.values()).map(Place::Value).collect();
        holders.extend(
            // What is given to an object that is no more is lost.
            self.which(|s| matches!(s, Slot::Own(_)))
                .into_iter()
                .map(Place::Object),
        );
        for place in holders {
            for (i, (kind, _)) in self.layout(place).fields.iter().enumerate() {
                // No per-CPU object can be got rid of in a loop, under the lock.
                if matches!(kind, Kind::Kptr(_)) || *kind == Kind::Percpu && !self.in_loop() {
                    places.push((place, i, *kind));
                }
            }
        }
        let (place, field, kind) = choose(&places, r.a)?;
        let (give, after) = match kind {
            Kind::Kptr(ty) => (self.owned(ty), Slot::MayOwn(ty, 0)),
            _ => (self.which(|s| s == Slot::Percpu), Slot::MayPercpu),
        };
        let src = if r.c & 3 == 0 {
            None
        } else if give.is_empty() && r.c & 3 == 1 {
            let Kind::Kptr(ty) = kind else { return None };
            let made = (0..SLOTS).find(|i| *i != dst && self.is_free(*i))?;
            self.unlock()?;
            if matches!(place, Place::Object(s) if self.slots[s] == Slot::Empty) {
                return None;
            }
            self.make(r, ty, made);
            Some(made)
        } else {
            choose(&give, r.b)
        };
        self.put(Op::Xchg {
            place,
            field,
            src,
            dst,
        });
        if let Some(src) = src {
            self.slots[src] = Slot::Empty;
        }
        self.slots[dst] = after;
        Some(())
    }
}
