// SPDX-License-Identifier: GPL-2.0

//! What a root's tag `key:FIELD` or `key:FIELD:FIELD` means in its BTF.

use kernel::{bindings, prelude::*};

use super::{Int, Key, Part};
use crate::{
    btf::{Btf, Type},
    record::Record,
};

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

/// `member` of `of` as a part of a key. What BTF allows is more: integers with fewer bits than
/// their size says, or at the end of a struct that has no room for them.
fn part(of: Type<'_>, member: &bindings::btf_member) -> Result<Part> {
    let t = of.btf.find(member.type_).ok_or(EINVAL)?.plain();
    // SAFETY: By the types' invariants: the member is one of the struct. A type that is no integer
    // is told apart before it is asked for its bits.
    let (bits, bitfield, int) = unsafe {
        if !bindings::btf_type_is_int(t.as_ptr()) || bindings::btf_int_offset(t.as_ptr()) != 0 {
            return Err(EINVAL);
        }
        (
            bindings::__btf_member_bit_offset(of.as_ptr(), member),
            bindings::__btf_member_bitfield_size(of.as_ptr(), member),
            int(
                bindings::btf_type_is_signed_int(t.as_ptr()),
                t.size(),
                bindings::btf_int_bits(t.as_ptr()),
            )
            .ok_or(EINVAL)?,
        )
    };
    let (at, size) = (bits / 8, t.size());
    if bitfield != 0
        || bits % 8 != 0
        || at % size != 0
        || at.checked_add(size).is_none_or(|end| end > of.size())
    {
        return Err(EINVAL);
    }
    let at = u16::try_from(at).map_err(|_| E2BIG)?;
    Ok(Part { at, int })
}

fn part_named(of: Type<'_>, name: &[u8]) -> Result<Part> {
    let mut named = of.members().iter().filter(|m| **of.member_name(m) == *name);
    match (named.next(), named.next()) {
        (Some(member), None) if !name.is_empty() => part(of, member),
        (None, _) => Err(ENOENT),
        _ => Err(EINVAL),
    }
}

/// The key that `names` are in the struct `of`.
///
/// # Errors
///
/// `ENOENT` if there is no such member; `EINVAL` if one is not a whole, aligned integer of 4 or 8
/// bytes within the struct, if a name is empty or there twice, or if there are more than two;
/// `E2BIG` if one is more than 64 KiB into the struct.
pub(crate) fn key(of: Type<'_>, names: &CStr) -> Result<Key> {
    let mut names = names.to_bytes().split(|&c| c == b':');
    let first = part_named(of, names.next().ok_or(EINVAL)?)?;
    let second = names.next().map(|name| part_named(of, name)).transpose()?;
    match names.next() {
        None => Ok(Key { first, second }),
        Some(_) => Err(EINVAL),
    }
}

/// The key that `names` are in the struct `id` of `btf`, as a word without the node's offset
/// ([`Key::to_word()`]), or an error of [`key()`].
///
/// # Safety
///
/// `btf` points to a BTF whose types have been checked, and `names` to a string.
#[export]
pub unsafe extern "C" fn bpf_graph_key(
    btf: *const bindings::btf,
    id: u32,
    names: *const c_char,
) -> i64 {
    // SAFETY: This function's contract.
    let (btf, names) = unsafe { (Btf::from_ptr(btf), CStr::from_char_ptr(names)) };
    btf.find(id)
        .ok_or(EINVAL)
        .and_then(|of| key(of, names))
        .map_or_else(|err| err.to_errno().into(), |key| key.to_word() as i64)
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
