// SPDX-License-Identifier: GPL-2.0

//! The way down a tree that a program goes itself, with the function for its end, against
//! `bpf_rbtree_add()`.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_inline_walk)]
mod tests {
    use core::{mem::offset_of, ptr::null_mut};

    use kernel::{
        bindings::{self, bpf_insn, bpf_rb_node, bpf_rb_root},
        sync::atomic::Relaxed,
    };

    use super::{
        super::{
            super::{
                machine::{End, Machine},
                tree::{by_key, TreeRoot, BY_KEY},
                tree_item, tree_node, Item, Items, Random,
            },
            memory::{plain_items, set_refs, Memory},
        },
        *,
    };
    use crate::{
        inline::{
            walk::{self, Way},
            SWITCH,
        },
        insn::*,
        kfuncs::{rbtree_add_at, rbtree_add_at_sole, rbtree_add_key_sole},
        *,
    };

    const ITEMS: usize = 24;
    const STEPS: usize = 4000;
    const OFF: u64 = offset_of!(Item, tree) as u64;

    /// What a program compares by, as the machine calls it.
    fn less_word(a: u64, b: u64) -> u64 {
        // SAFETY: The machine passes what the kfunc does: nodes of items.
        unsafe { by_key(a, b, 0, 0, 0) }
    }

    const KEY: i16 = -(OFF as i16);

    /// [`by_key()`] as a program has it, with more than one way out.
    const COPIED: [Insn; 7] = [
        ldx_at(R3, R1, KEY),
        ldx_at(R4, R2, KEY),
        mov_k(R0, 0),
        jge(R3, R4, 2),
        mov_k(R0, 1),
        exit(),
        exit(),
    ];

    /// What cannot be copied, and then is not looked at.
    const CALLED: [Insn; 2] = [call(1), exit()];

    /// The way down of a kind, for a comparison by `callback`; what is said of it.
    fn way(kind: Way, callback: &[Insn]) -> Result<(KVec<Insn>, bindings::bpf_graph_walk)> {
        let mut code = KVec::from_elem(call(0), walk::MAX, GFP_KERNEL)?;
        let mut walk = bindings::bpf_graph_walk::default();
        let at_end = call(7);
        // SAFETY: There are these instructions, and that much room.
        unsafe {
            bpf_graph_walk(
                kind as u32,
                -24,
                callback.as_ptr().cast(),
                callback.len() as u32,
                (&raw const at_end).cast(),
                code.as_mut_ptr().cast::<bpf_insn>(),
                &raw mut walk,
            )
        };
        code.truncate(walk.len as usize);
        Ok((code, walk))
    }

    /// That of an insertion.
    fn way_of_add(callback: &[Insn]) -> Result<KVec<Insn>> {
        let (code, _) = way(Way::Place, callback)?;
        if code.last() == Some(&call(7)) {
            Ok(code)
        } else {
            Err(EINVAL)
        }
    }

    /// Adds `node` to `root` as a program does that goes the way in `code` itself.
    fn walked(
        code: &[Insn],
        memory: &Memory,
        types: &Items,
        root: *mut bpf_rb_root,
        node: *mut bpf_rb_node,
    ) -> Result<c_int> {
        let mut machine = Machine::new([root as u64, node as u64], &memory.0);
        machine.callback = Some(less_word);
        let place = match machine.run(code)? {
            End::Walked([r1, r2, place]) if r1 == root as u64 && r2 == node as u64 => place,
            end => {
                pr_err!("{end:?}\n");
                return Err(EBADF);
            }
        };
        // SAFETY: The metadata is that of the items.
        let callee = unsafe { bpf_graph_callee(bpf_rbtree_add as usize, types.meta(), true) };
        // SAFETY: The place was just found; all of it is the test's own.
        unsafe {
            if callee == rbtree_add_at_sole as usize {
                Ok(rbtree_add_at_sole(root, node, place))
            } else if callee == rbtree_add_at as usize {
                Ok(rbtree_add_at(root, node, place, types.meta(), OFF))
            } else {
                Err(ENXIO)
            }
        }
    }

