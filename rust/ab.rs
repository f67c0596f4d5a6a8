// SPDX-License-Identifier: GPL-2.0

//! The switch between the Rust and the C implementation: `kernel.bpf_graph_impl`.
//!
//! Each call of a program gets the one that is chosen when the program is loaded, and keeps it.
//! What maps and objects leave behind is freed by the one that is chosen then. Both follow the same
//! protocol on the same memory, so that any mixture is sound.

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{Atomic, Relaxed}, //
};

use crate::kfuncs::Address;

/// An implementation, as the value of the switch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// This one.
    Rust,
    /// Upstream's, by its second names.
    C,
}

impl Implementation {
    const ALL: [Implementation; 2] = [Implementation::Rust, Implementation::C];

    /// The name by which the switch knows it.
    fn name(self) -> &'static CStr {
        match self {
            Implementation::Rust => c"rust",
            Implementation::C => c"c",
        }
    }

    fn from_name(name: &CStr) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.name() == name)
    }
}

/// Whether C is chosen. Nothing else depends on it, so relaxed.
static CHOSE_C: Atomic<bool> = Atomic::new(false);

/// The implementation that is chosen now.
#[inline(always)]
pub(crate) fn chosen() -> Implementation {
    if CHOSE_C.load(Relaxed) {
        Implementation::C
    } else {
        Implementation::Rust
    }
}

/// Chooses the implementation for programs that are loaded from now on.
pub(crate) fn choose(which: Implementation) {
    CHOSE_C.store(which == Implementation::C, Relaxed);
}

/// Declares the C bodies' second names, and the table from Rust's functions to them.
macro_rules! kfuncs {
    ($($($rust:ident),+ => $c:ident;)*) => {
        extern "C" {
            $(fn $c();)*
        }

        /// Each kfunc as Rust and as C has it. An `_impl` twin takes the same registers as the
        /// kfunc it is the twin of, and so the same C body.
        pub(crate) static KFUNCS: &[(Address, Address)] = &[
            $($((
                Address::of(crate::$rust as *const c_void),
                Address::of($c as *const c_void),
            ),)+)*
        ];
    };
}

kfuncs! {
    bpf_obj_new, bpf_obj_new_impl => bpf_graph_c_bpf_obj_new;
    bpf_percpu_obj_new, bpf_percpu_obj_new_impl => bpf_graph_c_bpf_percpu_obj_new;
    bpf_obj_drop, bpf_obj_drop_impl => bpf_graph_c_bpf_obj_drop;
    bpf_percpu_obj_drop, bpf_percpu_obj_drop_impl => bpf_graph_c_bpf_percpu_obj_drop;
    bpf_refcount_acquire, bpf_refcount_acquire_impl => bpf_graph_c_bpf_refcount_acquire;
    bpf_list_push_front, bpf_list_push_front_impl => bpf_graph_c_bpf_list_push_front;
    bpf_list_push_back, bpf_list_push_back_impl => bpf_graph_c_bpf_list_push_back;
    bpf_list_add => bpf_graph_c_bpf_list_add;
    bpf_list_pop_front => bpf_graph_c_bpf_list_pop_front;
    bpf_list_pop_back => bpf_graph_c_bpf_list_pop_back;
    bpf_list_del => bpf_graph_c_bpf_list_del;
    bpf_list_front => bpf_graph_c_bpf_list_front;
    bpf_list_back => bpf_graph_c_bpf_list_back;
    bpf_list_is_first => bpf_graph_c_bpf_list_is_first;
    bpf_list_is_last => bpf_graph_c_bpf_list_is_last;
    bpf_list_empty => bpf_graph_c_bpf_list_empty;
    bpf_list_next => bpf_graph_c_bpf_list_next;
    bpf_list_prev => bpf_graph_c_bpf_list_prev;
    bpf_rbtree_add, bpf_rbtree_add_impl => bpf_graph_c_bpf_rbtree_add;
    bpf_rbtree_remove => bpf_graph_c_bpf_rbtree_remove;
    bpf_rbtree_first => bpf_graph_c_bpf_rbtree_first;
    bpf_rbtree_root => bpf_graph_c_bpf_rbtree_root;
    bpf_rbtree_left => bpf_graph_c_bpf_rbtree_left;
    bpf_rbtree_right => bpf_graph_c_bpf_rbtree_right;
    bpf_rbtree_next => bpf_graph_c_bpf_rbtree_next;
    bpf_rbtree_prev => bpf_graph_c_bpf_rbtree_prev;
}

/// The address that a program's call gets: that of the C body where C is chosen and there is one.
pub(crate) fn kfunc_addr(addr: usize) -> usize {
    if chosen() == Implementation::Rust {
        return addr;
    }
    KFUNCS
        .iter()
        .find(|(rust, _)| rust.get() == addr)
        .map_or(addr, |(_, c)| c.get())
}

/// The C body of the Rust function at `addr`, as a pointer to a function of the same type.
#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
pub(crate) fn c_body(addr: *const c_void) -> *const c_void {
    KFUNCS
        .iter()
        .find(|(rust, _)| rust.as_ptr() == addr)
        .map_or(core::ptr::null(), |(_, c)| c.as_ptr())
}

/// Room for either name and for the first wrong letter behind it.
const NAME_SIZE: usize = 8;

/// Reads or writes `kernel.bpf_graph_impl`.
///
/// # Errors
///
/// `EINVAL` if what is written is neither `rust` nor `c`; then nothing changes.
///
/// # Safety
///
/// Called by sysctl, as a `proc_handler`.
pub(crate) unsafe extern "C" fn proc_impl(
    table: *const bindings::ctl_table,
    write: c_int,
    buffer: *mut c_void,
    lenp: *mut usize,
    ppos: *mut bindings::loff_t,
) -> c_int {
    let mut name = [0 as c_char; NAME_SIZE];
    for (to, from) in name.iter_mut().zip(chosen().name().to_bytes()) {
        *to = *from as c_char;
    }
    // SAFETY: Sysctl passes our table, which is never changed.
    let mut copy = unsafe { *table };
    copy.data = name.as_mut_ptr().cast();
    copy.maxlen = NAME_SIZE as c_int;
    // SAFETY: The table's data is `maxlen` bytes long, the rest is what sysctl passed to us.
    let ret = unsafe { bindings::proc_dostring(&copy, write, buffer, lenp, ppos) };
    if ret != 0 || write == 0 {
        return ret;
    }
    // SAFETY: `c_char` is a byte, and `name` is `NAME_SIZE` of them.
    let bytes = unsafe { core::slice::from_raw_parts(name.as_ptr().cast::<u8>(), NAME_SIZE) };
    match CStr::from_bytes_until_nul(bytes)
        .ok()
        .and_then(Implementation::from_name)
    {
        Some(which) => {
            choose(which);
            0
        }
        None => EINVAL.to_errno(),
    }
}

/// The address that a program's call to the kfunc at `addr` gets.
///
/// # Safety
///
/// Always safe to call; unsafe as all exported functions are.
#[export]
pub unsafe extern "C" fn bpf_graph_kfunc_addr(addr: usize) -> usize {
    kfunc_addr(addr)
}
