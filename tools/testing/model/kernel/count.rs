// SPDX-License-Identifier: GPL-2.0

//! Reference counts, with the orderings of the kernel's `refcount_t`.

use loom::sync::atomic::{fence, Ordering};

use crate::{bindings::refcount_t, memory};

/// # Safety
///
/// `count` points to a count that is nobody else's yet.
pub unsafe fn refcount_set(count: *mut refcount_t, value: i32) {
    memory::new_count(count as usize, value);
}

/// # Safety
///
/// `count` points to a count whose memory is there.
pub unsafe fn refcount_inc_not_zero(count: *mut refcount_t) -> bool {
    let count = memory::count(count as usize);
    let more = |n| if n != 0 { Some(n + 1) } else { None };
    let old = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    assert!(old.unwrap_or(0) >= 0, "the count was given back too often");
    old.is_ok()
}

/// # Safety
///
/// `count` points to a live count.
pub unsafe fn refcount_dec_and_test(count: *mut refcount_t) -> bool {
    let old = memory::count(count as usize).fetch_sub(1, Ordering::Release);
    assert!(old > 0, "the count was given back too often");
    if old == 1 {
        fence(Ordering::Acquire);
    }
    old == 1
}
