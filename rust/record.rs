// SPDX-License-Identifier: GPL-2.0

//! What the kernel knows of a type's special fields: a view of `struct btf_record`.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::refcount::Refcount;

/// The fields with which nothing has to be done when an object goes away. All others are left to
/// `bpf_obj_free_fields()`, so that a kind of field that is new to C is not forgotten here.
pub(crate) const INERT: u32 = bindings::btf_field_type_BPF_SPIN_LOCK
    | bindings::btf_field_type_BPF_RES_SPIN_LOCK
    | bindings::btf_field_type_BPF_GRAPH_NODE
    | bindings::btf_field_type_BPF_REFCOUNT;

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

    /// The record that the verifier passed to a kfunc which takes only types that have one.
    ///
    /// # Safety
    ///
    /// `meta` points to the metadata of a type of the program that is running.
    #[inline(always)]
    pub(crate) unsafe fn from_meta_of_some(meta: *mut bindings::btf_struct_meta) -> Self {
        // INVARIANT: By this function's contract, as in `from_meta()`; metadata has a record.
        // SAFETY: By this function's contract.
        Self(unsafe { NonNull::new_unchecked((*meta).record) })
    }

    /// The record, for C.
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *const bindings::btf_record {
        self.0.as_ptr()
    }

    /// The fields, in the order of their offsets.
    #[inline(always)]
    pub(crate) fn fields(&self) -> &[bindings::btf_field] {
        // SAFETY: By the type invariant the record is complete: `cnt` fields follow it.
        unsafe {
            let record = self.0.as_ptr();
            let fields = (&raw const (*record).fields).cast();
            core::slice::from_raw_parts(fields, (*record).cnt as usize)
        }
    }

    /// Whether objects of this type are shared: have a `bpf_refcount`.
    #[inline(always)]
    pub(crate) fn is_shared(&self) -> bool {
        self.refcount_off().is_some()
    }

    /// Where the reference count of an object is; `None` if the type is not shared.
    #[inline(always)]
    pub(crate) fn refcount_off(&self) -> Option<i32> {
        // SAFETY: By the type invariant.
        let off = unsafe { (*self.0.as_ptr()).refcount_off };
        (off >= 0).then_some(off)
    }

    /// The reference count of `obj`.
    ///
    /// # Safety
    ///
    /// - The type is shared.
    /// - `obj` points to a live object of this record's type that outlives the returned value.
    #[inline(always)]
    pub(crate) unsafe fn refcount(&self, obj: NonNull<c_void>) -> Refcount {
        // SAFETY: By this function's contract there is an initialised count at that offset.
        unsafe {
            let offset = (*self.0.as_ptr()).refcount_off as isize;
            Refcount::from_raw(obj.byte_offset(offset).cast())
        }
    }

    /// Whether objects of this type own something that must be freed with them.
    #[inline(always)]
    pub(crate) fn owns(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.as_ptr()).field_mask & !INERT != 0 }
    }
}
