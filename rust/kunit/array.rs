// SPDX-License-Identifier: GPL-2.0

//! Addresses of the elements of array maps: there, back, and what is read at them; by maps that are
//! made up, up to sizes for which there is no memory. `made` has the maps that C makes.

use core::mem::{offset_of, zeroed};

use kernel::{
    bindings::{self, bpf_array, bpf_map},
    prelude::*, //
};

use crate::array::Array;

mod made;

const ARRAY: u32 = bindings::bpf_map_type_BPF_MAP_TYPE_ARRAY;
const PERCPU: u32 = bindings::bpf_map_type_BPF_MAP_TYPE_PERCPU_ARRAY;

/// What there is where an answer would be, and must stay there beside an error.
const NONE: u64 = 0x5aa5_5aa5_5aa5_5aa5;

/// An array map of which only type, sizes and elements are set.
#[repr(C)]
struct Fake<T> {
    array: bpf_array,
    elements: T,
}

const _: () = assert!(
    offset_of!(Fake<u64>, elements) == offset_of!(bpf_array, __bindgen_anon_1)
        && offset_of!(bpf_array, map) == 0
);

impl<T> Fake<T> {
    /// A map as C would make it: with elements that begin at multiples of 8.
    fn new(kind: u32, entries: u32, value_size: u32, elements: T) -> Self {
        // SAFETY: All zeroes are a valid array, if not one that can be used.
        let mut array: bpf_array = unsafe { zeroed() };
        array.map.map_type = kind;
        array.map.max_entries = entries;
        array.map.value_size = value_size;
        array.elem_size = value_size.next_multiple_of(8);
        Self { array, elements }
    }

    fn map(&self) -> *const bpf_map {
        (&raw const *self).cast()
    }

    /// The address of the first element.
    fn base(&self) -> u64 {
        &raw const self.elements as u64
    }

    fn stride(&self) -> u64 {
        self.array.elem_size.into()
    }

    /// The bytes from the first element to behind the last.
    fn span(&self) -> u64 {
        self.stride() * u64::from(self.array.map.max_entries)
    }

    /// The view of it that asks no JIT.
    fn array(&self) -> Result<Array<'_>> {
        // SAFETY: The map is here as long as `self`. Elements for which there is no memory are not
        // read.
        unsafe { Array::from_map(self.map()) }
    }

    fn addr(&self, elem: u32, off: u32) -> Result<u64> {
        addr(self.map(), elem, off)
    }

    fn find(&self, addr: u64) -> Result<(u32, u32)> {
        find(self.map(), addr)
    }

    fn read(&self, elem: u32, off: u32, size: u32, sign: bool) -> Result<u64> {
        let mut val = NONE;
        // SAFETY: The map is here, and nobody writes to it.
        let ret =
            unsafe { crate::bpf_graph_elem_read(self.map(), elem, off, size, sign, &raw mut val) };
        answer(ret, val, val == NONE)
    }
}

/// `value` if C was given 0. Beside an error nothing must have been written: that is `EIO` here.
fn answer<T>(ret: c_int, value: T, unwritten: bool) -> Result<T> {
    match (ret, unwritten) {
        (0, false) => Ok(value),
        (0, true) | (_, false) => Err(EIO),
        (_, true) => Err(Error::from_errno(ret)),
    }
}

fn addr(map: *const bpf_map, elem: u32, off: u32) -> Result<u64> {
    let mut addr = NONE;
    // SAFETY: Callers have the map.
    let ret = unsafe { crate::bpf_graph_elem_addr(map, elem, off, &raw mut addr) };
    answer(ret, addr, addr == NONE)
}

fn find(map: *const bpf_map, addr: u64) -> Result<(u32, u32)> {
    let (mut elem, mut off) = (NONE as u32, NONE as u32);
    // SAFETY: Callers have the map.
    let ret = unsafe { crate::bpf_graph_elem_find(map, addr, &raw mut elem, &raw mut off) };
    answer(ret, (elem, off), (elem, off) == (NONE as u32, NONE as u32))
}

#[kunit_tests(bpf_graph_array)]
mod tests {
    use super::*;
    use crate::kunit::Random;

