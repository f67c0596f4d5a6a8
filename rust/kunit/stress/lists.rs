// SPDX-License-Identifier: GPL-2.0

//! Steps with lists.

use kernel::bindings::bpf_list_node;

use super::{
    super::{counted::LIST, kfuncs::Kfuncs, list_item, list_node, refs, Item},
    Checked, Outcome, Worker, World,
};

impl World<'_> {
    /// Puts `item`, whose reference is given up, into one end of some list.
    fn push(&self, k: &Kfuncs, w: &mut Worker, item: *mut Item, done: Outcome) -> Checked {
        let (place, front) = (self.place(w), w.random.below(2) == 0);
        let value = place.value();
        let Ok(guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            self.put(k, w, item);
            return Ok(());
        };
        w.calls += 2;
        // SAFETY: The lock is held, and the reference is ours.
        let (ret, there) = unsafe {
            let (list, node) = (&raw mut (*value).list, list_node(item));
            let (push, is_there) = if front {
                (k.push_front, k.is_first)
            } else {
                (k.push_back, k.is_last)
            };
            let ret = push(list, node, self.items.meta(), LIST);
            (ret, ret != 0 || is_there(list, node))
        };
        drop(guard);
        Self::inserted(w, ret, [done, Outcome::ListRefused])?;
        if !there {
            return Err("list: what was added to an end is not there");
        }
        Ok(())
    }

    pub(super) fn add_to_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        match self.take(k, w) {
            Some(item) => self.push(k, w, item, Outcome::ListAdded),
            None => Ok(()),
        }
    }

    /// Puts an item behind another one.
    pub(super) fn add_behind(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let Some(item) = self.take(k, w) else {
            return Ok(());
        };
        let Some(prev) = self.take(k, w) else {
            self.put(k, w, item);
            return Ok(());
        };
        let place = self.place(w);
        let value = place.value();
        if let Ok(guard) = place.lock(value) {
            w.calls += 1;
            let (node, prev) = (list_node(item), list_node(prev));
            // SAFETY: The lock is held, and both references are ours.
            let ret = unsafe {
                (k.insert_after)(&raw mut (*value).list, node, prev, self.items.meta(), LIST)
            };
            drop(guard);
            Self::inserted(w, ret, [Outcome::ListAdded, Outcome::ListRefused])?;
        } else {
            w.count(Outcome::NotLocked);
            self.put(k, w, item);
        }
        self.put(k, w, prev);
        Ok(())
    }

    /// What is done with an item that a list gave back: it is dropped, or added to some list.
    pub(super) fn out_of_list(
        &self,
        k: &Kfuncs,
        w: &mut Worker,
        node: *mut bpf_list_node,
    ) -> Checked {
        let item = list_item(node);
        if refs(item) < 1 {
            return Err("list: it gave back an item without references");
        }
        if w.random.below(4) == 0 {
            return self.push(k, w, item, Outcome::ListPassed);
        }
        self.put(k, w, item);
        Ok(())
    }

    pub(super) fn remove_from_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let Some(item) = self.take(k, w) else {
            return Ok(());
        };
        let place = self.place(w);
        let value = place.value();
        if let Ok(guard) = place.lock(value) {
            w.calls += 3;
            let node = list_node(item);
            // SAFETY: The lock is held, and the reference is ours.
            let (owned, got, still) = unsafe {
                let list = &raw mut (*value).list;
                let owned = crate::bpf_list_owns_node(list, node);
                (owned, (k.del)(list, node), (k.is_first)(list, node))
            };
            drop(guard);
            if still || !got.is_null() && got != node {
                return Err("list: a node that was taken out is still there");
            }
            if owned != u64::from(!got.is_null()) {
                return Err("list: a node is there by one word, and not by another");
            }
            if got.is_null() {
                w.count(Outcome::ListMissed);
            } else {
                w.count(Outcome::ListRemoved);
                self.out_of_list(k, w, got)?;
            }
        } else {
            w.count(Outcome::NotLocked);
        }
        self.put(k, w, item);
        Ok(())
    }

    pub(super) fn pop_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let (place, front) = (self.place(w), w.random.below(2) == 0);
        let value = place.value();
        let Ok(guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 1;
        let pop = if front { k.pop_front } else { k.pop_back };
        // SAFETY: The lock is held.
        let got = unsafe { pop(&raw mut (*value).list) };
        drop(guard);
        if got.is_null() {
            return Ok(());
        }
        w.count(Outcome::Popped);
        self.out_of_list(k, w, got)
    }
}
