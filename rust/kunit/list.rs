// SPDX-License-Identifier: GPL-2.0

//! Lists against a model: each step's result, and the whole structure after it.

use core::mem::{offset_of, zeroed};

use kernel::{bindings, prelude::*};

use super::{list_item, list_node, tree::Seen, Item, Items, Random};

/// A list head that nobody else knows, so that its lock need not be taken.
pub(super) struct Head(pub(super) KBox<bindings::bpf_list_head>);

impl Head {
    /// All zero, as in a map's new value.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: All zeroes is an empty list that was never used.
        Ok(Self(KBox::new(unsafe { zeroed() }, GFP_KERNEL)?))
    }

    pub(super) fn as_ptr(&mut self) -> *mut bindings::bpf_list_head {
        &raw mut *self.0
    }
}

/// Checks a whole list, by the links of both directions and by the ownership words, and visits its
/// items in order.
pub(super) fn walk(
    head: *mut bindings::bpf_list_head,
    visit: &mut dyn FnMut(*mut Item) -> Seen,
) -> Seen {
    let links: *mut bindings::list_head = head.cast();
    let mut at = links;
    // SAFETY: The head is the test's own, and so are all nodes in it.
    unsafe {
        if (*links).next.is_null() {
            return Ok(());
        }
        loop {
            let next = (*at).next;
            if (*next).prev != at {
                return Err("list: a link back is wrong");
            }
            if next == links {
                return Ok(());
            }
            let item = list_item(next.cast());
            if (*item).list.owner != head.cast() {
                return Err("list: the owner of a linked node is not its head");
            }
            visit(item)?;
            at = next;
        }
    }
}

/// Whether the list holds just `items`, in this order, by the links of both directions, with the
/// head in each ownership word.
pub(super) fn holds(head: *mut bindings::bpf_list_head, items: &[*mut Item]) -> bool {
    let mut want = items.iter();
    let mut same = |item| match want.next() {
        Some(&wanted) if wanted == item => Ok(()),
        _ => Err("list: another item"),
    };
    walk(head, &mut same).is_ok() && want.next().is_none()
}

#[kunit_tests(bpf_graph_list)]
mod tests {
    use core::ptr::null_mut;

    use kernel::bindings::bpf_list_head;

    use super::{super::refs, *};
    use crate::{
        bpf_list_add, bpf_list_back, bpf_list_del, bpf_list_empty, bpf_list_front,
        bpf_list_is_first, bpf_list_is_last, bpf_list_pop_back, bpf_list_pop_front,
        bpf_list_push_back, bpf_list_push_front,
    };

    const EINVAL: i32 = -(kernel::bindings::EINVAL as i32);

    fn push_front(items: &Items, head: *mut bpf_list_head, item: *mut Item) -> i32 {
        // SAFETY: The head is the test's own, and it has a reference to the item.
        unsafe {
            bpf_list_push_front(
                head,
                list_node(item),
                items.meta(),
                offset_of!(Item, list) as u64,
            )
        }
    }

    fn push_back(items: &Items, head: *mut bpf_list_head, item: *mut Item) -> i32 {
        // SAFETY: The head is the test's own, and it has a reference to the item.
        unsafe {
            bpf_list_push_back(
                head,
                list_node(item),
                items.meta(),
                offset_of!(Item, list) as u64,
            )
        }
    }

    fn add(items: &Items, head: *mut bpf_list_head, item: *mut Item, prev: *mut Item) -> i32 {
        // SAFETY: The head is the test's own, and it has references to both items.
        unsafe {
            bpf_list_add(
                head,
                list_node(item),
                list_node(prev),
                items.meta(),
                offset_of!(Item, list) as u64,
            )
        }
    }