    fn adds_as_the_function_does(types: &Items, shared: bool) -> Result {
        let mut items = plain_items(ITEMS)?;
        for item in items.iter_mut() {
            // The last reference is the test's: what is refused is never freed.
            set_refs(item, i32::MAX / 2);
            item.key /= 4;
        }
        let (mut one, mut other) = (TreeRoot::new()?, TreeRoot::new()?);
        let roots = [one.as_ptr(), other.as_ptr()];
        let memory = Memory::of(&roots, &mut items)?;
        let mut random = Random::new(0x1234_5678_9abc_def1);
        let (mut most, mut refused) = (0, 0);
        let (called, copied) = (way_of_add(&CALLED)?, way_of_add(&COPIED)?);

        for _ in 0..STEPS {
            let root = roots[random.below(8) / 7];
            let item = &raw mut items[random.below(ITEMS)];
            let node = tree_node(item);
            // SAFETY: The item is the test's own.
            let free = unsafe { (*item).tree.owner.is_null() };
            if random.below(5) < 2 {
                // SAFETY: All of it is the test's own.
                unsafe { bpf_rbtree_remove(root, node) };
            } else if free || shared {
                let before = memory.save()?;
                // SAFETY: All of it is the test's own.
                let want = unsafe { bpf_rbtree_add(root, node, Some(BY_KEY), types.meta(), OFF) };
                let after = memory.save()?;
                for code in [&called, &copied] {
                    memory.restore(&before);
                    assert_eq!(walked(code, &memory, types, root, node)?, want);
                    assert!(memory.save()?.iter().eq(after.iter()));
                }
                assert_eq!(want == 0, free);
                refused += usize::from(!free);
            }
            most = most.max(items.iter().filter(|i| !i.tree.owner.is_null()).count());
        }
        assert!(most >= ITEMS / 2);
        assert_eq!(refused > 100, shared);
        Ok(())
    }

    #[test]
    fn single_owners_are_added_as_by_the_function() -> Result {
        adds_as_the_function_does(&Items::single()?, false)
    }

    #[test]
    fn shared_objects_are_added_or_refused_as_by_the_function() -> Result {
        adds_as_the_function_does(&Items::shared()?, true)
    }

    #[test]
    fn a_comparison_is_copied_if_it_can_be() -> Result {
        // Loads, jumps and computations only, of the first six registers; it is not too long, and
        // ends at its end.
        let longest = KVec::from_elem(exit(), 33, GFP_KERNEL)?;
        let longer = KVec::from_elem(exit(), 34, GFP_KERNEL)?;
        let [low, high] = ld_imm64(R1, 1);
        for kind in [Way::Place, Way::Equal, Way::NotLess, Way::Greater] {
            let (copied, walk) = way(kind, &COPIED)?;
            let body = walk.body as usize;
            assert_eq!(walk.copied, 6);
            // But for the first way out, which goes to the end.
            assert!(copied[body..body + 5] == COPIED[..5] && copied[body + 5] == ja(0));
            assert_eq!(way(kind, &longest)?.1.copied, 32);
            assert!(way(kind, &longest)?.0[body] == ja(31));
            for callback in [
                &longer[..],
                &[][..],
                &[exit()],
                &[exit(), mov_k(R0, 0)],
                &[call(1), exit()],
                &[call_subprog(), exit()],
                &[low, high, exit()],
                &[mov(R6, R1), exit()],
                &[mov(R1, R6), exit()],
                &[spill(-8, R1), exit()],
                &[fill(R1, -8), exit()],
                &[stx(R1, 8, R2), exit()],
                &[st_k(R1, 8, 0), exit()],
                &[cmpxchg32(R1, 8, R2), exit()],
            ] {
                let (code, called) = way(kind, callback)?;
                assert_eq!(called.copied, 0);
                assert_eq!(code.len(), copied.len() - 5);
                assert!(code[body] == call_subprog());
            }
        }
        Ok(())
    }

    /// Compares a word with a node's key, with an `int` whose upper half is anything.
    fn order_word(key: u64, node: u64) -> u64 {
        // SAFETY: The test passes the address of a key, the machine nodes of items.
        let (key, other) = unsafe {
            (
                *(key as *const u64),
                (*tree_item(node as *mut bpf_rb_node)).key,
            )
        };
        u64::from((key as i32 - other as i32) as u32) | 0xdead_beef << 32
    }

    /// The same, for the function.
    ///
    /// # Safety
    ///
    /// As in [`order_word()`].
    unsafe extern "C" fn order(key: *const c_void, node: *const bpf_rb_node) -> c_int {
        order_word(key as u64, node as u64) as c_int
    }

