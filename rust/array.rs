// SPDX-License-Identifier: GPL-2.0

//! Where the elements of an array map are, for programs that have their addresses in them.
//!
//! A `ldimm64` with `BPF_PSEUDO_MAP_VALUE` becomes the address of a value when its program is
//! loaded: a *direct value*, which is reached without a lookup. The index is a constant, so that
//! neither a check nor `index_mask` has a part in it.
//!
//! | map                         | the address of an element                              |
//! |-----------------------------|--------------------------------------------------------|
//! | `BPF_MAP_TYPE_ARRAY`        | that of its memory: `value + elem_size * index`        |
//! | `BPF_MAP_TYPE_PERCPU_ARRAY` | `pptrs[index]`, to which the program adds a CPU's base |
//!
//! Indices count elements; offsets and sizes are bytes. `value_size` is what of an element is the
//! program's. `elem_size` is how far apart two elements are: `value_size` rounded up to 8.
//!
//! All that is read of a map here is written before anybody else can see the map, and stays until
//! the map is freed. So nothing takes a lock, sleeps or allocates, and any context will do.
//!
//! C source: `kernel/bpf/arraymap.c`, for maps that have one element.

use core::{
    marker::PhantomData,
    num::NonZero, //
};

use kernel::{
    bindings::{self, bpf_array, bpf_map},
    container_of,
    error::from_result,
    prelude::*, //
};

/// Where the elements are.
#[derive(Clone, Copy)]
enum Elements<'a> {
    /// One after another, from this address on.
    InMap(*const u8),
    /// Each at a per-CPU address of its own.
    PerCpu(&'a [*const c_void]),
}

/// An array map, as far as its elements are found by it.
///
/// # Invariants
///
/// For `'a` there is a map of `entries` elements, which are where `elements` says: the memory of
/// each is `stride` bytes, the first `value_size` of which are its value.
pub(crate) struct Array<'a> {
    elements: Elements<'a>,
    entries: u32,
    value_size: u32,
    stride: NonZero<usize>,
    _map: PhantomData<&'a bpf_array>,
}