    #[test]
    fn a_head_of_zeroes_is_empty() -> Result {
        let mut head = Head::new()?;
        let head = head.as_ptr();
        // SAFETY: The head is the test's own.
        unsafe {
            assert!(bpf_list_front(head).is_null());
            assert!(bpf_list_back(head).is_null());
            assert!(bpf_list_pop_front(head).is_null());
            assert!(bpf_list_pop_back(head).is_null());
            assert!(bpf_list_empty(head));
            // Now it is initialised, and still empty.
            assert!(bpf_list_empty(head));
            assert!(bpf_list_front(head).is_null());
            assert!(bpf_list_pop_front(head).is_null());
        }
        Ok(())
    }

    #[test]
    fn both_ends_and_the_middle() -> Result {
        let items = Items::shared()?;
        let mut head = Head::new()?;
        let head = head.as_ptr();
        let [a, b, c, d] = [1, 2, 3, 4].map(|key| items.make(key));
        assert_eq!(push_back(&items, head, b), 0);
        assert_eq!(push_front(&items, head, a), 0);
        assert_eq!(push_back(&items, head, d), 0);
        assert_eq!(add(&items, head, c, b), 0);
        assert!(holds(head, &[a, b, c, d]));
        // SAFETY: The head is the test's own, and all items are in it or the test's.
        unsafe {
            assert_eq!(list_item(bpf_list_front(head)), a);
            assert_eq!(list_item(bpf_list_back(head)), d);
            assert!(bpf_list_is_first(head, list_node(a)));
            assert!(!bpf_list_is_first(head, list_node(b)));
            assert!(bpf_list_is_last(head, list_node(d)));
            assert!(!bpf_list_is_last(head, list_node(c)));
            assert!(!bpf_list_empty(head));

            assert_eq!(list_item(bpf_list_del(head, list_node(b))), b);
            assert!(holds(head, &[a, c, d]));
            assert!(bpf_list_del(head, list_node(b)).is_null());
            assert!(!bpf_list_is_first(head, list_node(b)));

            assert_eq!(list_item(bpf_list_pop_front(head)), a);
            assert_eq!(list_item(bpf_list_pop_back(head)), d);
            assert!(holds(head, &[c]));
            assert!(bpf_list_is_first(head, list_node(c)) && bpf_list_is_last(head, list_node(c)));
            assert_eq!(list_item(bpf_list_pop_back(head)), c);
            assert!(bpf_list_empty(head));
        }
        [a, b, c, d].map(|item| items.drop(item));
        Ok(())
    }

    #[test]
    fn what_is_linked_cannot_be_added() -> Result {
        let items = Items::shared()?;
        let (mut one, mut two) = (Head::new()?, Head::new()?);
        let (one, two) = (one.as_ptr(), two.as_ptr());
        let a = items.make(1);
        assert!(items.acquire(a) && items.acquire(a) && items.acquire(a));
        assert_eq!(refs(a), 4);
        assert_eq!(push_back(&items, one, a), 0);
        assert_eq!(refs(a), 4);
        // The reference that was passed is gone, and nothing else has changed.
        assert_eq!(push_back(&items, one, a), EINVAL);
        assert_eq!(refs(a), 3);
        assert_eq!(push_front(&items, two, a), EINVAL);
        assert_eq!(refs(a), 2);
        assert!(holds(one, &[a]));
        assert!(holds(two, &[]));
        // SAFETY: The heads are the test's own.
        unsafe {
            // Of another list it is neither first nor last, nor can it be taken from there.
            assert!(bpf_list_del(two, list_node(a)).is_null());
            assert!(!bpf_list_is_first(two, list_node(a)) && !bpf_list_is_last(two, list_node(a)));
            assert_eq!(list_item(bpf_list_pop_front(one)), a);
        }
        items.drop(a);
        assert_eq!(refs(a), 1);
        items.drop(a);
        Ok(())
    }

