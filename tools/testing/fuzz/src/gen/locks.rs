// SPDX-License-Identifier: GPL-2.0

//! Which lock is held, or which two, and the roots they guard.

use super::{choose, Gen, RawOp};
use crate::op::{Op, Place, Root, Slot};
use crate::world::Kind;

/// A root: whether it is a tree, and the type and field of its nodes.
pub type RootOf = (Root, bool, usize, usize);

/// What is locked, how deep.
#[derive(Clone, Copy)]
pub struct Held {
    pub place: Place,
    /// The other one of two that were locked at once.
    pub with: Option<Place>,
    pub depth: usize,
}

impl Held {
    pub fn places(self) -> impl Iterator<Item = Place> {
        [Some(self.place), self.with].into_iter().flatten()
    }
}

impl Gen<'_> {
    /// The object whose own lock is held has to stay.
    pub fn locked_by(&self, slot: usize) -> bool {
        self.lock
            .is_some_and(|held| held.places().any(|p| p == Place::Object(slot)))
    }

    pub fn unlock(&mut self) -> Option<()> {
        if let Some(Held { place, with, depth }) = self.lock {
            if depth != self.frames.len() {
                return None;
            }
            match with {
                None => self.put(Op::Unlock { place }),
                // Not as they were named when they were taken.
                Some(with) => {
                    let res = self.is_resilient(place);
                    let places = [with, place];
                    self.put(Op::UnlockTwo { places, res })
                }
            };
            self.lock = None;
            self.elsewhere.clear();
            for slot in self.which(|s| matches!(s, Slot::Non(_) | Slot::MayNon(..))) {
                self.zero(slot);
            }
        }
        Some(())
    }

    /// Take a lock, if none is held, that guards a root that `f` wants; give one
    /// of the roots it guards, with the type of what is in it.
    pub fn root(&mut self, r: RawOp, tree: bool, want: Option<usize>) -> Option<(Root, usize)> {
        let fits = |r: &RootOf| r.1 == tree && want.is_none_or(|w| w == r.2);
        self.root_that(r, fits).map(|(root, _, ty, _)| (root, ty))
    }

    /// [`Self::root()`] for one that fits.
    pub fn root_that(&mut self, r: RawOp, fits: impl Fn(&RootOf) -> bool) -> Option<RootOf> {
        if self.lock.is_none() {
            let mut places = self.places();
            places.retain(|p| self.roots(*p).iter().any(&fits));
            let place = choose(&places, r.c)?;
            self.put(Op::Lock { place });
            self.lock = Some(Held {
                place,
                with: None,
                depth: self.frames.len(),
            });
        }
        let mut roots = self.held_roots();
        roots.retain(fits);
        choose(&roots, r.a)
    }

    /// What has a lock.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = (0..self.world.values()).map(Place::Value).collect();
        places.extend(
            self.which(|s| match s {
                Slot::Own(ty) | Slot::Reserved(ty, _) => self.world.types[ty].lock().is_some(),
                _ => false,
            })
            .into_iter()
            .map(Place::Object),
        );
        places
    }

    /// The roots of a place.
    pub fn roots(&self, place: Place) -> Vec<RootOf> {
        self.layout(place)
            .roots()
            .map(|(field, elem, tree, ty, node)| (Root { place, field, elem }, tree, ty, node))
            .collect()
    }

    /// The roots whose lock is held.
    pub fn held_roots(&self) -> Vec<RootOf> {
        let places = self.lock.into_iter().flat_map(Held::places);
        places.flat_map(|place| self.roots(place)).collect()
    }

    /// Takes two locks of one kind.
    pub fn lock_two(&mut self, r: RawOp) -> Option<()> {
        self.unlock()?;
        let mut places = self.places();
        let place = choose(&places, r.a)?;
        let res = self.is_resilient(place);
        places.retain(|p| *p != place && self.is_resilient(*p) == res);
        let with = choose(&places, r.b)?;
        let places = [place, with];
        self.put(Op::LockTwo { places, res });
        self.lock = Some(Held {
            place,
            with: Some(with),
            depth: self.frames.len(),
        });
        Some(())
    }

    /// Whether the lock of a place that has one is a `bpf_res_spin_lock`.
    pub fn is_resilient(&self, place: Place) -> bool {
        matches!(self.layout(place).lock(), Some((Kind::ResLock, _)))
    }
}
