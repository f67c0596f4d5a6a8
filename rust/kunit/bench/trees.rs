// SPDX-License-Identifier: GPL-2.0

//! Trees, up to a million nodes.

use core::{cell::Cell, cmp::Ordering, hint::black_box};

use kernel::{bindings, prelude::*};

use super::{
    super::{
        key,
        kfuncs::Kfuncs,
        root_field,
        tree::{TreeRoot, BY_KEY},
        tree_item, tree_node, Random,
    },
    *,
};
use crate::key::Int;

type AddKey = unsafe extern "C" fn(
    *mut bindings::bpf_rb_root,
    *mut bindings::bpf_rb_node,
    *mut bindings::btf_struct_meta,
    u64,
) -> i32;
type FindKey = unsafe extern "C" fn(
    *mut bindings::bpf_rb_root,
    u64,
    u64,
    *mut bindings::btf_struct_meta,
    u64,
) -> *mut bindings::bpf_rb_node;

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
    let word = key::word(key::whole(Int::U64), None);
    // By pointers, as all others.
    let add_key = black_box(crate::bpf_rbtree_add_key as AddKey);
    let find_key = black_box(crate::bpf_rbtree_find_key as FindKey);
    let mut root = TreeRoot::new()?;
    let root = root.as_ptr();
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let mut choice = Random::new(0x9e37_79b9_7f4a_7c15);
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
    let nodes = core::array::from_fn::<_, BATCH, _>(|_| tree_node(items.make(0)));
    // Others in each turn: a CPU learns the way to keys that come again and again, and has on it
    // what the turn before left in its caches.
    let mut fresh = KVec::from_elem([0; BATCH], TURNS, GFP_KERNEL)?;
    fresh.iter_mut().flatten().for_each(|fresh| *fresh = key());
    let mut wanted = KVec::from_elem([0; BATCH], TURNS, GFP_KERNEL)?;
    for wanted in wanted.iter_mut().flatten() {
        *wanted = all
            .get(choice.below(shape.nodes))
            .map_or(0, |item| item.key);
    }
    let rekey = |turn: usize| {
        for (&node, &key) in nodes.iter().zip(fresh.get(turn).into_iter().flatten()) {
            // SAFETY: The node is ours, and in no tree.
            unsafe { (*tree_item(node)).key = key };
        }
    };
    let turn = Cell::new(0);
    let keys = || wanted.get(turn.get()).into_iter().flatten().copied();

    // SAFETY: The root and the nodes are ours, and each phase undoes the one before.
    unsafe {
        plan.pair_after(
            rekey,
            ["rbtree_add", "rbtree_remove"],
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.add)(root, n, Some(BY_KEY), meta, TREE))
            },
            |k| nodes.iter().for_each(|&n| _ = (k.remove)(root, n)),
        )?;
        // What a program does with C instead.
        plan.pair_after(
            rekey,
            ["rbtree_add_key", "rbtree_remove_keyed"],
            |k| {
                nodes.iter().for_each(|&n| {
                    _ = if k.are_rust() {
                        add_key(root, n, meta, word)
                    } else {
                        (k.add)(root, n, Some(BY_KEY), meta, TREE)
                    }
                })
            },
            |k| nodes.iter().for_each(|&n| _ = (k.remove)(root, n)),
        )?;
        let find = |k: &Kfuncs, key| {
            if k.are_rust() {
                find_key(root, key, 0, meta, word);
            } else {
                search(k, root, key);
            }
        };
        plan.pair_after(
            |n| turn.set(n),
            ["rbtree_find_key", "rbtree_find_key_in_vain"],
            |k| keys().for_each(|key| find(k, key)),
            |k| keys().for_each(|key| find(k, key + 1)),
        )?;
        plan.pair_after(
            |n| turn.set(n),
            ["rbtree_search", "rbtree_search_in_vain"],
            |k| keys().for_each(|key| search(k, root, key)),
            |k| keys().for_each(|key| search(k, root, key + 1)),
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
