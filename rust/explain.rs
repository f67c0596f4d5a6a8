// SPDX-License-Identifier: GPL-2.0

//! What is wrong with the special fields of a type, in words.
//!
//! The kernel's C finds out that something is, and has an error number for it. Where that has
//! happened, and only there, the type is looked through once more, in no hurry.

use core::mem::{align_of, size_of};

use kernel::{
    bindings, fmt,
    prelude::*,
    str::{BStr, CString},
};

use crate::{
    btf::{Btf, Part, Type},
    key::declared,
};

mod ownership;

/// A struct of the kernel's that is special where it is a part of a program's.
struct Special {
    name: &'static str,
    field: bindings::btf_field_type,
    size: usize,
    align: usize,
}

const fn special<T>(name: &'static str, field: bindings::btf_field_type) -> Special {
    Special {
        name,
        field,
        size: size_of::<T>(),
        align: align_of::<T>(),
    }
}

const LOCK: Special =
    special::<bindings::bpf_spin_lock>("bpf_spin_lock", bindings::btf_field_type_BPF_SPIN_LOCK);
const RES_LOCK: Special = special::<bindings::bpf_res_spin_lock>(
    "bpf_res_spin_lock",
    bindings::btf_field_type_BPF_RES_SPIN_LOCK,
);
const HEAD: Special =
    special::<bindings::bpf_list_head>("bpf_list_head", bindings::btf_field_type_BPF_LIST_HEAD);
const LIST_NODE: Special =
    special::<bindings::bpf_list_node>("bpf_list_node", bindings::btf_field_type_BPF_LIST_NODE);
const ROOT: Special =
    special::<bindings::bpf_rb_root>("bpf_rb_root", bindings::btf_field_type_BPF_RB_ROOT);
const RB_NODE: Special =
    special::<bindings::bpf_rb_node>("bpf_rb_node", bindings::btf_field_type_BPF_RB_NODE);
const REFCOUNT: Special =
    special::<bindings::bpf_refcount>("bpf_refcount", bindings::btf_field_type_BPF_REFCOUNT);
static SPECIAL: [Special; 7] = [LOCK, RES_LOCK, HEAD, LIST_NODE, ROOT, RB_NODE, REFCOUNT];

/// How deep structs in structs are followed, as the kernel does.
const DEPTH: usize = 32;

impl Part<'_> {
    fn special(&self) -> Option<&'static Special> {
        let its = |s: &&Special| *s.name.as_bytes() == **self.of.name();
        SPECIAL.iter().filter(|_| self.of.is_struct()).find(its)
    }
}

/// A type's name, and what kind of thing it is.
struct Named<'a>(Type<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_section() {
            "section"
        } else {
            "struct"
        };
        f.write_fmt(fmt!("{kind} {}", self.0.name()))
    }
}

/// A line; without memory for it nothing is said.
fn line(words: fmt::Arguments<'_>) -> Option<CString> {
    CString::try_from_fmt(words).ok()
}

/// How many of what there are in a type.
#[derive(Default)]
struct Count {
    of: [u32; SPECIAL.len()],
    all: u32,
}

impl Count {
    fn has(&self, special: &Special) -> bool {
        self.number(special) > 0
    }

    fn number(&self, special: &Special) -> u32 {
        let counts = SPECIAL.iter().zip(self.of);
        counts
            .filter(|(s, _)| s.field == special.field)
            .map(|(_, n)| n)
            .sum()
    }

    fn add(&mut self, part: &Part<'_>, times: u32, depth: usize) {
        let times = times.saturating_mul(part.count);
        if let Some(special) = part.special() {
            let counts = SPECIAL.iter().zip(self.of.iter_mut());
            for (_, n) in counts.filter(|(s, _)| s.field == special.field) {
                *n = n.saturating_add(times);
            }
            self.all = self.all.saturating_add(times);
        } else if part.kptr().is_some() {
            self.all = self.all.saturating_add(times);
        } else if let Some(depth) = depth.checked_sub(1) {
            part.of.parts().for_each(|p| self.add(&p, times, depth));
        }
    }
}

