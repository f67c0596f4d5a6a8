// SPDX-License-Identifier: GPL-2.0

//! The locks that guard graph roots, as the free paths take them.
//!
//! Programs take these locks themselves, and the verifier sees to it that they hold the right one
//! around each kfunc; only freeing what a map or an object leaves behind takes them in here.

use core::ptr::NonNull;

use kernel::{bindings, error::to_result, prelude::*};

use crate::owner::Held;

/// A lock that guards a root.
///
/// # Invariants
///
/// The pointer is to a live lock of its type.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    /// `struct bpf_spin_lock`: waits until it has it.
    Spin(NonNull<bindings::bpf_spin_lock>),
    /// `struct bpf_res_spin_lock`: gives up on a deadlock, or when it has waited too long.
    Resilient(NonNull<bindings::bpf_res_spin_lock>),
}

/// A held lock, with interrupts disabled; dropped, the lock is free and interrupts are as before.
///
/// # Invariants
///
/// `lock` is held by this context, and `flags` is what interrupts were before.
#[must_use = "the lock is dropped with this"]
pub(crate) struct Guard {
    lock: Lock,
    flags: usize,
    held: Held,
}

impl Guard {
    /// What says that the lock is held.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }
}

impl Lock {
    /// The `bpf_spin_lock` at `lock`.
    ///
    /// # Safety
    ///
    /// `lock` points to a live lock that outlives the returned value.
    pub(crate) unsafe fn spin(lock: NonNull<bindings::bpf_spin_lock>) -> Self {
        // INVARIANT: By this function's contract.
        Lock::Spin(lock)
    }

    /// The `bpf_res_spin_lock` at `lock`.
    ///
    /// # Safety
    ///
    /// `lock` points to a live lock that outlives the returned value.
    pub(crate) unsafe fn resilient(lock: NonNull<bindings::bpf_res_spin_lock>) -> Self {
        // INVARIANT: By this function's contract.
        Lock::Resilient(lock)
    }

    /// Disables interrupts and takes the lock.
    ///
    /// For a lock that no program can reach any more, any context. The state of interrupts is kept
    /// in the guard: unlike `bpf_spin_lock()`, which has one place per CPU for it, this nests.
    ///
    /// # Errors
    ///
    /// `EDEADLK` or `ETIMEDOUT` from a resilient lock, which then is not held.
    pub(crate) fn lock(self) -> Result<Guard> {
        let flags = match self {
            // SAFETY: By the type invariant the lock is live.
            Lock::Spin(lock) => unsafe { bindings::bpf_graph_spin_lock(lock.as_ptr()) },
            Lock::Resilient(lock) => {
                let mut flags = 0;
                // SAFETY: By the type invariant the lock is live, and it has the layout of an
                // `rqspinlock_t`, as `bpf_res_spin_lock()` asserts.
                to_result(unsafe {
                    bindings::raw_res_spin_lock_irqsave(lock.as_ptr().cast(), &mut flags)
                })?;
                flags
            }
        };
        // SAFETY: The lock was just taken, and is held until the guard is dropped.
        let held = unsafe { Held::new() };
        // INVARIANT: The lock was just taken, and `flags` comes from that.
        Ok(Guard {
            lock: self,
            flags,
            held,
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self.lock {
            // SAFETY: By the type invariant the lock is held with these flags.
            Lock::Spin(lock) => unsafe {
                bindings::bpf_graph_spin_unlock(lock.as_ptr(), self.flags)
            },
            // SAFETY: By the type invariant the lock is held with these flags.
            Lock::Resilient(lock) => unsafe {
                bindings::raw_res_spin_unlock_irqrestore(lock.as_ptr().cast(), self.flags)
            },
        }
    }
}
