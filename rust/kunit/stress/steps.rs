// SPDX-License-Identifier: GPL-2.0

//! What a thread does in one step: what a program could do in one run.

use kernel::{
    bindings,
    sync::atomic::{Acquire, Full},
};

use super::{
    super::{
        kfuncs::Kfuncs,
        place::Place,
        threads::{wait_until, Program},
        Item,
    },
    Checked, Outcome, Worker, World, KEYS, MADE, SLOTS, STASH,
};

pub(super) const EINVAL: i32 = -(bindings::EINVAL as i32);

/// How many slots most references are taken from, so that threads often meet at one item.
const HOT: usize = 4;

impl World<'_> {
    /// One step of `w`.
    pub(super) fn step(&self, w: &mut Worker) -> Checked {
        let k = self.kfuncs[w.random.below(self.kfuncs.len())];
        let kind = w.random.below(320);
        if kind == 0 {
            return self.replace(&k, w);
        }
        let program = Program::new(true);
        // Full: what is read of a place from here on was not replaced before.
        self.inside[w.index].fetch_add(1, Full);
        let checked = match kind {
            1..=3 => self.drain(&k, w),
            4..=7 => self.remake(&k, w),
            8..=13 => self.stash(&k, w),
            14..=19 => self.look(&k, w),
            20..=23 => self.walk_list(&k, w),
            24..=31 => self.search(&k, w),
            32..=63 => self.add_to_list(&k, w),
            64..=81 => self.add_behind(&k, w),
            82..=119 => self.add_to_tree(&k, w),
            120..=147 => self.remove_from_list(&k, w),
            148..=175 => self.remove_from_tree(&k, w),
            176..=195 => self.move_list_node(&k, w),
            196..=213 => self.move_tree_node(&k, w),
            214..=223 => self.reposition(&k, w),
            224..=239 => self.pop_list(&k, w),
            240..=255 => self.pop_tree(&k, w),
            256..=287 => self.reserve(&k, w),
            288..=295 => self.list_to_tree(&k, w),
            296..=303 => self.tree_to_list(&k, w),
            304..=311 => self.loop_over_list(&k, w),
            _ => self.loop_over_tree(&k, w),
        };
        self.inside[w.index].fetch_add(1, Full);
        drop(program);
        checked
    }

    /// Waits until no thread is where it could have found a value that was replaced before.
    fn wait_for_all(&self) {
        for inside in &self.inside {
            let now = inside.load(Acquire);
            if now % 2 == 1 {
                wait_until(|| inside.load(Acquire) != now);
            }
        }
    }

    /// Replaces a value while others add and remove what is in the old one by the new.
    fn replace(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        // Not under RCU: it waits.
        let _program = Program::new(false);
        w.calls += 2;
        let place = self.place(w);
        let empty = place.replace(k, || self.wait_for_all());
        match empty {
            Some(true) => w.count(Outcome::Replaced),
            Some(false) => return Err("a root still has nodes after the drain"),
            None => {}
        }
        Ok(())
    }

    /// Drains a value that others use at the same time.
    fn drain(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        w.calls += 2;
        let place = self.place(w);
        place.free(k, place.value());
        w.count(Outcome::Drained);
        Ok(())
    }

    pub(super) fn place(&self, w: &mut Worker) -> &Place {
        &self.places[w.random.below(self.places.len())]
    }

    /// A reference to an item that all can find, or `None`.
    pub(super) fn take(&self, k: &Kfuncs, w: &mut Worker) -> Option<*mut Item> {
        w.calls += 1;
        let some = if w.random.below(4) == 0 { SLOTS } else { HOT };
        let item = self.slots[w.random.below(some)].load(Acquire);
        if item.is_null() {
            return None;
        }
        // SAFETY: The slot had a reference after this step's RCU section began.
        if unsafe { (k.acquire)(item.cast(), self.items.meta()) }.is_null() {
            w.count(Outcome::NotAcquired);
            return None;
        }
        Some(item)
    }

    /// Gives back a reference.
    pub(super) fn put(&self, k: &Kfuncs, w: &mut Worker, item: *mut Item) {
        w.calls += 1;
        // SAFETY: The caller's reference is given up.
        unsafe { (k.drop)(item.cast(), self.items.meta()) };
    }

    /// Gives the slot's item up and puts a new one there.
    fn remake(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        w.calls += 1;
        let tokens = w.index * MADE..(w.index + 1) * MADE;
        let key = w.random.below(KEYS) as u64;
        let new = self.items.make(k, tokens, key);
        if new.is_null() {
            w.count(Outcome::NotMade);
            return Ok(());
        }
        w.count(Outcome::Made);
        let old = self.slots[w.random.below(SLOTS)].xchg(new, Full);
        if !old.is_null() {
            self.put(k, w, old);
        }
        Ok(())
    }

    /// Keeps a reference, or gives up one that was kept.
    fn stash(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let at = w.random.below(STASH);
        let item = core::mem::replace(&mut w.stash[at], core::ptr::null_mut());
        if !item.is_null() {
            self.put(k, w, item);
        } else if let Some(item) = self.take(k, w) {
            w.stash[at] = item;
            w.count(Outcome::Stashed);
        }
        Ok(())
    }

    /// Counts what came of an insertion.
    pub(super) fn inserted(w: &mut Worker, ret: i32, outcomes: [Outcome; 2]) -> Checked {
        match ret {
            0 => w.count(outcomes[0]),
            EINVAL => w.count(outcomes[1]),
            _ => return Err("an insertion returned neither 0 nor -EINVAL"),
        }
        Ok(())
    }
}