/// What is wrong with the node that `root` names in its tag.
fn wrong_node(
    within: Type<'_>,
    root: &Part<'_>,
    node: &Special,
    contains: &CStr,
) -> Option<CString> {
    let mut names = contains.to_bytes().splitn(2, |&c| c == b':');
    let (name, field) = (names.next().unwrap_or(b""), names.next().unwrap_or(b""));
    let (name, field) = (BStr::from_bytes(name), BStr::from_bytes(field));
    let (here, root) = (Named(within), &*root.name);
    let Some(object) = within.btf.find_struct(name) else {
        return line(fmt!(
            "{here}: {root} contains struct {name}, which no part of the program uses"
        ));
    };
    let mut parts = object.parts().filter(|p| *p.name == *field);
    let Some(part) = parts.next() else {
        return line(fmt!(
            "{here}: {root} contains struct {name} by its member \"{field}\", and it has no such member"
        ));
    };
    if *node.name.as_bytes() != **part.of.name() || part.count != 1 {
        return line(fmt!(
            "{here}: {root} contains struct {name} by {field}, which has to be a struct {}",
            node.name
        ));
    }
    wrong_layout(object, &part)
}

/// What is wrong with size and place of a special part.
fn wrong_layout(within: Type<'_>, part: &Part<'_>) -> Option<CString> {
    let special = part.special()?;
    let (here, name, its) = (Named(within), &*part.name, special.name);
    if part.of.size() as usize != special.size {
        return line(fmt!(
            "{here}: {name} is a struct {its} of {} bytes, this kernel's has {}; \
             build the program with this kernel's vmlinux.h",
            part.of.size(),
            special.size
        ));
    }
    if part.at as usize % special.align != 0 {
        return line(fmt!(
            "{here}: {name}, a {its}, is at offset={}, and has to be aligned to {} bytes",
            part.at,
            special.align
        ));
    }
    None
}

/// What is wrong with a head or root.
fn wrong_root(within: Type<'_>, root: &Part<'_>) -> Option<CString> {
    let special = root.special()?;
    let node = match special.field {
        bindings::btf_field_type_BPF_LIST_HEAD => &LIST_NODE,
        bindings::btf_field_type_BPF_RB_ROOT => &RB_NODE,
        _ => return None,
    };
    let (here, name, its) = (Named(within), &*root.name, special.name);
    let contains = match root.tag(c"contains:") {
        Ok(contains) => contains,
        Err(ENOENT) => {
            return line(fmt!(
                "{here}: {name}, a {its}, does not say what it contains; \
                 add __attribute__((btf_decl_tag(\"contains:STRUCT:NODE\")))"
            ))
        }
        Err(_) => return line(fmt!("{here}: {name}, a {its}, says twice what it contains")),
    };
    wrong_node(within, root, node, contains).or_else(|| wrong_key(within, root, contains))
}

/// What is wrong with the key that a root declares, if it does.
fn wrong_key(within: Type<'_>, root: &Part<'_>, contains: &CStr) -> Option<CString> {
    let key = match root.tag(c"key:") {
        Ok(names) => {
            let object = contains.to_bytes().split(|&c| c == b':').next()?;
            let object = within.btf.find_struct(object)?;
            let is_tree = *root.of.name() == *BStr::from_bytes(ROOT.name.as_bytes());
            if is_tree && declared::key(object, names).is_ok() {
                return None;
            }
            BStr::from_bytes(names.to_bytes())
        }
        Err(ENOENT) => return None,
        Err(_) => BStr::from_bytes(b"(several)"),
    };
    line(fmt!(
        "{}: key \"{key}\" of {} has to be one or two integers (4 or 8 bytes, aligned) \
         of the struct that this root contains",
        Named(within),
        &*root.name
    ))
}

