// SPDX-License-Identifier: GPL-2.0

//! A look at everything while all threads wait: each structure is walked, and each reference that
//! somebody must have is counted.

use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

use super::{
    super::{list, refs, tree, Item},
    Checked, World,
};

/// What is known of one item.
#[derive(Clone, Copy)]
struct Known {
    item: *mut Item,
    references: i32,
    in_list: bool,
    in_tree: bool,
}

/// Which root an item was found in.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    InList,
    InTree,
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
                    in_list: false,
                    in_tree: false,
                };
                if self.known.push_within_capacity(new).is_err() {
                    return Err("the census has no room");
                }
                self.known.len() - 1
            }
        };
        let known = &mut self.known[at];
        known.references += 1;
        let twice = match found {
            Found::InList => core::mem::replace(&mut known.in_list, true),
            Found::InTree => core::mem::replace(&mut known.in_tree, true),
            Found::Held => false,
        };
        if twice {
            return Err("a node is in two roots, or twice in one");
        }
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
            list::walk(list, &mut |item| self.count(item, Found::InList))?;
            tree::walk(tree, &mut |item| self.count(item, Found::InTree))?;
            if place.spare().is_null() || !place.is_empty(place.spare()) {
                return Err("a value that was drained is not empty");
            }
        }
        let stashed = world.workers.iter().flat_map(|worker| {
            // SAFETY: No thread changes its own now.
            unsafe { (*worker.get()).stash }
        });
        let found = world.slots.iter().map(|slot| slot.load(Relaxed));
        for item in Iterator::chain(stashed, found).filter(|item| !item.is_null()) {
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
        if list.is_null() == self.in_list {
            return Err("the owner of a list node is not null, and it is in no list");
        }
        if tree.is_null() == self.in_tree {
            return Err("the owner of a tree node is not null, and it is in no tree");
        }
        if !world.items.is_whole(self.item) {
            return Err("what an item owns is not what it was made with");
        }
        Ok(())
    }
}
