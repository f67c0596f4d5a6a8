// SPDX-License-Identifier: GPL-2.0

//! What each operation does.

use super::{Defect, Model, Object, PERCPU};
use crate::op::{Node, Op};
use crate::world::Kind;
use std::collections::BTreeMap;

impl Model<'_> {
    pub fn node(&mut self, n: &Node) {
        match &n.op {
            Op::New { dst, ty, key } => {
                let layout = &self.world.types[*ty];
                let holds = self.holder(layout);
                self.next += 1;
                self.objects.insert(
                    self.next,
                    Object {
                        ty: *ty,
                        id: self.base + n.id as u64,
                        key: *key,
                        aux: *key,
                        refs: 1,
                        owner: BTreeMap::new(),
                        holds,
                    },
                );
                self.live += layout.has(Kind::Counted) as i64;
                self.slots[*dst] = Some(self.next);
            }
            Op::Drop { slot } | Op::PercpuDrop { slot } => {
                let o = self.slots[*slot]
                    .take()
                    .expect("the slot is checked before");
                self.put(o);
            }
            Op::PercpuNew { dst } => self.slots[*dst] = Some(PERCPU),
            Op::PercpuSet { value, to } => {
                let field = self
                    .world
                    .value
                    .fields
                    .iter()
                    .position(|f| f.0 == Kind::Percpu);
                if field.is_some_and(|f| self.values[*value].kptrs.contains_key(&f)) {
                    self.returned(n, *to);
                }
            }
            Op::Acquire { dst, src } => {
                let more = (self.defect != Defect::AcquireIsFree) as u64;
                let refs = &mut self.object(*src).refs;
                if *refs > 0 {
                    *refs += more;
                    self.slots[*dst] = self.slots[*src];
                }
            }
            Op::Write { slot, key } => self.object(*slot).key = *key,
            Op::Read { slot } => {
                let o = self.object(*slot);
                let (ty, key, aux) = (o.ty, o.key, o.aux);
                let aux = if self.world.types[ty].has(Kind::Aux) {
                    aux << 8
                } else {
                    0
                };
                self.returned(n, key | aux);
            }
            Op::Refs { slot } => {
                let refs = self.object(*slot).refs;
                self.returned(n, refs);
            }
            Op::Lock { .. }
            | Op::Unlock { .. }
            | Op::LockTwo { .. }
            | Op::UnlockTwo { .. }
            | Op::Adjust { .. } => {}
            Op::Zero { slot } => self.slots[*slot] = None,
            Op::Xchg {
                place,
                field,
                src,
                dst,
            } => {
                let new = src.and_then(|s| self.slots[s].take());
                let kptrs = &mut self.holds(*place).kptrs;
                let old = match new {
                    Some(new) => kptrs.insert(*field, new),
                    None => kptrs.remove(field),
                };
                self.slots[*dst] = old;
            }
            Op::If { slot, body } => {
                if let Some(o) = self.slots[*slot] {
                    if n.tested().is_some() {
                        self.found[n.id] = self.objects[&o].id;
                    }
                    self.all(body);
                }
            }
            Op::IfOwned {
                root, slot, body, ..
            } => {
                let (root, field) = self.root(*root);
                let there = self.object(*slot).owner.get(&field) == Some(&root);
                self.returned(n, there as u64);
                if there {
                    self.all(body);
                }
            }
            Op::IfCanAdd {
                slot, node, body, ..
            } => self.can_add(n, *slot, *node, body),
            Op::Each { .. } => self.each(n),
            Op::Unreserve { slot, node, .. } => self.unreserve(*slot, *node),
            Op::IfBit { bit, body } => {
                if (self.bits >> bit) & 1 == 1 {
                    self.all(body);
                }
            }
            _ => self.collection(n),
        }
    }

    fn collection(&mut self, n: &Node) {
        match n.op {
            Op::Push { root, slot, back } => self.insert(n, root, slot, |m, root, o| {
                m.push(root, o, back);
                true
            }),
            Op::PushReserved { root, slot, back } => {
                self.insert_reserved(root, slot, |m, root, o| m.push(root, o, back));
            }
            Op::TreeAddReserved { root, slot, less } => {
                self.insert_reserved(root, slot, |m, root, o| m.add_to_tree(root, o, less));
            }
            Op::Add { root, slot, prev } => {
                let prev = self.slots[prev].expect("the slot is checked before");
                let after = self.defect != Defect::AddBeforePrev;
                self.insert(n, root, slot, |m, root, o| {
                    let Some(at) = m.list(root).iter().position(|p| *p == prev) else {
                        return false;
                    };
                    m.list(root).insert(at + after as usize, o);
                    true
                });
            }
            Op::TreeAdd { root, slot, less } => self.insert(n, root, slot, |m, root, o| {
                m.add_to_tree(root, o, less);
                true
            }),
            Op::Pop { root, back, dst } => {
                let r = self.root(root).0;
                let node = if back && self.defect != Defect::PopBackInFront {
                    self.list(r).back().copied()
                } else {
                    self.list(r).front().copied()
                };
                self.remove(root, node, dst);
            }
            Op::Del { root, slot, dst } | Op::Remove { root, slot, dst } => {
                self.remove(root, self.slots[slot], dst);
            }
            Op::End { root, back, dst } => {
                let root = self.root(root).0;
                let l = self.list(root);
                self.slots[dst] = if back { l.back() } else { l.front() }.copied();
            }
            Op::IsEnd { root, slot, back } => {
                let root = self.root(root).0;
                let node = self.slots[slot];
                let l = self.list(root);
                let end = if back { l.back() } else { l.front() }.copied();
                self.returned(n, (end.is_some() && end == node) as u64);
            }
            Op::IsEmpty { root } => {
                let root = self.root(root).0;
                let empty = self.list(root).is_empty();
                self.returned(n, empty as u64);
            }
            Op::First { root, dst } => {
                let root = self.root(root).0;
                self.slots[dst] = self.tree(root).first();
            }
            Op::Top { root, dst } => {
                let root = self.root(root).0;
                self.slots[dst] = self.tree(root).root();
            }
            Op::Child {
                root,
                slot,
                right,
                dst,
            } => {
                let (root, field) = self.root(root);
                let node = self.slots[slot].expect("the slot is checked before");
                let in_it = self.objects[&node].owner.get(&field) == Some(&root);
                self.slots[dst] = if in_it {
                    self.tree(root).child(node, right)
                } else {
                    None
                };
            }
            Op::Beside {
                root,
                slot,
                back,
                dst,
                ..
            } => {
                let root = self.root(root).0;
                let node = self.slots[slot].expect("the slot is checked before");
                self.slots[dst] = self.beside(root, node, back);
            }
            Op::Move {
                root,
                slot,
                to,
                back,
            } => {
                let back = back && self.defect != Defect::MoveBackInFront;
                self.move_node(n, root, slot, to, |m, to, o| m.push(to, o, back));
            }
            Op::TreeMove {
                root,
                slot,
                to,
                less,
            } => self.move_node(n, root, slot, to, |m, to, o| m.add_to_tree(to, o, less)),
            Op::Reposition { root, slot, less } => {
                let (r, field) = self.root(root);
                let node = self.slots[slot].expect("the slot is checked before");
                let there = self.objects[&node].owner.get(&field) == Some(&r);
                // By a key it is taken out and put back in any case.
                if there && !less.is_declared() && self.stays(r, node, less) {
                    self.returned(n, 1);
                } else {
                    self.move_node(n, root, slot, root, |m, to, o| m.add_to_tree(to, o, less));
                }
            }
            Op::Across {
                root,
                slot,
                to,
                tree,
                back,
                less,
            } => self.move_across(n, root, slot, to, |m, to, o| match tree {
                true => m.add_to_tree(to, o, less),
                false => m.push(to, o, back),
            }),
            Op::Search {
                root,
                want,
                order,
                key,
                made,
                dst,
            } => {
                let root = self.root(root).0;
                self.slots[dst] = self.search(root, want, order, (key, self.base + made as u64));
            }
            _ => unreachable!("not an operation on a collection"),
        }
    }
}
