// SPDX-License-Identifier: GPL-2.0

//! Two locks at once.
//!
//! They are taken in the order of their addresses, whatever the order they are given in: of those
//! who want the same two, nobody holds one and waits for the other. Both can be one lock, that of a
//! value that was looked up twice; it is taken once.
//!
//! - *verifier: paired* says that the program holds no `bpf_spin_lock` where it takes two, and
//!   releases both together (`process_spin_lock()`).

use kernel::{
    bindings::{self, bpf_res_spin_lock, bpf_spin_lock},
    prelude::*,
};

/// The two in the order in which they are taken.
#[inline(always)]
fn in_order<T>(a: *mut T, b: *mut T) -> (*mut T, *mut T) {
    if a <= b {
        (a, b)
    } else {
        (b, a)
    }
}

/// Disables interrupts and takes `a` and `b`.
///
/// # Safety
///
/// Called by programs. Verifier: both locks are in values or objects that stay until they are
/// released; paired.
#[export]
pub unsafe extern "C" fn bpf_spin_lock_double(a: *mut bpf_spin_lock, b: *mut bpf_spin_lock) {
    let (first, second) = in_order(a, b);
    // SAFETY: This function's contract.
    unsafe { bindings::bpf_graph_spin_lock_pair(first, second) }
}

/// Releases `a` and `b`, and leaves interrupts as they were.
///
/// # Safety
///
/// Called by programs. Verifier: [`bpf_spin_lock_double()`] took both, in any order; paired.
#[export]
pub unsafe extern "C" fn bpf_spin_unlock_double(a: *mut bpf_spin_lock, b: *mut bpf_spin_lock) {
    let (first, second) = in_order(a, b);
    // SAFETY: This function's contract.
    unsafe { bindings::bpf_graph_spin_unlock_pair(first, second) }
}

/// Takes `a` and `b`; 0, or `-EDEADLK` or `-ETIMEDOUT` where one of them cannot be had, and then
/// neither is held.
///
/// The program may hold other resilient locks: against those there is no order, which is why this
/// can fail.
///
/// # Safety
///
/// As for [`bpf_spin_lock_double()`], but paired says only that both are released together.
#[export]
pub unsafe extern "C" fn bpf_res_spin_lock_double(
    a: *mut bpf_res_spin_lock,
    b: *mut bpf_res_spin_lock,
) -> c_int {
    let (first, second) = in_order(a, b);
    // SAFETY: This function's contract.
    unsafe {
        let mut ret = bindings::bpf_res_spin_lock(first);
        if ret == 0 && second != first {
            ret = bindings::bpf_res_spin_lock(second);
            if ret != 0 {
                bindings::bpf_res_spin_unlock(first);
            }
        }
        ret
    }
}

/// Releases `a` and `b`.
///
/// # Safety
///
/// Called by programs. Verifier: [`bpf_res_spin_lock_double()`] took both, in any order, and they
/// are the last ones that are held; paired.
#[export]
pub unsafe extern "C" fn bpf_res_spin_unlock_double(
    a: *mut bpf_res_spin_lock,
    b: *mut bpf_res_spin_lock,
) {
    let (first, second) = in_order(a, b);
    // SAFETY: This function's contract.
    unsafe {
        if second != first {
            bindings::bpf_res_spin_unlock(second);
        }
        bindings::bpf_res_spin_unlock(first);
    }
}
