// SPDX-License-Identifier: GPL-2.0

//! A look at everything while all threads wait: each structure is walked, and each reference that
//! somebody must have is counted.

use core::ffi::c_void;

use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

use super::{
    super::{list, refs, tree, Item},
    Checked, World,
};
use crate::owner::BUSY;

/// What must be true of a node.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Free,
    Linked,
    Reserved,
}

impl State {
    /// Whether that is what its ownership word says. That a linked one's is its root was seen where
    /// it was found.
    fn agrees(self, owner: *mut c_void) -> bool {
        match self {
            State::Free => owner.is_null(),
            State::Linked => !owner.is_null() && owner != BUSY,
            State::Reserved => owner == BUSY,
        }
    }
}

/// What is known of one item.
#[derive(Clone, Copy)]
struct Known {
    item: *mut Item,
    references: i32,
    list: State,
    tree: State,
}

/// What was found of an item with one reference to it.
#[derive(Clone, Copy)]
enum Found {
    List(State),
    Tree(State),
    Held,
}

/// All items that can be found.
pub(super) struct Census {
    known: KVec<Known>,
    limit: usize,
    most: usize,
}

impl Census {
    /// A census of up to `limit` items.
    pub(super) fn new(limit: usize) -> Result<Self> {
        Ok(Self {
            known: KVec::with_capacity(limit, GFP_KERNEL)?,
            limit,
            most: 0,
        })
    }

    /// The most items that there were in one look.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Counts one reference to `item`.
    fn count(&mut self, item: *mut Item, found: Found) -> Checked {
        let at = match self.known.iter().position(|known| known.item == item) {
            Some(at) => at,
            None if self.known.len() == self.limit => {
                return Err("there are more items than were made")
            }
            None => {
                let new = Known {
                    item,
                    references: 0,
                    list: State::Free,
                    tree: State::Free,
                };
                if self.known.push_within_capacity(new).is_err() {
                    return Err("the census has no room");
                }
                self.known.len() - 1
            }
        };
        let known = &mut self.known[at];
        known.references += 1;
        let (node, state) = match found {
            Found::List(state) => (&mut known.list, state),
            Found::Tree(state) => (&mut known.tree, state),
            Found::Held => return Ok(()),
        };
        if *node != State::Free {
            return Err("a node is in two roots or twice in one, or reserved and not alone");
        }
        *node = state;
        Ok(())
    }

    /// Looks at everything.
    pub(super) fn take(&mut self, world: &World<'_>) -> Checked {
        self.known.clear();
        for place in &world.places {
            if place.two_met() {
                return Err("two threads had one lock");
            }
            let value = place.value();
            // SAFETY: The value is the place's, and no thread uses it now.
            let (list, tree) = unsafe { (&raw mut (*value).list, &raw mut (*value).tree) };
            list::walk(list, &mut |item| {
                self.count(item, Found::List(State::Linked))
            })?;
            tree::walk(tree, &mut |item| {
                self.count(item, Found::Tree(State::Linked))
            })?;
            if place.spare().is_null() || !place.is_empty(place.spare()) {
                return Err("a value that was drained is not empty");
            }
        }
        for worker in &world.workers {
            // SAFETY: No thread changes its own now.
            let worker = unsafe { &*worker.get() };
            for item in worker.stash.into_iter().filter(|item| !item.is_null()) {
                self.count(item, Found::Held)?;
            }
            if let Some(reserved) = worker.reserved {
                self.count(
                    reserved.item(),
                    match reserved.is_tree() {
                        true => Found::Tree(State::Reserved),
                        false => Found::List(State::Reserved),
                    },
                )?;
            }
        }
        let found = world.slots.iter().map(|slot| slot.load(Relaxed));
        for item in found.filter(|item| !item.is_null()) {
            self.count(item, Found::Held)?;
        }
        for known in &self.known {
            known.check(world)?;
        }
        self.most = self.most.max(self.known.len());
        let alive = world.items.alive();
        if alive != self.known.len() {
            kernel::kunit::err(fmt!(
                "    # {} items alive, {} of them found\n",
                alive,
                self.known.len()
            ));
            return Err("an item was lost, or freed while somebody had a reference");
        }
        Ok(())
    }
}

impl Known {
    /// Whether the item agrees with what is known of it.
    fn check(&self, world: &World<'_>) -> Checked {
        let counted = refs(self.item);
        if counted != self.references {
            kernel::kunit::err(fmt!(
                "    # an item counts {} references, {} are known\n",
                counted,
                self.references
            ));
            return Err("the number of references is wrong");
        }
        // SAFETY: Somebody has a reference to the item.
        let (list, tree) = unsafe { ((*self.item).list.owner, (*self.item).tree.owner) };
        if !self.list.agrees(list) {
            return Err("the owner of a list node does not say where it is");
        }
        if !self.tree.agrees(tree) {
            return Err("the owner of a tree node does not say where it is");
        }
        if !world.items.is_whole(self.item) {
            return Err("what an item owns is not what it was made with");
        }
        Ok(())
    }
}
