// SPDX-License-Identifier: GPL-2.0

//! Objects and references to them.

use core::ptr::NonNull;

use kernel::{
    bindings::btf_struct_meta,
    prelude::*,
    sync::atomic::{Atomic, Relaxed}, //
};

use super::non_null;
use crate::{object::Object, record::Record};

/// Allocates an object of `size` bytes.
///
/// # Safety
///
/// Called by programs. Verifier: meta; the program's `local_type_id__k` was replaced by the size.
#[export]
pub unsafe extern "C" fn bpf_obj_new(size: u64, meta: *mut btf_struct_meta) -> *mut c_void {
    // SAFETY: Verifier: meta.
    let record = unsafe { Record::from_meta(meta) };
    Object::new(size as usize, record).map_or(core::ptr::null_mut(), |obj| obj.as_ptr())
}

/// [`bpf_obj_new()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_obj_new()`].
#[export]
pub unsafe extern "C" fn bpf_obj_new_impl(size: u64, meta: *mut c_void) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_obj_new(size, meta.cast()) }
}

/// Allocates an object of `size` bytes for each CPU.
///
/// # Safety
///
/// Called by programs. The verifier takes only types without special fields.
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_new(size: u64, _meta: *mut btf_struct_meta) -> *mut c_void {
    Object::new_percpu(size as usize).map_or(core::ptr::null_mut(), |obj| obj.as_ptr())
}

/// [`bpf_percpu_obj_new()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_percpu_obj_new()`].
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_new_impl(size: u64, meta: *mut c_void) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_percpu_obj_new(size, meta.cast()) }
}

/// The record of a type whose objects only their owner can read, once they have left the lock under
/// which they were in a collection. `None` for all other types.
///
/// It is a type whose objects are not shared, and that the verifier has not marked for what can be
/// read under RCU: in kptrs, for instance. Types without metadata have no mark, and may be.
///
/// The mark is set before the first program runs that can have an object read, and then stays. From
/// that program objects come to others by a lock or an exchange, so relaxed.
///
/// # Safety
///
/// Verifier: meta.
#[inline(always)]
unsafe fn unseen(meta: *mut btf_struct_meta) -> Option<Record> {
    let mark = NonNull::new(meta)?.as_ptr();
    // SAFETY: Verifier: meta. C writes the mark by `WRITE_ONCE()`: `mark_rcu_read()`.
    let read = unsafe { Atomic::from_ptr(&raw mut (*mark).rcu_read) }.load(Relaxed);
    // SAFETY: Verifier: meta.
    unsafe { Record::from_meta(meta) }.filter(|record| !read && !record.is_shared())
}

/// Gives back a reference to `obj`, and frees the object if that was the last one: at once where
/// nobody else can read it (`Documentation/freeing.rst`), otherwise after an RCU grace period.
///
/// # Safety
///
/// Called by programs, with no lock held. Verifier: owned, meta.
#[export]
pub unsafe extern "C" fn bpf_obj_drop(obj: *mut c_void, meta: *mut btf_struct_meta) {
    // SAFETY: Verifier: owned, meta. Programs run with migration disabled. An object of an unseen
    // type is read without a reference only by who found it in its collection, under the lock, and
    // the verifier takes those references away with the lock.
    unsafe {
        let obj = Object::from_raw(non_null(obj));
        match unseen(meta) {
            Some(record) => obj.drop_at_once(record),
            None => obj.drop(Record::from_meta(meta)),
        }
    }
}

/// [`bpf_obj_drop()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_obj_drop()`].
#[export]
pub unsafe extern "C" fn bpf_obj_drop_impl(obj: *mut c_void, meta: *mut c_void) {
    // SAFETY: This function's contract.
    unsafe { bpf_obj_drop(obj, meta.cast()) }
}

/// Frees the object that each CPU has one of.
///
/// # Safety
///
/// Called by programs. Verifier: owned.
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_drop(obj: *mut c_void, _meta: *mut btf_struct_meta) {
    // SAFETY: Verifier: owned. Such types have no special fields, and so no record.
    unsafe { Object::from_raw(non_null(obj)).drop_percpu(None) }
}

/// [`bpf_percpu_obj_drop()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_percpu_obj_drop()`].
#[export]
pub unsafe extern "C" fn bpf_percpu_obj_drop_impl(obj: *mut c_void, meta: *mut c_void) {
    // SAFETY: This function's contract.
    unsafe { bpf_percpu_obj_drop(obj, meta.cast()) }
}

/// Takes another reference to `obj`; null if it is already on its way out.
///
/// # Safety
///
/// Called by programs. Verifier: owned, meta; the type has a `bpf_refcount`.
#[export]
pub unsafe extern "C" fn bpf_refcount_acquire(
    obj: *mut c_void,
    meta: *mut btf_struct_meta,
) -> *mut c_void {
    // SAFETY: Verifier: owned, meta; it takes shared types only.
    let count = unsafe { Record::from_meta_of_some(meta).refcount(non_null(obj)) };
    if count.acquire() {
        obj
    } else {
        core::ptr::null_mut()
    }
}

/// [`bpf_refcount_acquire()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_refcount_acquire()`].
#[export]
pub unsafe extern "C" fn bpf_refcount_acquire_impl(
    obj: *mut c_void,
    meta: *mut c_void,
) -> *mut c_void {
    // SAFETY: This function's contract.
    unsafe { bpf_refcount_acquire(obj, meta.cast()) }
}