impl Array<'_> {
    /// The array that `map` is; `EINVAL` if it is a map of another type.
    ///
    /// # Safety
    ///
    /// `map` points to a map that outlives the returned value, and that has elements here: not to
    /// what describes the inner maps of another one, nor to a map that is offloaded to a device.
    pub(crate) unsafe fn from_map(map: *const bpf_map) -> Result<Self> {
        // No reference to the map is made, as other fields of it do change.
        // SAFETY: By this function's contract; these fields stay as they are.
        let (kind, entries, value_size) =
            unsafe { ((*map).map_type, (*map).max_entries, (*map).value_size) };
        let per_cpu = match kind {
            bindings::bpf_map_type_BPF_MAP_TYPE_ARRAY => false,
            bindings::bpf_map_type_BPF_MAP_TYPE_PERCPU_ARRAY => true,
            _ => return Err(EINVAL),
        };
        // SAFETY: By this function's contract; maps of these types are `bpf_array`s.
        let (stride, first) = unsafe {
            let array = container_of!(map, bpf_array, map);
            let first = &raw const (*array).__bindgen_anon_1;
            ((*array).elem_size as usize, first)
        };
        let elements = if per_cpu {
            // SAFETY: By this function's contract; a per-CPU array has a pointer for each entry.
            let pptrs = unsafe { core::slice::from_raw_parts(first.cast(), entries as usize) };
            Elements::PerCpu(pptrs)
        } else {
            Elements::InMap(first.cast())
        };
        // INVARIANT: By this function's contract; all of it is as the map says.
        Ok(Self {
            elements,
            entries,
            value_size,
            // Never 0 in a map, as `value_size` is not.
            stride: NonZero::new(stride).ok_or(EINVAL)?,
            _map: PhantomData,
        })
    }

    /// Whether programs can use such addresses at all; `EOPNOTSUPP` if the elements are per-CPU and
    /// the JIT has no instruction that adds the CPU's base.
    pub(crate) fn usable(&self) -> Result {
        match self.elements {
            Elements::InMap(_) => Ok(()),
            // SAFETY: Any context may call it; it only answers.
            Elements::PerCpu(_) if unsafe { bindings::bpf_jit_supports_percpu_insn() } => Ok(()),
            Elements::PerCpu(_) => Err(EOPNOTSUPP),
        }
    }

    /// `EINVAL` if there is no element `elem`, or no byte `off` in its value.
    fn check(&self, elem: u32, off: u32) -> Result {
        if elem < self.entries && off < self.value_size {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }

    /// How far behind the first element the element `elem` is, in bytes.
    ///
    /// It cannot wrap: by the type invariant that memory is there, or `elem` is out of bounds.
    fn distance(&self, elem: u32) -> usize {
        self.stride.get().wrapping_mul(elem as usize)
    }

    /// The address of element `elem`, in whose value the program wants byte `off`.
    ///
    /// `EINVAL` if there is no such element, or no such byte in it.
    pub(crate) fn addr(&self, elem: u32, off: u32) -> Result<u64> {
        self.check(elem, off)?;
        let addr = match self.elements {
            Elements::InMap(first) => first.wrapping_add(self.distance(elem)) as usize,
            Elements::PerCpu(pptrs) => *pptrs.get(elem as usize).ok_or(EINVAL)? as usize,
        };
        Ok(addr as u64)
    }

    /// Which element `addr` is in, and how far in: the way back from [`Array::addr()`].
    ///
    /// The offset may be one behind the value but before the next element, as in C. `ENOENT` if it
    /// is in no element. Takes constant time; of a per-CPU array, whose addresses come in no
    /// order, a time that grows with the number of elements: so dumps ask only about arrays of
    /// which a program names an element, and reschedule between two questions.
    pub(crate) fn find(&self, addr: u64) -> Result<(u32, u32)> {
        let addr = usize::try_from(addr).map_err(|_| ENOENT)?;
        let stride = self.stride.get();
        let (elem, off) = match self.elements {
            Elements::InMap(first) => {
                let distance = addr.checked_sub(first as usize).ok_or(ENOENT)?;
                (distance / self.stride, distance % self.stride)
            }
            Elements::PerCpu(pptrs) => pptrs
                .iter()
                .enumerate()
                .find_map(|(elem, &pptr)| {
                    let off = addr.checked_sub(pptr as usize)?;
                    (off < stride).then_some((elem, off))
                })
                .ok_or(ENOENT)?,
        };
        if elem < self.entries as usize {
            Ok((elem as u32, off as u32))
        } else {
            Err(ENOENT)
        }
    }

    /// Reads `size` bytes from byte `off` of the value of element `elem` on, in the byte order of
    /// the machine and at any alignment. Where `sign` is set what is read has a sign, which fills
    /// the bits above it.
    ///
    /// `EINVAL` if `size` is not 1, 2, 4 or 8, if not all of it is in the value, and for a per-CPU
    /// array, which has no single value.
    ///
    /// # Safety
    ///
    /// Nobody writes to the element: the map is read-only for programs, and frozen.
    pub(crate) unsafe fn read(&self, elem: u32, off: u32, size: u32, sign: bool) -> Result<u64> {
        /// Reads a `T` at `at`.
        ///
        /// # Safety
        ///
        /// There are as many bytes at `at`, and nobody writes to them.
        unsafe fn load<T: FromBytes>(at: *const u8) -> T {
            // SAFETY: This function's contract; any bytes are a valid `T`.
            unsafe { at.cast::<T>().read_unaligned() }
        }

        let Elements::InMap(first) = self.elements else {
            return Err(EINVAL);
        };
        self.check(elem, off)?;
        if size > self.value_size.wrapping_sub(off) {
            return Err(EINVAL);
        }
        let at = first
            .wrapping_add(self.distance(elem))
            .wrapping_add(off as usize);
        // SAFETY: By the checks above all `size` bytes are in the element's value, so by the type
        // invariant they are there; by this function's contract nobody writes to them.
        unsafe {
            match (size, sign) {
                (1, false) => Ok(u64::from(load::<u8>(at))),
                (2, false) => Ok(u64::from(load::<u16>(at))),
                (4, false) => Ok(u64::from(load::<u32>(at))),
                (1, true) => Ok(i64::from(load::<i8>(at)) as u64),
                (2, true) => Ok(i64::from(load::<i16>(at)) as u64),
                (4, true) => Ok(i64::from(load::<i32>(at)) as u64),
                (8, _) => Ok(load::<u64>(at)),
                _ => Err(EINVAL),
            }
        }
    }
}

