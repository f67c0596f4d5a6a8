// SPDX-License-Identifier: GPL-2.0

//! Objects that programs allocate: `bpf_obj_new()` to the last `bpf_obj_drop()`.

use core::{ffi::c_void, ptr::NonNull};

use kernel::bindings;

use crate::{rbtree, record::Record};

/// An object of a program, or one reference to it.
///
/// # Invariants
///
/// `0` points to an object from one of BPF's two global allocators.
pub(crate) struct Object(NonNull<c_void>);

/// Writes what a field of a new object must hold.
///
/// # Safety
///
/// `at` points to `field.size` bytes that are aligned for the field's type and nobody else's.
#[inline(always)]
unsafe fn init_field(field: &bindings::btf_field, at: *mut c_void) {
    // SAFETY: By this function's contract, `at` can be written as what its type says it is.
    unsafe {
        match field.type_ {
            bindings::btf_field_type_BPF_LIST_NODE => {
                let node: *mut bindings::bpf_list_node_kern = at.cast();
                bindings::INIT_LIST_HEAD(&raw mut (*node).list_head);
                (*node).owner = core::ptr::null_mut();
            }
            bindings::btf_field_type_BPF_RB_NODE => {
                let node: *mut bindings::bpf_rb_node_kern = at.cast();
                (*node).rb_node.rb_left = core::ptr::null_mut();
                (*node).rb_node.rb_right = core::ptr::null_mut();
                rbtree::clear(&raw mut (*node).rb_node);
                (*node).owner = core::ptr::null_mut();
            }
            bindings::btf_field_type_BPF_REFCOUNT => bindings::refcount_set(at.cast(), 1),
            bindings::btf_field_type_BPF_LIST_HEAD => bindings::INIT_LIST_HEAD(at.cast()),
            // All others begin as zeroes.
            _ => core::ptr::write_bytes(at.cast::<u8>(), 0, field.size as usize),
        }
    }
}

impl Object {
    /// Allocates an object of `size` bytes and initialises the fields that `record` names; all
    /// other bytes are as they come. `None` if there is no memory. Does not sleep.
    #[inline(always)]
    pub(crate) fn new(size: usize, record: Option<Record>) -> Option<Self> {
        // SAFETY: The allocator was set up at boot, or the verifier had refused the program.
        let obj = unsafe { bindings::bpf_mem_alloc(&raw mut bindings::bpf_global_ma, size) };
        // INVARIANT: It comes from a global allocator.
        let obj = Self(NonNull::new(obj)?);
        if let Some(record) = record {
            for field in record.fields() {
                // SAFETY: The object is new, and a record's fields are within its type, aligned.
                unsafe { init_field(field, obj.0.as_ptr().byte_add(field.offset as usize)) };
            }
        }
        Some(obj)
    }

    /// Allocates an object of `size` bytes for each CPU. Such objects have no special fields.
    #[inline(always)]
    pub(crate) fn new_percpu(size: usize) -> Option<Self> {
        // SAFETY: The verifier set the allocator up before it let the first such program through.
        let obj = unsafe { bindings::bpf_mem_alloc(&raw mut bindings::bpf_global_percpu_ma, size) };
        // INVARIANT: It comes from a global allocator.
        NonNull::new(obj).map(Self)
    }

