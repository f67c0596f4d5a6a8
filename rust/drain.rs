// SPDX-License-Identifier: GPL-2.0

//! Freeing what is still in a list or tree when its map value or object goes away.
//!
//! C takes everything out in one go, with interrupts disabled for as long as that takes, which
//! grows with the length. Here the lock is held for [`Drain::CHUNK`] nodes at a time, whatever the
//! length. Under it the collection's reference to each is given back; objects that nobody else has
//! are freed outside of it.

use core::{
    ffi::c_void,
    ptr::{null_mut, NonNull}, //
};

use kernel::bindings;

use crate::{
    lock::Lock,
    object::{Last, Object},
    owner::{Held, Kind, Node},
    record::Record, //
};

/// A kind of node whose collection can be emptied from one end.
///
/// # Safety
///
/// [`take()`](Self::take) gives only nodes that it has unlinked and released, each once, and with
/// each the collection's reference to its object.
pub(crate) unsafe trait Drain: Kind {
    /// How many nodes are taken out in one section under the lock.
    const CHUNK: usize;

    /// Takes up to [`CHUNK`](Self::CHUNK) nodes out of the collection at `root` and sets them free,
    /// each before it is given to `give`, which ends the node's life if nobody else has its object;
    /// `true` if there may be more.
    ///
    /// # Safety
    ///
    /// `root` points to a live root of this kind, which the lock that is held guards.
    unsafe fn take<'l>(
        root: NonNull<c_void>,
        held: &'l Held,
        give: impl FnMut(Node<'l, Self>),
    ) -> bool;
}

/// Objects to free, chained by the nodes that they were taken out by.
///
/// # Invariants
///
/// `first` is null or points to a free node, `offset` bytes into an object that came from
/// [`Object::put()`] and from [`Object::new()`] before, whose spare word is null or points to
/// another such node, and so on. Nobody else has a reference to these objects, so none of the nodes
/// can be claimed, though programs without a reference may still ask whose they are. None is in it
/// twice, and there is no other [`Last`] of it.
struct Chain<K: Kind> {
    first: *mut K::Raw,
    offset: usize,
}

impl<K: Kind> Chain<K> {
    const fn new(offset: usize) -> Self {
        // INVARIANT: Null.
        Self {
            first: null_mut(),
            offset,
        }
    }

    /// Gives back a reference to the object that `node` is in, and keeps it if it was the last.
    ///
    /// # Safety
    ///
    /// The node is free, `offset` bytes into an object with this `record`, or none, and the caller
    /// has a reference to that, and loses it.
    #[inline(always)]
    unsafe fn put(&mut self, node: Node<'_, K>, record: Option<Record>) {
        let node = node.as_non_null();
        // SAFETY: This function's contract.
        let last = unsafe { Object::containing(node.as_ptr().cast(), self.offset).put(record) };
        if last.is_some() {
            // SAFETY: The node is free, and nobody has a reference by which to claim it, so its
            // spare word is ours.
            unsafe { *K::spare(node) = self.first };
            // INVARIANT: What has one last reference is put here once.
            self.first = node.as_ptr();
        }
    }

    fn pop(&mut self) -> Option<Last> {
        let node = NonNull::new(self.first)?;
        // SAFETY: By the type invariant the node is live, and its spare word ours.
        self.first = unsafe { *K::spare(node) };
        // SAFETY: By the type invariant; it is no longer in the chain.
        Some(unsafe { Last::containing(node.as_ptr().cast(), self.offset) })
    }
}

/// Takes all nodes out of the collection at `root` and drops the reference it had to each.
///
/// A node is free before the reference is given back: whoever has another can insert it elsewhere
/// from then on, and is refused until then, as its word names this root.
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

    loop {
        let mut chain = Chain::<K>::new(graph.node_offset as usize);
        let more = match lock.lock() {
            // SAFETY: This function's contract. The lock is dropped with the guard, here. What was
            // taken out is in an object of the root's value type, and the reference that the
            // collection had to it is ours.
            Ok(guard) => unsafe { K::take(root, guard.held(), |node| chain.put(node, record)) },
            Err(err) => {
                // Only who can reach a value or object can hold its lock, and what is freed can no
                // longer be reached: this does not happen. If it did, to take nodes out under
                // somebody else's lock would be worse than to leave them linked for ever.
                kernel::pr_warn_once!("root not freed, its lock is held: {:?}\n", err);
                return;
            }
        };
        while let Some(last) = chain.pop() {
            // SAFETY: The record is that of the root's values, which come from `Object::new()`; and
            // migration is disabled.
            unsafe { last.free(record) };
        }
        if !more {
            return;
        }
    }
}
