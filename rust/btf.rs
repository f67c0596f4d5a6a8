// SPDX-License-Identifier: GPL-2.0

//! A view of a program's BTF: what its structs and sections are made of.

use core::slice;

use kernel::{bindings, error::from_err_ptr, prelude::*, str::BStr};

/// A BTF.
///
/// # Invariants
///
/// `0` is a BTF whose types and names have been checked.
#[derive(Clone, Copy)]
pub(crate) struct Btf<'a>(&'a bindings::btf);

/// A type of a BTF.
///
/// # Invariants
///
/// `at` points to the type `id` of `btf`, is aligned, and outlives `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Type<'a> {
    pub(crate) btf: Btf<'a>,
    pub(crate) id: u32,
    at: *const bindings::btf_type,
}

/// A member of a struct, or a variable of a section.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    /// What the tags of it are found by: the struct and which of its members, or the variable, -1.
    owner: Type<'a>,
    component: c_int,
    pub(crate) name: &'a BStr,
    /// Where it is in what it is a part of, in bytes.
    pub(crate) at: u32,
    /// Its type; of an array, that of its elements.
    pub(crate) of: Type<'a>,
    /// How many there are.
    pub(crate) count: u32,
}

/// How deep arrays of arrays are followed, as the kernel does.
const DEPTH: u32 = 32;

impl<'a> Btf<'a> {
    /// # Safety
    ///
    /// `btf` points to a BTF whose types and names have been checked and that outlives `'a`.
    pub(crate) unsafe fn from_ptr(btf: *const bindings::btf) -> Self {
        // INVARIANT: By this function's contract.
        // SAFETY: By this function's contract.
        Self(unsafe { &*btf })
    }

    /// The type `id`; `None` if there is no such type, or user space has passed it where it is not
    /// aligned, which C does not mind.
    pub(crate) fn find(self, id: u32) -> Option<Type<'a>> {
        // SAFETY: By the type invariant.
        let at = unsafe { bindings::btf_type_by_id(self.0, id) };
        if at.is_null() || !at.is_aligned() {
            return None;
        }
        // INVARIANT: A type lives as long as its BTF; what it is was just checked.
        Some(Type { btf: self, id, at })
    }

    /// All of its types.
    pub(crate) fn types(self) -> impl Iterator<Item = Type<'a>> {
        // SAFETY: By the type invariant.
        let end = unsafe { bindings::btf_nr_types(self.0) };
        (1..end).filter_map(move |id| self.find(id))
    }

    /// The struct `name`; `None` if there is none.
    pub(crate) fn find_struct(self, name: &[u8]) -> Option<Type<'a>> {
        self.types().find(|t| t.is_struct() && **t.name() == *name)
    }

    fn name(self, offset: u32) -> &'a BStr {
        // SAFETY: By the type invariant all names are strings of the BTF, and live as long.
        let name = unsafe { CStr::from_char_ptr(bindings::btf_name_by_offset(self.0, offset)) };
        BStr::from_bytes(name.to_bytes())
    }

    /// `count` of what follows a type; none where what user space passed is not aligned for them.
    ///
    /// # Safety
    ///
    /// `first` points to as many in the BTF.
    unsafe fn tail<T>(self, first: *const T, count: u32) -> &'a [T] {
        if !first.is_aligned() {
            return &[];
        }
        // SAFETY: By this function's contract; they live as long as the BTF and nobody changes
        // them.
        unsafe { slice::from_raw_parts(first, count as usize) }
    }
}

impl<'a> Type<'a> {
    pub(crate) fn as_ptr(self) -> *const bindings::btf_type {
        self.at
    }