    #[test]
    fn searches_find_what_the_functions_do() -> Result {
        type Search = unsafe extern "C" fn(
            *mut bpf_rb_root,
            *const c_void,
            u32,
            Option<unsafe extern "C" fn(*const c_void, *const bpf_rb_node) -> c_int>,
        ) -> *mut bpf_rb_node;
        type Found = fn(u64, u64) -> bool;
        let searches: [(Search, Way, Found); 3] = [
            (bpf_rbtree_find, Way::Equal, |at, key| at == key),
            (bpf_rbtree_lower_bound, Way::NotLess, |at, key| at >= key),
            (bpf_rbtree_upper_bound, Way::Greater, |at, key| at > key),
        ];
        let types = Items::single()?;
        let mut items = plain_items(ITEMS)?;
        for item in items.iter_mut() {
            item.key = 2 * (item.key / 3);
        }
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        let mut memory = Memory::of(&[root], &mut items)?;
        let mut random = Random::new(0x0fed_cba9_8765_4321);
        let mut key = KBox::new(0u64, GFP_KERNEL)?;
        let key = &raw mut *key;
        memory.0.push((key.cast(), 8), GFP_KERNEL)?;
        let none = [call(1), exit()];

        for step in 0..STEPS {
            let item = &raw mut items[random.below(ITEMS)];
            let node = tree_node(item);
            // SAFETY: All of it is the test's own.
            unsafe {
                if (*item).tree.owner.is_null() {
                    assert_eq!(bpf_rbtree_add(root, node, Some(BY_KEY), types.meta(), 0), 0);
                } else if random.below(4) == 0 || step % 512 > 500 {
                    bpf_rbtree_remove(root, node);
                }
                *key = random.below(2 * ITEMS / 3 + 2) as u64;
            }
            for (kfunc, kind, is_found) in searches {
                // SAFETY: All of it is the test's own.
                let want = unsafe { kfunc(root, key.cast(), 8, Some(order)) };
                // The first in order that is right: of equals the one that was there first.
                // SAFETY: The tree is the test's own.
                let mut at = unsafe { bpf_rbtree_first(root) };
                // SAFETY: The nodes are in items of the test's own.
                while !at.is_null() && !unsafe { is_found((*tree_item(at)).key, *key) } {
                    // SAFETY: The node was just found in the tree.
                    at = unsafe { bpf_rbtree_next(root, at) };
                }
                assert!(want == at);
                let (code, _) = way(kind, &none)?;
                let mut machine = Machine::new([root as u64, key as u64], &memory.0);
                machine.callback = Some(order_word);
                assert_eq!(machine.run(&code)?, End::Done(want as u64));
            }
        }
        Ok(())
    }

    #[test]
    fn who_is_called_follows_from_the_type_and_the_switch() -> Result {
        let (single, shared) = (Items::single()?, Items::shared()?);
        let (add, add_key) = (bpf_rbtree_add as usize, bpf_rbtree_add_key as usize);
        let other = bpf_rbtree_remove as usize;
        // SAFETY: The metadata is null or that of the items.
        let callee = |addr, meta, walked| unsafe { bpf_graph_callee(addr, meta, walked) };
        let before = SWITCH.load(Relaxed);
        SWITCH.store(1, Relaxed);
        // SAFETY: There is nothing to keep to.
        let walks = |addr| unsafe { bpf_graph_walks(addr) };
        let on_walks = [add, bpf_rbtree_add_impl as usize, add_key, other].map(walks);
        let searches = [
            bpf_rbtree_find as usize,
            bpf_rbtree_lower_bound as usize,
            bpf_rbtree_upper_bound as usize,
        ]
        .map(walks);
        let on = [
            callee(add_key, single.meta(), false),
            callee(add_key, shared.meta(), false),
            callee(add_key, null_mut(), false),
            callee(other, single.meta(), false),
            callee(add, single.meta(), false),
        ];
        SWITCH.store(0, Relaxed);
        let no_walks = [add, bpf_rbtree_add_impl as usize].map(walks);
        let off = callee(add_key, single.meta(), false);
        // A way that is there already gets its end.
        let end = callee(add, single.meta(), true);
        SWITCH.store(before, Relaxed);

        let all = u32::from(!cfg!(CONFIG_LIST_HARDENED));
        let sole = if all != 0 {
            rbtree_add_key_sole as usize
        } else {
            add_key
        };
        assert_eq!(
            on_walks,
            [all * Way::Place as u32, all * Way::Place as u32, 0, 0]
        );
        let kinds = [Way::Equal, Way::NotLess, Way::Greater];
        assert_eq!(searches, kinds.map(|kind| all * kind as u32));
        assert_eq!(on, [sole, add_key, add_key, other, add]);
        assert_eq!((no_walks, off), ([0; 2], add_key));
        assert_eq!(end, rbtree_add_at_sole as usize);
        Ok(())
    }
}
