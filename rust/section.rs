// SPDX-License-Identifier: GPL-2.0

//! Sections in BTF, and the externs that are in them.
//!
//! A `DATASEC` says what of a program is in a section of its object file, and where. There are two
//! sorts:
//!
//! | a section of | its size       | its members                                              |
//! |--------------|----------------|----------------------------------------------------------|
//! | variables    | more than 0    | `VAR`, each within the section, one behind the other     |
//! | externs      | 0              | `VAR` and `FUNC` of extern linkage, each at offset 0     |
//!
//! Nothing of an extern is in the program: it names what the kernel has. So the size of an extern
//! variable is that of its type, which need not have one, and is not looked at here. Each extern
//! has to be in a section, since it is the section that says where it is to be found.
//!
//! Of what sort a section is can only be told by its members, and those may come behind it. So
//! this is for BTF of which all types have been read. Whether the members are of valid types is
//! another question, and answered when types are resolved.
//!
//! C source: `btf_datasec_check_meta()` in `kernel/bpf/btf.c`, for sections of variables; its check
//! of the sum of all sizes is left out, for members that are one behind the other cannot fail it.

use kernel::{bindings, prelude::*};

/// What a member of a section is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Variable,
    ExternVariable,
    ExternFunction,
    /// Anything else, or nothing: it has no place in a section.
    Other,
}

impl Kind {
    fn is_extern(self) -> bool {
        matches!(self, Self::ExternVariable | Self::ExternFunction)
    }
}

/// A member of a section.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    pub(crate) kind: Kind,
    pub(crate) offset: u32,
    pub(crate) size: u32,
}

/// What is wrong, as C knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum What {
    SectionSize = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_SECTION_SIZE,
    MemberOffset = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_MEMBER_OFFSET,
    MemberSize = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_MEMBER_SIZE,
    MemberEnd = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_MEMBER_END,
    MemberKind = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_MEMBER_KIND,
    MemberMixed = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_MEMBER_MIXED,
    ExternLayout = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_EXTERN_LAYOUT,
    ExternFuncSize = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_EXTERN_FUNC_SIZE,
    ExternVarFree = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_EXTERN_VAR_FREE,
    ExternFuncFree = bindings::bpf_graph_btf_fault_kind_BPF_GRAPH_EXTERN_FUNC_FREE,
}

/// A fault of a type, or of one member of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: What,
    pub(crate) member: Option<u32>,
}

impl What {
    fn of_all(self) -> Fault {
        Fault {
            what: self,
            member: None,
        }
    }

    fn at(self, member: u32) -> Fault {
        Fault {
            what: self,
            member: Some(member),
        }
    }
}

/// Whether a section of `size` bytes can have these members: `count` of them, the first of which
/// is `member(0)`.
pub(crate) fn check(
    size: u32,
    count: u32,
    member: impl Fn(u32) -> Member,
) -> core::result::Result<(), Fault> {
    if (0..count).any(|i| member(i).kind.is_extern()) {
        check_externs(size, count, member)
    } else {
        check_variables(size, count, member)
    }
}

fn check_variables(
    size: u32,
    count: u32,
    member: impl Fn(u32) -> Member,
) -> core::result::Result<(), Fault> {
    if size == 0 {
        return Err(What::SectionSize.of_all());
    }
    let mut end = 0;
    for i in 0..count {
        let of = member(i);
        if of.offset < end || of.offset >= size {
            return Err(What::MemberOffset.at(i));
        }
        if of.size == 0 || of.size > size {
            return Err(What::MemberSize.at(i));
        }
        end = match of.offset.checked_add(of.size) {
            Some(end) if end <= size => end,
            _ => return Err(What::MemberEnd.at(i)),
        };
    }
    Ok(())
}

fn check_externs(
    size: u32,
    count: u32,
    member: impl Fn(u32) -> Member,
) -> core::result::Result<(), Fault> {
    for i in 0..count {
        match member(i).kind {
            Kind::Variable => return Err(What::MemberMixed.at(i)),
            Kind::Other => return Err(What::MemberKind.at(i)),
            Kind::ExternVariable | Kind::ExternFunction => {}
        }
    }
    if size != 0 {
        return Err(What::ExternLayout.of_all());
    }
    for i in 0..count {
        let of = member(i);
        if of.offset != 0 {
            return Err(What::ExternLayout.at(i));
        }
        if of.kind == Kind::ExternFunction && of.size != 0 {
            return Err(What::ExternFuncSize.at(i));
        }
    }
    Ok(())
}

/// The types of a BTF.
///
/// # Invariants
///
/// Each type of `btf` is whole: what its kind has behind it is there. They outlive `'a`.
struct Types<'a> {
    btf: &'a bindings::btf,
    /// Those before are another BTF's, which this one builds on.
    first: u32,
    /// The number of the last, and 1.
    end: u32,
}

/// A type; `at` need not be aligned, as user space says where the types begin.
///
/// # Invariants
///
/// `at` points to one of [`Types`], which `own` is a copy of.
#[derive(Clone, Copy)]
struct Type {
    at: *const bindings::btf_type,
    own: bindings::btf_type,
}

impl Type {
    fn btf_kind(&self) -> u32 {
        (self.own.info >> 24) & 0x7f
    }

    fn vlen(&self) -> u32 {
        self.own.info & 0xff_ffff
    }

    fn is_section(&self) -> bool {
        self.btf_kind() == bindings::BTF_KIND_DATASEC
    }

