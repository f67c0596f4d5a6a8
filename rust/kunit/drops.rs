// SPDX-License-Identifier: GPL-2.0

//! Drops that objects of several types come to.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_drops)]
mod tests {
    use core::ptr::null_mut;

    use kernel::bindings::{
        bpf_mem_alloc_unit, bpf_mem_alloc_unit_off, btf_field_type_BPF_KPTR_REF as KPTR,
        btf_field_type_BPF_LIST_HEAD as LIST_HEAD, btf_field_type_BPF_LIST_NODE as LIST_NODE,
        btf_field_type_BPF_REFCOUNT as REFCOUNT, btf_field_type_BPF_SPIN_LOCK as SPIN_LOCK,
        btf_struct_meta,
    };

    use super::{
        super::{
            field,
            machine::{End, Machine},
            patiently, root_field,
            threads::Program,
            Items, RecordOf,
        },
        *,
    };
    use crate::{
        bpf_obj_drop, bpf_obj_new,
        drops::{Drops, Kind},
        insn::{call, Insn},
    };

    const ROOM: usize = 32;

    /// What a call of `bpf_obj_drop()` becomes.
    fn written(drops: &Drops) -> Result<KVec<Insn>> {
        let mut code = KVec::from_elem(call(0), ROOM, GFP_KERNEL)?;
        // SAFETY: It only computes; the tests' records outlive what they give to `drops`.
        let len = unsafe { drops.write(bpf_mem_alloc_unit_off() as i16, call(0), &mut code) };
        code.truncate(len.ok_or(ENOSPC)?);
        Ok(code)
    }

    /// What `code` calls the function with, of a new object of `size` bytes.
    fn told(code: &[Insn], meta: *mut btf_struct_meta, size: u32) -> Result<*mut btf_struct_meta> {
        let _program = Program::new(false);
        // SAFETY: The metadata fits the size.
        let obj = patiently(|| unsafe { bpf_obj_new(size.into(), meta) });
        if obj.is_null() {
            return Err(ENOMEM);
        }
        let head = obj.wrapping_byte_sub(size_of::<usize>());
        // SAFETY: In front of an object is its cache's address; the offset is that of a `u32`.
        let (cache, off) = unsafe { (*head.cast::<*mut c_void>(), bpf_mem_alloc_unit_off()) };
        let memory = [(head, size_of::<usize>()), (cache, off as usize + 4)];
        let end = Machine::new([obj as u64, 0], &memory).run(code);
        // SAFETY: The object is the test's own.
        unsafe { bpf_obj_drop(obj, meta) };
        match end? {
            End::Called(first, second) if first == obj as u64 => Ok(second as *mut _),
            end => {
                pr_err!("{end:?}\n");
                Err(EINVAL)
            }
        }
    }

    #[test]
    fn each_type_is_told_by_the_size_of_its_memory() -> Result {
        let (shared, single) = (Items::shared()?, Items::single()?);
        let kinds = [
            (shared.meta(), 72),
            (null_mut(), 16),
            (single.meta(), 200),
            (null_mut(), 2000),
        ];
        let mut drops = Drops::new(Kind::new(kinds[0].0, kinds[0].1))?;
        for &(meta, size) in &kinds[1..] {
            // SAFETY: The records outlive the test.
            unsafe { drops.also(Kind::new(meta, size)) }?;
        }
        let code = written(&drops)?;
        for (meta, size) in kinds {
            assert_eq!(told(&code, meta, size)?, meta);
        }
        Ok(())
    }

    #[test]
    fn nothing_is_looked_at_where_all_are_freed_alike() -> Result {
        let single = Items::single()?;
        let mut drops = Drops::new(Kind::new(null_mut(), 8))?;
        let mut size = 16;
        // SAFETY: The records outlive the test, and it only computes.
        unsafe {
            while bpf_mem_alloc_unit(size) != 0 {
                drops.also(Kind::new(single.meta(), size as u32))?;
                drops.also(Kind::new(null_mut(), size as u32))?;
                size *= 2;
            }
        }
        assert!(written(&drops)?.is_empty());
        Ok(())
    }