    const SIZES: [u32; 11] = [1, 4, 7, 8, 9, 12, 16, 4095, 4096, 65537, (1 << 31) - 1];
    const ENTRIES: [u32; 7] = [1, 2, 3, 1000, 1 << 20, u32::MAX - 1, u32::MAX];

    #[test]
    fn an_element_is_its_index_times_the_stride_behind_the_first() -> Result {
        for (entries, size) in ENTRIES.iter().flat_map(|&n| SIZES.map(|s| (n, s))) {
            let map = Fake::new(ARRAY, entries, size, ());
            for elem in [0, entries / 3, entries / 2, entries - 1] {
                let distance = map.addr(elem, 0)?.wrapping_sub(map.base());
                let want = u128::from(map.stride()) * u128::from(elem);
                assert_eq!(u128::from(distance), want);
            }
        }
        Ok(())
    }

    #[test]
    fn the_offset_is_checked_but_not_added() {
        for (entries, size) in ENTRIES.iter().flat_map(|&n| SIZES.map(|s| (n, s))) {
            let map = Fake::new(ARRAY, entries, size, ());
            let last = entries - 1;
            assert!(map.addr(last, 0).is_ok());
            assert_eq!(map.addr(last, size - 1), map.addr(last, 0));
            // The bytes up to the next element are not the program's.
            for off in [size, size.next_multiple_of(8), size + 1, u32::MAX] {
                assert_eq!(map.addr(0, off), Err(EINVAL));
                assert_eq!(map.addr(last, off), Err(EINVAL));
            }
        }
    }

    #[test]
    fn there_is_no_element_behind_the_last() {
        for entries in ENTRIES {
            let map = Fake::new(ARRAY, entries, 8, ());
            assert_eq!(map.addr(entries, 0), Err(EINVAL));
            assert_eq!(map.addr(u32::MAX, 0), Err(EINVAL));
        }
        let empty = Fake::new(ARRAY, 0, 8, ());
        assert_eq!(empty.addr(0, 0), Err(EINVAL));
        assert_eq!(empty.find(empty.base()), Err(ENOENT));
    }

    #[test]
    fn other_maps_are_refused() {
        for kind in 0..bindings::bpf_map_type___MAX_BPF_MAP_TYPE {
            let map = Fake::new(kind, 1, 8, 0_u64);
            let refused = kind != ARRAY && kind != PERCPU;
            let (addr, found) = (map.addr(0, 0), map.find(map.base()));
            assert!(refused == matches!(addr, Err(EINVAL)));
            assert!(refused == matches!(found, Err(EINVAL)));
            let read = if kind == ARRAY { Ok(0) } else { Err(EINVAL) };
            assert_eq!(map.read(0, 0, 8, false), read);
        }
        // Not a map, but not to be divided by either.
        let mut map = Fake::new(ARRAY, 1, 8, 0_u64);
        map.array.elem_size = 0;
        assert_eq!(map.addr(0, 0), Err(EINVAL));
        assert_eq!(map.find(map.base()), Err(EINVAL));
        assert_eq!(map.read(0, 0, 8, false), Err(EINVAL));
    }

    #[test]
    fn an_address_is_found_from_the_first_byte_to_the_last() {
        for (entries, size) in ENTRIES.iter().flat_map(|&n| SIZES.map(|s| (n, s))) {
            let map = Fake::new(ARRAY, entries, size, ());
            assert_eq!(map.find(map.base()), Ok((0, 0)));
            assert_eq!(map.find(map.base() - 1), Err(ENOENT));
            assert_eq!(map.find(0), Err(ENOENT));
            // On x86 the largest do not fit behind the address of this one.
            let Some(end) = map.base().checked_add(map.span()) else {
                continue;
            };
            let inside = map.array.elem_size - 1;
            assert_eq!(map.find(end - 1), Ok((entries - 1, inside)));
            assert_eq!(map.find(end), Err(ENOENT));
            assert_eq!(map.find(end + map.stride()), Err(ENOENT));
            assert_eq!(map.find(u64::MAX), Err(ENOENT));
            let second = map.base() + map.stride();
            assert_eq!(map.find(second - 1), Ok((0, inside)));
            if entries > 1 {
                assert_eq!(map.find(second), Ok((1, 0)));
            }
        }
    }

