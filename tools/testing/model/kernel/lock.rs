// SPDX-License-Identifier: GPL-2.0

//! Locks: one of loom's each, taken and given back by address, as C does.

use std::{
    cell::{Cell, RefCell},
    ffi::c_int,
    mem::transmute,
};

use loom::sync::{Mutex, MutexGuard};

use crate::{
    bindings::{bpf_spin_lock, rqspinlock_t, ETIMEDOUT},
    memory,
};

/// # Invariants
///
/// *Guard*: `held` borrows from `mutex` and is dropped before it: a lock is freed by who asserts
/// that nobody holds it, and is not moved while it is in use.
pub(crate) struct Lock {
    held: RefCell<Option<MutexGuard<'static, ()>>>,
    mutex: Mutex<()>,
    flags: Cell<usize>,
    broken: bool,
}

impl Lock {
    pub(crate) fn new(broken: bool) -> Self {
        Self {
            held: RefCell::new(None),
            mutex: Mutex::new(()),
            flags: Cell::new(0x246),
            broken,
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// Takes the lock; what interrupts were is another value each time.
    fn take(&self) -> usize {
        let guard = self.mutex.lock().unwrap();
        // SAFETY: *Guard*.
        let guard = unsafe { transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        *self.held.borrow_mut() = Some(guard);
        self.flags.set(self.flags.get() + 1);
        self.flags.get()
    }

    fn give(&self, flags: usize) {
        // While a failed test is unwound loom is gone.
        if std::thread::panicking() {
            return;
        }
        assert_eq!(
            flags,
            self.flags.get(),
            "unlocked with other interrupt flags"
        );
        let guard = self.held.borrow_mut().take();
        drop(guard.expect("unlocked, but not held"));
    }
}

/// # Safety
///
/// `lock` points to a live lock.
pub unsafe fn bpf_graph_spin_lock(lock: *mut bpf_spin_lock) -> usize {
    memory::lock(lock as usize).take()
}

/// # Safety
///
/// `lock` is held by the caller, and interrupts were `flags`.
pub unsafe fn bpf_graph_spin_unlock(lock: *mut bpf_spin_lock, flags: usize) {
    memory::lock(lock as usize).give(flags);
}

/// # Safety
///
/// `lock` points to a live lock.
pub unsafe fn raw_res_spin_lock_irqsave(lock: *mut rqspinlock_t, flags: &mut usize) -> c_int {
    let lock = memory::lock(lock as usize);
    if lock.broken {
        return -(ETIMEDOUT as c_int);
    }
    *flags = lock.take();
    0
}

/// # Safety
///
/// `lock` is held by the caller, and interrupts were `flags`.
pub unsafe fn raw_res_spin_unlock_irqrestore(lock: *mut rqspinlock_t, flags: usize) {
    memory::lock(lock as usize).give(flags);
}
