// SPDX-License-Identifier: GPL-2.0

//! Objects and references to them.

use core::{cell::Cell, ffi::c_void, ptr::null_mut};

use kernel::prelude::*;

use super::*;

pub(super) fn references() -> Result {
    let items = Items::shared()?;
    let all = core::array::from_fn::<_, BATCH, _>(|key| items.make(key as u64).cast::<c_void>());
    let meta = items.meta();
    // SAFETY: The items are ours, and each phase undoes the one before.
    unsafe {
        Plan::of(Shape::default()).pair(
            ["refcount_acquire", "obj_drop_not_last"],
            |k| all.iter().for_each(|&obj| _ = (k.acquire)(obj, meta)),
            |k| all.iter().for_each(|&obj| (k.drop)(obj, meta)),
        )?;
    }
    all.iter().for_each(|&obj| items.drop(obj.cast()));
    Ok(())
}

pub(super) fn new_and_drop() -> Result {
    for (items, shape) in both_kinds()? {
        new_and_drop_of(&items, shape)?;
    }
    Ok(())
}

fn new_and_drop_of(items: &Items, shape: Shape) -> Result {
    // What the allocator's per-CPU cache gives without being refilled.
    const FEW: usize = 16;
    let plan = Plan {
        batch: FEW,
        // How long a refill, and the grace period of what was dropped, take at most.
        rest: 20,
        ..Plan::of(shape)
    };
    let (size, meta) = (size_of::<Item>() as u64, items.meta());
    let all = Cell::new([null_mut::<c_void>(); FEW]);
    // SAFETY: Each phase undoes the one before.
    unsafe {
        plan.pair(
            ["obj_new", "obj_drop_last"],
            |k| {
                let mut objs = [null_mut(); FEW];
                objs.iter_mut().for_each(|obj| *obj = (k.new)(size, meta));
                all.set(objs);
            },
            |k| {
                let objs = all.get();
                objs.iter()
                    .filter(|obj| !obj.is_null())
                    .for_each(|&obj| (k.drop)(obj, meta));
            },
        )
    }
}
