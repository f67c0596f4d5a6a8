// SPDX-License-Identifier: GPL-2.0

//! The kfuncs of one implementation as pointers, for suites that run both: no call is inlined,
//! as none is in a program.

use core::ffi::c_void;
#[cfg(CONFIG_BPF_GRAPH_AB)]
use core::mem::transmute;

use kernel::bindings::{
    bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root, bpf_spin_lock, btf_field,
    btf_struct_meta,
};

#[cfg(CONFIG_BPF_GRAPH_AB)]
use crate::ab;

pub(super) type Less = unsafe extern "C" fn(*mut bpf_rb_node, *const bpf_rb_node) -> bool;

/// What frees the nodes that a root under a `bpf_spin_lock` leaves behind.
pub(super) type Free = unsafe extern "C" fn(*const btf_field, *mut c_void, *mut bpf_spin_lock);

/// Declares the functions of an implementation and how they are found.
macro_rules! implementation {
    ($($name:ident: $kfunc:ident, $type:ty;)*) => {
        /// The functions of one implementation.
        #[derive(Clone, Copy)]
        pub(super) struct Kfuncs {
            $(pub(super) $name: $type,)*
            pub(super) free_list: Free,
            pub(super) free_tree: Free,
            /// Whether it frees what a `bpf_res_spin_lock` guards. C does not, and warns.
            pub(super) frees_resilient: bool,
        }

        impl Kfuncs {
            /// Whether these are Rust's.
            #[cfg(CONFIG_BPF_GRAPH_BENCH)]
            pub(super) fn are_rust(&self) -> bool {
                self.frees_resilient
            }

            /// Rust's.
            pub(super) fn rust() -> Self {
                Self {
                    $($name: crate::$kfunc,)*
                    free_list: crate::bpf_list_head_free,
                    free_tree: crate::bpf_rb_root_free,
                    frees_resilient: true,
                }
            }

            /// C's. What a drop frees inside of an object goes through `bpf_list_head_free()`,
            /// which is Rust's unless the switch says otherwise.
            #[cfg(CONFIG_BPF_GRAPH_AB)]
            pub(super) fn c() -> Self {
                Self {
                    $($name: {
                        let body = ab::c_body(crate::$kfunc as *const c_void);
                        assert!(!body.is_null());
                        // SAFETY: The C body has the type of the Rust function of the same name,
                        // and there is one.
                        unsafe { transmute::<*const c_void, $type>(body) }
                    },)*
                    free_list: kernel::bindings::bpf_graph_c_bpf_list_head_free,
                    free_tree: kernel::bindings::bpf_graph_c_bpf_rb_root_free,
                    frees_resilient: false,
                }
            }
        }
    };
}

type New = unsafe extern "C" fn(u64, *mut btf_struct_meta) -> *mut c_void;
type Push =
    unsafe extern "C" fn(*mut bpf_list_head, *mut bpf_list_node, *mut btf_struct_meta, u64) -> i32;
type OfList = unsafe extern "C" fn(*mut bpf_list_head) -> *mut bpf_list_node;
type Beside = unsafe extern "C" fn(*mut bpf_list_head, *mut bpf_list_node) -> *mut bpf_list_node;
type IsInList = unsafe extern "C" fn(*mut bpf_list_head, *mut bpf_list_node) -> bool;
type OfTree = unsafe extern "C" fn(*mut bpf_rb_root) -> *mut bpf_rb_node;
type FromTree = unsafe extern "C" fn(*mut bpf_rb_root, *mut bpf_rb_node) -> *mut bpf_rb_node;

implementation! {
    new: bpf_obj_new, New;
    drop: bpf_obj_drop, unsafe extern "C" fn(*mut c_void, *mut btf_struct_meta);
    new_percpu: bpf_percpu_obj_new, New;
    drop_percpu: bpf_percpu_obj_drop, unsafe extern "C" fn(*mut c_void, *mut btf_struct_meta);
    acquire: bpf_refcount_acquire,
        unsafe extern "C" fn(*mut c_void, *mut btf_struct_meta) -> *mut c_void;
    push_front: bpf_list_push_front, Push;
    push_back: bpf_list_push_back, Push;
    insert_after: bpf_list_add,
        unsafe extern "C" fn(
            *mut bpf_list_head, *mut bpf_list_node, *mut bpf_list_node, *mut btf_struct_meta, u64,
        ) -> i32;
    pop_front: bpf_list_pop_front, OfList;
    pop_back: bpf_list_pop_back, OfList;
    del: bpf_list_del,
        unsafe extern "C" fn(*mut bpf_list_head, *mut bpf_list_node) -> *mut bpf_list_node;
    front: bpf_list_front, OfList;
    back: bpf_list_back, OfList;
    is_first: bpf_list_is_first, IsInList;
    is_last: bpf_list_is_last, IsInList;
    next: bpf_list_next, Beside;
    prev: bpf_list_prev, Beside;
    is_empty: bpf_list_empty, unsafe extern "C" fn(*mut bpf_list_head) -> bool;
    add: bpf_rbtree_add,
        unsafe extern "C" fn(
            *mut bpf_rb_root, *mut bpf_rb_node, Option<Less>, *mut btf_struct_meta, u64,
        ) -> i32;
    remove: bpf_rbtree_remove, FromTree;
    first: bpf_rbtree_first, OfTree;
    top: bpf_rbtree_root, OfTree;
    left: bpf_rbtree_left, FromTree;
    right: bpf_rbtree_right, FromTree;
    tree_next: bpf_rbtree_next, FromTree;
    tree_prev: bpf_rbtree_prev, FromTree;
}
