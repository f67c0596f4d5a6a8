// SPDX-License-Identifier: GPL-2.0

//! Calls of `bpf_obj_drop()` that objects of several types reach.
//!
//! A compiler makes one call of two at the ends of two branches. What such a call is told of its
//! object comes from one of them, and an object of another type would be freed as one of that: the
//! count of a type without one would be taken from behind the object, a kptr would be lost. So,
//! where the types are not freed alike, the program looks at what it got. Memory of a global
//! allocator comes in units of few sizes; the cache that a unit is of says how large it is, and
//! that says which type the object has. Two types in units of one size cannot be told apart.
//!
//! C sources: `set_dropped_object()` in `kernel/bpf/verifier.c`, `bpf_mem_alloc_unit()` in
//! `kernel/bpf/memalloc.c`.

use core::ptr::NonNull;

use kernel::{
    bindings::{
        self, btf_field, btf_field_type_BPF_KPTR_PERCPU as KPTR_PERCPU,
        btf_field_type_BPF_KPTR_REF as KPTR_REF, btf_field_type_BPF_KPTR_UNREF as KPTR_UNREF,
        btf_field_type_BPF_LIST_HEAD as LIST_HEAD, btf_field_type_BPF_RB_ROOT as RB_ROOT,
        btf_struct_meta,
    },
    prelude::*,
    sync::atomic::{Atomic, Relaxed}, //
};

use crate::{
    insn::{jeq_k, ld_imm64, ldx32, ldx_at, mov, Code, Insn, R1, R2, R3},
    record::{Record, INERT},
};

/// Whether the same is done with what is in two fields when their objects go away.
fn holds_alike(a: &btf_field, b: &btf_field) -> bool {
    let (x, y) = (&a.__bindgen_anon_1, &b.__bindgen_anon_1);
    (a.type_, a.offset) == (b.type_, b.offset)
        && match a.type_ {
            KPTR_UNREF | KPTR_REF | KPTR_PERCPU => {
                // SAFETY: By its type this is what the field has.
                let (x, y) = unsafe { (&x.kptr, &y.kptr) };
                (x.btf, x.btf_id) == (y.btf, y.btf_id)
            }
            LIST_HEAD | RB_ROOT => {
                // SAFETY: By its type this is what the field has.
                let (x, y) = unsafe { (&x.graph_root, &y.graph_root) };
                (x.btf, x.value_btf_id, x.node_offset) == (y.btf, y.value_btf_id, y.node_offset)
            }
            _ => false,
        }
}

/// Whether the same is done with objects of two types: their counts are at one offset, or there is
/// none, and they own the same. Which lock guards a root counts as well, nodes do not.
fn freed_alike(a: Record, b: Record) -> bool {
    if a.refcount_off() != b.refcount_off() || a.owns() != b.owns() {
        return false;
    }
    let owning = |field: &&btf_field| field.type_ & INERT == 0;
    let locks = |record: Record| {
        // SAFETY: A record is complete.
        let record = unsafe { &*record.as_ptr() };
        (record.spin_lock_off, record.res_spin_lock_off)
    };
    let has_roots = |field: &btf_field| matches!(field.type_, LIST_HEAD | RB_ROOT);
    let mut others = b.fields().iter().filter(owning);
    let mut own = a.fields().iter().filter(owning);
    own.all(|a| others.next().is_some_and(|b| holds_alike(a, b)))
        && others.next().is_none()
        && (locks(a) == locks(b) || !a.fields().iter().any(has_roots))
}

/// A type, as far as a drop must know it.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// What `bpf_obj_drop()` is told; null for a type without special fields.
    pub(crate) meta: *mut btf_struct_meta,
    /// How large the units are that its objects are in, in bytes.
    pub(crate) unit: u32,
}

impl Kind {
    /// The type of objects of `size` bytes.
    pub(crate) fn new(meta: *mut btf_struct_meta, size: u32) -> Self {
        Self {
            meta,
            // SAFETY: It only computes.
            unit: unsafe { bindings::bpf_mem_alloc_unit(size as usize) },
        }
    }

