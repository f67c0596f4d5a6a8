// SPDX-License-Identifier: GPL-2.0

//! The functions that programs call, each a few lines over the collections and objects.
//!
//! Their prototypes come from `include/bpf_graph.h`; the C bodies that carry those into BTF are in
//! `kernel/bpf/helpers.c`.
//!
//! # What the verifier has proved
//!
//! The contracts of the kfuncs are kept by the verifier, not by callers in the kernel. In the
//! safety comments:
//!
//! - *verifier: owned* says that a pointer is an owning reference, or a non-owning one that is
//!   still valid: under the lock of its collection, or under RCU for shared objects and for those
//!   that were loaded from a kptr.
//! - *verifier: locked* says that the lock that guards the head or root is held by the program
//!   (`check_reg_allocation_locked()`). Each kfunc states both by a `Held` of its own, which lives
//!   as long as the call.
//! - *verifier: reserved* says that the node is claimed by `bpf_list_can_add()` or
//!   `bpf_rbtree_can_add()`, for the owning reference that is passed, and not used since
//!   (`check_reservation()`).
//! - *verifier: meta* says that metadata and offset are those of the argument's type
//!   (`bpf_fixup_kfunc_call()`).

use core::ptr::NonNull;

use kernel::{
    bindings::{btf_struct_meta, EINVAL},
    prelude::*, //
};

use crate::{
    object::Object,
    owner::{Kind, Node},
    record::Record, //
};

mod iter;
mod key;
mod list;
mod locks;
mod moves;
mod object;
mod rbtree;
mod reserve;

pub use self::{iter::*, key::*, list::*, locks::*, moves::*, object::*, rbtree::*, reserve::*};

/// A kfunc's address, in a table of constants.
#[cfg(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE))]
pub(crate) struct Address(*const c_void);

#[cfg(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE))]
// SAFETY: A function's address can be used from everywhere.
unsafe impl Sync for Address {}

#[cfg(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE))]
impl Address {
    /// That of `kfunc`.
    pub(crate) const fn of(kfunc: *const c_void) -> Self {
        Self(kfunc)
    }

    /// The address as a number.
    pub(crate) fn get(&self) -> usize {
        self.0 as usize
    }

    /// The address as a pointer.
    #[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
    pub(crate) fn as_ptr(&self) -> *const c_void {
        self.0
    }
}

/// `Some` as a pointer, `None` as null.
#[inline(always)]
pub(crate) fn or_null<K: Kind, T>(node: Option<Node<'_, K>>) -> *mut T {
    node.map_or(core::ptr::null_mut(), |n| n.as_ptr().cast())
}

/// A pointer that the verifier knows not to be null.
///
/// # Safety
///
/// It is not null.
#[inline(always)]
pub(crate) unsafe fn non_null<T, U>(ptr: *mut T) -> NonNull<U> {
    // SAFETY: This function's contract.
    unsafe { NonNull::new_unchecked(ptr.cast()) }
}

/// What an insertion returns: 0, or `-EINVAL` after the reference that was passed is dropped.
///
/// # Safety
///
/// Verifier: meta. Where the insertion failed, the caller's reference to the object is given up.
#[inline(always)]
pub(crate) unsafe fn inserted<K: Kind>(
    done: bool,
    node: Node<'_, K>,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    /// Drops the reference to the object that `node` is `off` bytes into.
    ///
    /// # Safety
    ///
    /// Verifier: meta. The reference is the caller's, and given up.
    #[cold]
    unsafe fn refuse(node: *mut c_void, meta: *mut btf_struct_meta, off: u64) -> c_int {
        // The program keeps a non-owning reference until it unlocks, so never at once.
        // SAFETY: Verifier: meta; `off` is where the node is in its object. Programs run with
        // migration disabled.
        unsafe { Object::containing(node, off as usize).drop(Record::from_meta(meta)) };
        -(EINVAL as c_int)
    }

    if done {
        0
    } else {
        // SAFETY: This function's contract.
        unsafe { refuse(node.as_ptr().cast(), meta, off) }
    }
}

/// [`inserted()`] where nothing but the claim of the node can have failed.
///
/// The node of an object with one owner is free where it is inserted, which is why such a claim is
/// left out where the call becomes part of the program (`Template::Sole` in `inline/templates.rs`).
/// Kernels that check each step on a list make all calls, and warn here if one was not free.
///
/// # Safety
///
/// As for [`inserted()`].
#[inline(always)]
pub(crate) unsafe fn claimed<K: Kind>(
    done: bool,
    node: Node<'_, K>,
    meta: *mut btf_struct_meta,
    off: u64,
) -> c_int {
    if cfg!(CONFIG_DEBUG_LIST) && !done {
        // SAFETY: This function's contract.
        let record = unsafe { Record::from_meta(meta) };
        kernel::warn_on!(record.is_some_and(|record| !record.is_shared()));
    }
    // SAFETY: This function's contract.
    unsafe { inserted(done, node, meta, off) }
}
