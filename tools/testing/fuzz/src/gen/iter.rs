// SPDX-License-Identifier: GPL-2.0

//! Loops over lists and trees.
//!
//! What was in the slots when a loop began is there at its end: each round begins like the first.

use super::keys::order;
use super::{choose, Gen, RawOp, Test};
use crate::op::{Less, Op, Place, Root, Slot, SLOTS};

impl Gen<'_> {
    /// Begins a loop; it is one with a body that takes out or moves the node that it is at, or it
    /// is left open to what follows.
    pub fn each(&mut self, r: RawOp, tree: bool, open: bool) -> Option<()> {
        let slot = self.free()?;
        let (root, _) = self.root(r, tree, None)?;
        let flags = match r.b >> 4 {
            15 => 2,
            n => u32::from(n & 1),
        };
        self.open(Test::Each {
            root,
            slot,
            tree,
            flags,
        })?;
        if !open {
            let _ = self.take_or_move(r, root, slot, tree);
            self.close();
        }
        Some(())
    }

    fn take_or_move(&mut self, r: RawOp, root: Root, slot: usize, tree: bool) -> Option<()> {
        self.may_take(root, Some(slot)).then_some(())?;
        let less = self.order(r, root);
        let back = r.b & 1 == 0;
        self.put(match (r.b >> 1) & 3 {
            0 => {
                let to = choose(&self.undeclared(self.contents(root).0, !tree), r.a >> 4)?;
                let less = order(r);
                Op::Across {
                    root,
                    slot,
                    to,
                    tree: !tree,
                    back,
                    less,
                }
            }
            1 if tree => Op::Reposition { root, slot, less },
            1 | 2 => {
                let to = self.like(root, r.a >> 4)?;
                match tree {
                    true => Op::TreeMove {
                        root,
                        slot,
                        to,
                        less,
                    },
                    false => Op::Move {
                        root,
                        slot,
                        to,
                        back,
                    },
                }
            }
            _ => {
                let dst = self.free()?;
                self.put(match tree {
                    true => Op::Remove { root, slot, dst },
                    false => Op::Del { root, slot, dst },
                });
                self.found(dst, root, true);
                return Some(());
            }
        });
        Some(())
    }

    pub fn in_loop(&self) -> bool {
        let mut frames = self.frames.iter();
        frames.any(|f| matches!(f.test, Test::Each { .. }))
    }

    /// Whether there was something in a slot already when a loop began.
    pub fn fixed(&self, slot: usize) -> bool {
        let mut frames = self.frames.iter();
        frames.any(|f| matches!(f.test, Test::Each { .. }) && f.saved[slot] != Slot::Empty)
    }

    /// Whether a node can be taken out of a root: where a loop goes over the like of it, only the
    /// one that it is at.
    pub fn may_take(&self, root: Root, node: Option<usize>) -> bool {
        self.frames.iter().all(|f| match f.test {
            Test::Each {
                root: over, slot, ..
            } => node == Some(slot) || self.field(over) != self.field(root),
            _ => true,
        })
    }

    /// What a root is to the verifier: the field of a map's values, or of a type.
    fn field(&self, root: Root) -> (Option<usize>, usize, usize) {
        let ty = match root.place {
            Place::Value(_) => None,
            Place::Object(slot) => self.slots[slot].object(),
        };
        (ty, root.field, root.elem)
    }

    /// Lets go of what came in a loop's body. A body in which that cannot be done is left out.
    pub fn end_of_loop(&mut self) {
        let (dst, saved) = match self.frames.last() {
            Some(f) => match f.test {
                Test::Each { slot, .. } => (slot, f.saved),
                _ => return,
            },
            None => return,
        };
        for slot in (0..SLOTS).filter(|slot| saved[*slot] == Slot::Empty && *slot != dst) {
            self.end_of_round(slot);
        }
        self.slots[dst] = Slot::Empty;
        if self.slots != saved {
            self.slots = saved;
            if let Some(f) = self.frames.last_mut() {
                f.ops.clear();
            }
        }
    }

    fn end_of_round(&mut self, slot: usize) {
        let what = self.slots[slot];
        match what {
            Slot::Own(ty) if self.put_away(slot, ty).is_some() => self.zero(slot),
            Slot::MayOwn(ty, _) if self.begin(Test::Slot(slot)).is_some() => {
                let done = self.put_away(slot, ty);
                self.close();
                // On both paths it is NULL.
                if done.is_some() {
                    self.slots[slot] = Slot::Empty;
                }
            }
            Slot::Non(_) | Slot::MayNon(..) => self.zero(slot),
            _ => {}
        }
    }

    /// Inserts an object anywhere.
    fn put_away(&mut self, slot: usize, ty: usize) -> Option<()> {
        let roots: Vec<(Root, bool)> = [false, true]
            .into_iter()
            .flat_map(|tree| self.roots_of(ty, tree).into_iter().map(move |r| (r, tree)))
            .collect();
        let n = self.next as u8;
        let (root, tree) = choose(&roots, n).filter(|_| !self.locked_by(slot))?;
        self.put(if tree {
            let less = self.declared(root).unwrap_or(Less::Key);
            Op::TreeAdd { root, slot, less }
        } else {
            let back = n & 4 == 0;
            Op::Push { root, slot, back }
        });
        self.inserted(slot, ty);
        Some(())
    }
}