    #[test]
    fn bytes_behind_a_value_belong_to_its_element() {
        let map = Fake::new(ARRAY, 3, 12, [0_u8; 48]);
        for (elem, off) in (0..3).flat_map(|elem| (12..16).map(move |off| (elem, off))) {
            let addr = map.base() + u64::from(16 * elem + off);
            assert_eq!(map.find(addr), Ok((elem, off)));
            assert_eq!(map.addr(elem, off), Err(EINVAL));
        }
    }

    #[test]
    fn there_and_back() -> Result {
        let mut random = Random::new(0x6a09_e667_f3bc_c909);
        for _ in 0..20_000 {
            let (many, large) = (random.below(32), random.below(14));
            let entries = 1 + random.below(1 << many) as u32;
            let size = 1 + random.below(1 << large) as u32;
            let map = Fake::new(ARRAY, entries, size, ());
            let elem = random.below(entries as usize) as u32;
            let off = random.below(size as usize) as u32;
            let addr = map.addr(elem, off)?;
            assert_eq!(map.find(addr + u64::from(off)), Ok((elem, off)));
        }
        Ok(())
    }

    #[test]
    fn a_neighbour_is_not_this_map() {
        let pair = [
            Fake::new(ARRAY, 5, 12, [0_u8; 80]),
            Fake::new(ARRAY, 10, 8, [0_u8; 80]),
        ];
        let start = &raw const pair as u64;
        for addr in start..start + size_of_val(&pair) as u64 {
            for map in &pair {
                let distance = addr.wrapping_sub(map.base());
                let want = (distance < map.span())
                    .then(|| ((distance / map.stride()), (distance % map.stride())))
                    .map(|(elem, off)| (elem as u32, off as u32));
                assert_eq!(map.find(addr), want.ok_or(ENOENT));
            }
        }
    }

    /// In no order, one behind the other, and up to the last address there is.
    const PPTRS: [usize; 6] = [0x5000, 0x1000, usize::MAX - 15, 0x1010, 0x4ff0, 0x9000];

    #[test]
    fn a_per_cpu_element_is_where_its_pointer_says() -> Result {
        // One pointer more than there are elements, as where their number is rounded up.
        let map = Fake::new(PERCPU, 5, 12, PPTRS);
        let array = map.array()?;
        for (elem, &pptr) in (0..5).zip(&PPTRS) {
            assert_eq!(array.addr(elem, 0), Ok(pptr as u64));
            assert_eq!(array.addr(elem, 11), Ok(pptr as u64));
            assert_eq!(array.addr(elem, 12), Err(EINVAL));
            for off in 0..16 {
                assert_eq!(array.find(pptr as u64 + u64::from(off)), Ok((elem, off)));
            }
        }
        assert_eq!(array.addr(5, 0), Err(EINVAL));
        assert_eq!(array.addr(u32::MAX, 0), Err(EINVAL));
        for addr in [0, 15, 0xfff, 0x1020, 0x4fef, 0x5010, 0x9000, map.base()] {
            assert_eq!(array.find(addr), Err(ENOENT));
        }
        assert_eq!(array.find(usize::MAX as u64 - 16), Err(ENOENT));
        Ok(())
    }

    #[test]
    fn a_per_cpu_address_needs_the_jit() {
        let map = Fake::new(PERCPU, 5, 12, PPTRS);
        // SAFETY: It only answers.
        let can = unsafe { bindings::bpf_jit_supports_percpu_insn() };
        let or_not = |no| if can { no } else { EOPNOTSUPP };
        assert_eq!(map.addr(1, 11).ok(), can.then_some(0x1000));
        assert_eq!(map.addr(1, 11).err(), (!can).then_some(EOPNOTSUPP));
        assert_eq!(map.addr(5, 0), Err(or_not(EINVAL)));
        assert_eq!(map.addr(0, 12), Err(or_not(EINVAL)));
        assert_eq!(map.find(0x101f).ok(), can.then_some((3, 15)));
        assert_eq!(map.find(0x101f).err(), (!can).then_some(EOPNOTSUPP));
        assert_eq!(map.find(0), Err(or_not(ENOENT)));
    }