    #[test]
    fn types_in_units_of_one_size_must_be_alike() -> Result {
        let (shared, single) = (Items::shared()?, Items::single()?);
        let mut drops = Drops::new(Kind::new(shared.meta(), 72))?;
        // SAFETY: The records outlive the test.
        unsafe {
            drops.also(Kind::new(shared.meta(), 80))?;
            assert_eq!(drops.also(Kind::new(single.meta(), 72)), Err(EINVAL));
            assert_eq!(drops.also(Kind::new(null_mut(), 88)), Err(EINVAL));
            drops.also(Kind::new(null_mut(), 89))?;
            assert_eq!(drops.also(Kind::new(shared.meta(), 89)), Err(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn there_is_room_for_eight_sizes() -> Result {
        const SIZES: [u32; 9] = [8, 24, 56, 88, 120, 184, 248, 504, 1016];
        let (shared, single, kept) = (Items::shared()?, Items::single()?, Items::kept()?);
        // What an item does not fit in has no fields.
        let meta = |i: usize| match i {
            0..3 => null_mut(),
            _ => [shared.meta(), single.meta(), kept.meta()][i % 3],
        };
        let mut drops = Drops::new(Kind::new(meta(0), SIZES[0]))?;
        // SAFETY: The records outlive the test.
        unsafe {
            for (i, size) in SIZES.into_iter().enumerate().take(8).skip(1) {
                drops.also(Kind::new(meta(i), size))?;
            }
            let code = written(&drops)?;
            assert!(code.len() < ROOM);
            for (i, size) in SIZES.into_iter().enumerate().take(8) {
                assert_eq!(told(&code, meta(i), size)?, meta(i));
            }
            assert_eq!(drops.also(Kind::new(null_mut(), SIZES[8])), Err(E2BIG));
        }
        Ok(())
    }

    /// Whether objects of two types, in units of one size, can come to one call.
    fn alike(a: *mut btf_struct_meta, b: *mut btf_struct_meta) -> Result<bool> {
        let mut drops = Drops::new(Kind::new(a, 72))?;
        // SAFETY: The records outlive the tests.
        Ok(unsafe { drops.also(Kind::new(b, 72)) }.is_ok())
    }

    #[test]
    fn what_is_owned_decides() -> Result {
        let kptr = |at| field(KPTR, at, 8);
        let count = |at| field(REFCOUNT, at, 4);
        let node = field(LIST_NODE, 40, 24);
        let lock = |at| field(SPIN_LOCK, at, 4);
        let contents = RecordOf::new([node]);
        let root = |node| root_field(LIST_HEAD, 16, node, contents.as_ptr());

        let first = RecordOf::new([kptr(8)]);
        let with_node = RecordOf::new([kptr(8), node]);
        let second = RecordOf::new([kptr(16)]);
        let both = RecordOf::new([kptr(8), kptr(16)]);
        let counted = RecordOf::new([kptr(8), count(24)]);
        let counted_elsewhere = RecordOf::new([kptr(8), count(28)]);
        let of_another_type = {
            let mut other = kptr(8);
            other.__bindgen_anon_1.kptr.btf_id = 7;
            RecordOf::new([other])
        };
        let list = RecordOf::new([lock(0), root(40)]);
        let other_lock = RecordOf::new([lock(4), root(40)]);
        let other_node = RecordOf::new([lock(0), root(32)]);
        let mut metas = [
            first.meta(),
            with_node.meta(),
            second.meta(),
            both.meta(),
            counted.meta(),
            counted_elsewhere.meta(),
            of_another_type.meta(),
            list.meta(),
            other_lock.meta(),
            other_node.meta(),
        ];
        let metas = metas.each_mut().map(|meta| &raw mut *meta);
        for (i, &a) in metas.iter().enumerate() {
            assert!(!alike(a, null_mut())? && !alike(null_mut(), a)?);
            for (j, &b) in metas.iter().enumerate() {
                // A node does not matter.
                assert_eq!(alike(a, b)?, i == j || i + j == 1);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_freed_as_another_is_marked() -> Result {
        let types = [Items::single()?, Items::single()?, Items::single()?];
        let marked = || {
            types.each_ref().map(|items| {
                // SAFETY: The metadata is the test's own.
                unsafe { (*items.meta()).rcu_read }
            })
        };
        let [a, b, c] = types.each_ref().map(|items| items.meta());
        let shared = Items::shared()?;

        // Told apart: each is freed as what it is.
        let mut drops = Drops::new(Kind::new(a, 72))?;
        // SAFETY: The records outlive the test.
        unsafe { drops.also(Kind::new(shared.meta(), 200)) }?;
        assert!(!written(&drops)?.is_empty());
        assert_eq!(marked(), [false; 3]);
        // In units of one size they are one.
        // SAFETY: As above.
        unsafe { drops.also(Kind::new(b, 80)) }?;
        assert_eq!(marked(), [true, true, false]);
        // Nor are they told apart where all are alike.
        let mut drops = Drops::new(Kind::new(null_mut(), 16))?;
        // SAFETY: As above.
        unsafe { drops.also(Kind::new(c, 72)) }?;
        assert!(written(&drops)?.is_empty());
        assert_eq!(marked(), [true; 3]);
        Ok(())
    }
}