    /// The object at `obj`.
    ///
    /// # Safety
    ///
    /// `obj` points to an object from one of BPF's global allocators.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(obj: NonNull<c_void>) -> Self {
        // INVARIANT: By this function's contract.
        Self(obj)
    }

    /// The object that `field` is `offset` bytes into.
    ///
    /// # Safety
    ///
    /// That is what `field` is.
    #[inline(always)]
    pub(crate) unsafe fn containing(field: *mut c_void, offset: usize) -> Self {
        // INVARIANT: By this function's contract.
        // SAFETY: By this function's contract the result is within the object, and not null.
        Self(unsafe { NonNull::new_unchecked(field.byte_sub(offset)) })
    }

    /// The pointer, for programs.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }

    /// Gives back one reference; the last one frees what the object owns, and the object after an
    /// RCU grace period: whoever may read it until then reads it.
    ///
    /// # Safety
    ///
    /// - The caller has a reference, and loses it. `record` is that of the object's type.
    /// - The object comes from [`new()`](Self::new).
    /// - Migration is disabled, as the allocator's caches are per CPU.
    #[inline(always)]
    pub(crate) unsafe fn drop(self, record: Option<Record>) {
        // SAFETY: This function's contract.
        unsafe { self.drop_to(record, &raw mut bindings::bpf_global_ma) }
    }

    /// [`drop()`](Self::drop) of an object that nobody else can read: it is free at once, and what
    /// the next [`new()`](Self::new) of that size on this CPU returns.
    ///
    /// # Safety
    ///
    /// As for [`drop()`](Self::drop). Besides, this reference is the only one, and nobody reads
    /// the object without a reference or will: no program has a non-owning reference to it.
    #[inline(always)]
    pub(crate) unsafe fn drop_at_once(self, record: Record) {
        // INVARIANT: The caller's is the only reference, and ends here.
        let last = Last(self);
        // SAFETY: This function's contract. The object comes from this allocator.
        unsafe {
            last.free_fields(record);
            bindings::bpf_mem_free(&raw mut bindings::bpf_global_ma, last.0.as_ptr());
        }
    }

    /// [`drop()`](Self::drop) for an object that there is one of for each CPU.
    ///
    /// # Safety
    ///
    /// As for [`drop()`](Self::drop), but the object comes from
    /// [`new_percpu()`](Self::new_percpu).
    #[inline(always)]
    pub(crate) unsafe fn drop_percpu(self, record: Option<Record>) {
        // SAFETY: This function's contract.
        unsafe { self.drop_to(record, &raw mut bindings::bpf_global_percpu_ma) }
    }

    /// # Safety
    ///
    /// As for [`drop()`](Self::drop), but the object comes from `allocator`.
    #[inline(always)]
    unsafe fn drop_to(self, record: Option<Record>, allocator: *mut bindings::bpf_mem_alloc) {
        // SAFETY: This function's contract.
        unsafe {
            if let Some(last) = self.put(record) {
                last.free_to(record, allocator);
            }
        }
    }

    /// Gives back one reference; the object to free, if it was the last.
    ///
    /// # Safety
    ///
    /// The caller has a reference, and loses it. `record` is that of the object's type.
    #[inline(always)]
    #[must_use = "an object without references is a leak unless it is freed"]
    pub(crate) unsafe fn put(self, record: Option<Record>) -> Option<Last> {
        if let Some(record) = record {
            // SAFETY: The caller's reference keeps the object until it is given back here.
            if record.is_shared() && !unsafe { record.refcount(self.0) }.put() {
                return None;
            }
        }
        // INVARIANT: That was the last reference.
        Some(Last(self))
    }
}

/// An object to which nobody has a reference any more.
///
/// # Invariants
///
/// It is the caller's to free, and nobody can take a reference to it.
pub(crate) struct Last(Object);

impl Last {
    /// The object that `field` is `offset` bytes into.
    ///
    /// # Safety
    ///
    /// That is what `field` is. The object came from [`Object::put()`], is not freed yet, and no
    /// other `Last` of it is used.
    #[inline(always)]
    pub(crate) unsafe fn containing(field: *mut c_void, offset: usize) -> Self {
        // INVARIANT: By this function's contract.
        // SAFETY: This function's contract.
        Self(unsafe { Object::containing(field, offset) })
    }

    /// Frees what the object owns, and the object after an RCU grace period.
    ///
    /// # Safety
    ///
    /// - `record` is that of the object's type, and the object comes from [`Object::new()`].
    /// - Migration is disabled, as the allocator's caches are per CPU.
    #[inline(always)]
    pub(crate) unsafe fn free(self, record: Option<Record>) {
        // SAFETY: This function's contract.
        unsafe { self.free_to(record, &raw mut bindings::bpf_global_ma) }
    }

    /// # Safety
    ///
    /// As for [`free()`](Self::free), but the object comes from `allocator`.
    #[inline(always)]
    unsafe fn free_to(self, record: Option<Record>, allocator: *mut bindings::bpf_mem_alloc) {
        if let Some(record) = record {
            // SAFETY: This function's contract.
            unsafe { self.free_fields(record) };
        }
        // SAFETY: By the type invariant it is ours to free; it comes from this allocator.
        unsafe { bindings::bpf_mem_free_rcu(allocator, self.0.as_ptr()) };
    }

    /// Frees what the object owns.
    ///
    /// # Safety
    ///
    /// `record` is that of the object's type.
    #[inline(always)]
    unsafe fn free_fields(&self, record: Record) {
        if record.owns() {
            // SAFETY: By the type invariant what the fields own is ours to free.
            unsafe { bindings::bpf_obj_free_fields(record.as_ptr(), self.0.as_ptr()) };
        }
    }
}
