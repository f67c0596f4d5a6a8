// SPDX-License-Identifier: GPL-2.0

//! A map's element with a list and a tree under one lock, whose value can be replaced by another
//! one at an address that was used before.

use core::{
    mem::{offset_of, zeroed},
    ptr::{null_mut, NonNull}, //
};

use kernel::{
    bindings::{self, bpf_list_head, bpf_rb_root},
    error::to_result,
    prelude::*,
    sync::atomic::{Acquire, Atomic, Full, Relaxed, Release}, //
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
    /// 1 while a thread has the lock.
    inside: u32,
    pub(super) list: bpf_list_head,
    pub(super) tree: bpf_rb_root,
}

/// Says in a value that its lock is held, until this is dropped.
struct Inside(*mut Value);

impl Inside {
    /// Also whether another thread is there. What it has not locked it may break, but seldom does.
    fn new(value: *mut Value, met: &Atomic<bool>) -> Self {
        let inside = Self(value);
        if inside.word().xchg(1, Relaxed) != 0 {
            met.store(true, Relaxed);
        }
        inside
    }

    fn word(&self) -> &Atomic<u32> {
        // SAFETY: Values stay as long as their places.
        unsafe { Atomic::from_ptr(&raw mut (*self.0).inside) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.word().store(0, Relaxed);
    }
}

/// A value whose lock is held until this is dropped.
#[must_use = "the lock is dropped with this"]
pub(super) struct One {
    _inside: Inside,
    _guard: Guard,
}

/// Two values whose locks are held until this is dropped.
#[must_use = "the locks are dropped with this"]
pub(super) struct Two {
    values: [*mut Value; 2],
    resilient: bool,
    inside: [Option<Inside>; 2],
}

impl Drop for Two {
    fn drop(&mut self) {
        self.inside = [None, None];
        // Not as they were named when they were taken: that does not matter.
        let [b, a] = self.values;
        // SAFETY: Values stay as long as their places; both locks were taken at once.
        unsafe {
            if self.resilient {
                crate::bpf_res_spin_unlock_double(a.cast(), b.cast());
            } else {
                crate::bpf_spin_unlock_double(a.cast(), b.cast());
            }
        }
    }
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
    met: Atomic<bool>,
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
            met: Atomic::new(false),
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
    pub(super) fn lock(&self, value: *mut Value) -> Result<One> {
        // SAFETY: Values stay as long as the place, and begin with their lock.
        let lock = unsafe {
            let lock = NonNull::new_unchecked(value);
            if self.resilient {
                Lock::resilient(lock.cast())
            } else {
                Lock::spin(lock.cast())
            }
        };
        let guard = lock.lock()?;
        Ok(One {
            _inside: Inside::new(value, &self.met),
            _guard: guard,
        })
    }

    /// Whether two threads had the lock of one value at the same time.
    pub(super) fn two_met(&self) -> bool {
        self.met.load(Relaxed)
    }

    /// Takes the locks of `a`, a value of this place, and of `b`, one of this or of another place
    /// with the same kind of lock; they may be one.
    ///
    /// # Errors
    ///
    /// As for [`lock()`](Self::lock), and then neither is held.
    pub(super) fn lock_two(&self, a: *mut Value, b: *mut Value) -> Result<Two> {
        // SAFETY: Values stay as long as their places, and begin with their lock.
        unsafe {
            if self.resilient {
                to_result(crate::bpf_res_spin_lock_double(a.cast(), b.cast()))?;
            } else {
                crate::bpf_spin_lock_double(a.cast(), b.cast());
            }
        }
        Ok(Two {
            values: [a, b],
            resilient: self.resilient,
            inside: [
                Some(Inside::new(a, &self.met)),
                (a != b).then(|| Inside::new(b, &self.met)),
            ],
        })
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
