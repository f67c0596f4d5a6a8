// SPDX-License-Identifier: GPL-2.0

//! Trees in the order of a declared key, against a sorted vector.

use core::mem::offset_of;

use kernel::{bindings, prelude::*};

use super::Item;
use crate::key::{Int, Key, Part};

/// The key that has `first` and `second` in an [`Item`], as the verifier passes it.
pub(super) fn word(first: Part, second: Option<Part>) -> u64 {
    Key { first, second }.to_word() | offset_of!(Item, tree) as u64
}

/// The whole of [`Item::key`] as an integer of 8 bytes.
pub(super) fn whole(int: Int) -> Part {
    Part {
        at: offset_of!(Item, key) as u16,
        int,
    }
}

/// The lower or upper half of [`Item::key`].
fn half(upper: bool, int: Int) -> Part {
    let at = if upper == cfg!(target_endian = "little") {
        4
    } else {
        0
    };
    Part { at, int }
}

#[kunit_tests(bpf_graph_key)]
mod tests {
    use kernel::bindings::{bpf_rb_node, bpf_rb_root};

    use super::{
        super::{tree::TreeRoot, tree_item, tree_node, Items, Random},
        *,
    };
    use crate::{
        bpf_rbtree_add_key, bpf_rbtree_find_key, bpf_rbtree_lower_bound_key, bpf_rbtree_move_key,
        bpf_rbtree_remove, bpf_rbtree_upper_bound_key,
    };

    /// A type of key: the word, what orders items, and what a program passes for an item's key.
    struct Kind {
        name: &'static str,
        word: u64,
        order: fn(u64) -> i128,
        args: fn(u64) -> (u64, u64),
    }

    fn kinds() -> [Kind; 7] {
        let kind = |name, first, second, order, args| Kind {
            name,
            word: word(first, second),
            order,
            args,
        };
        [
            kind("u64", whole(Int::U64), None, |k| k.into(), |k| (k, 0)),
            kind(
                "s64",
                whole(Int::S64),
                None,
                |k| (k as i64).into(),
                |k| (k, 0),
            ),
            kind(
                "u32",
                half(false, Int::U32),
                None,
                |k| (k as u32).into(),
                |k| ((k as u32).into(), 0),
            ),
            kind(
                "s32",
                half(false, Int::S32),
                None,
                |k| (k as i32).into(),
                |k| (k as i32 as u64, 0),
            ),
            kind(
                "u32, u32",
                half(true, Int::U32),
                Some(half(false, Int::U32)),
                |k| k.into(),
                |k| (k >> 32, (k as u32).into()),
            ),
            kind(
                "s32, u32",
                half(true, Int::S32),
                Some(half(false, Int::U32)),
                |k| (k as i64).into(),
                |k| (((k as i64) >> 32) as u64, (k as u32).into()),
            ),
            kind(
                "s64, u64",
                whole(Int::S64),
                Some(whole(Int::U64)),
                |k| (k as i64).into(),
                |k| (k, k),
            ),
        ]
    }

    /// Keys at both ends of each range, and some that are equal.
    const KEYS: [u64; 16] = [
        0,
        1,
        2,
        2,
        2,
        i32::MAX as u64,
        1 << 31,
        u32::MAX as u64,
        1 << 32,
        (1 << 32) + 1,
        i64::MAX as u64,
        1 << 63,
        (1 << 63) + 1,
        u64::MAX - 1,
        u64::MAX,
        u64::MAX << 32,
    ];

    /// The items of the tree in order.
    fn all(root: *mut bpf_rb_root) -> impl Iterator<Item = *mut Item> {
        // SAFETY: The tree is the test's own.
        let first = unsafe { (*root.cast::<bindings::rb_root_cached>()).rb_leftmost };
        let there = |node: *mut bindings::rb_node| (!node.is_null()).then_some(node);
        core::iter::successors(there(first), move |&node| {
            // SAFETY: As above.
            there(unsafe { bindings::rb_next(node) })
        })
        .map(|node| tree_item(node.cast()))
    }

    /// Whether all three searches for the key of `key` find what is in `sorted`.
    fn finds(root: *mut bpf_rb_root, kind: &Kind, sorted: &[*mut Item], key: u64) -> bool {
        // SAFETY: The items are the test's own.
        let order = |item: *mut Item| (kind.order)(unsafe { (*item).key });
        let wanted = (kind.order)(key);
        let lower = sorted.iter().find(|&&i| order(i) >= wanted).copied();
        let upper = sorted.iter().find(|&&i| order(i) > wanted).copied();
        let found = lower.filter(|&i| order(i) == wanted);
        let (first, second) = (kind.args)(key);
        let same = |node: *mut bpf_rb_node, item: Option<*mut Item>| match item {
            Some(item) => node == tree_node(item),
            None => node.is_null(),
        };
        let meta = core::ptr::null_mut();
        // SAFETY: The root is the test's own.
        unsafe {
            same(
                bpf_rbtree_find_key(root, first, second, meta, kind.word),
                found,
            ) && same(
                bpf_rbtree_lower_bound_key(root, first, second, meta, kind.word),
                lower,
            ) && same(
                bpf_rbtree_upper_bound_key(root, first, second, meta, kind.word),
                upper,
            )
        }
    }

    /// Random steps with one type of key; what went wrong, if something did.
    fn steps(kind: &Kind) -> Result<(), &'static str> {
        const STEPS: usize = 4000;
        const NO_MEMORY: &str = "no memory";

