// SPDX-License-Identifier: GPL-2.0

//! Types whose objects own objects whose objects own.

use kernel::{prelude::*, str::CString};

use super::{line, Named};
use crate::btf::{Btf, Part, Type};

/// How many types can own each other in a row: `BTF_MAX_OWNERSHIP_DEPTH` of btf.c.
const MOST: u8 = 8;

/// The type of the objects that this part owns.
fn owned<'a>(part: Part<'a>) -> Option<Type<'a>> {
    if let Some(of) = part.kptr() {
        return Some(of);
    }
    let contains = part.tag(c"contains:").ok()?;
    let name = contains.to_bytes().split(|&c| c == b':').next()?;
    part.of.btf.find_struct(name)
}

fn depth_of(depths: &[u8], of: Type<'_>) -> u8 {
    depths.get(of.id as usize).copied().unwrap_or(0)
}

/// Says which type begins a row that is too long, and the next in it.
pub(super) fn wrong(btf: Btf<'_>) -> Option<CString> {
    let end = btf.types().last()?.id.checked_add(1)?;
    let mut depths = KVec::from_elem(1u8, end as usize, GFP_KERNEL).ok()?;
    // In each round rows are known that are longer by one; a circle has no end.
    for _ in 0..MOST {
        for of in btf.types().filter(|t| t.is_struct()) {
            let owned = of.parts().filter_map(owned);
            let deepest = owned.map(|o| depth_of(&depths, o)).max().unwrap_or(0);
            if let Some(its) = depths.get_mut(of.id as usize) {
                *its = MOST.min(deepest).saturating_add(1);
            }
        }
    }
    let too_deep = |of: &Type<'_>| depth_of(&depths, *of) > MOST;
    let mut first = btf.types().find(too_deep)?;
    // What leads to a circle is not what is wrong.
    for _ in 0..MOST {
        first = first
            .parts()
            .filter_map(owned)
            .find(too_deep)
            .unwrap_or(first);
    }
    let mut row = first.parts().filter_map(owned);
    let next = row.find(|o| depth_of(&depths, *o) >= MOST)?;
    line(fmt!(
        "{} owns objects of {}, and so on, in a circle or more than {MOST} types deep",
        Named(first),
        Named(next)
    ))
}
