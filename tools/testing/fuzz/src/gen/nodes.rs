// SPDX-License-Identifier: GPL-2.0

//! What raw operations on nodes become that stay linked: walks, moves, searches and questions.

use super::keys::order;
use super::step::KINDS;
use super::{choose, Gen, RawOp, Test};
use crate::op::{Op, Root, Slot, Want};

impl Gen<'_> {
    pub fn step_node(&mut self, r: RawOp) -> Option<()> {
        match r.kind % KINDS {
            kind @ (32 | 33) => {
                let (tree, back) = (kind == 33, r.c & 1 == 0);
                let dst = self.free()?;
                self.with_node(r, tree, false, |g, root, slot| {
                    g.put(Op::Beside {
                        root,
                        slot,
                        tree,
                        back,
                        dst,
                    });
                    g.found(dst, root, false);
                })?;
            }
            34 | 35 => {
                let back = r.kind & 1 == 0;
                self.with_node(r, false, true, |g, root, slot| {
                    if let Some(to) = g.like(root, r.c) {
                        g.put(Op::Move {
                            root,
                            slot,
                            to,
                            back,
                        });
                    }
                })?;
            }
            36 => self.with_node(r, true, true, |g, root, slot| {
                if let Some(to) = g.like(root, r.c >> 4) {
                    let less = g.order(r, root);
                    g.put(Op::TreeMove {
                        root,
                        slot,
                        to,
                        less,
                    });
                }
            })?,
            37 => self.with_node(r, true, true, |g, root, slot| {
                let less = g.order(r, root);
                if let (Slot::Non(_), true) = (g.slots[slot], r.c & 16 == 0) {
                    let key = u64::from((r.a >> 4) & 7);
                    g.put(Op::Write { slot, key });
                }
                g.put(Op::Reposition { root, slot, less });
            })?,
            kind @ (38 | 39) => self.ask(r, kind == 39)?,
            40 | 41 => {
                let dst = self.free()?;
                let (root, _) = self.root(r, true, None)?;
                // A tree with a key can be searched by it and by a function.
                let order = match self.declared(root) {
                    Some(declared) if r.c & 0x30 != 0 => declared,
                    _ => order(r),
                };
                self.put(Op::Search {
                    root,
                    want: [Want::Equal, Want::NotLess, Want::Greater][r.b as usize % 3],
                    order,
                    key: u64::from((r.b >> 4) & 7),
                    made: r.a as usize % self.next,
                    dst,
                });
                self.found(dst, root, false);
                // What was found is recorded where it is looked at.
                self.open(Test::Slot(dst))?;
                self.close();
            }
            42 | 43 => self.lock_two(r)?,
            kind @ 44..=46 => self.across(r, kind != 46)?,
            47 => self.add_to_both(r)?,
            48 => self.reserve(r)?,
            49 => {
                self.reserve(r)?;
                let _ = self.add_reserved(r);
                self.close();
            }
            50 if r.c & 7 == 0 => self.unreserve()?,
            50 | 51 => self.add_reserved(r)?,
            kind => self.each(r, kind & 1 == 0, kind < 54)?,
        }
        Some(())
    }

    /// A root whose lock is held and that has the same nodes, in the same order if it declares one.
    pub fn like(&self, root: Root, n: u8) -> Option<Root> {
        let roots = self.held_roots();
        let (_, tree, ty, node) = *roots.iter().find(|r| r.0 == root)?;
        let like: Vec<Root> = roots
            .into_iter()
            .filter(|r| (r.1, r.2, r.3) == (tree, ty, node))
            .filter(|r| self.declared(r.0) == self.declared(root))
            .map(|r| r.0)
            .collect();
        choose(&like, n)
    }

    /// Asks whether a node is there, and takes it out if so, or leaves that to what follows.
    fn ask(&mut self, r: RawOp, tree: bool) -> Option<()> {
        if r.c & 1 == 0 {
            let (root, ty) = self.root(r, tree, None)?;
            let mut nodes = self.which(|s| s.object() == Some(ty));
            nodes.retain(|slot| !self.elsewhere.contains(slot) && !self.fixed(*slot));
            let slot = choose(&nodes, r.b)?;
            return self.open(Test::Owned { root, slot, tree });
        }
        let dst = self.free()?;
        self.with_node(r, tree, true, |g, root, slot| {
            if g.open(Test::Owned { root, slot, tree }).is_some() {
                g.put(if tree {
                    Op::Remove { root, slot, dst }
                } else {
                    Op::Del { root, slot, dst }
                });
                g.found(dst, root, true);
                g.close();
            }
        })
    }
}
