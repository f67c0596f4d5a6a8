// SPDX-License-Identifier: GPL-2.0

//! Bodies: what is known in them, and what is left of that behind them.

use super::Gen;
use crate::op::{Node, Op, Program, Root, Slot, SLOTS};

/// Bodies in bodies.
const MAX_DEPTH: usize = 3;

pub enum Test {
    Slot(usize),
    Owned {
        root: Root,
        slot: usize,
        tree: bool,
    },
    CanAdd {
        slot: usize,
        node: usize,
        tree: bool,
    },
    Each {
        root: Root,
        slot: usize,
        tree: bool,
        flags: u32,
    },
    Bit(u32),
}

pub struct Frame {
    pub test: Test,
    before: [Slot; SLOTS],
    pub saved: [Slot; SLOTS],
    pub ops: Program,
    id: usize,
}

impl Gen<'_> {
    /// Begin a body, with what is known where it runs.
    pub fn open(&mut self, test: Test) -> Option<()> {
        if self.frames.len() >= MAX_DEPTH {
            return None;
        }
        self.begin(test)
    }

    /// [`Self::open()`], however deep it is.
    pub fn begin(&mut self, test: Test) -> Option<()> {
        let before = self.slots;
        let mut saved = before;
        if let Test::Slot(slot) = test {
            saved[slot] = Slot::Empty;
            self.slots[slot] = match self.slots[slot] {
                Slot::MayOwn(ty, _) => Slot::Own(ty),
                Slot::MayNon(ty, _) => Slot::Non(ty),
                Slot::MayPercpu => Slot::Percpu,
                _ => return None,
            };
        }
        if let Test::CanAdd { slot, node, .. } = test {
            self.slots[slot] = self.slots[slot].reserve(node)?;
        }
        if let Test::Each { root, slot, .. } = test {
            self.is_new(slot);
            self.slots[slot] = Slot::Non(self.contents(root).0);
        }
        let id = self.next;
        self.next += 1;
        self.frames.push(Frame {
            test,
            before,
            saved,
            ops: Vec::new(),
            id,
        });
        Some(())
    }

    /// End a body: afterwards a slot is what it is on both paths.
    pub fn close(&mut self) {
        let depth = self.frames.len();
        if self.lock.is_some_and(|held| held.depth == depth) {
            let _ = self.unlock();
        }
        let _ = self.unreserve();
        self.end_of_loop();
        let saved = match self.frames.last() {
            Some(f) => f.saved,
            None => return,
        };
        for (slot, pre) in saved.into_iter().enumerate() {
            let post = self.slots[slot];
            self.slots[slot] = match (pre, post) {
                (a, b) if a == b => a,
                (Slot::Empty | Slot::MayOwn(_, 0), Slot::Own(ty)) => Slot::MayOwn(ty, 0),
                (Slot::Empty, Slot::MayOwn(..)) => post,
                (Slot::Empty, Slot::Percpu | Slot::MayPercpu) => Slot::MayPercpu,
                (Slot::Own(ty), Slot::Empty | Slot::MayOwn(..)) => Slot::MayOwn(ty, 0),
                (Slot::Percpu | Slot::MayPercpu, _) => Slot::MayPercpu,
                (Slot::MayOwn(..) | Slot::MayNon(..), Slot::Empty) => pre,
                (Slot::MayOwn(_, off), Slot::Own(_)) | (Slot::MayNon(_, off), Slot::Non(_)) => {
                    self.put(Op::Adjust {
                        slot,
                        by: off as i32,
                    });
                    pre
                }
                (Slot::MayOwn(_, a), Slot::MayOwn(_, b))
                | (Slot::MayNon(_, a), Slot::MayNon(_, b)) => {
                    self.put(Op::Adjust {
                        slot,
                        by: a as i32 - b as i32,
                    });
                    pre
                }
                (_, Slot::Non(_) | Slot::MayNon(..)) => {
                    self.zero(slot);
                    match pre {
                        Slot::Own(ty) => Slot::MayOwn(ty, 0),
                        pre => pre,
                    }
                }
                (pre, post) => unreachable!("slot {slot}: {pre:?} and {post:?}"),
            };
        }
        if let Some(f) = self.frames.pop() {
            let op = match f.test {
                Test::Slot(slot) => Op::If { slot, body: f.ops },
                Test::Owned { root, slot, tree } => {
                    self.elsewhere.push(slot);
                    Op::IfOwned {
                        root,
                        slot,
                        tree,
                        body: f.ops,
                    }
                }
                Test::CanAdd { slot, node, tree } => Op::IfCanAdd {
                    slot,
                    node,
                    tree,
                    body: f.ops,
                },
                Test::Each {
                    root,
                    slot,
                    tree,
                    flags,
                } => Op::Each {
                    root,
                    tree,
                    flags,
                    dst: slot,
                    body: f.ops,
                },
                Test::Bit(bit) => Op::IfBit { bit, body: f.ops },
            };
            let node = Node {
                id: f.id,
                twin: false,
                op,
                slots: f.before,
            };
            match self.frames.last_mut() {
                Some(f) => f.ops.push(node),
                None => self.ops.push(node),
            }
        }
    }
}
