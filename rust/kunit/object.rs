// SPDX-License-Identifier: GPL-2.0

//! Objects: what a new one holds, how references are counted, and what the last drop frees.

use kernel::prelude::kunit_tests;

#[kunit_tests(bpf_graph_object)]
mod tests {
    use kernel::{
        prelude::*,
        time::{delay::fsleep, Delta}, //
    };

    use core::mem::{offset_of, zeroed};

    use super::super::{
        field, list::Head, list_node, patiently, refs, root_field, threads::Program, Item, Items,
        RecordOf,
    };
    use crate::{
        bpf_list_add, bpf_list_pop_back, bpf_list_pop_front, bpf_list_push_back,
        bpf_list_push_back_impl, bpf_list_push_front_impl, bpf_obj_drop, bpf_obj_drop_impl,
        bpf_obj_new, bpf_obj_new_impl, bpf_rbtree_first, bpf_refcount_acquire_impl,
    };

    #[test]
    fn a_new_object_is_free_and_has_one_reference() -> Result {
        let items = Items::shared()?;
        let item = items.make(1);
        assert!(!item.is_null());
        // SAFETY: The item is the test's own.
        unsafe {
            let (list, tree) = (&(*item).list, &(*item).tree);
            assert!(list.owner.is_null() && tree.owner.is_null());
            assert_eq!(list.list_head.next.cast_const(), &raw const list.list_head);
            assert_eq!(list.list_head.prev.cast_const(), &raw const list.list_head);
            // RB_EMPTY_NODE()
            assert_eq!(
                tree.rb_node.__rb_parent_color,
                &raw const tree.rb_node as usize
            );
        }
        assert_eq!(refs(item), 1);
        items.drop(item);
        Ok(())
    }

    #[test]
    fn each_field_begins_as_c_begins_it() -> Result {
        let _program = Program::new(false);
        // One of each kind that a program's object can have, on memory full of ones.
        const KINDS: [(u32, usize); 8] = [
            (kernel::bindings::btf_field_type_BPF_SPIN_LOCK, 4),
            (kernel::bindings::btf_field_type_BPF_RES_SPIN_LOCK, 4),
            (kernel::bindings::btf_field_type_BPF_KPTR_REF, 8),
            (kernel::bindings::btf_field_type_BPF_LIST_HEAD, 16),
            (kernel::bindings::btf_field_type_BPF_LIST_NODE, 24),
            (kernel::bindings::btf_field_type_BPF_RB_ROOT, 16),
            (kernel::bindings::btf_field_type_BPF_RB_NODE, 32),
            (kernel::bindings::btf_field_type_BPF_REFCOUNT, 4),
        ];
        let mut fields = [field(0, 0, 0); 8];
        for (i, (field_at, (kind, size))) in fields.iter_mut().zip(KINDS).enumerate() {
            *field_at = field(kind, i * 32, size);
        }
        let record = RecordOf::new(fields);
        let mut meta = record.meta();
        let meta_ptr = &raw mut meta;
        // SAFETY: The metadata says what is in the object; no kptr or root in it holds anything.
        let obj = patiently(|| unsafe { bpf_obj_new(256, meta_ptr) }).cast::<u64>();
        assert!(!obj.is_null());
        // SAFETY: The object has 256 bytes.
        let word = |field: usize, word: usize| unsafe { *obj.add(field * 4 + word) };
        let addr = |field: usize| obj.wrapping_add(field * 4) as u64;

        assert_eq!(word(0, 0) as u32, 0);
        assert_eq!(word(1, 0) as u32, 0);
        assert_eq!(word(2, 0), 0);
        assert!(word(3, 0) == addr(3) && word(3, 1) == addr(3));
        assert!(word(4, 0) == addr(4) && word(4, 1) == addr(4) && word(4, 2) == 0);
        assert!(word(5, 0) == 0 && word(5, 1) == 0);
        assert!(word(6, 0) == addr(6) && word(6, 1) == 0 && word(6, 2) == 0 && word(6, 3) == 0);
        assert_eq!(word(7, 0) as u32, 1);

        // SAFETY: The reference is the test's own; the fields are as they began.
        unsafe { bpf_obj_drop(obj.cast(), meta_ptr) };
        Ok(())
    }

    #[test]
    fn references_are_counted() -> Result {
        let items = Items::shared()?;
        let item = items.make(1);
        for want in 2..100 {
            assert!(items.acquire(item));
            assert_eq!(refs(item), want);
        }
        for want in (1..99).rev() {
            items.drop(item);
            assert_eq!(refs(item), want);
        }
        items.drop(item);
        Ok(())
    }

    #[test]
    fn none_is_taken_of_an_object_on_its_way_out() -> Result {
        let items = Items::shared()?;
        let item = items.make(1);
        // As a reader under RCU sees it after the last drop.
        // SAFETY: The item is the test's own.
        let count = unsafe { &raw mut (*item).refs }.cast::<kernel::bindings::refcount_t>();
        // SAFETY: As above.
        unsafe { (*count).refs.counter = 0 };
        assert!(!items.acquire(item));
        assert_eq!(refs(item), 0);
        // SAFETY: As above.
        unsafe { (*count).refs.counter = 1 };
        items.drop(item);
        Ok(())
    }

