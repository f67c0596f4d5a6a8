// SPDX-License-Identifier: GPL-2.0

//! Memory that is saved, restored and compared.

use core::{ffi::c_void, mem::zeroed};

use kernel::{bindings::refcount_t, prelude::*};

use super::super::{
    machine::{End, Machine},
    Item,
};
use crate::insn::Insn;

/// Items that nobody allocated.
pub(super) fn plain_items(count: usize) -> Result<KVec<Item>> {
    let mut all = KVec::with_capacity(count, GFP_KERNEL)?;
    for key in 0..count {
        // SAFETY: All zeroes is an item in no collection.
        let mut item: Item = unsafe { zeroed() };
        item.key = key as u64;
        all.push(item, GFP_KERNEL)?;
    }
    Ok(all)
}

/// Makes the count of references to `item` be `count`.
pub(super) fn set_refs(item: *mut Item, count: i32) {
    // SAFETY: The item is the test's own.
    let refs = unsafe { &raw mut (*item).refs }.cast::<refcount_t>();
    // SAFETY: The item is the test's own.
    unsafe { (*refs).refs.counter = count };
}

/// All that a structure consists of.
pub(super) struct Memory(pub(super) KVec<(*mut c_void, usize)>);

impl Memory {
    /// That of items and of the roots they can be in.
    pub(super) fn of<R>(roots: &[*mut R], items: &mut KVec<Item>) -> Result<Self> {
        let mut pieces = KVec::new();
        for &root in roots {
            pieces.push((root.cast(), size_of::<R>()), GFP_KERNEL)?;
        }
        for item in items.iter_mut() {
            let item = &raw mut *item;
            pieces.push((item.cast(), size_of::<Item>()), GFP_KERNEL)?;
        }
        Ok(Self(pieces))
    }

    /// Copies all of it.
    pub(super) fn save(&self) -> Result<KVec<u8>> {
        let mut all = KVec::new();
        for &(start, len) in &self.0 {
            // SAFETY: The pieces are the test's own, without padding that was never written.
            let bytes = unsafe { core::slice::from_raw_parts(start.cast::<u8>(), len) };
            all.extend_from_slice(bytes, GFP_KERNEL)?;
        }
        Ok(all)
    }

    /// Writes back what was saved.
    pub(super) fn restore(&self, saved: &[u8]) {
        let mut at = 0;
        for &(start, len) in &self.0 {
            // SAFETY: The pieces are the test's own, and as long as when they were saved.
            unsafe { start.cast::<u8>().copy_from(saved[at..].as_ptr(), len) };
            at += len;
        }
    }

    /// Runs `called`, then `code` on what was there before, and compares. An error, as an
    /// assertion here would not be the test's.
    pub(super) fn same(
        &self,
        code: &[Insn],
        args: [u64; 2],
        called: impl FnOnce() -> u64,
    ) -> Result {
        let before = self.save()?;
        let want = called();
        let after = self.save()?;
        self.restore(&before);
        let end = Machine::new(args, &self.0).run(code)?;
        if end != End::Done(want) {
            pr_err!("{end:?}, but the function says {want:#x}\n");
            return Err(ERANGE);
        }
        if !self.save()?.iter().eq(after.iter()) {
            pr_err!("memory is not as after the function\n");
            return Err(EBADF);
        }
        Ok(())
    }
}
