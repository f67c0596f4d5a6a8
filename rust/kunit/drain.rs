// SPDX-License-Identifier: GPL-2.0

//! Draining: what `bpf_obj_free_fields()` leaves of lists and trees, for both kinds of lock.

use core::{
    mem::{offset_of, zeroed},
    ptr::null_mut, //
};

use kernel::{bindings, prelude::*};

use super::{field, root_field, Items, RecordOf};

/// A map's value with a root and the lock that guards it.
#[repr(C)]
struct Value<Root> {
    lock: u32,
    root: Root,
}

const SPIN: u32 = bindings::btf_field_type_BPF_SPIN_LOCK;
const RESILIENT: u32 = bindings::btf_field_type_BPF_RES_SPIN_LOCK;

/// The record of a [`Value`] whose root links items at `node_offset` and is guarded by `lock`.
fn record<Root>(lock: u32, root: u32, node_offset: usize, items: &Items) -> RecordOf<2> {
    let root = root_field(
        root,
        offset_of!(Value<Root>, root),
        node_offset,
        items.record(),
    );
    RecordOf::new([field(lock, 0, 4), root])
}

/// A value of zeroes.
fn value<Root>() -> Result<KBox<Value<Root>>> {
    // SAFETY: All zeroes is a free lock and an empty root.
    Ok(KBox::new(unsafe { zeroed() }, GFP_KERNEL)?)
}

#[kunit_tests(bpf_graph_drain)]
mod tests {
    use super::{
        super::{
            counted::{self, CountedItems},
            interrupts_enabled,
            kfuncs::Kfuncs,
            list, list_node,
            place::Place,
            refs,
            threads::Program,
            tree::{self, BY_KEY},
            tree_node, Item,
        },
        *,
    };
    use crate::{drain::Drain, list::ListKind, lock::Lock, rbtree::TreeKind};
    use kernel::bindings::{bpf_list_head, bpf_rb_root};

    const LIST: u32 = kernel::bindings::btf_field_type_BPF_LIST_HEAD;
    const TREE: u32 = kernel::bindings::btf_field_type_BPF_RB_ROOT;

    /// Lengths around what one section under the lock takes.
    const fn lengths(chunk: usize) -> [usize; 7] {
        [0, 1, 2, chunk - 1, chunk, chunk + 1, 5 * chunk + 7]
    }

    // Behind the first test `assert!()` is KUnit's, in what the tests share as well.
    #[test]
    fn list_under_a_spin_lock() -> Result {
        lengths(ListKind::CHUNK)
            .into_iter()
            .try_for_each(|n| drain_list(SPIN, n))
    }

    /// Makes `n` items, each with one reference for the test and one for the collection.
    fn make(items: &Items, n: usize) -> Result<KVec<*mut Item>> {
        let mut all = KVec::with_capacity(n, GFP_KERNEL)?;
        for key in 0..n {
            let item = items.make((key * 7919 % 101) as u64);
            assert!(!item.is_null() && items.acquire(item));
            all.push(item, GFP_KERNEL)?;
        }
        Ok(all)
    }

    /// Each item must have lost the collection's reference, once, and be free.
    fn all_given_back(items: &Items, all: &[*mut Item]) {
        for &item in all {
            assert_eq!(refs(item), 1);
            // SAFETY: The item is the test's own.
            let (list, tree) = unsafe { (&(*item).list, &(*item).tree) };
            assert!(list.owner.is_null() && tree.owner.is_null());
            assert_eq!(list.list_head.next.cast_const(), &raw const list.list_head);
            assert_eq!(
                tree.rb_node.__rb_parent_color,
                &raw const tree.rb_node as usize
            );
            items.drop(item);
        }
    }

    fn drain_list(lock: u32, n: usize) -> Result {
        drain_list_within(lock, n, |drain| drain())
    }

