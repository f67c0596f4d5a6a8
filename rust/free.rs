// SPDX-License-Identifier: GPL-2.0

//! What C calls when a map's value or an object goes away with a reference or a root in it.

#[cfg(CONFIG_BPF_GRAPH_AB)]
use kernel::bindings::{
    bpf_graph_c___bpf_obj_drop_impl, bpf_graph_c_bpf_list_head_free, bpf_graph_c_bpf_rb_root_free,
};
use kernel::{
    bindings::{self, bpf_spin_lock, btf_field, btf_record},
    prelude::*,
};

#[cfg(CONFIG_BPF_GRAPH_AB)]
use crate::ab;
use crate::{
    drain::drain, kfuncs::non_null, list::ListKind, lock::Lock, object::Object, rbtree::TreeKind,
    record::Record,
};

/// Gives back a reference to `obj` for the kernel itself: from a kptr that is freed.
///
/// # Safety
///
/// The caller has the reference, `record` is null or that of the object's type, `percpu` says
/// which allocator it comes from, and migration is disabled.
#[export]
pub unsafe extern "C" fn __bpf_obj_drop_impl(
    obj: *mut c_void,
    record: *const btf_record,
    percpu: bool,
) {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Implementation::C {
        // SAFETY: The contracts are the same.
        return unsafe { bpf_graph_c___bpf_obj_drop_impl(obj, record, percpu) };
    }
    // SAFETY: This function's contract.
    unsafe {
        let obj = Object::from_raw(non_null(obj));
        let record = Record::from_ptr(record.cast_mut());
        if percpu {
            obj.drop_percpu(record);
        } else {
            obj.drop(record);
        }
    }
}

/// Frees the nodes of a list that a `bpf_spin_lock` guards.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `list_head` is a live head that `field` describes and
/// `spin_lock` guards, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_list_head_free(
    field: *const btf_field,
    list_head: *mut c_void,
    spin_lock: *mut bpf_spin_lock,
) {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Implementation::C {
        // SAFETY: The contracts are the same.
        return unsafe { bpf_graph_c_bpf_list_head_free(field, list_head, spin_lock) };
    }
    // SAFETY: This function's contract.
    unsafe {
        let lock = Lock::spin(non_null(spin_lock));
        drain::<ListKind>(non_null(list_head), lock, &*field);
    }
}

/// Frees the nodes of a tree that a `bpf_spin_lock` guards.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `rb_root` is a live root that `field` describes and
/// `spin_lock` guards, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_rb_root_free(
    field: *const btf_field,
    rb_root: *mut c_void,
    spin_lock: *mut bpf_spin_lock,
) {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Implementation::C {
        // SAFETY: The contracts are the same.
        return unsafe { bpf_graph_c_bpf_rb_root_free(field, rb_root, spin_lock) };
    }
    // SAFETY: This function's contract.
    unsafe {
        let lock = Lock::spin(non_null(spin_lock));
        drain::<TreeKind>(non_null(rb_root), lock, &*field);
    }
}

/// Frees the nodes of a list or tree that a `bpf_res_spin_lock` guards; `false` if it is not such
/// a one.
///
/// # Safety
///
/// Called by `bpf_obj_free_fields()`: `obj` is live, `rec` describes it, `field` is one of `rec`'s
/// that is a list head or root, and migration is disabled.
#[export]
pub unsafe extern "C" fn bpf_graph_free_res_root(
    rec: *const btf_record,
    field: *const btf_field,
    obj: *mut c_void,
) -> bool {
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    if ab::chosen() == ab::Implementation::C {
        return false;
    }
    // SAFETY: This function's contract.
    let (lock, field) = unsafe { ((*rec).res_spin_lock_off, &*field) };
    let Ok(lock) = usize::try_from(lock) else {
        return false;
    };
    // SAFETY: This function's contract; the record says where lock and root are in the object.
    unsafe {
        let lock = Lock::resilient(non_null(obj.byte_add(lock)));
        let root = non_null(obj.byte_add(field.offset as usize));
        match field.type_ {
            bindings::btf_field_type_BPF_LIST_HEAD => drain::<ListKind>(root, lock, field),
            bindings::btf_field_type_BPF_RB_ROOT => drain::<TreeKind>(root, lock, field),
            _ => return false,
        }
    }
    true
}
