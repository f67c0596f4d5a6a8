// SPDX-License-Identifier: GPL-2.0

//! Templates against the functions that they stand for: the same result, and the same memory to
//! the last byte, on structures that grow and shrink at random.

use kernel::prelude::*;

mod memory;
mod walk;

#[kunit_tests(bpf_graph_inline)]
mod tests {
    use core::{mem::zeroed, ptr::null_mut};

    use kernel::{
        bindings::{self, bpf_insn, bpf_list_head, bpf_rb_node, bpf_rb_root},
        sync::atomic::Relaxed,
    };

    use super::{
        super::{
            list::Head,
            list_node,
            machine::{End, Machine},
            refs, tree_node, Items, Random,
        },
        memory::{plain_items, set_refs, Memory},
        *,
    };
    use crate::{
        inline::{expand, template, SWITCH},
        insn::{call, Insn, CALL},
        record::Record,
        *,
    };

    const ITEMS: usize = 6;
    const STEPS: usize = 4000;
    const ROOM: usize = 32;

    /// What the call of `kfunc` becomes; empty if it stays a call.
    fn inlined(kfunc: *const c_void, items: &Items) -> Result<KVec<Insn>> {
        let mut code = KVec::from_elem(call(0), ROOM, GFP_KERNEL)?;
        let template = template(kfunc as usize).ok_or(ENOENT)?;
        // SAFETY: The record outlives the call.
        let record = unsafe { Record::from_meta(items.meta()) };
        let len = expand(template, items.meta(), record, 0, call(0), &mut code);
        code.truncate(len);
        Ok(code)
    }

    type OfHead = unsafe extern "C" fn(*mut bpf_list_head) -> *mut bindings::bpf_list_node;
    type IsIn = unsafe extern "C" fn(*mut bpf_list_head, *mut bindings::bpf_list_node) -> bool;
    type Neighbour = unsafe extern "C" fn(
        *mut bpf_list_head,
        *mut bindings::bpf_list_node,
    ) -> *mut bindings::bpf_list_node;
    type Push = unsafe extern "C" fn(
        *mut bpf_list_head,
        *mut bindings::bpf_list_node,
        *mut bindings::btf_struct_meta,
        u64,
    ) -> c_int;

