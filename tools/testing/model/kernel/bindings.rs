// SPDX-License-Identifier: GPL-2.0

//! What bindgen would make of the kernel's headers, as far as the modelled files use it.

#![allow(non_camel_case_types, non_upper_case_globals)]

use core::ffi::c_void;
use std::cell::Cell;

use crate::memory;
pub use crate::{
    count::{refcount_dec_and_test, refcount_inc_not_zero, refcount_set},
    links::{list_add, list_del_init, list_head, rb_node, rb_root, rb_root_cached, INIT_LIST_HEAD},
    lock::{
        bpf_graph_spin_lock, bpf_graph_spin_unlock, raw_res_spin_lock_irqsave,
        raw_res_spin_unlock_irqrestore,
    },
    tree::{rb_erase_cached, rb_insert_color_cached, rb_last, rb_link_node, rb_next, rb_prev},
};

pub const BPF_PTR_POISON: isize = 0xeb9f;
pub const ETIMEDOUT: u32 = 110;

#[repr(C)]
pub struct bpf_list_node_kern {
    pub list_head: list_head,
    pub owner: *mut c_void,
}

#[repr(C)]
pub struct bpf_rb_node_kern {
    pub rb_node: rb_node,
    pub owner: *mut c_void,
}

#[repr(C)]
pub struct bpf_spin_lock(u64);

#[repr(C)]
pub struct bpf_res_spin_lock(u64);

#[repr(C)]
pub struct rqspinlock_t(u64);

#[repr(C)]
pub struct refcount_t(u64);

pub const btf_field_type_BPF_SPIN_LOCK: u32 = 1 << 0;
pub const btf_field_type_BPF_LIST_HEAD: u32 = 1 << 6;
pub const btf_field_type_BPF_LIST_NODE: u32 = 1 << 7;
pub const btf_field_type_BPF_RB_ROOT: u32 = 1 << 8;
pub const btf_field_type_BPF_RB_NODE: u32 = 1 << 9;
pub const btf_field_type_BPF_GRAPH_NODE: u32 =
    btf_field_type_BPF_RB_NODE | btf_field_type_BPF_LIST_NODE;
pub const btf_field_type_BPF_REFCOUNT: u32 = 1 << 10;
pub const btf_field_type_BPF_RES_SPIN_LOCK: u32 = 1 << 14;

#[derive(Clone, Copy)]
pub struct btf_field_graph_root {
    pub node_offset: u32,
    pub value_rec: *mut btf_record,
}

#[derive(Clone, Copy)]
pub union btf_field_union {
    pub graph_root: btf_field_graph_root,
    pub nothing: (),
}

#[derive(Clone, Copy)]
pub struct btf_field {
    pub offset: u32,
    pub size: u32,
    pub type_: u32,
    pub __bindgen_anon_1: btf_field_union,
}

pub struct btf_record {
    pub cnt: u32,
    pub field_mask: u32,
    pub refcount_off: i32,
    pub fields: [btf_field; 4],
}

pub struct btf_struct_meta {
    pub record: *mut btf_record,
}

#[derive(Clone, Copy, PartialEq)]
pub struct bpf_mem_alloc {
    pub percpu: bool,
}

pub static mut bpf_global_ma: bpf_mem_alloc = bpf_mem_alloc { percpu: false };
pub static mut bpf_global_percpu_ma: bpf_mem_alloc = bpf_mem_alloc { percpu: true };

/// # Safety
///
/// None.
pub unsafe fn bpf_mem_alloc(_: *mut bpf_mem_alloc, size: usize) -> *mut c_void {
    memory::alloc(size)
}

/// # Safety
///
/// `ptr` is from the allocator, and nobody uses it but readers that RCU knows.
pub unsafe fn bpf_mem_free_rcu(ma: *mut bpf_mem_alloc, ptr: *mut c_void) {
    assert!(ma == &raw mut bpf_global_ma, "freed to another allocator");
    memory::free(ptr);
}

/// # Safety
///
/// `ptr` is from the allocator, and nobody uses it.
pub unsafe fn bpf_mem_free(ma: *mut bpf_mem_alloc, ptr: *mut c_void) {
    assert!(ma == &raw mut bpf_global_ma, "freed to another allocator");
    memory::free_at_once(ptr);
}

/// What frees the roots in an object: in the kernel it is `bpf_obj_free_fields()` that calls into
/// `rust/free.rs`.
pub type FreeFields = unsafe fn(*const btf_record, *mut c_void);

thread_local! {
    static FREE_FIELDS: Cell<Option<FreeFields>> = const { Cell::new(None) };
}

/// Says what frees roots; once in each test.
pub fn free_fields_by(f: FreeFields) {
    FREE_FIELDS.set(Some(f));
}

/// # Safety
///
/// `record` describes `obj`, which nobody else can reach any more.
pub unsafe fn bpf_obj_free_fields(record: *const btf_record, obj: *mut c_void) {
    let f = FREE_FIELDS
        .get()
        .expect("an object with roots, but nothing that frees them");
    // SAFETY: This function's contract.
    unsafe { f(record, obj) }
}