    /// Whether the same is done with objects of both types.
    ///
    /// # Safety
    ///
    /// Verifier: meta, of both.
    unsafe fn is_freed_as(&self, other: &Self) -> bool {
        // SAFETY: This function's contract.
        let records = unsafe { (Record::from_meta(self.meta), Record::from_meta(other.meta)) };
        match records {
            (None, None) => true,
            (Some(one), None) | (None, Some(one)) => !one.is_shared() && !one.owns(),
            (Some(a), Some(b)) => freed_alike(a, b),
        }
    }

    /// Has objects of this type freed after a grace period from now on, as `mark_rcu_read()` does
    /// in C: it may be freed as another that is.
    ///
    /// # Safety
    ///
    /// Verifier: meta.
    unsafe fn mark(&self) {
        if let Some(meta) = NonNull::new(self.meta) {
            // SAFETY: This function's contract; the mark is read and written as an atomic, relaxed
            // as it is where it is read: `unseen()` in `kfuncs/object.rs`.
            unsafe { Atomic::from_ptr(&raw mut (*meta.as_ptr()).rcu_read) }.store(true, Relaxed);
        }
    }
}

/// The types that come to one call, one for each size of units.
pub struct Drops {
    kinds: KVec<Kind>,
    /// Whether all of them are freed alike.
    alike: bool,
}

/// For how many sizes a call can tell the types apart.
const MOST: usize = 8;

impl Drops {
    /// Those of a call that objects of one type have come to.
    pub(crate) fn new(first: Kind) -> Result<KBox<Self>> {
        let mut kinds = KVec::with_capacity(MOST, GFP_KERNEL_ACCOUNT)?;
        kinds.push(first, GFP_KERNEL_ACCOUNT)?;
        Ok(KBox::new(Self { kinds, alike: true }, GFP_KERNEL_ACCOUNT)?)
    }

    /// Objects of the type `new` come as well.
    ///
    /// # Errors
    ///
    /// `EINVAL` where they cannot be told from others, `E2BIG` where there are too many sizes.
    ///
    /// # Safety
    ///
    /// Verifier: meta, of all types.
    pub(crate) unsafe fn also(&mut self, new: Kind) -> Result {
        if let Some(same) = self.kinds.iter().find(|kind| kind.unit == new.unit) {
            // SAFETY: This function's contract.
            let alike = unsafe { new.is_freed_as(same) };
            if !alike {
                return Err(EINVAL);
            }
            if new.meta != same.meta {
                // SAFETY: This function's contract.
                unsafe {
                    new.mark();
                    same.mark();
                }
            }
            return Ok(());
        }
        // SAFETY: This function's contract. What is alike to one of those that are alike is alike
        // to all.
        let alike = |kind: &Kind| unsafe { new.is_freed_as(kind) };
        self.alike = self.alike && self.kinds.first().is_none_or(alike);
        self.kinds.push(new, GFP_KERNEL_ACCOUNT)?;
        if !self.alike && self.kinds.len() > MOST {
            return Err(E2BIG);
        }
        Ok(())
    }