/// Says in `addr` where element `elem` of `map` is, in whose value a program wants byte `off`,
/// which is not added. For a per-CPU array it is a per-CPU address.
///
/// 0; `-EINVAL` if `map` is no array, or has no such element, or that no such byte; `-EOPNOTSUPP`
/// if programs cannot use per-CPU addresses. `addr` is written on success only. Any context.
///
/// # Safety
///
/// `map` points to a live map that is neither a description of inner ones nor offloaded, and `addr`
/// to a place for the answer.
#[export]
pub unsafe extern "C" fn bpf_graph_elem_addr(
    map: *const bpf_map,
    elem: u32,
    off: u32,
    addr: *mut u64,
) -> c_int {
    from_result(|| {
        // SAFETY: This function's contract; the map lives as long as the call.
        let array = unsafe { Array::from_map(map)? };
        array.usable()?;
        let found = array.addr(elem, off)?;
        // SAFETY: This function's contract.
        unsafe { addr.write(found) };
        Ok(0)
    })
}

/// Says in `elem` which element of `map` has `addr` in it and in `off` how far in, for dumps of
/// programs: the way back from [`bpf_graph_elem_addr()`].
///
/// 0; `-ENOENT` if none has, `-EINVAL` if `map` is no array, `-EOPNOTSUPP` if programs cannot use
/// per-CPU addresses. `elem` and `off` are written on success only. Any context.
///
/// # Safety
///
/// `map` points to a live map that is neither a description of inner ones nor offloaded, and `elem`
/// and `off` to places for the answer.
#[export]
pub unsafe extern "C" fn bpf_graph_elem_find(
    map: *const bpf_map,
    addr: u64,
    elem: *mut u32,
    off: *mut u32,
) -> c_int {
    from_result(|| {
        // SAFETY: This function's contract; the map lives as long as the call.
        let array = unsafe { Array::from_map(map)? };
        array.usable()?;
        let found = array.find(addr)?;
        // SAFETY: This function's contract.
        unsafe {
            elem.write(found.0);
            off.write(found.1);
        }
        Ok(0)
    })
}

/// Reads into `val` what a program would read: `size` bytes from byte `off` of the value of element
/// `elem` on, with a sign or without.
///
/// 0; `-EINVAL` if `map` is no array or a per-CPU one, has no such element, or that not so many
/// bytes, or if `size` is not 1, 2, 4 or 8. `val` is written on success only. Any context.
///
/// # Safety
///
/// `map` points to a live map that is neither a description of inner ones nor offloaded, is
/// read-only for programs, and frozen; `val` points to a place for the answer.
#[export]
pub unsafe extern "C" fn bpf_graph_elem_read(
    map: *const bpf_map,
    elem: u32,
    off: u32,
    size: u32,
    sign: bool,
    val: *mut u64,
) -> c_int {
    from_result(|| {
        // SAFETY: This function's contract; the map lives as long as the call.
        let array = unsafe { Array::from_map(map)? };
        // SAFETY: This function's contract.
        let read = unsafe { array.read(elem, off, size, sign)? };
        // SAFETY: This function's contract.
        unsafe { val.write(read) };
        Ok(0)
    })
}