    #[test]
    fn a_count_saturates_and_its_object_is_never_freed() -> Result {
        // REFCOUNT_SATURATED: half way into the negative numbers.
        const SATURATED: i32 = i32::MIN / 2;

        let items = Items::shared()?;
        let item = items.make(1);
        // SAFETY: The item is the test's own.
        let count = unsafe { &raw mut (*item).refs }.cast::<kernel::bindings::refcount_t>();
        // refcount_t warns when it gets there, as it should; here that is no news.
        // SAFETY: This is a test, and the suppression ends below.
        let (test, quiet) = unsafe {
            let test = kernel::bindings::kunit_get_current_test();
            (test, kernel::bindings::kunit_start_suppress_warning(test))
        };
        // SAFETY: The item is the test's own.
        unsafe { (*count).refs.counter = i32::MAX };
        let acquired = items.acquire(item);
        let after_acquire = refs(item);
        items.drop(item);
        let after_drop = refs(item);
        // SAFETY: Both come from above.
        unsafe { kernel::bindings::kunit_end_suppress_warning(test, quiet) };

        assert!(acquired);
        assert_eq!(after_acquire, SATURATED);
        assert_eq!(after_drop, SATURATED);
        // SAFETY: The item is the test's own.
        unsafe { (*count).refs.counter = 1 };
        items.drop(item);
        Ok(())
    }

    #[test]
    fn the_last_drop_frees_what_a_list_inside_holds() -> Result {
        /// An object with a list of its own.
        #[repr(C)]
        struct Outer {
            lock: kernel::bindings::bpf_spin_lock,
            head: kernel::bindings::bpf_list_head,
        }

        let items = Items::shared()?;
        let head = root_field(
            kernel::bindings::btf_field_type_BPF_LIST_HEAD,
            offset_of!(Outer, head),
            offset_of!(Item, list),
            items.record(),
        );
        let record = RecordOf::new([
            field(
                kernel::bindings::btf_field_type_BPF_SPIN_LOCK,
                offset_of!(Outer, lock),
                size_of::<kernel::bindings::bpf_spin_lock>(),
            ),
            head,
        ]);
        let mut meta = record.meta();
        let meta_ptr = &raw mut meta;
        let _program = Program::new(false);
        // SAFETY: The metadata is that of `Outer`.
        let outer = patiently(|| unsafe { bpf_obj_new(size_of::<Outer>() as u64, meta_ptr) });
        let outer: *mut Outer = outer.cast();
        assert!(!outer.is_null());
        // SAFETY: The object is the test's own.
        let inner = unsafe { &raw mut (*outer).head };
        let all = [1, 2, 3].map(|key| items.make(key));
        for item in all {
            assert!(items.acquire(item));
            let off = offset_of!(Item, list) as u64;
            // SAFETY: The head is the test's own, and so is the reference.
            let ret = unsafe { bpf_list_push_back(inner, list_node(item), items.meta(), off) };
            assert_eq!(ret, 0);
        }
        assert!(super::super::list::holds(inner, &all));
        // SAFETY: The reference is the test's own.
        unsafe { bpf_obj_drop(outer.cast(), meta_ptr) };
        for item in all {
            assert_eq!(refs(item), 1);
            // SAFETY: The item is the test's own.
            assert!(unsafe { (*item).list.owner }.is_null());
            items.drop(item);
        }
        Ok(())
    }

    #[test]
    fn an_insertion_that_fails_gives_up_the_only_reference_of_a_single_owner() -> Result {
        let items = Items::single()?;
        let mut head = Head::new()?;
        let head = head.as_ptr();
        let off = offset_of!(Item, list) as u64;
        let item = items.make(1);
        // SAFETY: The head is the test's own, and so is the item.
        unsafe {
            assert_eq!(
                bpf_list_push_back(head, list_node(item), items.meta(), off),
                0
            );
            assert_eq!(super::super::list_item(bpf_list_pop_back(head)), item);
        }
        items.drop(item);
        Ok(())
    }

    /// How many objects [`made_in_its_place()`] makes.
    const MADE: usize = 10;

    /// Makes objects in a program that RCU has to wait for, each after `free` had the one before.
    /// How many are where the one before was.
    fn made_in_its_place(items: &Items, free: impl Fn(*mut Item)) -> Result<usize> {
        for _ in 0..100 {
            let program = Program::new(true);
            let mut before = core::ptr::null_mut();
            let (mut made, mut again) = (0, 0);
            for _ in 0..MADE {
                // Not `make()`, which sleeps where there is no memory.
                // SAFETY: The metadata is that of `Item`.
                let item = unsafe { bpf_obj_new(size_of::<Item>() as u64, items.meta()) };
                let item: *mut Item = item.cast();
                if !item.is_null() {
                    made += 1;
                    again += usize::from(item == before);
                    free(item);
                }
                before = item;
            }
            drop(program);
            // What says nothing is one where there was no memory.
            if made == MADE || again > 0 {
                return Ok(again);
            }
            fsleep(Delta::from_millis(10));
        }
        Err(ENOMEM)
    }

