// SPDX-License-Identifier: GPL-2.0

//! The types of a program, and what the kernel knows of them.

#![allow(non_upper_case_globals)]

use std::{ffi::c_void, mem::offset_of, ptr::NonNull};

use kernel::bindings::*;

use crate::{
    collection::Collection, drain::drain, list::ListKind, lock::Lock, rbtree::TreeKind,
    record::Record,
};

/// What programs allocate: a node of each kind, a count, and data that is not atomic.
#[repr(C)]
pub(crate) struct Thing {
    pub(crate) list: bpf_list_node_kern,
    pub(crate) tree: bpf_rb_node_kern,
    pub(crate) count: refcount_t,
    pub(crate) data: u64,
}

/// A lock and the roots that it guards: a map's value, or an object that is shared itself.
#[repr(C)]
pub(crate) struct Value {
    pub(crate) lock: u64,
    pub(crate) root: [u64; 3],
    /// Most values have but one.
    pub(crate) other: [u64; 3],
    pub(crate) count: refcount_t,
}

fn field(type_: u32, offset: usize, size: usize) -> btf_field {
    btf_field {
        offset: offset as u32,
        size: size as u32,
        type_,
        __bindgen_anon_1: btf_field_union { nothing: () },
    }
}

fn record(fields: &[btf_field], refcount_off: usize) -> btf_record {
    let mut record = btf_record {
        cnt: fields.len() as u32,
        field_mask: fields.iter().fold(0, |mask, f| mask | f.type_),
        refcount_off: refcount_off as i32,
        fields: [field(0, 0, 0); 4],
    };
    record.fields[..fields.len()].copy_from_slice(fields);
    record
}

/// The record of [`Thing`].
fn thing() -> btf_record {
    let fields = [
        field(btf_field_type_BPF_LIST_NODE, offset_of!(Thing, list), 24),
        field(btf_field_type_BPF_RB_NODE, offset_of!(Thing, tree), 32),
        field(btf_field_type_BPF_REFCOUNT, offset_of!(Thing, count), 4),
    ];
    record(&fields, offset_of!(Thing, count))
}

/// The record of [`Value`] where that is an object.
fn value<K: Collection>(things: *mut btf_record) -> btf_record {
    let mut root = field(K::ROOT, offset_of!(Value, root), 24);
    root.__bindgen_anon_1.graph_root = btf_field_graph_root {
        node_offset: K::NODE as u32,
        value_rec: things,
    };
    let fields = [
        field(btf_field_type_BPF_SPIN_LOCK, offset_of!(Value, lock), 4),
        root,
        field(btf_field_type_BPF_REFCOUNT, offset_of!(Value, count), 4),
    ];
    record(&fields, offset_of!(Value, count))
}

struct Records {
    thing: *mut btf_record,
    list: *mut btf_record,
    tree: *mut btf_record,
}

thread_local! {
    static RECORDS: Records = {
        let thing = Box::into_raw(Box::new(thing()));
        Records {
            thing,
            list: Box::into_raw(Box::new(value::<ListKind>(thing))),
            tree: Box::into_raw(Box::new(value::<TreeKind>(thing))),
        }
    };
}

fn record_of(which: impl FnOnce(&Records) -> *mut btf_record) -> Option<Record> {
    // SAFETY: Records are made once and stay.
    unsafe { Record::from_ptr(RECORDS.with(which)) }
}

/// What the kernel knows of a [`Thing`].
pub(crate) fn thing_record() -> Record {
    record_of(|r| r.thing).unwrap()
}

/// What it knows of a [`Value`] where that is an object.
pub(crate) fn value_record<K: Collection>() -> Record {
    let list = K::ROOT == btf_field_type_BPF_LIST_HEAD;
    record_of(|r| if list { r.list } else { r.tree }).unwrap()
}

/// What `bpf_obj_free_fields()` does with the root in an object.
///
/// # Safety
///
/// `obj` is a [`Value`] that `record` describes and that nobody else can reach.
pub(crate) unsafe fn free_fields(record: *const btf_record, obj: *mut c_void) {
    // SAFETY: This function's contract.
    unsafe {
        let field = &(*record).fields[1];
        let lock = Lock::spin(NonNull::new(obj).unwrap().cast());
        let root = NonNull::new(obj.byte_add(field.offset as usize)).unwrap();
        match field.type_ {
            btf_field_type_BPF_LIST_HEAD => drain::<ListKind>(root, lock, field),
            btf_field_type_BPF_RB_ROOT => drain::<TreeKind>(root, lock, field),
            other => panic!("field of type {other:#x}"),
        }
    }
}
