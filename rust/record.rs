// SPDX-License-Identifier: GPL-2.0

//! What the kernel knows of a type's special fields: a view of `struct btf_record`.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::refcount::Refcount;

/// The fields for which something must be freed before the object's memory is.
const OWNING: u32 = bindings::btf_field_type_BPF_TIMER
    | bindings::btf_field_type_BPF_KPTR
    | bindings::btf_field_type_BPF_GRAPH_ROOT
    | bindings::btf_field_type_BPF_WORKQUEUE
    | bindings::btf_field_type_BPF_UPTR
    | bindings::btf_field_type_BPF_TASK_WORK;

/// The record of a type.
///
/// # Invariants
///
/// `0` points to a complete record that nobody changes, and that outlives this value.
#[derive(Clone, Copy)]
pub(crate) struct Record(NonNull<bindings::btf_record>);

impl Record {
    /// The record at `record`; `None` for a type without special fields.
    ///
    /// # Safety
    ///
    /// `record` is null or points to a complete record that outlives the returned value.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr(record: *mut bindings::btf_record) -> Option<Self> {
        // INVARIANT: By this function's contract.
        NonNull::new(record).map(Self)
    }

    /// The record that the verifier passed to a kfunc.
    ///
    /// # Safety
    ///
    /// `meta` is null or points to the metadata of a type of the program that is running.
    #[inline(always)]
    pub(crate) unsafe fn from_meta(meta: *mut bindings::btf_struct_meta) -> Option<Self> {
        let meta = NonNull::new(meta)?;
        // SAFETY: By this function's contract; the program's BTF, and with it the record, outlives
        // the program.
        unsafe { Self::from_ptr((*meta.as_ptr()).record) }
    }

    /// The record itself.
    #[inline(always)]
    pub(crate) fn get(&self) -> &bindings::btf_record {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }

    /// The fields, in the order of their offsets.
    #[inline(always)]
    pub(crate) fn fields(&self) -> &[bindings::btf_field] {
        let record = self.get();
        // SAFETY: By the type invariant the record is complete: `cnt` fields follow it.
        unsafe { record.fields.as_slice(record.cnt as usize) }
    }

    /// The reference count of `obj`; `None` for a type that has none.
    ///
    /// # Safety
    ///
    /// `obj` points to a live object of this record's type that outlives the returned value.
    #[inline(always)]
    pub(crate) unsafe fn refcount(&self, obj: NonNull<c_void>) -> Option<Refcount> {
        let offset = usize::try_from(self.get().refcount_off).ok()?;
        // SAFETY: By this function's contract there is an initialised count at that offset.
        Some(unsafe { Refcount::from_raw(obj.byte_add(offset).cast()) })
    }

    /// Whether objects of this type own something that must be freed with them.
    #[inline(always)]
    pub(crate) fn owns(&self) -> bool {
        self.get().field_mask & OWNING != 0
    }
}
