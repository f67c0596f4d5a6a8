// SPDX-License-Identifier: GPL-2.0

//! A map's element with a list and a tree under one lock, whose value can be replaced by another
//! one at an address that was used before.

use core::{
    mem::{offset_of, zeroed},
    ptr::{null_mut, NonNull}, //
};

use kernel::{
    bindings::{self, bpf_list_head, bpf_rb_root},
    prelude::*,
    sync::atomic::{Acquire, Atomic, Full, Release}, //
};

use super::{
    counted::{CountedItems, LIST, TREE},
    field,
    kfuncs::Kfuncs,
    list, list_item, root_field,
    threads::Program,
    tree, tree_item, RecordOf,
};
use crate::lock::{Guard, Lock};

/// What is in the element.
#[repr(C)]
pub(super) struct Value {
    lock: u32,
    pub(super) list: bpf_list_head,
    pub(super) tree: bpf_rb_root,
}

/// The element, and one value more than it needs.
pub(super) struct Place {
    _values: [KBox<Value>; 2],
    live: Atomic<*mut Value>,
    /// Null while somebody replaces the live one.
    spare: Atomic<*mut Value>,
    record: KBox<RecordOf<3>>,
    resilient: bool,
    item_meta: *mut bindings::btf_struct_meta,
}

impl Place {
    fn new(lock: u32, items: &CountedItems) -> Result<Self> {
        let record = RecordOf::new([
            field(lock, offset_of!(Value, lock), 4),
            root_field(
                bindings::btf_field_type_BPF_LIST_HEAD,
                offset_of!(Value, list),
                LIST as usize,
                items.record(),
            ),
            root_field(
                bindings::btf_field_type_BPF_RB_ROOT,
                offset_of!(Value, tree),
                TREE as usize,
                items.record(),
            ),
        ]);
        // SAFETY: All zeroes is a free lock and empty roots.
        let value = || KBox::new(unsafe { zeroed::<Value>() }, GFP_KERNEL);
        let mut values = [value()?, value()?];
        let [live, spare] = values.each_mut().map(|value| &raw mut **value);
        Ok(Self {
            _values: values,
            live: Atomic::new(live),
            spare: Atomic::new(spare),
            record: KBox::new(record, GFP_KERNEL)?,
            resilient: lock == bindings::btf_field_type_BPF_RES_SPIN_LOCK,
            item_meta: items.meta(),
        })
    }

    /// One whose lock is a `bpf_spin_lock`.
    pub(super) fn spin(items: &CountedItems) -> Result<Self> {
        Self::new(bindings::btf_field_type_BPF_SPIN_LOCK, items)
    }

    /// One whose lock is a `bpf_res_spin_lock`.
    pub(super) fn resilient(items: &CountedItems) -> Result<Self> {
        Self::new(bindings::btf_field_type_BPF_RES_SPIN_LOCK, items)
    }

    /// The value that is there now. It stays for as long as the caller is inside.
    pub(super) fn value(&self) -> *mut Value {
        self.live.load(Acquire)
    }

    /// Takes the lock of `value`, as a program does.
    ///
    /// # Errors
    ///
    /// From a `bpf_res_spin_lock`, for which too long was waited.
    pub(super) fn lock(&self, value: *mut Value) -> Result<Guard> {
        // SAFETY: Values stay as long as the place, and begin with their lock.
        unsafe {
            let lock = NonNull::new_unchecked(value);
            if self.resilient {
                Lock::resilient(lock.cast())
            } else {
                Lock::spin(lock.cast())
            }
        }
        .lock()
    }

    /// Frees the nodes of `value`, as C does when an element is deleted. Programs may still add
    /// some meanwhile.
    pub(super) fn free(&self, k: &Kfuncs, value: *mut Value) {
        let [_, list_field, tree_field] = self.record.fields();
        let _program = Program::new(false);
        // SAFETY: The record says what is in the value.
        unsafe {
            let (list, tree) = (&raw mut (*value).list, &raw mut (*value).tree);
            if !self.resilient {
                (k.free_list)(list_field, list.cast(), value.cast());
                (k.free_tree)(tree_field, tree.cast(), value.cast());
            } else if k.frees_resilient {
                let record = self.record.as_ptr();
                crate::bpf_graph_free_res_root(record, list_field, value.cast());
                crate::bpf_graph_free_res_root(record, tree_field, value.cast());
            } else {
                self.empty(k, value);
            }
        }
    }

    /// Takes out all nodes one by one, as a program must where C does not free them.
    ///
    /// # Safety
    ///
    /// `value` is one of this place.
    unsafe fn empty(&self, k: &Kfuncs, value: *mut Value) {
        loop {
            let Ok(guard) = self.lock(value) else {
                return;
            };
            // SAFETY: The value is ours and its lock is held; what was taken out is ours.
            let (popped, first) = unsafe {
                let tree = &raw mut (*value).tree;
                let first = (k.first)(tree);
                (
                    list_item((k.pop_front)(&raw mut (*value).list)),
                    if first.is_null() {
                        null_mut()
                    } else {
                        tree_item((k.remove)(tree, first))
                    },
                )
            };
            drop(guard);
            for item in [popped, first] {
                if !item.is_null() {
                    // SAFETY: The reference was the root's.
                    unsafe { (k.drop)(item.cast(), self.item_meta) };
                }
            }
            if popped.is_null() && first.is_null() {
                return;
            }
        }
    }

    /// Puts a new value in place of the live one, and frees that once `unused` returns, which
    /// waits until nobody can still use it. `None` if somebody else is doing so.
    pub(super) fn replace(&self, k: &Kfuncs, unused: impl FnOnce()) -> Option<bool> {
        let fresh = self.spare.xchg(null_mut(), Full);
        if fresh.is_null() {
            return None;
        }
        // SAFETY: A spare value is nobody's, and all zeroes is a new one.
        unsafe { *fresh = zeroed() };
        let old = self.live.xchg(fresh, Full);
        unused();
        self.free(k, old);
        let empty = self.is_empty(old);
        self.spare.store(old, Release);
        Some(empty)
    }

    /// Whether `value`, which nobody uses, has no nodes and its lock is free.
    pub(super) fn is_empty(&self, value: *mut Value) -> bool {
        // SAFETY: Values stay as long as the place.
        let (lock, list, tree) = unsafe {
            (
                (*value).lock,
                &raw mut (*value).list,
                &raw mut (*value).tree,
            )
        };
        lock == 0 && list::holds(list, &[]) && tree::holds(tree, &[])
    }

    /// The value that is not in use; null while it is being changed.
    pub(super) fn spare(&self) -> *mut Value {
        self.spare.load(Acquire)
    }
}