    #[test]
    fn lists_as_the_functions_do() -> Result {
        let of_head: [OfHead; 4] = [
            bpf_list_pop_front,
            bpf_list_pop_back,
            bpf_list_front,
            bpf_list_back,
        ];
        let is_in: [IsIn; 2] = [bpf_list_is_first, bpf_list_is_last];
        let neighbour: [Neighbour; 2] = [bpf_list_next, bpf_list_prev];
        let push: [Push; 2] = [bpf_list_push_front, bpf_list_push_back];
        let types = Items::single()?;
        let mut items = plain_items(ITEMS)?;
        let mut heads = [Head::new()?, Head::new()?];
        let heads = [heads[0].as_ptr(), heads[1].as_ptr()];
        let memory = Memory::of(&heads, &mut items)?;
        let mut random = Random::new(0x2545_f491_4f6c_dd1d);
        let mut longest = 0;

        for step in 0..STEPS {
            // Again and again from zeroes, as a head that was never used is a case of its own.
            if step % 100 == 0 {
                for &(start, len) in &memory.0 {
                    // SAFETY: The pieces are the test's own; all zeroes is an empty list, and an
                    // item in no collection.
                    unsafe { start.cast::<u8>().write_bytes(0, len) };
                }
            }
            let head = heads[random.below(2)];
            let item = &raw mut items[random.below(ITEMS)];
            let node = list_node(item);
            let args = [head as u64, node as u64];
            // SAFETY: The item is the test's own.
            let free = unsafe { (*item).list.owner.is_null() };
            longest = longest.max(items.iter().filter(|i| !i.list.owner.is_null()).count());
            match random.below(14) {
                at @ 0..4 if free => {
                    let kfunc = push[at % 2];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe {
                        kfunc(head, node, types.meta(), 0) as u64
                    })?;
                }
                at @ 4..8 => {
                    let kfunc = of_head[at - 4];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { kfunc(head) as u64 })?;
                }
                at @ (8 | 9) => {
                    let kfunc = is_in[at - 8];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { u64::from(kfunc(head, node)) })?;
                }
                at @ (12 | 13) => {
                    let kfunc = neighbour[at - 12];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { kfunc(head, node) as u64 })?;
                }
                10 => {
                    let code = inlined(bpf_list_del as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { bpf_list_del(head, node) as u64 })?;
                }
                _ => {
                    let code = inlined(bpf_list_empty as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { u64::from(bpf_list_empty(head)) })?;
                }
            }
        }
        // It was not all on lists of one.
        assert!(longest >= 4);
        Ok(())
    }

    /// Which key is lower.
    ///
    /// # Safety
    ///
    /// Both nodes are in items.
    unsafe extern "C" fn less(a: *mut bpf_rb_node, b: *const bpf_rb_node) -> bool {
        // SAFETY: This function's contract.
        unsafe { (*super::super::tree_item(a)).key < (*super::super::tree_item(b.cast_mut())).key }
    }

    #[test]
    fn trees_as_the_functions_do() -> Result {
        type OfRoot = unsafe extern "C" fn(*mut bpf_rb_root) -> *mut bpf_rb_node;
        type Child = unsafe extern "C" fn(*mut bpf_rb_root, *mut bpf_rb_node) -> *mut bpf_rb_node;
        let of_root: [OfRoot; 2] = [bpf_rbtree_first, bpf_rbtree_root];
        let child: [Child; 2] = [bpf_rbtree_left, bpf_rbtree_right];
        let types = Items::single()?;
        let mut items = plain_items(ITEMS)?;
        // SAFETY: All zeroes is an empty tree.
        let mut roots: [KBox<bpf_rb_root>; 2] = unsafe {
            [
                KBox::new(zeroed(), GFP_KERNEL)?,
                KBox::new(zeroed(), GFP_KERNEL)?,
            ]
        };
        let roots = [&raw mut *roots[0], &raw mut *roots[1]];
        let memory = Memory::of(&roots, &mut items)?;
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);

        for _ in 0..STEPS {
            let root = roots[random.below(2)];
            let item = &raw mut items[random.below(ITEMS)];
            let node = tree_node(item);
            let args = [root as u64, node as u64];
            // SAFETY: The item is the test's own.
            let free = unsafe { (*item).tree.owner.is_null() };
            match random.below(8) {
                // SAFETY: All of it is the test's own.
                0..4 if free => unsafe {
                    assert_eq!(bpf_rbtree_add(root, node, Some(less), types.meta(), 0), 0);
                },
                // SAFETY: All of it is the test's own.
                0 => unsafe {
                    bpf_rbtree_remove(root, node);
                },
                at @ (1 | 2) => {
                    let kfunc = of_root[at - 1];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { kfunc(root) as u64 })?;
                }
                at => {
                    let kfunc = child[at % 2];
                    let code = inlined(kfunc as *const c_void, &types)?;
                    // SAFETY: All of it is the test's own.
                    memory.same(&code, args, || unsafe { kfunc(root, node) as u64 })?;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn acquire_as_the_function_does_or_calls_it() -> Result {
        let types = Items::shared()?;
        let mut items = plain_items(ITEMS)?;
        let memory = Memory::of::<bpf_list_head>(&[], &mut items)?;
        let item = &raw mut items[0];
        let code = inlined(bpf_refcount_acquire as *const c_void, &types)?;
        let args = [item as u64, 0];
        let called = End::Called(item as u64, types.meta() as u64);

        for count in [1, 2, 1000, i32::MAX - 1] {
            set_refs(item, count);
            // SAFETY: The item is the test's own.
            memory.same(&code, args, || unsafe {
                bpf_refcount_acquire(item.cast(), types.meta()) as u64
            })?;
            assert_eq!(refs(item), count + 1);

            set_refs(item, count);
            let mut machine = Machine::new(args, &memory.0);
            machine.loses = true;
            assert_eq!(machine.run(&code)?, called);
            assert_eq!(refs(item), count);
        }
        // What the function warns of, or refuses, is left to it.
        for count in [0, i32::MAX, -1, i32::MIN / 2, i32::MIN] {
            set_refs(item, count);
            assert_eq!(Machine::new(args, &memory.0).run(&code)?, called);
            assert_eq!(refs(item), count);
        }
        Ok(())
    }

    /// The bytes of a new object's fields, with addresses in it as offsets from 1 on.
    fn beginnings(record: &Record, object: *mut u64) -> Result<KVec<u64>> {
        let mut all = KVec::new();
        for field in record.fields() {
            for at in (field.offset..field.offset + field.size).step_by(8) {
                // SAFETY: The object is as long as its record says.
                let word = unsafe {
                    let at = object.byte_add(at as usize);
                    match field.size {
                        4 => (*at.cast::<u32>()).into(),
                        _ => *at,
                    }
                };
                let offset = word.wrapping_sub(object as u64);
                let inside = offset < u64::from(SIZE);
                all.push(if inside { offset + 1 } else { word }, GFP_KERNEL)?;
            }
        }
        Ok(all)
    }

    const SIZE: u32 = 256;

    #[test]
    fn new_objects_begin_as_the_function_has_them() -> Result {
        // Each kind at its own place, and the last at the end.
        const KINDS: [(u32, usize, usize); 8] = [
            (bindings::btf_field_type_BPF_SPIN_LOCK, 4, 4),
            (bindings::btf_field_type_BPF_LIST_HEAD, 8, 16),
            (bindings::btf_field_type_BPF_LIST_NODE, 32, 24),
            (bindings::btf_field_type_BPF_RB_ROOT, 64, 16),
            (bindings::btf_field_type_BPF_RB_NODE, 88, 32),
            (bindings::btf_field_type_BPF_RES_SPIN_LOCK, 124, 4),
            (bindings::btf_field_type_BPF_KPTR_REF, 128, 8),
            (bindings::btf_field_type_BPF_REFCOUNT, 252, 4),
        ];
        let fields = KINDS.map(|(kind, at, size)| super::super::field(kind, at, size));
        let types = super::super::RecordOf::new(fields);
        let mut meta = types.meta();
        // SAFETY: The record outlives the test.
        let record = unsafe { Record::from_meta(&raw mut meta) }.ok_or(EINVAL)?;
        let mut room = [call(0); ROOM];
        let template = template(bpf_obj_new as usize).ok_or(ENOENT)?;
        let len = expand(
            template,
            &raw mut meta,
            Some(record),
            SIZE.into(),
            call(0),
            &mut room,
        );
        let code = &room[..len];
        let made = 1 + code.iter().position(|i| i.code == CALL).ok_or(EINVAL)?;

        let mut object = KVec::from_elem(u64::MAX, SIZE as usize / 8, GFP_KERNEL)?;
        let memory = [(object.as_mut_ptr().cast(), SIZE as usize)];
        let machine = || Machine::new([0; 2], &memory);
        // It asks for that much of no type, writes nothing if there is none, and else all fields.
        assert_eq!(machine().run(code)?, End::Called(SIZE.into(), 0));
        assert_eq!(machine().run_from(code, made, 0)?, End::Done(0));
        assert!(object.iter().all(|&word| word == u64::MAX));
        let at = object.as_mut_ptr();
        let done = machine().run_from(code, made, at as u64)?;
        assert_eq!(done, End::Done(at as u64));

        let _program = super::super::Program::new(false);
        let meta = &raw mut meta;
        // SAFETY: The metadata says what is in the object; no field of it holds anything.
        let other = super::super::patiently(|| unsafe { bpf_obj_new(SIZE.into(), meta) });
        assert!(!other.is_null());
        let same = beginnings(&record, at)?.eq(&beginnings(&record, other.cast())?);
        // What is no field is left alone.
        let rest = object[0] as u32 == u32::MAX && object[20] == u64::MAX;
        // SAFETY: The reference is the test's own.
        unsafe { bpf_obj_drop(other, meta) };
        assert!(same && rest);

        // Too little room, and a field that no instruction can write.
        for room in 0..len {
            let mut few = [call(0); ROOM];
            let len = expand(template, meta, Some(record), 256, call(0), &mut few[..room]);
            assert_eq!(len, 0);
        }
        Ok(())
    }

    #[test]
    fn a_shared_type_is_not_taken_for_one_with_one_owner() -> Result {
        for kfunc in [bpf_list_push_front as Push, bpf_list_push_back] {
            assert_eq!(inlined(kfunc as *const c_void, &Items::shared()?)?.len(), 0);
            assert_ne!(inlined(kfunc as *const c_void, &Items::single()?)?.len(), 0);
            // And of a type without a record nothing is known.
            let mut room = [call(0); ROOM];
            let template = template(kfunc as usize).ok_or(ENOENT)?;
            assert_eq!(expand(template, null_mut(), None, 0, call(0), &mut room), 0);
        }
        Ok(())
    }

    /// What the verifier is told of a call of `kfunc`.
    fn told(kfunc: *const c_void, room: usize) -> c_int {
        let mut buf = [call(0); ROOM];
        let call = call(7);
        // SAFETY: A null type is allowed, and there is that much room.
        unsafe {
            bpf_graph_inline(
                kfunc as usize,
                null_mut(),
                0,
                (&raw const call).cast::<bpf_insn>(),
                buf.as_mut_ptr().cast::<bpf_insn>(),
                room as u32,
            )
        }
    }

    #[test]
    fn a_call_stays_where_it_must() -> Result {
        let front = bpf_list_front as *const c_void;
        let len = if cfg!(CONFIG_LIST_HARDENED) { 0 } else { 3 };
        let before = SWITCH.load(Relaxed);
        SWITCH.store(1, Relaxed);
        let on = told(front, ROOM);
        let narrow = told(front, 2);
        let other = told(bpf_obj_drop as *const c_void, ROOM);
        let release = told(bpf_list_pop_front as *const c_void, ROOM);
        SWITCH.store(0, Relaxed);
        let off = told(front, ROOM);
        SWITCH.store(before, Relaxed);
        assert_eq!((on, narrow, other, off), (len, 0, 0, 0));
        // There is no JIT under User-mode Linux, so none that knows a store-release.
        assert_eq!(release, if cfg!(CONFIG_UML) || len == 0 { 0 } else { 11 });
        Ok(())
    }
}