    #[test]
    fn add_wants_prev_in_the_list() -> Result {
        let items = Items::shared()?;
        let (mut one, mut two) = (Head::new()?, Head::new()?);
        let (one, two) = (one.as_ptr(), two.as_ptr());
        let [a, b, c] = [1, 2, 3].map(|key| items.make(key));
        assert_eq!(push_back(&items, one, a), 0);
        assert!(items.acquire(b) && items.acquire(b));
        // Behind one that is in another list, and behind one that is in none.
        assert_eq!(add(&items, two, b, a), EINVAL);
        assert_eq!(add(&items, one, b, c), EINVAL);
        assert_eq!(refs(b), 1);
        assert!(holds(one, &[a]));
        assert!(holds(two, &[]));
        // It was refused before it was claimed: it is still free.
        assert_eq!(add(&items, one, b, a), 0);
        assert!(holds(one, &[a, b]));
        // SAFETY: The head is the test's own.
        while unsafe { !bpf_list_pop_front(one).is_null() } {}
        [a, b, c].map(|item| items.drop(item));
        Ok(())
    }

    #[test]
    fn random_steps_as_the_model_says() -> Result {
        const ITEMS: usize = 24;
        const STEPS: usize = 20_000;

        let items = Items::shared()?;
        let mut heads = [Head::new()?, Head::new()?];
        let heads = [heads[0].as_ptr(), heads[1].as_ptr()];
        let mut model = [
            KVec::with_capacity(ITEMS, GFP_KERNEL)?,
            KVec::with_capacity(ITEMS, GFP_KERNEL)?,
        ];
        let mut all = [null_mut(); ITEMS];
        for (key, item) in all.iter_mut().enumerate() {
            *item = items.make(key as u64);
        }
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);

        for _ in 0..STEPS {
            let which = random.below(2);
            let (head, item) = (heads[which], all[random.below(ITEMS)]);
            let free = !model.iter().any(|list| list.contains(&item));
            let list = &mut model[which];
            match random.below(6) {
                0 => {
                    assert!(items.acquire(item));
                    let ret = push_front(&items, head, item);
                    assert_eq!(ret, if free { 0 } else { EINVAL });
                    if free {
                        list.insert_within_capacity(0, item).map_err(|_| ENOMEM)?;
                    }
                }
                1 => {
                    assert!(items.acquire(item));
                    let ret = push_back(&items, head, item);
                    assert_eq!(ret, if free { 0 } else { EINVAL });
                    if free {
                        list.push(item, GFP_KERNEL)?;
                    }
                }
                2 => {
                    let prev = all[random.below(ITEMS)];
                    let at = list.iter().position(|&i| i == prev);
                    assert!(items.acquire(item));
                    let ret = add(&items, head, item, prev);
                    match at {
                        Some(at) if free => {
                            assert_eq!(ret, 0);
                            list.insert_within_capacity(at + 1, item)
                                .map_err(|_| ENOMEM)?;
                        }
                        _ => assert_eq!(ret, EINVAL),
                    }
                }
                3 => {
                    // SAFETY: The head is the test's own.
                    let got = list_item(unsafe { bpf_list_del(head, list_node(item)) });
                    match list.iter().position(|&i| i == item) {
                        Some(at) => {
                            assert_eq!(got, item);
                            list.remove(at).map_err(|_| kernel::error::code::EINVAL)?;
                            items.drop(item);
                        }
                        None => assert!(got.is_null()),
                    }
                }
                end => {
                    // SAFETY: The head is the test's own.
                    let got = list_item(unsafe {
                        if end == 4 {
                            bpf_list_pop_front(head)
                        } else {
                            bpf_list_pop_back(head)
                        }
                    });
                    if list.is_empty() {
                        assert!(got.is_null());
                    } else {
                        let at = if end == 4 { 0 } else { list.len() - 1 };
                        let want = list.remove(at).map_err(|_| kernel::error::code::EINVAL)?;
                        assert_eq!(got, want);
                        items.drop(got);
                    }
                }
            }
            assert!(holds(heads[0], &model[0]));
            assert!(holds(heads[1], &model[1]));
        }

        for (head, list) in heads.into_iter().zip(&model) {
            for &item in list {
                // SAFETY: The head is the test's own.
                assert_eq!(list_item(unsafe { bpf_list_pop_front(head) }), item);
                items.drop(item);
            }
        }
        assert!(all.iter().all(|&item| refs(item) == 1));
        all.map(|item| items.drop(item));
        Ok(())
    }
}