    /// The size, of a section.
    fn size(&self) -> u32 {
        // SAFETY: Either way it is a number.
        unsafe { self.own.__bindgen_anon_1.size }
    }

    /// What it would be as a member of a section.
    fn kind(&self) -> Kind {
        match self.btf_kind() {
            bindings::BTF_KIND_FUNC
                if self.vlen() == bindings::btf_func_linkage_BTF_FUNC_EXTERN =>
            {
                Kind::ExternFunction
            }
            bindings::BTF_KIND_VAR => {
                // SAFETY: By the type invariant that is behind a `VAR`.
                let var = unsafe { self.at.add(1).cast::<bindings::btf_var>().read_unaligned() };
                if var.linkage == bindings::BTF_VAR_GLOBAL_EXTERN {
                    Kind::ExternVariable
                } else {
                    Kind::Variable
                }
            }
            _ => Kind::Other,
        }
    }

    /// The member `i` of a section.
    ///
    /// # Safety
    ///
    /// This is a section with more than `i` members.
    unsafe fn member(&self, i: u32) -> bindings::btf_var_secinfo {
        // SAFETY: By the type invariant the members are behind it, and by this function's contract
        // it has this one.
        unsafe {
            self.at
                .add(1)
                .cast::<bindings::btf_var_secinfo>()
                .add(i as usize)
                .read_unaligned()
        }
    }
}

impl Types<'_> {
    fn get(&self, id: u32) -> Option<Type> {
        // SAFETY: By the type invariant.
        let at = unsafe { bindings::btf_type_by_id(self.btf, id) };
        if at.is_null() {
            return None;
        }
        // SAFETY: By the type invariant what is not NULL is a type.
        let own = unsafe { at.read_unaligned() };
        // INVARIANT: It is one of these.
        Some(Type { at, own })
    }

    fn own(&self) -> impl Iterator<Item = (u32, Type)> + '_ {
        (self.first..self.end).filter_map(|id| Some((id, self.get(id)?)))
    }

    fn check_section(&self, section: Type) -> core::result::Result<(), Fault> {
        if !section.is_section() {
            return Ok(());
        }
        check(section.size(), section.vlen(), |i| {
            // SAFETY: It is a section, and is asked for as many as there are.
            let info = unsafe { section.member(i) };
            Member {
                kind: self.get(info.type_).map_or(Kind::Other, |t| t.kind()),
                offset: info.offset,
                size: info.size,
            }
        })
    }

    /// The first extern that is in no section. All sections have been checked.
    fn free_extern(&self) -> Result<Option<(u32, Fault)>> {
        let mut in_section = KVVec::from_elem(
            0u64,
            (self.end / u64::BITS) as usize + 1,
            GFP_KERNEL | __GFP_NOWARN,
        )?;
        for (_, section) in self.own().filter(|(_, t)| t.is_section()) {
            for i in 0..section.vlen() {
                // SAFETY: It has as many.
                let id = unsafe { section.member(i) }.type_;
                if let Some(word) = in_section.get_mut((id / u64::BITS) as usize) {
                    *word |= 1 << (id % u64::BITS);
                }
            }
        }
        let is_free = |id: u32| {
            let word = in_section.get((id / u64::BITS) as usize);
            word.is_none_or(|word| word >> (id % u64::BITS) & 1 == 0)
        };
        let mut free = self.own().filter_map(|(id, t)| match t.kind() {
            Kind::ExternVariable if is_free(id) => Some((id, What::ExternVarFree.of_all())),
            Kind::ExternFunction if is_free(id) => Some((id, What::ExternFuncFree.of_all())),
            _ => None,
        });
        Ok(free.next())
    }

    /// The first type that is wrong, by what is for this module to say.
    fn first_fault(&self) -> Result<Option<(u32, Fault)>> {
        let mut externs = false;
        for (id, t) in self.own() {
            externs |= t.kind().is_extern();
            if t.is_section() {
                if let Err(fault) = self.check_section(t) {
                    return Ok(Some((id, fault)));
                }
            }
        }
        // Most BTF has none, and no need for memory.
        if externs {
            self.free_extern()
        } else {
            Ok(None)
        }
    }
}

/// Whether the sections of `btf`, among its types from `first` on, are as they have to be, and all
/// externs are in one.
///
/// # Errors
///
/// `EINVAL` if they are not: `fault` says where and why. `ENOMEM`.
///
/// # Safety
///
/// `btf` points to a BTF all of whose types have been read and found whole, from the number
/// `first` on those that are its own; `fault` can be written.
#[export]
pub unsafe extern "C" fn bpf_graph_check_sections(
    btf: *const bindings::btf,
    first: u32,
    fault: *mut bindings::bpf_graph_btf_fault,
) -> c_int {
    // SAFETY: This function's contract.
    let (btf, end) = unsafe { (&*btf, bindings::btf_nr_types(btf)) };
    // INVARIANT: By this function's contract.
    let found = match (Types { btf, first, end }).first_fault() {
        Ok(None) => return 0,
        Ok(Some(found)) => found,
        Err(err) => return err.to_errno(),
    };
    let (id, Fault { what, member }) = found;
    let found = bindings::bpf_graph_btf_fault {
        type_: id,
        member: member.unwrap_or(bindings::BPF_GRAPH_NO_MEMBER),
        what: what as u32,
    };
    // SAFETY: This function's contract.
    unsafe { fault.write(found) };
    EINVAL.to_errno()
}
