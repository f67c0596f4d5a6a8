// SPDX-License-Identifier: GPL-2.0

//! What fails: each allocation in turn, insertions that are refused, locks that cannot be had.
//!
//! The allocator is BPF's own, and it really is empty: while interrupts are disabled nobody refills
//! the CPU's cache, so that it can be left with any number of objects. That takes no hook in what
//! is tested, and C's bodies are tested by the same.

use core::{
    ffi::c_void,
    ptr::{null_mut, NonNull}, //
};

use kernel::{
    bindings::{self, bpf_mem_alloc},
    prelude::*,
    time::{delay::fsleep, Delta}, //
};

use super::{
    counted::{CountedItems, LIST, TREE},
    interrupts_enabled,
    kfuncs::Kfuncs,
    list, list_node,
    place::{Place, Value},
    refs,
    threads::Program,
    tree,
    tree::BY_KEY,
    tree_node, Item, Items,
};
use crate::{lock::Lock, owner::BUSY};

const EINVAL_RET: i32 = -(bindings::EINVAL as i32);

/// More objects than a CPU's cache has.
const MANY: usize = 1024;

/// Runs `work` while `allocator` has just `left` objects of `size` bytes to give on this CPU.
///
/// # Errors
///
/// `EAGAIN` where it has not even those at the moment.
fn with_left<T>(
    allocator: *mut bpf_mem_alloc,
    size: usize,
    left: usize,
    work: impl FnOnce() -> T,
) -> Result<T> {
    let mut taken = KVec::with_capacity(MANY, GFP_KERNEL)?;
    let mut lock = bindings::bpf_spin_lock { val: 0 };
    // Interrupts are disabled while it is held, and this CPU is kept.
    // SAFETY: The lock is nobody else's, and outlives the guard.
    let guard = unsafe { Lock::spin(NonNull::from(&mut lock)) }.lock()?;
    loop {
        // SAFETY: The allocator is set up.
        let obj = unsafe { bindings::bpf_mem_alloc(allocator, size) };
        if obj.is_null() || taken.push_within_capacity(obj).is_err() {
            break;
        }
    }
    // SAFETY: The object comes from there and was given to nobody.
    let give_back = |obj: *mut c_void| unsafe { bindings::bpf_mem_free(allocator, obj) };
    let enough = taken.len() >= left && taken.len() < MANY;
    let done = enough.then(|| {
        (0..left).filter_map(|_| taken.pop()).for_each(give_back);
        work()
    });
    while let Some(obj) = taken.pop() {
        give_back(obj);
    }
    drop(guard);
    done.ok_or(EAGAIN)
}

/// Tries `work` until the allocator has what it must have, for a second.
fn patiently<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..100 {
        match work() {
            Err(err) if err == EAGAIN => fsleep(Delta::from_millis(10)),
            other => return other,
        }
    }
    Err(EAGAIN)
}

/// The kfuncs of each implementation that there is.
fn each(test: impl Fn(&Kfuncs) -> Result) -> Result {
    test(&Kfuncs::rust())?;
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    test(&Kfuncs::c())?;
    Ok(())
}

/// Makes `want` items, puts each into the list and the tree of `place`, and stops where there is no
/// memory, as a program does. Returns how many there are.
fn build(k: &Kfuncs, items: &CountedItems, place: &Place, want: usize) -> Result<usize> {
    for made in 0..want {
        let item = items.make(k, 0..want, (made * 5 % 7) as u64);
        if item.is_null() {
            return Ok(made);
        }
        let value = place.value();
        let guard = place.lock(value)?;
        // SAFETY: The lock is held, and each collection is given a reference.
        let rets = unsafe {
            let meta = items.meta();
            (k.acquire)(item.cast(), meta);
            (
                (k.push_back)(&raw mut (*value).list, list_node(item), meta, LIST),
                (k.add)(
                    &raw mut (*value).tree,
                    tree_node(item),
                    Some(BY_KEY),
                    meta,
                    TREE,
                ),
            )
        };
        drop(guard);
        if rets != (0, 0) {
            return Err(EINVAL);
        }
    }
    Ok(want)
}

/// How many items are in both the list and the tree of `place`, whole and with these references;
/// `None` if they are not the same number.
fn whole(items: &CountedItems, place: &Place) -> Option<usize> {
    let value = place.value();
    let check = |item| {
        if refs(item) == 2 && items.is_whole(item) {
            Ok(())
        } else {
            Err("an item is not whole")
        }
    };
    let (mut listed, mut planted) = (0, 0);
    // SAFETY: The value stays, and nobody else uses it.
    let (list, tree) = unsafe { (&raw mut (*value).list, &raw mut (*value).tree) };
    list::walk(list, &mut |item| {
        listed += 1;
        check(item)
    })
    .ok()?;
    tree::walk(tree, &mut |item| {
        planted += 1;
        check(item)
    })
    .ok()?;
    (listed == planted).then_some(listed)
}

