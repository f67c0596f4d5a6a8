// SPDX-License-Identifier: GPL-2.0

//! What is wrong with the special fields of a type, in words.
//!
//! The kernel's C finds out that something is, and has an error number for it. Where that has
//! happened, and somebody reads the log, the type is looked through once more, for what goes wrong
//! most. That ends: after so many parts nothing is said.

use core::mem::{align_of, size_of};

use kernel::{
    bindings, fmt,
    prelude::*,
    str::{BStr, CString},
};

use crate::btf::{Btf, Part, Type};

mod ownership;
mod root;

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

impl Part<'_> {
    fn special(&self) -> Option<&'static Special> {
        let its = |s: &&Special| *s.name.as_bytes() == **self.of.name();
        SPECIAL.iter().filter(|_| self.of.is_struct()).find(its)
    }

    fn is(&self, special: &Special) -> bool {
        self.special().is_some_and(|s| s.field == special.field)
    }
}

/// How many parts a type can have, and how deep, for anything to be said of it.
const PARTS: u32 = 4096;
const DEPTH: u32 = 8;

/// Calls `see` for each part of `of` and of the structs within, with its offset in all, and how
/// often it is there; `None` if they are too many, or too deep. `left` is how many can be.
fn walk<'a>(
    of: Type<'a>,
    base: u32,
    times: u32,
    depth: u32,
    left: &mut u32,
    see: &mut dyn FnMut(&Part<'a>, u32, u32),
) -> Option<()> {
    for part in of.parts() {
        *left = left.checked_sub(1)?;
        let (at, times) = (
            base.saturating_add(part.at),
            times.saturating_mul(part.count),
        );
        if times == 0 {
            continue;
        }
        see(&part, at, times);
        if part.of.is_struct() && part.special().is_none() {
            walk(part.of, at, times, depth.checked_sub(1)?, left, see)?;
        }
    }
    Some(())
}

/// [`walk()`] from the top.
fn each<'a>(of: Type<'a>, mut see: impl FnMut(&Part<'a>, u32, u32)) -> Option<()> {
    walk(of, 0, 1, DEPTH, &mut PARTS.clone(), &mut see)
}

/// A name from a program's BTF, which is as long as the program likes.
struct Name<'a>(&'a BStr);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 64;
        match self.0.get(..MOST) {
            Some(start) => f.write_fmt(fmt!("{}...", BStr::from_bytes(start))),
            None => f.write_fmt(fmt!("{}", self.0)),
        }
    }
}

/// A type's name, and what kind of thing it is.
struct Named<'a>(Type<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.0.is_struct(), self.0.is_section()) {
            (true, _) => "struct",
            (_, true) => "section",
            _ => "type",
        };
        f.write_fmt(fmt!("{kind} {}", Name(self.0.name())))
    }
}

/// A line; without memory for it nothing is said.
fn line(words: fmt::Arguments<'_>) -> Option<CString> {
    CString::try_from_fmt(words).ok()
}

/// What is wrong with size and place of a special part.
fn wrong_layout(within: Type<'_>, part: &Part<'_>) -> Option<CString> {
    let special = part.special()?;
    let (here, name, its) = (Named(within), Name(part.name), special.name);
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

/// How many there are in a type: of each that is special, and of all with the kptrs.
#[derive(Default)]
struct Count {
    of: [u32; SPECIAL.len()],
    all: u32,
}

impl Count {
    fn new(of: Type<'_>) -> Option<Self> {
        let mut count = Self::default();
        each(of, |part, _, times| {
            let counts = SPECIAL.iter().zip(count.of.iter_mut());
            for (_, n) in counts.filter(|(special, _)| part.is(special)) {
                *n = n.saturating_add(times);
            }
            if part.special().is_some() || part.is_kptr() {
                count.all = count.all.saturating_add(times);
            }
        })?;
        Some(count)
    }

    fn number(&self, special: &Special) -> u32 {
        let counts = SPECIAL.iter().zip(self.of);
        counts
            .filter(|(s, _)| s.field == special.field)
            .fold(0, |sum: u32, (_, n)| sum.saturating_add(n))
    }

    fn has(&self, special: &Special) -> bool {
        self.number(special) > 0
    }
}

/// What a type is for: in an object there can be nodes.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Object,
    Value,
}

/// What is wrong with what is there together.
fn wrong_sum(of: Type<'_>, used: Use) -> Option<CString> {
    let count = Count::new(of)?;
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
    if used == Use::Value {
        return None;
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
fn wrong(of: Type<'_>, used: Use) -> Option<CString> {
    // So many can have something wrong: C stops there, too.
    let special = of.parts().take(PARTS as usize);
    let mut special = special.filter(|p| p.special().is_some() && p.count > 0);
    special
        .by_ref()
        .take(bindings::BTF_FIELDS_MAX as usize)
        .find_map(|p| wrong_layout(of, &p).or_else(|| root::wrong(of, &p)))
        .or_else(|| wrong_sum(of, used))
}

/// Which `special` parts there are in `of`.
fn which(of: Type<'_>, special: &Special) -> Option<CString> {
    let (mut found, mut odd) = (None, None);
    each(of, |part, at, _| {
        if part.is(special) {
            odd = odd.take().or_else(|| wrong_layout(of, part));
            found.get_or_insert((at, part.name));
        }
    })?;
    let (here, its) = (Named(of), special.name);
    odd.or_else(|| match found {
        Some((at, name)) => line(fmt!("{here} has a {its} at offset={at}: {}", Name(name))),
        None => line(fmt!("{here} has no {its}")),
    })
}

/// Writes `line` to `log`, if there is one.
///
/// # Safety
///
/// `log` points to a log that this caller may write to.
unsafe fn say(log: *mut bindings::bpf_verifier_log, line: Option<CString>) {
    if let Some(line) = line {
        // SAFETY: By this function's contract; the format asks for one string.
        unsafe { bindings::bpf_log(log, c"%s\n".as_char_ptr(), line.as_char_ptr()) }
    }
}

/// Says in `log` what is wrong with the special fields of the type `id` of `btf`, for objects, or,
/// where it is 0, which of its types own each other without end. At most one line.
///
/// # Safety
///
/// `log` points to a log that the caller may write to, `btf` to a BTF whose types have been
/// checked. May sleep.
#[export]
pub unsafe extern "C" fn bpf_graph_explain(
    log: *mut bindings::bpf_verifier_log,
    btf: *const bindings::btf,
    id: u32,
) {
    // SAFETY: By this function's contract.
    unsafe {
        let btf = Btf::from_ptr(btf);
        let line = match id {
            0 => ownership::wrong(btf),
            id => btf.find(id).and_then(|of| wrong(of, Use::Object)),
        };
        say(log, line);
    }
}

/// [`bpf_graph_explain()`] for the values of a map.
///
/// # Safety
///
/// As for [`bpf_graph_explain()`].
#[export]
pub unsafe extern "C" fn bpf_graph_explain_value(
    log: *mut bindings::bpf_verifier_log,
    btf: *const bindings::btf,
    id: u32,
) {
    // SAFETY: By this function's contract.
    unsafe {
        let of = Btf::from_ptr(btf).find(id).map(Type::plain);
        say(log, of.and_then(|of| wrong(of, Use::Value)));
    }
}

/// Says in `log` which `field` the type `id` of `btf` has, or that it has none, where a program
/// looks for one in vain.
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
    unsafe {
        let of = Btf::from_ptr(btf).find(id).map(Type::plain);
        let special = SPECIAL.iter().find(|s| s.field == field);
        say(
            log,
            of.zip(special).and_then(|(of, special)| which(of, special)),
        );
    }
}
