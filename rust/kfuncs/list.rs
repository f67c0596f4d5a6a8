// SPDX-License-Identifier: GPL-2.0

//! Lists.

use kernel::{
    bindings::{bpf_list_head, bpf_list_node, btf_struct_meta},
    prelude::*,
};

use super::{claimed, inserted, non_null, or_null};
use crate::{
    list::{List, ListNode},
    owner::{Held, Node},
};

/// The list at `head`.
///
/// # Safety
///
/// Verifier: locked.
#[inline(always)]
pub(super) unsafe fn list(head: *mut bpf_list_head, held: &Held) -> List<'_> {
    // SAFETY: The kfunc that calls this has the lock held around it.
    unsafe { List::locked(non_null(head), held) }
}

/// The list node at `node`.
///
/// # Safety
///
/// Verifier: owned.
#[inline(always)]
pub(super) unsafe fn list_node(node: *mut bpf_list_node, held: &Held) -> ListNode<'_> {
    // SAFETY: The reference keeps the object alive around the kfunc that calls this.
    unsafe { Node::from_raw(non_null(node), held) }
}

/// Inserts `node` at the front of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta.
#[export]
pub unsafe extern "C" fn bpf_list_push_front(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = list_node(node, &held);
        claimed(list(head, &held).push_front(node), node, meta, off)
    }
}

/// [`bpf_list_push_front()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_list_push_front()`].
#[export]
pub unsafe extern "C" fn bpf_list_push_front_impl(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_list_push_front(head, node, meta.cast(), off) }
}

/// Inserts `node` at the end of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned, meta.
#[export]
pub unsafe extern "C" fn bpf_list_push_back(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = list_node(node, &held);
        claimed(list(head, &held).push_back(node), node, meta, off)
    }
}

/// [`bpf_list_push_back()`] as programs knew it before arguments could be implicit.
///
/// # Safety
///
/// As for [`bpf_list_push_back()`].
#[export]
pub unsafe extern "C" fn bpf_list_push_back_impl(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
    meta: *mut c_void,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe { bpf_list_push_back(head, node, meta.cast(), off) }
}

/// Inserts `new` behind `prev`, which must be in `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned (both nodes), meta.
#[export]
pub unsafe extern "C" fn bpf_list_add(
    head: *mut bpf_list_head,
    new: *mut bpf_list_node,
    prev: *mut bpf_list_node,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        let node = list_node(new, &held);
        inserted(
            list(head, &held).insert_after(node, list_node(prev, &held)),
            node,
            meta,
            off,
        )
    }
}

/// Takes the first node out of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_pop_front(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).pop_front())
    }
}

/// Takes the last node out of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_pop_back(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).pop_back())
    }
}

/// Takes `node` out of `head`; null if it is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_del(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).remove(list_node(node, &held)))
    }
}

/// The first node of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_front(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).front())
    }
}

/// The last node of `head`; null if there is none.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_back(head: *mut bpf_list_head) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).back())
    }
}

/// Whether `node` is the first one of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_is_first(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        list(head, &held).is_first(list_node(node, &held))
    }
}

/// Whether `node` is the last one of `head`.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_is_last(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        list(head, &held).is_last(list_node(node, &held))
    }
}

/// Whether `head` has no node.
///
/// # Safety
///
/// Called by programs. Verifier: locked.
#[export]
pub unsafe extern "C" fn bpf_list_empty(head: *mut bpf_list_head) -> bool {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        list(head, &held).is_empty()
    }
}

/// Whether `node` is in `head`: 1 or 0, which the verifier believes until the unlock, or until a
/// node is taken out of anything.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_owns_node(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> u64 {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        u64::from(list(head, &held).has(list_node(node, &held)))
    }
}

/// The node behind `node` in `head`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_next(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).next_of(list_node(node, &held)))
    }
}

/// The node before `node` in `head`; null if there is none or `node` is not there.
///
/// # Safety
///
/// Called by programs. Verifier: locked, owned.
#[export]
pub unsafe extern "C" fn bpf_list_prev(
    head: *mut bpf_list_head,
    node: *mut bpf_list_node,
) -> *mut bpf_list_node {
    // SAFETY: This function's contract.
    unsafe {
        let held = Held::new();
        or_null(list(head, &held).prev_of(list_node(node, &held)))
    }
}
