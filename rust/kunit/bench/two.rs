// SPDX-License-Identifier: GPL-2.0

//! Two CPUs at once: with a lock each, with one lock, and with one object.

use core::{ffi::c_void, mem::zeroed, ptr::NonNull};

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{Atomic, Full, Relaxed}, //
};

use super::{
    super::{
        kfuncs::Kfuncs,
        list_node,
        threads::{cpus, together, wait_until},
    },
    *,
};
use crate::lock::Lock;

type Meta = bindings::btf_struct_meta;

/// How many operations a thread does in a round: long enough for both to be at it.
const OPS: usize = 50_000;

const ROUNDS_OF_TWO: usize = 41;

/// What a thread works on, in cache lines of its own.
#[repr(C, align(128))]
struct Place {
    lock: bindings::bpf_spin_lock,
    head: bindings::bpf_list_head,
    item: Item,
}

/// The cycles of the slower of two threads that run `body` at once.
fn cycles_of_two(body: &(dyn Fn(usize) + Sync)) -> Result<u64> {
    let ready = Atomic::new(0_usize);
    let took = [Atomic::new(0_u64), Atomic::new(0_u64)];
    together(2, &|thread| {
        ready.fetch_add(1, Full);
        wait_until(|| ready.load(Relaxed) == 2);
        let cycles = cycles(|| (0..OPS).for_each(|_| body(thread)));
        took[thread].store(cycles, Relaxed);
    })?;
    Ok(took[0].load(Relaxed).max(took[1].load(Relaxed)))
}

/// Times `body` by both implementations in turns, and prints a row.
fn row(name: &'static str, body: &(dyn Fn(&Kfuncs, usize) + Sync)) -> Result {
    let both = [Kfuncs::c(), Kfuncs::rust()];
    let mut row = Row::new(name, Shape::default())?;
    for round in 0..ROUNDS_OF_TWO {
        let mut took = [0; 2];
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let kfuncs = &both[which];
            took[which] = cycles_of_two(&|thread| body(kfuncs, thread))?;
        }
        row.push(took[0], took[1])?;
    }
    row.print(OPS);
    Ok(())
}

/// Under the lock of `of`, pushes the item of `with` to its list and takes it out.
///
/// # Safety
///
/// Both are live, the item is nobody else's, and `meta` is that of its type.
unsafe fn push_and_pop(k: &Kfuncs, of: *mut Place, with: *mut Place, meta: *mut Meta) {
    // SAFETY: This function's contract.
    let lock = unsafe { Lock::spin(NonNull::new_unchecked(&raw mut (*of).lock)) };
    if let Ok(_guard) = lock.lock() {
        // SAFETY: This function's contract; the lock is held.
        unsafe {
            (k.push_front)(
                &raw mut (*of).head,
                list_node(&raw mut (*with).item),
                meta,
                LIST,
            );
            (k.pop_front)(&raw mut (*of).head);
        }
    }
}

pub(super) fn all() -> Result {
    if cpus()?.len() < 2 {
        pr_info!("one CPU: what two do at once is not measured\n");
        return Ok(());
    }
    let items = Items::shared()?;
    let shared = items.make(0);
    // SAFETY: All zeroes is a free lock, an empty list, and an item in no collection.
    let mut places = unsafe {
        [
            KBox::new(zeroed::<Place>(), GFP_KERNEL)?,
            KBox::new(zeroed::<Place>(), GFP_KERNEL)?,
        ]
    };
    // As numbers, which threads can share.
    let place = places.each_mut().map(|place| &raw mut **place as usize);
    let (meta, object) = (items.meta() as usize, shared as usize);
    let at = |thread: usize| place[thread] as *mut Place;

    row("lock+push+pop_own_lock", &|k, thread| {
        // SAFETY: Each thread has its own place, and the first two are there.
        unsafe { push_and_pop(k, at(thread), at(thread), meta as *mut Meta) }
    })?;
    row("lock+push+pop_one_lock", &|k, thread| {
        // SAFETY: Each thread has its own item; the list is used under its lock.
        unsafe { push_and_pop(k, at(0), at(thread), meta as *mut Meta) }
    })?;
    row("refcount_acquire+drop_one_object", &|k, _| {
        // SAFETY: The object has a reference that stays.
        unsafe {
            (k.acquire)(object as *mut c_void, meta as *mut Meta);
            (k.drop)(object as *mut c_void, meta as *mut Meta);
        }
    })?;
    items.drop(shared);
    Ok(())
}
