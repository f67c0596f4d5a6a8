// SPDX-License-Identifier: GPL-2.0

//! BTF as types that can be changed one by one, and as the bytes that the kernel takes.

pub const INT: u32 = 1;
pub const PTR: u32 = 2;
pub const ARRAY: u32 = 3;
pub const STRUCT: u32 = 4;
pub const UNION: u32 = 5;
pub const ENUM: u32 = 6;
pub const FWD: u32 = 7;
pub const TYPEDEF: u32 = 8;
pub const CONST: u32 = 10;
pub const FUNC: u32 = 12;
pub const FUNC_PROTO: u32 = 13;
pub const VAR: u32 = 14;
pub const DATASEC: u32 = 15;
pub const FLOAT: u32 = 16;
pub const DECL_TAG: u32 = 17;
pub const ENUM64: u32 = 19;

pub const EXTERN: u32 = 2;

const MAGIC: u32 = 0xeb9f | (1 << 16);
const HEADER: usize = 24;

/// A type: its three words, and what is behind them.
#[derive(Clone, Debug)]
pub struct Type {
    pub name: u32,
    pub kind: u32,
    pub flag: bool,
    pub vlen: u32,
    /// Its size, or the type it refers to.
    pub size: u32,
    pub more: Vec<u32>,
}

/// How many words of `more` belong to one member, and at which of them a type is referred to.
pub fn member(kind: u32) -> Option<(usize, Option<usize>)> {
    match kind {
        STRUCT | UNION => Some((3, Some(1))),
        ENUM => Some((2, None)),
        ENUM64 => Some((3, None)),
        FUNC_PROTO => Some((2, Some(1))),
        DATASEC => Some((3, Some(0))),
        _ => None,
    }
}

/// How many words are behind a type.
fn words(kind: u32, vlen: u32) -> usize {
    match (kind, member(kind)) {
        (_, Some((n, _))) => n * vlen as usize,
        (INT | VAR | DECL_TAG, _) => 1,
        (ARRAY, _) => 3,
        _ => 0,
    }
}

impl Type {
    /// All places where another type is named.
    pub fn refs(&mut self) -> Vec<&mut u32> {
        let kind = self.kind;
        let mut refs = Vec::new();
        if !matches!(
            kind,
            INT | ARRAY | STRUCT | UNION | ENUM | FWD | DATASEC | FLOAT | ENUM64
        ) {
            refs.push(&mut self.size);
        }
        if kind == ARRAY {
            refs.extend(self.more.iter_mut().take(2));
        } else if let Some((n, Some(at))) = member(kind) {
            refs.extend(self.more.iter_mut().skip(at).step_by(n));
        }
        refs
    }

    pub fn is_extern(&self) -> bool {
        match self.kind {
            FUNC => self.vlen == EXTERN,
            VAR => self.more.first() == Some(&EXTERN),
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Btf {
    /// The first has the number 1.
    pub types: Vec<Type>,
    pub strings: Vec<u8>,
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

impl Btf {
    pub fn parse(data: &[u8]) -> Option<Self> {
        let header = word(data, 4)? as usize;
        let at = |n| Some(header + word(data, n)? as usize);
        let (types, strings) = (at(8)?, at(16)?);
        Some(Self {
            types: walk(data.get(types..types + word(data, 12)? as usize)?).0,
            strings: data
                .get(strings..strings + word(data, 20)? as usize)?
                .to_vec(),
        })
    }

    pub fn name(&mut self, s: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(s.as_bytes());
        self.strings.push(0);
        at
    }

    pub fn add(&mut self, name: &str, kind: u32, vlen: u32, size: u32, more: &[u32]) -> u32 {
        let name = if name.is_empty() { 0 } else { self.name(name) };
        self.types.push(Type {
            name,
            kind,
            flag: false,
            vlen,
            size,
            more: more.to_vec(),
        });
        self.types.len() as u32
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut types = Vec::new();
        for t in &self.types {
            let info = (t.kind << 24) | (t.vlen & 0xff_ffff) | (u32::from(t.flag) << 31);
            for w in [t.name, info, t.size].iter().chain(&t.more) {
                types.extend(w.to_le_bytes());
            }
        }
        let (types_len, strings_len) = (types.len() as u32, self.strings.len() as u32);
        let header = [MAGIC, HEADER as u32, 0, types_len, types_len, strings_len];
        let mut out: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
        out.extend(types);
        out.extend(&self.strings);
        out
    }
}

/// The types in `data`, up to where one is cut off or of no kind, and whether that is its end.
fn walk(data: &[u8]) -> (Vec<Type>, bool) {
    let mut types = Vec::new();
    let mut at = 0;
    let mut next = || {
        let info = word(data, at + 4)?;
        let (kind, vlen) = ((info >> 24) & 0x7f, info & 0xff_ffff);
        if !(INT..=ENUM64).contains(&kind) {
            return None;
        }
        let count = words(kind, vlen);
        data.get(at..at + 12 + 4 * count)?;
        let more = (0..count).filter_map(|i| word(data, at + 12 + 4 * i));
        let t = Type {
            name: word(data, at)?,
            kind,
            flag: info >> 31 != 0,
            vlen,
            size: word(data, at + 8)?,
            more: more.collect(),
        };
        at += 12 + 4 * count;
        Some(t)
    };
    while let Some(t) = next() {
        types.push(t);
    }
    (types, at == data.len())
}

/// What there is in a blob that a kernel without externs and one with them may see differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Nothing.
    Plain,
    /// Externs.
    Extern,
    /// A variable whose end is beyond 4 GiB: upstream's C lets that wrap around.
    Wraps,
}

/// As the kernel reads it: what is behind a type that makes no sense does not count.
pub fn class(blob: &[u8]) -> Class {
    let types = || {
        let at = (word(blob, 4)? as usize).checked_add(word(blob, 8)? as usize)?;
        let end = at.checked_add(word(blob, 12)? as usize)?.min(blob.len());
        Some(walk(blob.get(at..end)?).0)
    };
    let types = types().unwrap_or_default();
    let wraps = |t: &Type| {
        let mut members = t.more.chunks(3);
        t.kind == DATASEC && members.any(|m| m.len() == 3 && m[1].checked_add(m[2]).is_none())
    };
    if types.iter().any(Type::is_extern) {
        Class::Extern
    } else if types.iter().any(wraps) {
        Class::Wraps
    } else {
        Class::Plain
    }
}