        let items = Items::shared().map_err(|_| NO_MEMORY)?;
        let mut root = TreeRoot::new().map_err(|_| NO_MEMORY)?;
        let root = root.as_ptr();
        let mut sorted: KVec<*mut Item> =
            KVec::with_capacity(KEYS.len(), GFP_KERNEL).map_err(|_| NO_MEMORY)?;
        let every = KEYS.map(|key| items.make(key));
        if every.iter().any(|item| item.is_null()) {
            return Err(NO_MEMORY);
        }
        // SAFETY: The items are the test's own.
        let order = |item: *mut Item| (kind.order)(unsafe { (*item).key });
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
        for _ in 0..STEPS {
            let Some(&item) = every.get(random.below(every.len())) else {
                return Err("no such item");
            };
            let there = sorted.iter().position(|&i| i == item);
            if random.below(2) == 0 {
                // Moved to where it belongs by another key, if it is there.
                if let Some(at) = there {
                    sorted.remove(at).map_err(|_| "no such place")?;
                    // SAFETY: The item is the test's own.
                    unsafe { (*item).key = KEYS[random.below(KEYS.len())] };
                    let at = sorted.partition_point(|&i| order(i) <= order(item));
                    sorted
                        .insert_within_capacity(at, item)
                        .map_err(|_| NO_MEMORY)?;
                }
                let (node, meta) = (tree_node(item), items.meta());
                // SAFETY: The root is the test's own, and so is the item.
                let moved = unsafe { bpf_rbtree_move_key(root, node, root, meta, kind.word) };
                if moved != there.is_some() {
                    return Err("what is there was not moved, or what is not");
                }
            } else if let Some(at) = there {
                // SAFETY: The root is the test's own, and so is the item.
                if unsafe { bpf_rbtree_remove(root, tree_node(item)) } != tree_node(item) {
                    return Err("what is there was not removed");
                }
                sorted.remove(at).map_err(|_| "no such place")?;
            } else {
                // SAFETY: As above; the reference is not dropped, as the node is free.
                let ret =
                    unsafe { bpf_rbtree_add_key(root, tree_node(item), items.meta(), kind.word) };
                if ret != 0 {
                    return Err("what is free was not added");
                }
                let at = sorted.partition_point(|&i| order(i) <= order(item));
                sorted
                    .insert_within_capacity(at, item)
                    .map_err(|_| NO_MEMORY)?;
            }
            if !all(root).eq(sorted.iter().copied()) {
                return Err("the order is wrong");
            }
            if !KEYS.iter().all(|&key| finds(root, kind, &sorted, key)) {
                return Err("a search found something else");
            }
        }
        for item in every {
            // SAFETY: As above.
            unsafe { bpf_rbtree_remove(root, tree_node(item)) };
            items.drop(item);
        }
        Ok(())
    }

    #[test]
    fn random_steps_as_the_vector_says() -> Result {
        for kind in kinds() {
            if let Err(what) = steps(&kind) {
                pr_err!("key ({}): {}\n", kind.name, what);
                return Err(EINVAL);
            }
        }
        Ok(())
    }

    #[test]
    fn a_value_beyond_the_integer_is_beyond_all_keys() -> Result {
        let items = Items::shared()?;
        for (int, below, above) in [
            (Int::U32, None, 1 << 32),
            (
                Int::S32,
                Some(i64::from(i32::MIN) - 1),
                i64::from(i32::MAX) + 1,
            ),
        ] {
            let mut root = TreeRoot::new()?;
            let root = root.as_ptr();
            let word = word(half(false, int), None);
            let item = items.make(0);
            let meta = core::ptr::null_mut();
            // SAFETY: The root is the test's own, and so is the item.
            unsafe {
                assert_eq!(
                    bpf_rbtree_add_key(root, tree_node(item), items.meta(), word),
                    0
                );
                assert!(bpf_rbtree_lower_bound_key(root, above as u64, 0, meta, word).is_null());
                assert!(bpf_rbtree_find_key(root, above as u64, 0, meta, word).is_null());
                if let Some(below) = below {
                    let first = bpf_rbtree_upper_bound_key(root, below as u64, 0, meta, word);
                    assert_eq!(tree_item(first), item);
                }
                assert_eq!(tree_item(bpf_rbtree_remove(root, tree_node(item))), item);
            }
            items.drop(item);
        }
        Ok(())
    }

    #[test]
    fn what_is_linked_cannot_be_added() -> Result {
        let items = Items::shared()?;
        let (mut one, mut two) = (TreeRoot::new()?, TreeRoot::new()?);
        let (one, two) = (one.as_ptr(), two.as_ptr());
        let word = word(whole(Int::U64), None);
        let item = items.make(1);
        assert!(items.acquire(item) && items.acquire(item));
        // SAFETY: The roots are the test's own, and so are the references.
        unsafe {
            assert_eq!(
                bpf_rbtree_add_key(one, tree_node(item), items.meta(), word),
                0
            );
            let refused = bpf_rbtree_add_key(two, tree_node(item), items.meta(), word);
            assert_eq!(refused, -(bindings::EINVAL as i32));
            assert_eq!(super::super::refs(item), 2);
            assert_eq!(tree_item(bpf_rbtree_remove(one, tree_node(item))), item);
        }
        items.drop(item);
        items.drop(item);
        Ok(())
    }

    #[test]
    fn a_word_that_is_no_key_finds_and_adds_nothing() -> Result {
        let items = Items::shared()?;
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        let word = offset_of!(Item, tree) as u64;
        let item = items.make(1);
        assert!(items.acquire(item));
        // SAFETY: The root is the test's own, and so are the references.
        unsafe {
            let refused = bpf_rbtree_add_key(root, tree_node(item), items.meta(), word);
            assert_eq!(refused, -(bindings::EINVAL as i32));
            assert_eq!(super::super::refs(item), 1);
            assert!(bpf_rbtree_find_key(root, 1, 0, core::ptr::null_mut(), word).is_null());
        }
        items.drop(item);
        Ok(())
    }
}
