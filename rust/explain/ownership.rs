// SPDX-License-Identifier: GPL-2.0

//! Types whose objects own objects whose objects own.

use kernel::{alloc::flags::__GFP_NOWARN, bindings, prelude::*, str::CString};

use super::{each, line, root, Named};
use crate::btf::{Btf, Type};

/// How many types can own each other in a row: `BTF_MAX_OWNERSHIP_DEPTH` of btf.c.
const MOST: u8 = 8;

/// An owner, and what it owns.
type Edge = (u32, u32);

/// Who owns whom, in the order of owners. Each root is looked up once, as C does too.
fn edges(btf: Btf<'_>) -> Option<KVVec<Edge>> {
    let mut edges = KVVec::new();
    for of in btf.types().filter(|t| t.is_struct()) {
        // SAFETY: Who calls this may sleep.
        unsafe { bindings::cond_resched() };
        // What is too large to be looked through owns nothing that could be named.
        let mut room = true;
        each(of, |part, _, _| {
            if let Some(owned) = part.owned_by_kptr().or_else(|| root::contained(part)) {
                room &= edges
                    .push((of.id, owned.id), GFP_KERNEL | __GFP_NOWARN)
                    .is_ok();
            }
        });
        if !room {
            return None;
        }
    }
    Some(edges)
}

/// Says which type begins a row that is too long, and the next in it.
pub(super) fn wrong(btf: Btf<'_>) -> Option<CString> {
    let edges = edges(btf)?;
    let end = btf.types().last()?.id.checked_add(1)?;
    let mut depths = KVVec::from_elem(0u8, end as usize, GFP_KERNEL | __GFP_NOWARN).ok()?;
    // A type that owns nothing ends a row, and is no part of it if it has nothing special; that one
    // is not asked for, and at worst the row that is named is one of several.
    for _ in 0..=MOST {
        for &(owner, owned) in &edges {
            let depth = depths.get(owned as usize).map_or(0, |&d| MOST.min(d));
            if let Some(its) = depths.get_mut(owner as usize) {
                *its = depth.saturating_add(1).max(*its);
            }
        }
    }
    let depth = |id: u32| depths.get(id as usize).copied().unwrap_or(0);
    let deepest = edges.iter().map(|e| depth(e.0)).max()?;
    let next = |id: u32, least: u8| {
        edges
            .iter()
            .find(move |e| e.0 == id && depth(e.1) >= least)
            .map(|e| e.1)
    };
    let mut first = edges.iter().find(|e| depth(e.0) == deepest)?.0;
    // What leads to a circle is not what is wrong.
    for _ in 0..MOST {
        first = next(first, deepest).unwrap_or(first);
    }
    let second = next(first, deepest.saturating_sub(1))?;
    let (first, second): (Type<'_>, Type<'_>) = (btf.find(first)?, btf.find(second)?);
    line(fmt!(
        "{} owns objects of {}, and so on, in a circle or more than {MOST} types deep",
        Named(first),
        Named(second)
    ))
}