    /// Drains a list of `n` where `around` calls what it is given.
    fn drain_list_within(lock: u32, n: usize, around: impl FnOnce(&mut dyn FnMut())) -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        let record = record::<bpf_list_head>(lock, LIST, offset_of!(Item, list), &items);
        let mut value = value::<bpf_list_head>()?;
        let head = &raw mut value.root;
        let all = make(&items, n)?;
        for &item in &all {
            let off = offset_of!(Item, list) as u64;
            // SAFETY: The head is the test's own, and so is the reference.
            let ret =
                unsafe { crate::bpf_list_push_back(head, list_node(item), items.meta(), off) };
            assert_eq!(ret, 0);
        }
        let whole: *mut Value<bpf_list_head> = &raw mut *value;
        // SAFETY: The record says what is in the value.
        around(&mut || unsafe {
            kernel::bindings::bpf_obj_free_fields(record.as_ptr(), whole.cast())
        });
        assert!(list::holds(head, &[]));
        assert_eq!(value.lock, 0);
        all_given_back(&items, &all);
        Ok(())
    }

    fn drain_tree(lock: u32, n: usize) -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        let record = record::<bpf_rb_root>(lock, TREE, offset_of!(Item, tree), &items);
        let mut value = value::<bpf_rb_root>()?;
        let root = &raw mut value.root;
        let all = make(&items, n)?;
        for &item in &all {
            assert_eq!(tree::add(&items, root, item), 0);
        }
        // SAFETY: The record says what is in the value.
        unsafe { kernel::bindings::bpf_obj_free_fields(record.as_ptr(), (&raw mut *value).cast()) };
        assert!(tree::holds(root, &[]));
        assert_eq!(value.lock, 0);
        all_given_back(&items, &all);
        Ok(())
    }

    #[test]
    fn list_under_a_resilient_lock() -> Result {
        lengths(ListKind::CHUNK)
            .into_iter()
            .try_for_each(|n| drain_list(RESILIENT, n))
    }

    #[test]
    fn tree_under_a_spin_lock() -> Result {
        lengths(TreeKind::CHUNK)
            .into_iter()
            .try_for_each(|n| drain_tree(SPIN, n))
    }

    #[test]
    fn tree_under_a_resilient_lock() -> Result {
        lengths(TreeKind::CHUNK)
            .into_iter()
            .try_for_each(|n| drain_tree(RESILIENT, n))
    }

    #[test]
    fn what_is_in_both_loses_one_reference_to_each() -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        let in_list = record::<bpf_list_head>(SPIN, LIST, offset_of!(Item, list), &items);
        let in_tree = record::<bpf_rb_root>(RESILIENT, TREE, offset_of!(Item, tree), &items);
        let mut list_value = value::<bpf_list_head>()?;
        let mut tree_value = value::<bpf_rb_root>()?;
        let all = make(&items, 100)?;
        for &item in &all {
            assert!(items.acquire(item));
            let off = offset_of!(Item, list) as u64;
            // SAFETY: The head is the test's own, and so is the reference.
            let ret = unsafe {
                crate::bpf_list_push_front(
                    &raw mut list_value.root,
                    list_node(item),
                    items.meta(),
                    off,
                )
            };
            assert_eq!(ret, 0);
            assert_eq!(tree::add(&items, &raw mut tree_value.root, item), 0);
            assert_eq!(refs(item), 3);
        }
        // SAFETY: The record says what is in the value.
        unsafe {
            kernel::bindings::bpf_obj_free_fields(in_tree.as_ptr(), (&raw mut *tree_value).cast())
        };
        assert!(all.iter().all(|&item| refs(item) == 2));
        // SAFETY: As above.
        unsafe {
            kernel::bindings::bpf_obj_free_fields(in_list.as_ptr(), (&raw mut *list_value).cast())
        };
        all_given_back(&items, &all);
        Ok(())
    }

    #[test]
    fn what_nobody_else_has_is_freed() -> Result {
        // Every third item stays, and with it what is chained in front of and behind it.
        const COUNT: usize = 3 * TreeKind::CHUNK;
        let items = CountedItems::new(COUNT)?;
        let k = &Kfuncs::rust();
        for place in [Place::spin(&items)?, Place::resilient(&items)?] {
            let value = place.value();
            for in_list in [true, false] {
                let _program = Program::new(false);
                let mut kept = KVec::with_capacity(COUNT, GFP_KERNEL)?;
                for at in 0..COUNT {
                    let item = items.make_patiently(k)?;
                    // SAFETY: The item is new, and nobody else knows the value.
                    unsafe {
                        if at % 3 == 0 {
                            (k.acquire)(item.cast(), items.meta());
                            kept.push(item, GFP_KERNEL)?;
                        }
                        let done = if in_list {
                            let list = &raw mut (*value).list;
                            (k.push_back)(list, list_node(item), items.meta(), counted::LIST)
                        } else {
                            let (tree, node) = (&raw mut (*value).tree, tree_node(item));
                            (k.add)(tree, node, Some(BY_KEY), items.meta(), counted::TREE)
                        };
                        assert_eq!(done, 0);
                    }
                }
                assert_eq!(items.alive(), COUNT);
                place.free(k, value);
                assert!(place.is_empty(value));
                assert_eq!(items.alive(), kept.len());
                for item in kept {
                    assert!(refs(item) == 1 && items.is_whole(item));
                    // SAFETY: The reference is the test's own.
                    unsafe { (k.drop)(item.cast(), items.meta()) };
                }
                assert_eq!(items.alive(), 0);
            }
        }
        Ok(())
    }

    #[test]
    fn a_lock_that_is_held_leaves_all_as_it_was() -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        let record = record::<bpf_list_head>(RESILIENT, LIST, offset_of!(Item, list), &items);
        let mut value = value::<bpf_list_head>()?;
        let value: *mut Value<bpf_list_head> = &raw mut *value;
        // SAFETY: The value is the test's own.
        let (lock, head) = unsafe { (&raw mut (*value).lock, &raw mut (*value).root) };
        let all = make(&items, 3)?;
        for &item in &all {
            let off = offset_of!(Item, list) as u64;
            // SAFETY: The head is the test's own, and so is the reference.
            let ret =
                unsafe { crate::bpf_list_push_back(head, list_node(item), items.meta(), off) };
            assert_eq!(ret, 0);
        }
        // SAFETY: The lock is the test's own.
        let lock = unsafe { Lock::resilient(core::ptr::NonNull::new_unchecked(lock.cast())) };
        // Held by this CPU already, the lock is refused.
        let guard = lock.lock()?;
        assert!(lock.lock().is_err());
        // SAFETY: The record says what is in the value.
        unsafe { kernel::bindings::bpf_obj_free_fields(record.as_ptr(), value.cast()) };
        let untouched = list::holds(head, &all);
        drop(guard);
        assert!(untouched);
        // SAFETY: As above.
        unsafe { kernel::bindings::bpf_obj_free_fields(record.as_ptr(), value.cast()) };
        assert!(list::holds(head, &[]));
        all_given_back(&items, &all);
        Ok(())
    }

    #[test]
    fn a_tree_with_a_spoilt_leftmost_is_freed_all_the_same() -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        let record = record::<bpf_rb_root>(SPIN, TREE, offset_of!(Item, tree), &items);
        let mut value = value::<bpf_rb_root>()?;
        let root = &raw mut value.root;
        let all = make(&items, 2 * TreeKind::CHUNK + 1)?;
        for &item in &all {
            assert_eq!(tree::add(&items, root, item), 0);
        }
        // As an insertion by C leaves it when the comparison adds nodes of its own.
        // SAFETY: The root is the test's own.
        unsafe { (*root.cast::<kernel::bindings::rb_root_cached>()).rb_leftmost = null_mut() };
        // SAFETY: The record says what is in the value.
        unsafe { kernel::bindings::bpf_obj_free_fields(record.as_ptr(), (&raw mut *value).cast()) };
        assert!(tree::holds(root, &[]));
        all_given_back(&items, &all);
        Ok(())
    }

    #[test]
    fn a_drain_under_another_lock_leaves_interrupts_disabled() -> Result {
        use kernel::bindings::{bpf_graph_spin_lock, bpf_graph_spin_unlock, bpf_spin_lock};

        // As when an insertion under the lock of one collection drops the last reference to an
        // object with another one inside.
        let mut outer = bpf_spin_lock { val: 0 };
        let before = interrupts_enabled();
        let mut inside = before;
        drain_list_within(SPIN, ListKind::CHUNK + 1, |drain| {
            // SAFETY: The lock is the test's own.
            unsafe {
                let flags = bpf_graph_spin_lock(&raw mut outer);
                drain();
                inside = interrupts_enabled();
                bpf_graph_spin_unlock(&raw mut outer, flags);
            }
        })?;
        assert!(before && !inside && interrupts_enabled());
        Ok(())
    }
}
