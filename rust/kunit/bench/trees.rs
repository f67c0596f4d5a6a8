// SPDX-License-Identifier: GPL-2.0

//! Trees, up to a million nodes.

use core::cmp::Ordering;

use kernel::{bindings, prelude::*};

use super::{
    super::{
        kfuncs::Kfuncs,
        root_field,
        tree::{TreeRoot, BY_KEY},
        tree_item, tree_node, Random,
    },
    *,
};

const SIZES: [usize; 4] = [16, 1 << 10, 1 << 16, 1 << 20];

pub(super) fn all() -> Result {
    for (items, shape) in both_kinds()? {
        for nodes in SIZES {
            for keys in ["random", "ascending"] {
                let shape = Shape {
                    nodes,
                    keys,
                    ..shape
                };
                around_residents(&items, shape)?;
            }
        }
    }
    Ok(())
}

/// Walks from the top to `key`, as a program does.
///
/// # Safety
///
/// The root and its nodes are the caller's.
unsafe fn search(k: &Kfuncs, root: *mut bindings::bpf_rb_root, key: u64) {
    // SAFETY: This function's contract.
    unsafe {
        let mut node = (k.top)(root);
        while !node.is_null() {
            let here = (*tree_item(node)).key;
            node = match key.cmp(&here) {
                Ordering::Less => (k.left)(root, node),
                Ordering::Greater => (k.right)(root, node),
                Ordering::Equal => break,
            };
        }
    }
}

fn around_residents(items: &Items, shape: Shape) -> Result {
    let plan = Plan::of(shape);
    let mut root = TreeRoot::new()?;
    let root = root.as_ptr();
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let mut ascending = 0;
    // Even ones, so that there are keys between them.
    let mut key = || {
        ascending += 2;
        match shape.keys {
            "random" => (random.below(1 << 40) as u64) << 1,
            _ => ascending,
        }
    };
    let meta = items.meta();
    let mut all = residents(shape.nodes)?;
    for item in all.iter_mut() {
        item.key = key();
        // SAFETY: The root and the node are ours, and the node is free.
        unsafe { crate::bpf_rbtree_add(root, tree_node(item), Some(BY_KEY), meta, TREE) };
    }
    let nodes = core::array::from_fn::<_, BATCH, _>(|_| tree_node(items.make(key())));
    let wanted = core::array::from_fn::<_, BATCH, _>(|i| {
        all.get(i * 7919 % shape.nodes).map_or(0, |item| item.key)
    });

    // SAFETY: The root and the nodes are ours, and each phase undoes the one before.
    unsafe {
        plan.pair(
            ["rbtree_add", "rbtree_remove"],
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.add)(root, n, Some(BY_KEY), meta, TREE))
            },
            |k| nodes.iter().for_each(|&n| _ = (k.remove)(root, n)),
        )?;
        plan.pair(
            ["rbtree_search", "rbtree_search_in_vain"],
            |k| wanted.iter().for_each(|&key| search(k, root, key)),
            |k| wanted.iter().for_each(|&key| search(k, root, key + 1)),
        )?;
        plan.pair(
            ["rbtree_first", "rbtree_root"],
            |k| (0..BATCH).for_each(|_| _ = (k.first)(root)),
            |k| (0..BATCH).for_each(|_| _ = (k.top)(root)),
        )?;
    }
    nodes.iter().for_each(|&n| items.drop(tree_item(n)));
    Ok(())
}

/// A million nodes, of which nobody's last reference goes.
pub(super) fn drain() -> Result {
    let items = Items::shared()?;
    let mut all = residents(DRAINED)?;
    let mut tree = TreeRoot::new()?;
    let tree = tree.as_ptr();
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    for item in all.iter_mut() {
        item.key = random.below(1 << 40) as u64;
    }
    let root = root_field(
        bindings::btf_field_type_BPF_RB_ROOT,
        0,
        TREE as usize,
        items.record(),
    );
    let mut lock = bindings::bpf_spin_lock { val: 0 };
    let lock = &raw mut lock;
    drained().pair(
        ["rbtree_add", "rbtree_drain"],
        |k| {
            for item in all.iter_mut() {
                two_references(item);
                // SAFETY: The root and the node are ours.
                unsafe { (k.add)(tree, tree_node(item), Some(BY_KEY), items.meta(), TREE) };
            }
        },
        // SAFETY: The field says what the root is.
        |k| unsafe { (k.free_tree)(&root, tree.cast(), lock) },
    )
}