    #[test]
    fn what_only_its_owner_can_read_is_free_at_once() -> Result {
        let items = Items::single()?;
        assert!(made_in_its_place(&items, |item| items.drop(item))? > MADE / 2);
        Ok(())
    }

    #[test]
    fn what_others_may_read_stays_for_a_grace_period() -> Result {
        for items in [Items::shared()?, Items::kept()?] {
            assert_eq!(made_in_its_place(&items, |item| items.drop(item))?, 0);
        }
        // A type without special fields has no metadata.
        let items = Items::single()?;
        let drop_plain = |item: *mut Item| {
            // SAFETY: The reference is the test's own, and `made_in_its_place()` is a program.
            unsafe { bpf_obj_drop(item.cast(), core::ptr::null_mut()) }
        };
        assert_eq!(made_in_its_place(&items, drop_plain)?, 0);
        Ok(())
    }

    #[test]
    fn what_is_refused_stays_for_a_grace_period() -> Result {
        let items = Items::single()?;
        let stranger = items.make(0);
        let mut head = Head::new()?;
        let head = head.as_ptr();
        let refuse = |item: *mut Item| {
            let off = offset_of!(Item, list) as u64;
            // SAFETY: The head is the test's own, and so are the items. The second is in no list.
            let ret = unsafe {
                bpf_list_add(
                    head,
                    list_node(item),
                    list_node(stranger),
                    items.meta(),
                    off,
                )
            };
            assert_eq!(ret, -(kernel::bindings::EINVAL as i32));
        };
        assert_eq!(made_in_its_place(&items, refuse)?, 0);
        items.drop(stranger);
        Ok(())
    }

    #[test]
    fn a_single_owner_whose_node_is_not_free_is_told() -> Result {
        let items = Items::single()?;
        let mut head = Head::new()?;
        let head = head.as_ptr();
        let off = offset_of!(Item, list) as u64;
        let item = items.make(1);
        // SAFETY: This is a test, and the suppression ends below.
        let (test, quiet) = unsafe {
            let test = kernel::bindings::kunit_get_current_test();
            (test, kernel::bindings::kunit_start_suppress_warning(test))
        };
        // The second insertion frees what is in the list: after a grace period, so not yet.
        let program = Program::new(true);
        // SAFETY: The head is the test's own, and so is the item.
        let (pushed, refused, popped) = unsafe {
            (
                bpf_list_push_back(head, list_node(item), items.meta(), off),
                bpf_list_push_back(head, list_node(item), items.meta(), off),
                bpf_list_pop_back(head),
            )
        };
        drop(program);
        // SAFETY: Both come from above.
        let told = unsafe {
            let told = kernel::bindings::kunit_suppressed_warning_count(quiet);
            kernel::bindings::kunit_end_suppress_warning(test, quiet);
            told
        };
        assert_eq!((pushed, refused), (0, -(kernel::bindings::EINVAL as i32)));
        assert_eq!(super::super::list_item(popped), item);
        assert_eq!(told, i32::from(cfg!(CONFIG_DEBUG_LIST)));
        Ok(())
    }

    #[test]
    fn twins_are_the_same_functions() -> Result {
        let _program = Program::new(false);
        let items = Items::shared()?;
        // SAFETY: The metadata is that of `Item`.
        let item = patiently(|| unsafe {
            bpf_obj_new_impl(size_of::<Item>() as u64, items.meta().cast())
        });
        let item: *mut Item = item.cast();
        assert!(!item.is_null());
        // SAFETY: All zeroes is an empty tree.
        let mut root = unsafe { zeroed::<kernel::bindings::bpf_rb_root>() };
        let mut head = Head::new()?;
        let head = head.as_ptr();
        let meta = items.meta().cast::<c_void>();
        // SAFETY: Root, head and item are the test's own.
        unsafe {
            assert_eq!(
                bpf_refcount_acquire_impl(item.cast(), meta),
                item.cast::<c_void>()
            );
            assert_eq!(refs(item), 2);
            let (list, off) = (list_node(item), offset_of!(Item, list) as u64);
            assert_eq!(bpf_list_push_front_impl(head, list, meta, off), 0);
            assert_eq!(
                bpf_list_push_back_impl(head, list, meta, off),
                -(kernel::bindings::EINVAL as i32)
            );
            assert_eq!(refs(item), 1);
            assert_eq!(bpf_list_pop_front(head), list);
            assert!(bpf_rbtree_first(&mut root).is_null());
            bpf_obj_drop_impl(item.cast(), meta);
        }
        Ok(())
    }
}
