// SPDX-License-Identifier: GPL-2.0

//! Array maps that C makes: it looks its elements up where Rust says that they are.

use core::{
    mem::zeroed,
    ptr::null_mut, //
};

use kernel::{
    bindings::{self, bpf_map},
    error::from_err_ptr,
    prelude::*, //
};

use super::{addr, find, Fake, ARRAY, PERCPU};
use crate::array::Array;

/// A map that C made, freed when dropped.
struct Made(*mut bpf_map, &'static bindings::bpf_map_ops);

impl Made {
    fn new(kind: u32, entries: u32, value_size: u32, flags: u32) -> Result<Self> {
        // SAFETY: C has them as constants.
        let ops = unsafe {
            match kind {
                PERCPU => &bindings::percpu_array_map_ops,
                _ => &bindings::array_map_ops,
            }
        };
        // SAFETY: All zeroes are valid attributes.
        let mut attr: bindings::bpf_attr = unsafe { zeroed() };
        attr.__bindgen_anon_1.map_type = kind;
        attr.__bindgen_anon_1.key_size = 4;
        attr.__bindgen_anon_1.value_size = value_size;
        attr.__bindgen_anon_1.max_entries = entries;
        attr.__bindgen_anon_1.map_flags = flags;
        // SAFETY: The attributes are those of such a map.
        let map = unsafe { ops.map_alloc.ok_or(EINVAL)?(&raw mut attr) };
        Ok(Self(from_err_ptr(map)?, ops))
    }

    /// Where C says that element `elem` is; for a per-CPU array, on CPU 0.
    fn lookup(&self, elem: u32) -> u64 {
        let mut key = elem;
        let key = (&raw mut key).cast();
        // SAFETY: The map is here, and the key is as large as the map says.
        let value = unsafe {
            match (self.1.map_lookup_percpu_elem, self.1.map_lookup_elem) {
                (Some(lookup), _) => lookup(self.0, key, 0),
                (None, Some(lookup)) => lookup(self.0, key),
                _ => null_mut(),
            }
        };
        value as u64
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(free) = self.1.map_free {
            // SAFETY: Nobody else knows the map.
            unsafe { free(self.0) };
        }
    }
}

#[kunit_tests(bpf_graph_array_made)]
mod tests {
    use super::*;

    #[test]
    fn c_has_them_at_the_same_place() -> Result {
        for flags in [0, bindings::BPF_F_MMAPABLE] {
            for (entries, size) in [1, 2, 5, 33]
                .iter()
                .flat_map(|&n| [1, 8, 12, 4097].map(|s| (n, s)))
            {
                let map = Made::new(ARRAY, entries, size, flags)?;
                for elem in 0..entries {
                    let want = map.lookup(elem);
                    assert!(want != 0);
                    assert_eq!(addr(map.0, elem, size - 1), Ok(want));
                    assert_eq!(
                        find(map.0, want + u64::from(size - 1)),
                        Ok((elem, size - 1))
                    );
                }
                assert_eq!(map.lookup(entries), 0);
                assert_eq!(addr(map.0, entries, 0), Err(EINVAL));
            }
        }
        Ok(())
    }

    #[test]
    fn c_has_those_of_a_cpu_at_the_same_distance() -> Result {
        let map = Made::new(PERCPU, 33, 12, 0)?;
        // SAFETY: The map is here as long as the view of it.
        let array = unsafe { Array::from_map(map.0)? };
        let (first, first_of_cpu) = (array.addr(0, 0)?, map.lookup(0));
        assert!(first_of_cpu != 0);
        for elem in 0..33 {
            let addr = array.addr(elem, 0)?;
            let distance = map.lookup(elem).wrapping_sub(first_of_cpu);
            assert_eq!(addr.wrapping_sub(first), distance);
            assert_eq!(array.find(addr + 11), Ok((elem, 11)));
        }
        Ok(())
    }

    /// Its type is that of an array, but the memory behind `bpf_map` is not.
    #[test]
    fn one_that_is_on_a_device_has_none() {
        let mut map = Fake::new(ARRAY, 2, 8, [0u64; 2]);
        for (ops, has) in [
            (&raw const bindings::array_map_ops, true),
            (&raw const bindings::bpf_map_offload_ops, false),
        ] {
            map.array.map.ops = ops;
            // SAFETY: The map is here, with type and operations, which is all that is looked at.
            assert_eq!(unsafe { bindings::bpf_graph_has_elems(map.map()) }, has);
        }
    }
}
