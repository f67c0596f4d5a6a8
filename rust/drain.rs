// SPDX-License-Identifier: GPL-2.0

//! Freeing what is still in a list or tree when its map value or object goes away.
//!
//! C takes everything out in one go, with interrupts disabled for as long as that takes, which
//! grows with the length. Here the lock is held for [`Drain::CHUNK`] nodes at a time, whatever the
//! length, and the nodes are dropped outside of it.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::{
    lock::Lock,
    object::Object,
    owner::{Chain, Held, Kind},
    record::Record, //
};

/// A kind of node whose collection can be emptied from one end.
pub(crate) trait Drain: Kind {
    /// How many nodes are taken out in one section under the lock.
    const CHUNK: usize;

    /// Takes up to [`CHUNK`](Self::CHUNK) nodes out of the collection at `root`; `true` if there
    /// may be more.
    ///
    /// Rule 5: they are busy before the lock is dropped, so that a claim by one who shares a node,
    /// or a removal by one who found it here, fails until it is released.
    ///
    /// # Safety
    ///
    /// `root` points to a live root of this kind, which the lock that is held guards.
    unsafe fn take(root: NonNull<c_void>, held: &Held) -> (Chain<Self>, bool);
}

/// Takes all nodes out of the collection at `root` and drops the reference it had to each.
///
/// Any context in which objects can be dropped. Nobody adds meanwhile: roots are freed when no
/// program can reach them any more (with the map, after a grace period, or with the last
/// reference). What somebody added nevertheless would be taken out as well.
///
/// # Safety
///
/// - `root` points to a live root of this kind, which `lock` guards.
/// - `field` is the root's own description in its record: `graph_root` is what it is.
/// - Migration is disabled.
pub(crate) unsafe fn drain<K: Drain>(
    root: NonNull<c_void>,
    lock: Lock,
    field: &bindings::btf_field,
) {
    // SAFETY: This function's contract says that the field is of a root.
    let graph = unsafe { &field.__bindgen_anon_1.graph_root };
    // SAFETY: A root's `value_rec` is the record of its values' type, and lives as long.
    let record = unsafe { Record::from_ptr(graph.value_rec) };
    let offset = graph.node_offset as usize;

    loop {
        let (mut chain, more) = match lock.lock() {
            // SAFETY: This function's contract. The lock is dropped with the guard, here.
            Ok(guard) => unsafe { K::take(root, guard.held()) },
            Err(err) => {
                // Only who can reach a value or object can hold its lock, and what is freed can no
                // longer be reached: this does not happen. If it did, to take nodes out under
                // somebody else's lock would be worse than to leave them linked for ever.
                kernel::pr_warn_once!("root not freed, its lock is held: {:?}\n", err);
                return;
            }
        };
        while let Some(node) = chain.pop() {
            let node = node.release();
            // SAFETY: The node is `offset` bytes into an object of the root's value type, and the
            // reference that the collection had to it is ours.
            unsafe { Object::containing(node.cast(), offset).drop(record) };
        }
        if !more {
            return;
        }
    }
}
