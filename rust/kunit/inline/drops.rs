// SPDX-License-Identifier: GPL-2.0

//! Drops that objects of several types come to.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_drops)]
mod tests {
    use core::ptr::null_mut;

    use kernel::bindings::{bpf_mem_alloc_unit, bpf_mem_alloc_unit_off, btf_struct_meta};

    use super::{
        super::{
            super::{patiently, threads::Program, Items},
            machine::{End, Machine},
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
        // SAFETY: It only computes.
        let off = unsafe { bpf_mem_alloc_unit_off() };
        let len = drops.write(off as i16, call(0), &mut code).ok_or(ENOSPC)?;
        code.truncate(len);
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
        let shared = Items::shared()?;
        let mut drops = Drops::new(Kind::new(shared.meta(), SIZES[0]))?;
        // SAFETY: The records outlive the test.
        unsafe {
            for size in &SIZES[1..8] {
                drops.also(Kind::new(null_mut(), *size))?;
            }
            let code = written(&drops)?;
            assert!(code.len() < ROOM);
            for size in &SIZES[3..8] {
                assert!(told(&code, null_mut(), *size)?.is_null());
            }
            assert_eq!(drops.also(Kind::new(null_mut(), SIZES[8])), Err(E2BIG));
        }
        Ok(())
    }
}
