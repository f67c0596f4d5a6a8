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

use crate::{
    insn::{Insn, ATOMIC_DW},
    kfuncs::Address,
    record::Record, //
};

pub(crate) mod templates;
pub(crate) mod walk;

use self::{
    templates::{self as t, Template},
    walk::{Stack, Way},
};

/// Whether calls are inlined in programs that are loaded from now on: 0 or 1, for sysctl. Nothing
/// else depends on it, so relaxed.
pub(crate) static SWITCH: Atomic<i32> = Atomic::new(1);

/// Whether programs that are loaded now have calls inlined.
fn on() -> bool {
    !cfg!(CONFIG_LIST_HARDENED) && SWITCH.load(Relaxed) != 0
}

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
    if !on() {
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

/// Which way calls of `addr` go in a tree, compare by a callback and are written out in programs
/// that are loaded now: the number of a [`Way`], or 0.
///
/// # Safety
///
/// There is nothing to keep to.
#[export]
pub unsafe extern "C" fn bpf_graph_walks(addr: usize) -> u32 {
    let ways = [
        (crate::bpf_rbtree_add as usize, Way::Place),
        (crate::bpf_rbtree_add_impl as usize, Way::Place),
        (crate::bpf_rbtree_find as usize, Way::Equal),
        (crate::bpf_rbtree_lower_bound as usize, Way::NotLess),
        (crate::bpf_rbtree_upper_bound as usize, Way::Greater),
    ];
    if !on() {
        return 0;
    }
    ways.into_iter()
        .find(|&(kfunc, _)| kfunc == addr)
        .map_or(0, |(_, way)| way as u32)
}

/// Writes to `buf` the way of the kind that [`bpf_graph_walks()`] said, in place of `call`, which
/// compares by the function at `callback`; three words of the stack are free from `stack` on. Says
/// in `walk` what was written.
///
/// # Safety
///
/// `call` points to an instruction, `callback` to `len` that are a function, and `buf` to
/// [`walk::MAX`] others, whatever they are; `walk` to a result.
#[export]
pub unsafe extern "C" fn bpf_graph_walk(
    kind: u32,
    stack: i32,
    callback: *const bindings::bpf_insn,
    len: u32,
    call: *const bindings::bpf_insn,
    buf: *mut bindings::bpf_insn,
    walk: *mut bindings::bpf_graph_walk,
) {
    let way = Way::from_number(kind).unwrap_or(Way::Place);
    // SAFETY: This function's contract; `Insn` is laid out as C's.
    let (callback, call, room, walk) = unsafe {
        (
            core::slice::from_raw_parts(callback.cast::<Insn>(), len as usize),
            *call.cast::<Insn>(),
            &mut *buf.cast::<[Insn; walk::MAX]>(),
            &mut *walk,
        )
    };
    // A program's stack is a little more than 512 bytes at most.
    *walk = walk::write(way, Stack(stack as i16), callback, call, room);
}

/// What a call of the kfunc at `addr` with an object of the type that `meta` describes calls.
///
/// Behind a way that the program has `walked` that is the function for its end; it takes the place
/// where the kfunc takes the comparison. In both cases a claim is left out where an object has one
/// owner, see [`Template::Sole`].
///
/// # Safety
///
/// `meta` is null or the metadata that all paths to the call agree on.
#[export]
pub unsafe extern "C" fn bpf_graph_callee(
    addr: usize,
    meta: *mut bindings::btf_struct_meta,
    walked: bool,
) -> usize {
    // SAFETY: This function's contract.
    let sole = unsafe { Record::from_meta(meta) }.is_some_and(|record| !record.is_shared());
    if walked {
        return if sole {
            crate::kfuncs::rbtree_add_at_sole as usize
        } else {
            crate::kfuncs::rbtree_add_at as usize
        };
    }
    if on() && sole && addr == crate::bpf_rbtree_add_key as usize {
        crate::kfuncs::rbtree_add_key_sole as usize
    } else {
        addr
    }
}
