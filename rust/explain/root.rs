// SPDX-License-Identifier: GPL-2.0

//! What is wrong with a head or root, and with the nodes that it names.

use kernel::{bindings, prelude::*, str::BStr, str::CString};

use super::{line, wrong_layout, Name, Named, Special, LIST_NODE, RB_NODE};
use crate::{
    btf::{Part, Type},
    key::declared,
};

/// The kind of node that `root` links, if it is a head or root.
fn node_of(root: &Part<'_>) -> Option<&'static Special> {
    match root.special()?.field {
        bindings::btf_field_type_BPF_LIST_HEAD => Some(&LIST_NODE),
        bindings::btf_field_type_BPF_RB_ROOT => Some(&RB_NODE),
        _ => None,
    }
}

/// The type of the objects that are in `root`, and the rest of its tag.
pub(super) fn contained<'a>(root: &Part<'a>) -> Option<Type<'a>> {
    node_of(root)?;
    let contains = root.tag(c"contains:").ok()?;
    let name = contains.to_bytes().split(|&c| c == b':').next()?;
    root.of.btf.find_struct(name)
}

/// What is wrong with `root`, a part of `within`.
pub(super) fn wrong(within: Type<'_>, root: &Part<'_>) -> Option<CString> {
    let node = node_of(root)?;
    let (here, name, its) = (Named(within), Name(root.name), root.special()?.name);
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
    wrong_node(within, root, node, contains).or_else(|| wrong_key(within, root, node))
}

/// What is wrong with the node that `root` names in its tag.
fn wrong_node(
    within: Type<'_>,
    root: &Part<'_>,
    node: &Special,
    contains: &CStr,
) -> Option<CString> {
    let mut names = contains.to_bytes().splitn(2, |&c| c == b':');
    let mut name = || BStr::from_bytes(names.next().unwrap_or(b""));
    let (of, field) = (name(), name());
    let (here, root_name) = (Named(within), Name(root.name));
    let Some(object) = within.btf.find_struct(of) else {
        return line(fmt!(
            "{here}: {root_name} contains struct {}, which no part of the program uses",
            Name(of)
        ));
    };
    let Some(part) = object.parts().find(|p| *p.name == *field) else {
        return line(fmt!(
            "{here}: {root_name} contains struct {} by its member \"{}\", \
             and it has no such member",
            Name(of),
            Name(field)
        ));
    };
    if !part.is(node) || part.count != 1 {
        return line(fmt!(
            "{here}: {root_name} contains struct {} by {}, which has to be a struct {}",
            Name(of),
            Name(field),
            node.name
        ));
    }
    wrong_layout(object, &part)
}

/// What is wrong with the key that a root declares, if it does.
fn wrong_key(within: Type<'_>, root: &Part<'_>, node: &Special) -> Option<CString> {
    let key = match root.tag(c"key:") {
        Ok(names) => {
            let is_tree = node.field == RB_NODE.field;
            if is_tree && declared::key(contained(root)?, names).is_ok() {
                return None;
            }
            BStr::from_bytes(names.to_bytes())
        }
        Err(ENOENT) => return None,
        Err(_) => BStr::from_bytes(b"(several)"),
    };
    line(fmt!(
        "{}: key \"{}\" of {} has to be one or two integers (4 or 8 bytes, aligned) \
         of the struct that this root contains",
        Named(within),
        Name(key),
        Name(root.name)
    ))
}
