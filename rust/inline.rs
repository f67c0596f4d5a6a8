// SPDX-License-Identifier: GPL-2.0

//! Calls that become a handful of instructions in the program itself.
//!
//! When a program is loaded the verifier asks for each call of a kfunc whether there is a template
//! for it. The call is replaced after the verifier has proved everything about it, as it does with
//! some calls of its own, so a template has no rules of its own to keep: what the function may
//! rely on it may rely on. Where the type of the object decides ([`Template::Sole`]), it is the
//! one type that reaches this call (`set_call_object()` in the verifier).
//!
//! A call stays a call where
//!
//! - `kernel.bpf_graph_inline` is 0 when the program is loaded,
//! - it goes to C (`kernel.bpf_graph_impl`),
//! - the JIT does not know an instruction of the template, or
//! - the kernel checks lists with each step (`CONFIG_LIST_HARDENED`), which a template would not.

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{Atomic, Relaxed}, //
};

use crate::{kfuncs::Address, record::Record};

pub(crate) mod insn;
pub(crate) mod templates;

use self::{
    insn::{Insn, ATOMIC_DW},
    templates::{self as t, Template},
};

/// Whether calls are inlined in programs that are loaded from now on: 0 or 1, for sysctl. Nothing
/// else depends on it, so relaxed.
pub(crate) static SWITCH: Atomic<i32> = Atomic::new(1);

/// Which function has which template.
static TEMPLATES: &[(Address, &Template)] = &{
    macro_rules! table {
        ($($($kfunc:ident),+ => $template:path;)*) => {
            [$($((Address::of(crate::$kfunc as *const c_void), &$template),)+)*]
        };
    }
    table! {
        bpf_list_push_front, bpf_list_push_front_impl => t::PUSH_FRONT;
        bpf_list_push_back, bpf_list_push_back_impl => t::PUSH_BACK;
        bpf_list_pop_front => t::POP_FRONT;
        bpf_list_pop_back => t::POP_BACK;
        bpf_list_del => t::DELETE;
        bpf_list_front => t::FRONT;
        bpf_list_back => t::BACK;
        bpf_list_next => t::AFTER;
        bpf_list_prev => t::BEFORE;
        bpf_list_is_first => t::IS_FIRST;
        bpf_list_is_last => t::IS_LAST;
        bpf_list_empty => t::IS_EMPTY;
        bpf_rbtree_first => t::FIRST;
        bpf_rbtree_root => t::TOP;
        bpf_rbtree_left => t::LEFT;
        bpf_rbtree_right => t::RIGHT;
        bpf_refcount_acquire, bpf_refcount_acquire_impl => t::ACQUIRE;
        bpf_obj_new, bpf_obj_new_impl => t::NEW;
    }
};

/// The template of the function at `addr`.
pub(crate) fn template(addr: usize) -> Option<&'static Template> {
    TEMPLATES
        .iter()
        .find(|(kfunc, _)| kfunc.get() == addr)
        .map(|&(_, template)| template)
}

/// Whether the JIT knows all of `code`.
fn can_jit(code: &[Insn]) -> bool {
    code.iter().filter(|i| i.code == ATOMIC_DW).all(|insn| {
        let mut insn = *insn;
        // SAFETY: `Insn` is laid out as C's, which only reads it.
        unsafe { bindings::bpf_jit_supports_insn((&raw mut insn).cast(), false) }
    })
}

/// Writes to `room` what becomes of `call`, and says how many instructions that are; 0 if it stays
/// a call. `size` is that of a new object, if it makes one.
pub(crate) fn expand(
    template: &Template,
    meta: *mut bindings::btf_struct_meta,
    record: Option<Record>,
    size: u64,
    call: Insn,
    room: &mut [Insn],
) -> usize {
    let acquire;
    let code: &[Insn] = match template {
        Template::Any(code) => code,
        Template::Sole(code) if record.is_some_and(|r| !r.is_shared()) => code,
        Template::Sole(_) => return 0,
        Template::Acquire => {
            acquire = record.and_then(|r| t::acquire(r, meta as u64, call));
            match &acquire {
                Some(code) => code,
                None => return 0,
            }
        }
        Template::New => {
            return record
                .and_then(|r| t::new_object(r, size, call, room))
                .unwrap_or(0)
        }
    };
    if code.len() > room.len() {
        return 0;
    }
    for (to, from) in room.iter_mut().zip(code) {
        *to = *from;
    }
    code.len()
}

/// Writes to `buf` what becomes of `call`, a call of the kfunc at `addr` with an object of the type
/// that `meta` describes, and makes if it is a new one, of `size` bytes: no more than `room`
/// instructions. Returns how many, or 0 if it stays a call.
///
/// # Safety
///
/// `meta` is null or the metadata that all paths to the call agree on; `call` points to the
/// instruction, and `buf` to `room` others.
#[export]
pub unsafe extern "C" fn bpf_graph_inline(
    addr: usize,
    meta: *mut bindings::btf_struct_meta,
    size: u64,
    call: *const bindings::bpf_insn,
    buf: *mut bindings::bpf_insn,
    room: u32,
) -> c_int {
    if cfg!(CONFIG_LIST_HARDENED) || SWITCH.load(Relaxed) == 0 {
        return 0;
    }
    let Some(template) = template(addr) else {
        return 0;
    };
    // SAFETY: This function's contract; `Insn` is laid out as C's.
    let (record, call, room) = unsafe {
        (
            Record::from_meta(meta),
            *call.cast::<Insn>(),
            core::slice::from_raw_parts_mut(buf.cast::<Insn>(), room as usize),
        )
    };
    let len = expand(template, meta, record, size, call, room);
    if room.get(..len).is_some_and(can_jit) {
        len as c_int
    } else {
        0
    }
}