/// What is wrong with what is there together.
fn wrong_sum(of: Type<'_>) -> Option<CString> {
    let mut count = Count::default();
    of.parts().for_each(|p| count.add(&p, 1, DEPTH));
    let here = Named(of);
    for unique in [&LOCK, &RES_LOCK, &REFCOUNT] {
        if count.number(unique) > 1 {
            return line(fmt!(
                "{here}: has {} of struct {}, and can have one",
                count.number(unique),
                unique.name
            ));
        }
    }
    if count.has(&LOCK) && count.has(&RES_LOCK) {
        return line(fmt!(
            "{here}: has a bpf_spin_lock and a bpf_res_spin_lock, and can have one of them"
        ));
    }
    let guarded = count.has(&LOCK) || count.has(&RES_LOCK);
    for root in [&HEAD, &ROOT] {
        if count.has(root) && !guarded {
            return line(fmt!(
                "{here}: has a {}, and no bpf_spin_lock or bpf_res_spin_lock to guard it",
                root.name
            ));
        }
    }
    if count.has(&LIST_NODE) && count.has(&RB_NODE) && !count.has(&REFCOUNT) {
        return line(fmt!(
            "{here}: can be in a list and in a tree at once, so it needs a bpf_refcount"
        ));
    }
    if count.all > bindings::BTF_FIELDS_MAX {
        return line(fmt!(
            "{here}: has {} locks, heads, roots, nodes and kptrs, and can have {}",
            count.all,
            bindings::BTF_FIELDS_MAX
        ));
    }
    None
}

/// What is wrong with the special fields of a struct or a section.
fn wrong(of: Type<'_>) -> Option<CString> {
    of.parts()
        .find_map(|p| wrong_layout(of, &p).or_else(|| wrong_root(of, &p)))
        .or_else(|| wrong_sum(of))
}

/// Writes `line` to `log`.
///
/// # Safety
///
/// `log` points to a log that this caller may write to.
unsafe fn say(log: *mut bindings::bpf_verifier_log, line: &CStr) {
    // SAFETY: By this function's contract; the format asks for one string.
    unsafe { bindings::bpf_log(log, c"%s\n".as_char_ptr(), line.as_char_ptr()) }
}

/// Says in `log` what is wrong with the special fields of the type `id` of `btf`, or, where it is
/// 0, of the first of its structs with which something is. At most one line; none where nothing is.
///
/// # Safety
///
/// `log` points to a log that the caller may write to, `btf` to a BTF whose types have been
/// checked.
#[export]
pub unsafe extern "C" fn bpf_graph_explain(
    log: *mut bindings::bpf_verifier_log,
    btf: *const bindings::btf,
    id: u32,
) {
    // SAFETY: By this function's contract.
    let btf = unsafe { Btf::from_ptr(btf) };
    let line = match id {
        0 => btf
            .types()
            .filter(|t| t.is_struct())
            .find_map(wrong)
            .or_else(|| ownership::wrong(btf)),
        id => btf.find(id).and_then(wrong),
    };
    if let Some(line) = line {
        // SAFETY: By this function's contract.
        unsafe { say(log, &line) };
    }
}

/// Says in `log` why the type `id` of `btf` has no `field` where the program thinks: what is wrong
/// with its fields, or which it has.
///
/// # Safety
///
/// As for [`bpf_graph_explain()`].
#[export]
pub unsafe extern "C" fn bpf_graph_explain_missing(
    log: *mut bindings::bpf_verifier_log,
    btf: *const bindings::btf,
    id: u32,
    field: bindings::btf_field_type,
) {
    // SAFETY: By this function's contract.
    let btf = unsafe { Btf::from_ptr(btf) };
    let Some(of) = btf.find(id) else {
        return;
    };
    let of = of.plain();
    let Some(special) = SPECIAL.iter().find(|s| s.field == field) else {
        return;
    };
    let (here, its) = (Named(of), special.name);
    let has = |p: &Part<'_>| p.special().is_some_and(|s| s.field == field);
    let line = wrong(of).or_else(|| match of.parts().find(has) {
        Some(p) => line(fmt!("{here} has a {its} at offset={}: {}", p.at, &*p.name)),
        None => line(fmt!("{here} has no {its}")),
    });
    if let Some(line) = line {
        // SAFETY: By this function's contract.
        unsafe { say(log, &line) };
    }
}