    pub(crate) fn name(self) -> &'a BStr {
        // SAFETY: By the type invariant.
        self.btf.name(unsafe { (*self.at).name_off })
    }

    fn kind(self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::btf_kind(self.at) }.into()
    }

    /// Whether it is a struct, and no union.
    pub(crate) fn is_struct(self) -> bool {
        self.kind() == bindings::BTF_KIND_STRUCT
    }

    pub(crate) fn is_section(self) -> bool {
        self.kind() == bindings::BTF_KIND_DATASEC
    }

    /// The size of a struct, in bytes.
    pub(crate) fn size(self) -> u32 {
        // SAFETY: By the type invariant; any bits are an integer.
        unsafe { (*self.at).__bindgen_anon_1.size }
    }

    /// What a pointer, a tag or a variable refers to.
    fn target(self) -> Option<Self> {
        // SAFETY: By the type invariant; any bits are an integer.
        self.btf.find(unsafe { (*self.at).__bindgen_anon_1.type_ })
    }

    /// The type itself, without `const`, `typedef` and the like.
    pub(crate) fn plain(self) -> Self {
        let mut id = self.id;
        // SAFETY: By the type invariant; chains of modifiers have an end, which has been checked.
        unsafe { bindings::btf_type_skip_modifiers(self.btf.0, self.id, &mut id) };
        self.btf.find(id).unwrap_or(self)
    }

    /// The members of a struct.
    pub(crate) fn members(self) -> &'a [bindings::btf_member] {
        if !self.is_struct() {
            return &[];
        }
        // SAFETY: By the type invariant as many members as it says follow a struct.
        unsafe {
            let (first, count) = (
                bindings::btf_type_member(self.at),
                bindings::btf_type_vlen(self.at),
            );
            self.btf.tail(first, count)
        }
    }

    fn variables(self) -> &'a [bindings::btf_var_secinfo] {
        if !self.is_section() {
            return &[];
        }
        // SAFETY: By the type invariant as many variables as it says follow a section.
        unsafe {
            let (first, count) = (
                bindings::btf_type_var_secinfo(self.at),
                bindings::btf_type_vlen(self.at),
            );
            self.btf.tail(first, count)
        }
    }

    /// The name of a member of this struct.
    pub(crate) fn member_name(self, member: &bindings::btf_member) -> &'a BStr {
        self.btf.name(member.name_off)
    }

    /// The type of the elements of an array, however deep, and how many there are.
    fn elements(mut self) -> (Self, u32) {
        let mut count = 1u32;
        for _ in 0..DEPTH {
            if self.kind() != bindings::BTF_KIND_ARRAY {
                break;
            }
            // SAFETY: By the type invariant a `btf_array` follows an array.
            let array = unsafe { bindings::btf_array(self.at).read_unaligned() };
            let Some(of) = self.btf.find(array.type_) else {
                break;
            };
            count = count.saturating_mul(array.nelems);
            self = of;
        }
        (self, count)
    }

    /// What a struct or a section is made of, in the order of BTF. What begins within a byte is
    /// left out.
    pub(crate) fn parts(self) -> impl Iterator<Item = Part<'a>> {
        let all = self.members();
        let members = (0..all.len()).filter_map(move |i| {
            let m = all.get(i)?;
            // SAFETY: By the type invariant: it is a member of this struct.
            let bits = unsafe { bindings::__btf_member_bit_offset(self.at, m) };
            let (of, count) = self.btf.find(m.type_)?.elements();
            (bits % 8 == 0).then_some(Part {
                owner: self,
                component: i as c_int,
                name: self.member_name(m),
                at: bits / 8,
                of,
                count,
            })
        });
        let variables = self.variables().iter().filter_map(move |v| {
            let variable = self.btf.find(v.type_)?;
            let (of, count) = variable.target()?.elements();
            Some(Part {
                owner: variable,
                component: -1,
                name: variable.name(),
                at: v.offset,
                of,
                count,
            })
        });
        Iterator::chain(members, variables)
    }
}

impl<'a> Part<'a> {
    /// What follows `prefix` in the tag of this part that begins so.
    ///
    /// # Errors
    ///
    /// `ENOENT` if no tag does; `EEXIST` if several do.
    pub(crate) fn tag(&self, prefix: &CStr) -> Result<&'a CStr> {
        // SAFETY: By the invariants of the type and its BTF; the result is an error or a string of
        // the BTF, which lives as long.
        unsafe {
            let value = bindings::btf_find_decl_tag_value(
                self.owner.btf.0,
                self.owner.at,
                self.component,
                prefix.as_char_ptr(),
            );
            Ok(CStr::from_char_ptr(from_err_ptr(value.cast_mut())?))
        }
    }

    /// The type whose objects a kptr owns: a pointer to it, tagged as such.
    pub(crate) fn owned_by_kptr(&self) -> Option<Type<'a>> {
        let tags: [&[u8]; 2] = [b"kptr", b"percpu_kptr"];
        self.pointer_to(&tags)
    }

    /// Whether it is a kptr of any kind.
    pub(crate) fn is_kptr(&self) -> bool {
        let tags: [&[u8]; 3] = [b"kptr", b"percpu_kptr", b"kptr_untrusted"];
        self.pointer_to(&tags).is_some()
    }

    /// What a pointer points to that has one of `tags`, among `const` and the like.
    fn pointer_to(&self, tags: &[&[u8]]) -> Option<Type<'a>> {
        let pointer = match self.of.kind() {
            bindings::BTF_KIND_VOLATILE => self.of.target()?,
            _ => self.of,
        };
        if pointer.kind() != bindings::BTF_KIND_PTR {
            return None;
        }
        let mut of = pointer.target()?;
        // As deep as chains of modifiers can be.
        for _ in 0..DEPTH {
            match of.kind() {
                bindings::BTF_KIND_TYPE_TAG if tags.contains(&&**of.name()) => {
                    return Some(of.plain());
                }
                bindings::BTF_KIND_TYPE_TAG
                | bindings::BTF_KIND_CONST
                | bindings::BTF_KIND_VOLATILE
                | bindings::BTF_KIND_RESTRICT
                | bindings::BTF_KIND_TYPEDEF => of = of.target()?,
                _ => break,
            }
        }
        None
    }
}
