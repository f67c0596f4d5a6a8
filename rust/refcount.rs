// SPDX-License-Identifier: GPL-2.0

//! The reference count of a shared object: `struct bpf_refcount`.
//!
//! C header: [`include/linux/refcount.h`](srctree/include/linux/refcount.h), which counts, and
//! saturates instead of wrapping.

use core::ptr::NonNull;

use kernel::bindings;

/// The reference count inside an object.
///
/// # Invariants
///
/// `0` points to the count of an object whose memory stays for as long as this value is used: the
/// caller has a reference or is in an RCU read-side section that began while there was one.
#[derive(Clone, Copy)]
pub(crate) struct Refcount(NonNull<bindings::refcount_t>);

impl Refcount {
    /// The count at `count`.
    ///
    /// # Safety
    ///
    /// `count` points to an initialised `bpf_refcount` that outlives the returned value.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(count: NonNull<bindings::refcount_t>) -> Self {
        // INVARIANT: By this function's contract.
        Self(count)
    }

    /// Takes one reference more, unless there is none left. Relaxed, as what the caller may read
    /// is guarded by what led it here.
    #[inline(always)]
    #[must_use]
    pub(crate) fn acquire(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::refcount_inc_not_zero(self.0.as_ptr()) }
    }

    /// Gives one reference back; `true` if it was the last, and the object is the caller's to
    /// free. Release, and acquire where it was the last: what others did with their references
    /// comes before what is done after this.
    #[inline(always)]
    #[must_use]
    pub(crate) fn put(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::refcount_dec_and_test(self.0.as_ptr()) }
    }
}
