// SPDX-License-Identifier: GPL-2.0

//! What a root's tag `key:FIELD` or `key:FIELD:FIELD` means in its BTF.

use core::slice;

use kernel::{bindings, prelude::*};

use super::{Int, Key, Part};

/// A struct of a BTF.
///
/// # Invariants
///
/// `btf` points to a BTF whose types have been checked, and `id` is a struct of it; both outlive
/// `'a`.
#[derive(Clone, Copy)]
struct Struct<'a> {
    btf: &'a bindings::btf,
    id: u32,
}

/// A member's type, where it is an integer that can be a part of a key.
fn int(signed: bool, size: u32) -> Option<Int> {
    match (signed, size) {
        (false, 4) => Some(Int::U32),
        (true, 4) => Some(Int::S32),
        (false, 8) => Some(Int::U64),
        (true, 8) => Some(Int::S64),
        _ => None,
    }
}

impl<'a> Struct<'a> {
    fn members(&self) -> &'a [bindings::btf_member] {
        // SAFETY: By the type invariant; as many members as it says follow a struct.
        unsafe {
            let t = bindings::btf_type_by_id(self.btf, self.id);
            slice::from_raw_parts(
                bindings::btf_type_member(t),
                bindings::btf_type_vlen(t) as usize,
            )
        }
    }

    fn is_named(&self, member: &bindings::btf_member, name: &[u8]) -> bool {
        // SAFETY: By the type invariant all names are strings of the BTF.
        let its =
            unsafe { CStr::from_char_ptr(bindings::btf_name_by_offset(self.btf, member.name_off)) };
        its.to_bytes() == name
    }

    /// `member` as a part of a key.
    fn part(&self, member: &bindings::btf_member) -> Result<Part> {
        // SAFETY: By the type invariant: the member is one of the struct, and its type has been
        // checked. A type that is no integer is told apart first.
        let (bits, bitfield, int) = unsafe {
            let own = bindings::btf_type_by_id(self.btf, self.id);
            let t =
                bindings::btf_type_skip_modifiers(self.btf, member.type_, core::ptr::null_mut());
            if !bindings::btf_type_is_int(t) {
                return Err(EINVAL);
            }
            (
                bindings::__btf_member_bit_offset(own, member),
                bindings::__btf_member_bitfield_size(own, member),
                int(
                    bindings::btf_type_is_signed_int(t),
                    (*t).__bindgen_anon_1.size,
                )
                .ok_or(EINVAL)?,
            )
        };
        let align = match int {
            Int::U32 | Int::S32 => 32,
            Int::U64 | Int::S64 => 64,
        };
        if bitfield != 0 || bits % align != 0 {
            return Err(EINVAL);
        }
        let at = u16::try_from(bits / 8).map_err(|_| E2BIG)?;
        Ok(Part { at, int })
    }

    fn part_named(&self, name: &[u8]) -> Result<Part> {
        let mut named = self.members().iter().filter(|m| self.is_named(m, name));
        let member = named.next().ok_or(ENOENT)?;
        self.part(member)
    }
}

/// The key that `names` are in the struct `id` of `btf`, as a word without the node's offset
/// ([`Key::to_word()`]).
///
/// # Errors
///
/// `ENOENT` if there is no such member; `EINVAL` if one is not an aligned integer of 4 or 8 bytes, or
/// if there are more than two; `E2BIG` if one is more than 64 KiB into the struct.
///
/// # Safety
///
/// `btf` points to a BTF whose types have been checked, `id` is a struct of it, and `names` a
/// string.
#[export]
pub unsafe extern "C" fn bpf_graph_key(
    btf: *const bindings::btf,
    id: u32,
    names: *const c_char,
) -> i64 {
    // SAFETY: This function's contract.
    let (of, names) = unsafe { (Struct { btf: &*btf, id }, CStr::from_char_ptr(names)) };
    let key = || {
        let mut names = names.to_bytes().split(|&c| c == b':');
        let first = of.part_named(names.next().ok_or(EINVAL)?)?;
        let second = names.next().map(|name| of.part_named(name)).transpose()?;
        match names.next() {
            None => Ok(Key { first, second }),
            Some(_) => Err(EINVAL),
        }
    };
    key().map_or_else(
        |err: Error| err.to_errno().into(),
        |key| key.to_word() as i64,
    )
}