    /// 4 elements of 12 bytes in 16, in which signs and bytes differ.
    fn bytes() -> Fake<[u8; 64]> {
        Fake::new(
            ARRAY,
            4,
            12,
            core::array::from_fn(|i| (i * 37 + 0x5b) as u8),
        )
    }

    #[test]
    fn what_is_read_is_what_is_there() {
        let map = bytes();
        for (elem, off) in (0..6_u32).flat_map(|elem| (0..18_u32).map(move |off| (elem, off))) {
            for size in [
                0,
                1,
                2,
                3,
                4,
                5,
                7,
                8,
                9,
                12,
                16,
                256 + 4,
                1 << 31,
                u32::MAX,
            ] {
                let inside = elem < 4 && u64::from(off) + u64::from(size) <= 12;
                let want = if inside && matches!(size, 1 | 2 | 4 | 8) {
                    let at = (16 * elem + off) as usize;
                    let mut word = [0; 8];
                    word[..size as usize].copy_from_slice(&map.elements[at..at + size as usize]);
                    Ok(u64::from_le_bytes(word))
                } else {
                    Err(EINVAL)
                };
                assert_eq!(map.read(elem, off, size, false), want);
                let unused = 64 - 8 * size.min(8);
                let signed =
                    want.map(|word| ((word << (unused % 64)) as i64 >> (unused % 64)) as u64);
                assert_eq!(map.read(elem, off, size, true), signed);
            }
        }
    }

    #[test]
    fn a_sign_fills_the_bits_above() {
        let map = Fake::new(
            ARRAY,
            2,
            8,
            [0x0123_4567_89ab_cdef_u64, 0x8000_0000_7fff_ff80],
        );
        for (elem, off, size, unsigned, signed) in [
            (0, 0, 1, 0xef, 0xffff_ffff_ffff_ffef),
            (0, 0, 2, 0xcdef, 0xffff_ffff_ffff_cdef),
            (0, 0, 4, 0x89ab_cdef, 0xffff_ffff_89ab_cdef),
            (0, 4, 4, 0x0123_4567, 0x0123_4567),
            (0, 7, 1, 0x01, 0x01),
            (1, 0, 1, 0x80, 0xffff_ffff_ffff_ff80),
            (1, 0, 4, 0x7fff_ff80, 0x7fff_ff80),
            (1, 6, 2, 0x8000, 0xffff_ffff_ffff_8000),
            (1, 0, 8, 0x8000_0000_7fff_ff80, 0x8000_0000_7fff_ff80),
        ] {
            assert_eq!(map.read(elem, off, size, false), Ok(unsigned));
            assert_eq!(map.read(elem, off, size, true), Ok(signed));
        }
    }

    #[test]
    fn nothing_behind_the_value_is_read() {
        let map = bytes();
        for (elem, off, size) in [
            (0, 12, 1),
            (3, 11, 2),
            (3, 5, 8),
            (0, u32::MAX, 1),
            (0, u32::MAX - 3, 4),
            (0, u32::MAX - 3, 8),
            (0, 8, u32::MAX - 7),
            (4, 0, 1),
            (u32::MAX, 0, 1),
        ] {
            assert_eq!(map.read(elem, off, size, false), Err(EINVAL));
        }
        // 32 bits hold the offset, but not where it ends.
        let mut large = Fake::new(ARRAY, 1, 8, ());
        large.array.map.value_size = u32::MAX;
        assert_eq!(large.read(0, u32::MAX - 3, 4, false), Err(EINVAL));
        assert_eq!(large.read(0, u32::MAX - 3, 8, false), Err(EINVAL));
        let per_cpu = Fake::new(PERCPU, 5, 12, PPTRS);
        assert_eq!(per_cpu.read(0, 0, 8, false), Err(EINVAL));
    }
}
