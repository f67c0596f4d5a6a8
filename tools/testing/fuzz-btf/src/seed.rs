// SPDX-License-Identifier: GPL-2.0

//! BTF to begin with: made up here, or a part of what compilers and pahole wrote.

use crate::btf::*;
use crate::rng::Rng;

/// So many types are few enough for a kernel to look at thousands of such BTFs.
const MOST: usize = 60;

/// A program's BTF with every kind of type, and sections with `variables` and with externs.
pub fn made_up(rng: &mut Rng) -> Btf {
    let mut b = Btf {
        types: Vec::new(),
        strings: vec![0],
    };
    let int = b.add("int", INT, 0, 4, &[(1 << 24) | 32]);
    let long = b.add("long", INT, 0, 8, &[(1 << 24) | 64]);
    let void = b.add("", PTR, 0, 0, &[]);
    let array = b.add("", ARRAY, 0, 0, &[int, int, rng.below(4) as u32]);
    let (first, second) = (b.name("a"), b.name("b"));
    let pair = b.add("pair", STRUCT, 2, 16, &[first, long, 0, second, int, 64]);
    let either = b.add("either", UNION, 2, 8, &[first, long, 0, second, int, 0]);
    let choice = b.add("choice", ENUM, 1, 4, &[first, 1]);
    let far = b.add("far", ENUM64, 1, 8, &[second, 1, 1]);
    let fwd = b.add("unknown", FWD, 0, 0, &[]);
    let name = b.add("pair_t", TYPEDEF, 0, pair, &[]);
    let constant = b.add("", CONST, 0, *rng.of(&[0, name, fwd, int]), &[]);
    let float = b.add("double", FLOAT, 0, 8, &[]);
    let of = [
        int, long, void, array, pair, either, choice, far, name, float,
    ];
    let named = b.add("", FUNC_PROTO, 2, int, &[first, int, second, void]);
    let bare = b.add("", FUNC_PROTO, 2, 0, &[0, int, 0, void]);
    let main = b.add("main", FUNC, 1, named, &[]);
    b.add("tag", DECL_TAG, 0, main, &[u32::MAX]);
    for section in 0..1 + rng.below(3) {
        let mut members = Vec::new();
        let mut end = 0;
        let externs = rng.one_in(3);
        for i in 0..rng.below(5) {
            let name = format!("m{section}_{i}");
            if externs && rng.one_in(2) {
                let proto = *rng.of(&[named, bare]);
                members.extend([b.add(&name, FUNC, EXTERN, proto, &[]), 0, 0]);
            } else if externs {
                let of = *rng.of(&[int, pair, fwd, constant, 0]);
                members.extend([b.add(&name, VAR, 0, of, &[EXTERN]), 0, 16]);
            } else {
                let var = b.add(&name, VAR, 0, *rng.of(&of), &[rng.below(2) as u32]);
                members.extend([var, end, 16]);
                end += 16 + 8 * rng.below(2) as u32;
            }
        }
        let size = if externs { 0 } else { end.max(16) };
        let name = *rng.of(&[".ksyms", ".data", "?.x y"]);
        b.add(name, DATASEC, (members.len() / 3) as u32, size, &members);
    }
    b
}

/// A part of `whole`: some types with what they refer to, up to a limit. Sections get a layout, as
/// a loader gives them.
pub fn part(whole: &Btf, rng: &mut Rng) -> Btf {
    let mut ids: Vec<u32> = Vec::new();
    let mut waiting: Vec<u32> = (0..1 + rng.below(8))
        .map(|_| 1 + rng.below(whole.types.len()) as u32)
        .collect();
    // What LLVM and libbpf have at the end is the sections.
    waiting.extend((0..rng.below(3)).map(|i| (whole.types.len() - i) as u32));
    while let Some(id) = waiting.pop() {
        if id == 0 || ids.contains(&id) || ids.len() >= MOST {
            continue;
        }
        let Some(t) = whole.types.get(id as usize - 1) else {
            continue;
        };
        ids.push(id);
        waiting.extend(t.clone().refs().into_iter().map(|r| *r));
    }
    ids.sort_unstable();
    let mut part = Btf {
        types: Vec::new(),
        strings: vec![0],
    };
    let text = |b: &mut Btf, at: u32| {
        let rest = whole.strings.get(at as usize..).unwrap_or(&[]);
        let end = rest.iter().position(|c| *c == 0).unwrap_or(0);
        if end == 0 {
            return 0;
        }
        b.name(&String::from_utf8_lossy(&rest[..end]))
    };
    for id in &ids {
        let mut t = whole.types[*id as usize - 1].clone();
        t.name = text(&mut part, t.name);
        if matches!(t.kind, STRUCT | UNION | ENUM | ENUM64 | FUNC_PROTO) {
            let (n, _) = member(t.kind).unwrap_or((1, None));
            for name in t.more.iter_mut().step_by(n) {
                *name = text(&mut part, *name);
            }
        }
        for r in t.refs() {
            // What is left out becomes void.
            *r = ids.binary_search(r).map_or(0, |i| i as u32 + 1);
        }
        part.types.push(t);
    }
    lay_out(&mut part);
    part
}

fn lay_out(b: &mut Btf) {
    let is_extern: Vec<bool> = b.types.iter().map(Type::is_extern).collect();
    for t in b
        .types
        .iter_mut()
        .filter(|t| t.kind == DATASEC && t.size == 0)
    {
        let mut end = 0;
        for m in t.more.chunks_mut(3) {
            if !is_extern
                .get(m[0].wrapping_sub(1) as usize)
                .unwrap_or(&false)
            {
                m[1] = end;
                end += m[2];
            }
        }
        t.size = end;
    }
}
