// SPDX-License-Identifier: GPL-2.0

//! Steps that look at a list or tree, and change nothing.

use core::{
    ffi::{c_int, c_void},
    mem::transmute,
    ptr::null_mut, //
};

use kernel::bindings::{bpf_list_node, bpf_rb_node, bpf_rb_root};

use super::{
    super::{kfuncs::Kfuncs, tree_item},
    keys::By,
    Checked, Outcome, Worker, World, KEYS,
};
use crate::{bpf_rbtree_find, bpf_rbtree_lower_bound, bpf_rbtree_upper_bound};

/// The key of the item at `node`.
///
/// # Safety
///
/// `node` is a tree node of a live item, and the lock of the tree that it is in is held.
pub(super) unsafe fn key_of(node: *mut bpf_rb_node) -> u64 {
    // SAFETY: This function's contract.
    unsafe { (*tree_item(node)).key }
}

/// What a program passes to a search: as the JIT has it, a function of five words.
///
/// # Safety
///
/// `key` is the address of a key, and `node` as for [`key_of()`].
unsafe extern "C" fn compare(key: u64, node: u64, _: u64, _: u64, _: u64) -> u64 {
    // SAFETY: This function's contract.
    let (key, other) = unsafe { (*(key as *const u64), key_of(node as *mut bpf_rb_node)) };
    key.cmp(&other) as u64
}

type Compare = unsafe extern "C" fn(*const c_void, *const bpf_rb_node) -> c_int;

/// [`compare()`] under the type that the verifier passes it by.
// SAFETY: Both are pointers to functions; the kfunc calls it by the type it had before.
const COMPARE: Compare =
    unsafe { transmute(compare as unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64) };

/// What a walk over a whole tree finds for a key.
struct Walked {
    equal: *mut bpf_rb_node,
    not_less: *mut bpf_rb_node,
    greater: *mut bpf_rb_node,
}

impl Walked {
    /// # Safety
    ///
    /// The lock of `tree` is held.
    unsafe fn new(k: &Kfuncs, tree: *mut bpf_rb_root, key: u64) -> Result<Self, &'static str> {
        let mut walked = Self {
            equal: null_mut(),
            not_less: null_mut(),
            greater: null_mut(),
        };
        let mut last = null_mut();
        // SAFETY: The lock is held, and what a root holds is alive.
        unsafe {
            let mut at = (k.first)(tree);
            while !at.is_null() {
                if (k.tree_prev)(tree, at) != last {
                    return Err("tree: there and back is not where it began");
                }
                let first = |found: *mut bpf_rb_node| if found.is_null() { at } else { found };
                match key_of(at).cmp(&key) {
                    core::cmp::Ordering::Less => {}
                    core::cmp::Ordering::Equal => walked.equal = first(walked.equal),
                    core::cmp::Ordering::Greater => walked.greater = first(walked.greater),
                }
                (last, at) = (at, (k.tree_next)(tree, at));
            }
        }
        walked.not_less = if walked.equal.is_null() {
            walked.greater
        } else {
            walked.equal
        };
        Ok(walked)
    }
}

impl World<'_> {
    /// Looks at the ends of a list and at the top of a tree.
    pub(super) fn look(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let place = self.place(w);
        let value = place.value();
        let Ok(_guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 9;
        w.count(Outcome::Looked);
        // SAFETY: The lock is held, and what a root holds is alive.
        unsafe {
            let (list, tree) = (&raw mut (*value).list, &raw mut (*value).tree);
            let (front, back) = ((k.front)(list), (k.back)(list));
            if (k.is_empty)(list) != front.is_null() || front.is_null() != back.is_null() {
                return Err("list: it is empty at one end only");
            }
            let at_the_ends = || (k.is_first)(list, front) && (k.is_last)(list, back);
            if !front.is_null() && !at_the_ends() {
                return Err("list: an end is not at the end");
            }
            let top = (k.top)(tree);
            if top.is_null() != (k.first)(tree).is_null() {
                return Err("tree: it has a top or a leftmost node, not both");
            }
            if !top.is_null() {
                let (left, right) = ((k.left)(tree, top), (k.right)(tree, top));
                if !left.is_null() && key_of(left) > key_of(top)
                    || !right.is_null() && key_of(right) < key_of(top)
                {
                    return Err("tree: a child is on the wrong side");
                }
            }
        }
        Ok(())
    }

    /// Goes through a list in both directions.
    pub(super) fn walk_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let place = self.place(w);
        let value = place.value();
        let Ok(_guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 8;
        w.count(Outcome::Walked);
        // SAFETY: The lock is held, and what a root holds is alive.
        unsafe {
            let list = &raw mut (*value).list;
            let mut last: *mut bpf_list_node = null_mut();
            let mut at = (k.front)(list);
            while !at.is_null() {
                if (k.prev)(list, at) != last {
                    return Err("list: there and back is not where it began");
                }
                (last, at) = (at, (k.next)(list, at));
            }
            if (k.back)(list) != last {
                return Err("list: a walk does not end at its end");
            }
        }
        Ok(())
    }

    /// Searches a tree for a key, and goes through all of it for the same.
    pub(super) fn search(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let (any, there) = (w.random.below(KEYS) as u64, w.random.below(2) == 0);
        let place = self.place(w);
        let value = place.value();
        let Ok(_guard) = place.lock(value) else {
            w.count(Outcome::NotLocked);
            return Ok(());
        };
        w.calls += 15;
        // SAFETY: The lock is held, and the key stays.
        let (walked, found) = unsafe {
            let tree = &raw mut (*value).tree;
            let top = (k.top)(tree);
            let key = if there && !top.is_null() {
                key_of(top)
            } else {
                any
            };
            let (at, size) = ((&raw const key).cast(), size_of_val(&key) as u32);
            let found = [
                bpf_rbtree_find,
                bpf_rbtree_lower_bound,
                bpf_rbtree_upper_bound,
            ]
            .map(|search| search(tree, at, size, Some(COMPARE)));
            if By::found(tree, key, self.items.meta()) != found {
                return Err("tree: a search by key finds something else");
            }
            (Walked::new(k, tree, key)?, found)
        };
        if found != [walked.equal, walked.not_less, walked.greater] {
            return Err("tree: a search finds something else than a walk");
        }
        if found.iter().all(|node| !node.is_null()) {
            w.count(Outcome::Searched);
        }
        Ok(())
    }
}
