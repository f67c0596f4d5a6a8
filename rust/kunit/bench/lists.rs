// SPDX-License-Identifier: GPL-2.0

//! Lists.

use kernel::{bindings, prelude::*};

use super::{
    super::{kfuncs::Kfuncs, list::Head, list_item, list_node, root_field},
    *,
};

pub(super) fn all() -> Result {
    for (items, shape) in both_kinds()? {
        push_and_take(&items, shape)?;
    }
    Ok(())
}

fn push_and_take(items: &Items, shape: Shape) -> Result {
    let plan = Plan::of(shape);
    let mut head = Head::new()?;
    let head = head.as_ptr();
    let nodes = core::array::from_fn::<_, BATCH, _>(|key| list_node(items.make(key as u64)));
    // Taking from the middle: every other node first, then the rest.
    let mixed = core::array::from_fn::<_, BATCH, _>(|i| nodes[(i * 37) % BATCH]);
    let meta = items.meta();
    let front = |k: &Kfuncs| {
        for &n in &nodes {
            // SAFETY: The head and the nodes are ours, and the nodes are free.
            unsafe { (k.push_front)(head, n, meta, LIST) };
        }
    };
    let back = |k: &Kfuncs| {
        for &n in &nodes {
            // SAFETY: As above.
            unsafe { (k.push_back)(head, n, meta, LIST) };
        }
    };

    // SAFETY: The head and the nodes are ours, and each phase undoes the one before.
    unsafe {
        plan.pair(["list_push_front", "list_pop_front"], front, |k| {
            (0..BATCH).for_each(|_| _ = (k.pop_front)(head))
        })?;
        plan.pair(["list_push_back", "list_pop_back"], back, |k| {
            (0..BATCH).for_each(|_| _ = (k.pop_back)(head))
        })?;
        plan.pair(["list_push_back", "list_del"], back, |k| {
            mixed.iter().for_each(|&n| _ = (k.del)(head, n))
        })?;
        crate::bpf_list_push_back(head, nodes[0], meta, LIST);
        plan.pair(
            ["list_front", "list_back"],
            |k| (0..BATCH).for_each(|_| _ = (k.front)(head)),
            |k| (0..BATCH).for_each(|_| _ = (k.back)(head)),
        )?;
        crate::bpf_list_pop_back(head);
    }
    nodes.iter().for_each(|&n| items.drop(list_item(n)));
    Ok(())
}

/// A million nodes, of which nobody's last reference goes.
pub(super) fn drain() -> Result {
    let items = Items::shared()?;
    let mut all = residents(DRAINED)?;
    let mut head = Head::new()?;
    let head = head.as_ptr();
    let root = root_field(
        bindings::btf_field_type_BPF_LIST_HEAD,
        0,
        LIST as usize,
        items.record(),
    );
    let mut lock = bindings::bpf_spin_lock { val: 0 };
    let lock = &raw mut lock;
    drained().pair(
        ["list_push_back", "list_drain"],
        |k| {
            for item in all.iter_mut() {
                two_references(item);
                // SAFETY: The head and the node are ours.
                unsafe { (k.push_back)(head, list_node(item), items.meta(), LIST) };
            }
        },
        // SAFETY: The field says what the head is.
        |k| unsafe { (k.free_list)(&root, head.cast(), lock) },
    )
}