    /// Writes to `room` the `call` and in front of it how it finds out what the object at `R1` is;
    /// `off` is where a cache says how large its units are. How many instructions that are; 0 if
    /// it need not find out, `None` if there is no room.
    ///
    /// # Safety
    ///
    /// Verifier: meta, of all types.
    pub(crate) unsafe fn write(&self, off: i16, call: Insn, room: &mut [Insn]) -> Option<usize> {
        let (last, others) = self.kinds.split_last()?;
        if self.alike {
            // All are freed as one of them.
            for kind in &self.kinds {
                // SAFETY: This function's contract.
                unsafe { kind.mark() };
            }
            return Some(0);
        }
        let mut code = Code::new(room);
        // In front of an object is the address of the cache that its unit comes from.
        let cache = if cfg!(target_pointer_width = "64") {
            ldx_at(R2, R1, -8)
        } else {
            ldx32(R2, R1, -4)
        };
        code.push(&[cache, ldx32(R2, R2, off)])?;
        let mut left = others.len();
        for kind in others {
            left = left.checked_sub(1)?;
            code.push(&ld_imm64(R3, kind.meta as u64))?;
            // Over those behind, three instructions each, and the last, which is two.
            let skip = i16::try_from(left.checked_mul(3)?.checked_add(2)?).ok()?;
            code.push(&[jeq_k(R2, i32::try_from(kind.unit).ok()?, skip)])?;
        }
        code.push(&ld_imm64(R3, last.meta as u64))?;
        code.push(&[mov(R2, R3), call])?;
        Some(code.len)
    }
}

/// What is kept of a call of `bpf_obj_drop()` that objects of several types come to: for now those
/// of `size` bytes that `meta` describes. Null if there is no memory. Sleeps.
///
/// # Safety
///
/// Verifier: meta, for as long as the program is verified.
#[export]
pub unsafe extern "C" fn bpf_graph_drops(
    meta: *mut btf_struct_meta,
    size: u32,
) -> *mut bindings::bpf_graph_drops {
    Drops::new(Kind::new(meta, size))
        .map_or(core::ptr::null_mut(), |drops| KBox::into_raw(drops).cast())
}

/// Objects of `size` bytes that `meta` describes come to that call as well.
///
/// 0; `-EINVAL` if others come that are freed differently, and are in units of one size with them,
/// `-E2BIG` if there are too many sizes, or `-ENOMEM`. Sleeps.
///
/// # Safety
///
/// As for [`bpf_graph_drops()`], where `drops` comes from.
#[export]
pub unsafe extern "C" fn bpf_graph_drops_also(
    drops: *mut bindings::bpf_graph_drops,
    meta: *mut btf_struct_meta,
    size: u32,
) -> c_int {
    // SAFETY: This function's contract; one program is verified by one task.
    let added = unsafe { (*drops.cast::<Drops>()).also(Kind::new(meta, size)) };
    added.map_or_else(|e| e.to_errno(), |()| 0)
}

/// Writes to `buf` how a program finds out what it drops by `call`: no more than `room`
/// instructions. How many; 0 if all are dropped alike, or `drops` is null.
///
/// # Safety
///
/// `drops` is null or from [`bpf_graph_drops()`], with types whose metadata is still there; `call`
/// points to an instruction, and `buf` to `room` others.
#[export]
pub unsafe extern "C" fn bpf_graph_drops_insns(
    drops: *const bindings::bpf_graph_drops,
    call: *const bindings::bpf_insn,
    buf: *mut bindings::bpf_insn,
    room: u32,
) -> c_int {
    // SAFETY: This function's contract; `Insn` is laid out as C's.
    let (drops, call, room) = unsafe {
        (
            drops.cast::<Drops>().as_ref(),
            *call.cast::<Insn>(),
            core::slice::from_raw_parts_mut(buf.cast::<Insn>(), room as usize),
        )
    };
    let Some(drops) = drops else {
        return 0;
    };
    // SAFETY: It only computes; this function's contract.
    let len = unsafe { drops.write(bindings::bpf_mem_alloc_unit_off() as i16, call, room) };
    len.map_or(ENOSPC.to_errno(), |len| len as c_int)
}

/// Forgets what was kept of a call, if anything was.
///
/// # Safety
///
/// `drops` is null or from [`bpf_graph_drops()`], and not used again.
#[export]
pub unsafe extern "C" fn bpf_graph_drops_free(drops: *mut bindings::bpf_graph_drops) {
    if let Some(drops) = NonNull::new(drops.cast::<Drops>()) {
        // SAFETY: This function's contract.
        drop(unsafe { KBox::from_raw(drops.as_ptr()) });
    }
}
