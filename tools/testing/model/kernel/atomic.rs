// SPDX-License-Identifier: GPL-2.0

//! The atomics of the kernel crate, for ownership words.
//!
//! LKMM's full ordering is more than acquire and release, its relaxed accesses keep dependencies:
//! what the model allows is never less than what the kernel's memory model does, as far as loom can
//! see it at all.

use core::{cell::UnsafeCell, ffi::c_void};

use loom::sync::atomic::Ordering;

use crate::memory;

pub struct Relaxed;
pub struct Acquire;
pub struct Release;
pub struct Full;

pub trait Order {
    /// As an operation that reads and writes, if it succeeds. Where it fails it orders nothing.
    const BOTH: Ordering;
}

pub trait AcquireOrRelaxed {
    const LOAD: Ordering;
}

pub trait ReleaseOrRelaxed {
    const STORE: Ordering;
}

macro_rules! order {
    ($trait:ident, $($type:ident: $const:ident = $order:ident),*) => {
        $(impl $trait for $type {
            const $const: Ordering = Ordering::$order;
        })*
    };
}

order!(Order, Relaxed: BOTH = Relaxed, Acquire: BOTH = Acquire);
order!(Order, Release: BOTH = Release, Full: BOTH = AcqRel);
order!(AcquireOrRelaxed, Relaxed: LOAD = Relaxed, Acquire: LOAD = Acquire);
order!(ReleaseOrRelaxed, Relaxed: STORE = Relaxed, Release: STORE = Release);

/// An atomic of C's, at its address.
#[repr(transparent)]
pub struct Atomic<T>(UnsafeCell<T>);

impl Atomic<*mut c_void> {
    /// # Safety
    ///
    /// `ptr` is valid for `'a`.
    pub unsafe fn from_ptr<'a>(ptr: *mut *mut c_void) -> &'a Self {
        // SAFETY: This function's contract; the types have one layout.
        unsafe { &*ptr.cast() }
    }

    fn at(&self) -> usize {
        self.0.get() as usize
    }

    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> *mut c_void {
        memory::owner(self.at()).load(O::LOAD)
    }

    pub fn store<O: ReleaseOrRelaxed>(&self, value: *mut c_void, _: O) {
        memory::owner(self.at()).store(value, O::STORE);
    }

    pub fn cmpxchg<O: Order>(
        &self,
        old: *mut c_void,
        new: *mut c_void,
        _: O,
    ) -> Result<*mut c_void, *mut c_void> {
        memory::owner(self.at()).compare_exchange(old, new, O::BOTH, Ordering::Relaxed)
    }
}
