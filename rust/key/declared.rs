// SPDX-License-Identifier: GPL-2.0

//! What a root's tag `key:FIELD` or `key:FIELD:FIELD` means in its BTF.

use core::slice;

use kernel::{bindings, prelude::*};

use super::{Int, Key, Part};
use crate::record::Record;

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

/// The integer of a type that is `size` bytes long and has `bits`; none that is a part of them.
fn int(signed: bool, size: u32, bits: u8) -> Option<Int> {
    match (signed, size, bits) {
        (false, 4, 32) => Some(Int::U32),
        (true, 4, 32) => Some(Int::S32),
        (false, 8, 64) => Some(Int::U64),
        (true, 8, 64) => Some(Int::S64),
        _ => None,
    }
}

impl<'a> Struct<'a> {
    fn own(&self) -> *const bindings::btf_type {
        // SAFETY: By the type invariant.
        unsafe { bindings::btf_type_by_id(self.btf, self.id) }
    }

    /// The members; none where what user space passed is not aligned for them.
    fn members(&self) -> &'a [bindings::btf_member] {
        // SAFETY: By the type invariant.
        let (first, count) = unsafe {
            (
                bindings::btf_type_member(self.own()),
                bindings::btf_type_vlen(self.own()) as usize,
            )
        };
        if !first.is_aligned() {
            return &[];
        }
        // SAFETY: By the type invariant as many members as it says follow a struct.
        unsafe { slice::from_raw_parts(first, count) }
    }

    fn is_named(&self, member: &bindings::btf_member, name: &[u8]) -> bool {
        // SAFETY: By the type invariant all names are strings of the BTF.
        let its =
            unsafe { CStr::from_char_ptr(bindings::btf_name_by_offset(self.btf, member.name_off)) };
        its.to_bytes() == name
    }

    /// `member` as a part of a key. What BTF allows is more: integers with fewer bits than their
    /// size says, or at the end of a struct that has no room for them.
    fn part(&self, member: &bindings::btf_member) -> Result<Part> {
        // SAFETY: By the type invariant: the member is one of the struct, and its type has been
        // checked. A type that is no integer is told apart before it is asked for its bits.
        let (bits, bitfield, size, int) = unsafe {
            let t =
                bindings::btf_type_skip_modifiers(self.btf, member.type_, core::ptr::null_mut());
            if !bindings::btf_type_is_int(t) || bindings::btf_int_offset(t) != 0 {
                return Err(EINVAL);
            }
            let size = (*t).__bindgen_anon_1.size;
            (
                bindings::__btf_member_bit_offset(self.own(), member),
                bindings::__btf_member_bitfield_size(self.own(), member),
                size,
                int(
                    bindings::btf_type_is_signed_int(t),
                    size,
                    bindings::btf_int_bits(t),
                )
                .ok_or(EINVAL)?,
            )
        };
        // SAFETY: By the type invariant.
        let whole = unsafe { (*self.own()).__bindgen_anon_1.size };
        let at = bits / 8;
        if bitfield != 0 || bits % 8 != 0 || at % size != 0 || at.saturating_add(size) > whole {
            return Err(EINVAL);
        }
        let at = u16::try_from(at).map_err(|_| E2BIG)?;
        Ok(Part { at, int })
    }

    fn part_named(&self, name: &[u8]) -> Result<Part> {
        let mut named = self.members().iter().filter(|m| self.is_named(m, name));
        match (named.next(), named.next()) {
            (Some(member), None) if !name.is_empty() => self.part(member),
            (None, _) => Err(ENOENT),
            _ => Err(EINVAL),
        }
    }
}

/// The key that `names` are in the struct `id` of `btf`, as a word without the node's offset
/// ([`Key::to_word()`]).
///
/// # Errors
///
/// `ENOENT` if there is no such member; `EINVAL` if one is not a whole, aligned integer of 4 or 8
/// bytes within the struct, if a name is empty or there twice, or if there are more than two;
/// `E2BIG` if one is more than 64 KiB into the struct.
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

/// Whether `key` reads what is a special field of the objects, whose record is `rec`: a link or a
/// pointer of the kernel's, which no program may learn.
///
/// # Safety
///
/// `rec` points to a complete record.
#[export]
pub unsafe extern "C" fn bpf_graph_key_hits(key: u64, rec: *const bindings::btf_record) -> bool {
    // SAFETY: This function's contract.
    let Some(record) = (unsafe { Record::from_ptr(rec.cast_mut()) }) else {
        return false;
    };
    let Some(key) = Key::from_word(key) else {
        return false;
    };
    let hit = |part: Part| {
        let at = u32::from(part.at);
        let end = at.saturating_add(part.int.size());
        let mut fields = record.fields().iter();
        fields.any(|f| at < f.offset.saturating_add(f.size) && f.offset < end)
    };
    hit(key.first) || key.second.is_some_and(hit)
}