#[kunit_tests(bpf_graph_faults)]
mod tests {
    use super::*;

    /// How many items the test's program makes.
    const ITEMS: usize = 12;

    #[test]
    fn each_allocation_fails_in_turn() -> Result {
        for left in 0..=ITEMS {
            each(|k| {
                let items = CountedItems::new(ITEMS)?;
                let place = Place::spin(&items)?;
                let made = patiently(|| {
                    with_left(ma(), items.size(), left, || build(k, &items, &place, ITEMS))
                })??;
                // The one that failed left nothing, and those before it are as they were.
                assert_eq!(made, left);
                assert_eq!(whole(&items, &place), Some(left));
                assert_eq!(items.alive(), left);
                place.free(k, place.value());
                assert!(place.is_empty(place.value()));
                assert_eq!(items.alive(), 0);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The allocator of objects.
    fn ma() -> *mut bpf_mem_alloc {
        &raw mut bindings::bpf_global_ma
    }

    #[test]
    fn a_new_object_has_nothing_of_what_was_there() -> Result {
        const SIZE: usize = size_of::<Item>();

        each(|k| {
            let items = Items::shared()?;
            let item: *mut Item = patiently(|| {
                with_left(ma(), SIZE, 1, || {
                    // What is given back last is given out next.
                    // SAFETY: The object is the test's own, and `SIZE` bytes long.
                    unsafe {
                        let obj = bindings::bpf_mem_alloc(ma(), SIZE);
                        if !obj.is_null() {
                            obj.cast::<u8>().write_bytes(0xa5, SIZE);
                            bindings::bpf_mem_free(ma(), obj);
                        }
                        (k.new)(SIZE as u64, items.meta()).cast()
                    }
                })
            })?;
            assert!(!item.is_null());
            // SAFETY: The item is the test's own.
            let (key, list, tree) = unsafe { ((*item).key, &(*item).list, &(*item).tree) };
            // What is no special field is as it was: it is that very memory.
            assert_eq!(key, 0xa5a5_a5a5_a5a5_a5a5);
            assert!(list.owner.is_null() && tree.owner.is_null());
            let links: *const bindings::list_head = &raw const list.list_head;
            assert_eq!(list.list_head.next.cast_const(), links);
            assert_eq!(list.list_head.prev.cast_const(), links);
            assert!(tree.rb_node.rb_left.is_null() && tree.rb_node.rb_right.is_null());
            let node = &raw const tree.rb_node as usize;
            assert_eq!(tree.rb_node.__rb_parent_color, node);
            assert_eq!(refs(item), 1);
            items.drop(item);
            Ok(())
        })
    }

    /// The allocator of objects of each CPU.
    fn percpu_ma() -> *mut bpf_mem_alloc {
        &raw mut bindings::bpf_global_percpu_ma
    }

    #[test]
    fn sizes_that_no_cache_has() -> Result {
        each(|k| {
            let _program = Program::new(false);
            // SAFETY: Without metadata, nothing of the object is written to.
            unsafe {
                assert!((k.new)(0, null_mut()).is_null());
                assert!((k.new)(4097, null_mut()).is_null());
            }
            Ok(())
        })
    }

    #[test]
    fn each_percpu_allocation_fails_in_turn() -> Result {
        const SIZE: usize = 8;

        // The verifier sets it up for the first program that wants it, and there is none yet.
        // SAFETY: Nobody uses the allocator.
        assert!(unsafe { (*percpu_ma()).caches.is_null() });
        // SAFETY: As above.
        let ret = unsafe { bindings::bpf_mem_alloc_percpu_init(percpu_ma(), null_mut()) };
        assert_eq!(ret, 0);
        // SAFETY: It was just made.
        let ret = unsafe { bindings::bpf_mem_alloc_percpu_unit_init(percpu_ma(), SIZE as c_int) };
        assert_eq!(ret, 0);
        for left in 0..=1 {
            each(|k| {
                let objs = patiently(|| {
                    with_left(percpu_ma(), SIZE, left, || {
                        // SAFETY: Such objects need no metadata.
                        [0; 3].map(|_| unsafe { (k.new_percpu)(SIZE as u64, null_mut()) })
                    })
                })?;
                for (i, obj) in objs.into_iter().enumerate() {
                    assert_eq!(obj.is_null(), i >= left);
                    if !obj.is_null() {
                        let _program = Program::new(false);
                        // SAFETY: The object is the test's own.
                        unsafe { (k.drop_percpu)(obj, null_mut()) };
                    }
                }
                Ok(())
            })?;
        }
        // SAFETY: All objects were given back, and nobody else uses the allocator.
        unsafe { bindings::bpf_mem_alloc_destroy(percpu_ma()) };
        // SAFETY: As above.
        assert!(unsafe { (*percpu_ma()).caches.is_null() });
        Ok(())
    }

    /// An insertion that is to be refused: what it returns.
    type Insertion = fn(&Kfuncs, &CountedItems, *mut Value, *mut Item) -> c_int;

    /// Each kind of insertion. The node that another one is put behind is the node itself, which
    /// is not in the list either.
    const INSERTIONS: [Insertion; 4] = [
        // SAFETY: In each, the value is the test's own, and so is the reference.
        |k, items, value, item| unsafe {
            (k.push_front)(&raw mut (*value).list, list_node(item), items.meta(), LIST)
        },
        // SAFETY: As above.
        |k, items, value, item| unsafe {
            (k.push_back)(&raw mut (*value).list, list_node(item), items.meta(), LIST)
        },
        // SAFETY: As above.
        |k, items, value, item| unsafe {
            let node = list_node(item);
            (k.insert_after)(&raw mut (*value).list, node, node, items.meta(), LIST)
        },
        // SAFETY: As above.
        |k, items, value, item| unsafe {
            let tree = &raw mut (*value).tree;
            (k.add)(tree, tree_node(item), Some(BY_KEY), items.meta(), TREE)
        },
    ];

    #[test]
    fn a_refused_insertion_drops_the_last_reference() -> Result {
        each(|k| {
            for insert in INSERTIONS {
                let items = CountedItems::new(1)?;
                let place = Place::resilient(&items)?;
                let item = items.make_patiently(k)?;
                // As somebody has them who takes them out of another root, or drains that.
                // SAFETY: The item is the test's own.
                unsafe {
                    (*item).list.owner = BUSY;
                    (*item).tree.owner = BUSY;
                }
                let guard = place.lock(place.value())?;
                let ret = insert(k, &items, place.value(), item);
                drop(guard);
                assert_eq!(ret, EINVAL_RET);
                assert_eq!(items.alive(), 0);
                assert!(place.is_empty(place.value()));
                assert!(interrupts_enabled());
            }
            Ok(())
        })
    }

    #[test]
    fn a_refused_insertion_drops_one_reference_only() -> Result {
        each(|k| {
            for insert in INSERTIONS {
                let items = CountedItems::new(1)?;
                let place = Place::spin(&items)?;
                let item = items.make_patiently(k)?;
                let _program = Program::new(false);
                // SAFETY: The item is the test's own.
                unsafe {
                    (*item).list.owner = BUSY;
                    (*item).tree.owner = BUSY;
                    (k.acquire)(item.cast(), items.meta());
                }
                assert_eq!(insert(k, &items, place.value(), item), EINVAL_RET);
                assert_eq!(refs(item), 1);
                assert!(items.is_whole(item));
                // SAFETY: The reference is the test's own.
                unsafe { (k.drop)(item.cast(), items.meta()) };
                assert_eq!(items.alive(), 0);
            }
            Ok(())
        })
    }

    #[test]
    fn a_tree_without_an_order_refuses() -> Result {
        let items = CountedItems::new(1)?;
        let place = Place::spin(&items)?;
        let item = items.make_patiently(&Kfuncs::rust())?;
        let _program = Program::new(false);
        // SAFETY: The value is the test's own, and so is the reference.
        let ret = unsafe {
            let tree = &raw mut (*place.value()).tree;
            crate::bpf_rbtree_add(tree, tree_node(item), None, items.meta(), TREE)
        };
        assert_eq!(ret, EINVAL_RET);
        assert_eq!(items.alive(), 0);
        assert!(place.is_empty(place.value()));
        Ok(())
    }

    #[test]
    fn a_lock_that_cannot_be_had_leaves_all_as_it_was() -> Result {
        let k = Kfuncs::rust();
        let items = CountedItems::new(ITEMS)?;
        let place = Place::resilient(&items)?;
        let made = patiently(|| {
            with_left(ma(), items.size(), ITEMS, || {
                build(&k, &items, &place, ITEMS)
            })
        })??;
        assert_eq!(made, ITEMS);
        // Held by this CPU already, it is refused to the drain.
        let guard = place.lock(place.value())?;
        place.free(&k, place.value());
        let before = whole(&items, &place);
        drop(guard);
        assert_eq!(before, Some(ITEMS));
        assert_eq!(items.alive(), ITEMS);
        assert!(interrupts_enabled());
        place.free(&k, place.value());
        assert!(place.is_empty(place.value()));
        assert_eq!(items.alive(), 0);
        Ok(())
    }
}
