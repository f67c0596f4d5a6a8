// SPDX-License-Identifier: GPL-2.0

//! What is done to BTF: one small thing after another, most of which the kernel has to notice.

use crate::btf::*;
use crate::rng::Rng;

/// One change to a type, or to the order of types.
fn change(b: &mut Btf, rng: &mut Rng) {
    if b.types.is_empty() {
        return;
    }
    let count = b.types.len();
    let strings = b.strings.len();
    let mut at = rng.below(count);
    // Sections and what is in them are what this is about.
    if rng.one_in(2) {
        let of_sections = |t: &Type| matches!(t.kind, FUNC | VAR | DATASEC);
        let some: Vec<usize> = (0..count).filter(|i| of_sections(&b.types[*i])).collect();
        if !some.is_empty() {
            at = *rng.of(&some);
        }
    }
    let t = &mut b.types[at];
    match rng.below(12) {
        0 => {
            let mut refs = t.refs();
            if !refs.is_empty() {
                let r = rng.below(refs.len());
                *refs[r] = rng.below(count + 3) as u32;
            }
        }
        1 | 2 => match t.kind {
            FUNC => t.vlen = rng.below(4) as u32,
            VAR if !t.more.is_empty() => t.more[0] = rng.below(4) as u32,
            _ => t.vlen = rng.edge(t.vlen) & 0xff_ffff,
        },
        3 => t.size = rng.edge(t.size),
        4 | 5 if !t.more.is_empty() => {
            let i = rng.below(t.more.len());
            t.more[i] = rng.edge(t.more[i]);
        }
        6 => t.name = rng.edge(t.name) % (strings as u32 + 2),
        7 => t.kind = rng.below(21) as u32,
        8 => t.flag = !t.flag,
        9 => drop_member(t, rng),
        10 => swap(b, at, rng.below(count)),
        _ => sections(b, rng),
    }
}

/// A member more or less, and counted.
fn drop_member(t: &mut Type, rng: &mut Rng) {
    let Some((n, _)) = member(t.kind) else {
        return;
    };
    if t.more.len() < n {
        return;
    }
    let i = rng.below(t.more.len() / n) * n;
    let one: Vec<u32> = t.more[i..i + n].to_vec();
    if rng.one_in(2) {
        t.more.drain(i..i + n);
        t.vlen = t.vlen.wrapping_sub(1) & 0xff_ffff;
    } else {
        t.more.splice(i..i, one);
        t.vlen += 1;
    }
}

/// Two types in each other's place: nothing else changes.
fn swap(b: &mut Btf, i: usize, j: usize) {
    b.types.swap(i, j);
    let (i, j) = (i as u32 + 1, j as u32 + 1);
    for t in &mut b.types {
        for r in t.refs() {
            *r = match *r {
                r if r == i => j,
                r if r == j => i,
                r => r,
            };
        }
    }
}

/// All members of a section become externs, or none is any more.
fn sections(b: &mut Btf, rng: &mut Rng) {
    let some: Vec<usize> = (0..b.types.len())
        .filter(|i| b.types[*i].kind == DATASEC)
        .collect();
    if some.is_empty() {
        return;
    }
    let section = *rng.of(&some);
    let externs = rng.one_in(2);
    let mut end = 0;
    let mut more = b.types[section].more.clone();
    for m in more.chunks_mut(3).filter(|m| m.len() == 3) {
        let Some(t) = b.types.get_mut(m[0].wrapping_sub(1) as usize) else {
            continue;
        };
        match t.kind {
            FUNC => {
                t.vlen = if externs { EXTERN } else { 1 };
                m[2] = if externs { 0 } else { 8 };
            }
            // What has become a variable has none.
            VAR if !t.more.is_empty() => t.more[0] = if externs { EXTERN } else { 1 },
            _ => {}
        }
        m[1] = if externs { 0 } else { end };
        end = u32::wrapping_add(end, m[2]);
    }
    b.types[section].size = if externs { 0 } else { end };
    b.types[section].more = more;
}

/// One change to the bytes: in the header or anywhere, or the end is missing.
fn damage(blob: &mut Vec<u8>, rng: &mut Rng) {
    let at = match rng.below(3) {
        0 => rng.below(24.min(blob.len())),
        _ => rng.below(blob.len()),
    };
    match rng.below(4) {
        0 => blob[at] ^= 1 << rng.below(8),
        1 => blob[at] = rng.word() as u8,
        2 if at >= 4 => {
            let (at, w) = (at & !3, rng.edge(blob.len() as u32));
            for (byte, new) in blob[at..].iter_mut().zip(w.to_le_bytes()) {
                *byte = new;
            }
        }
        _ => blob.truncate(blob.len() - rng.below(blob.len().min(32))),
    }
}

/// `b` with no change, or some.
pub fn blob(mut b: Btf, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..*rng.of(&[0, 1, 1, 1, 2, 3, 6]) {
        change(&mut b, rng);
    }
    let mut blob = b.bytes();
    if rng.one_in(8) {
        damage(&mut blob, rng);
    }
    blob
}
