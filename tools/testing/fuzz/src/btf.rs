// SPDX-License-Identifier: GPL-2.0

//! BTF: writing a program's types, and looking up names in the kernel's.

use std::collections::HashMap;

const MAGIC: u16 = 0xeb9f;
const HEADER: u32 = 24;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;

/// A program's types. Ids are given in the order of the calls, from 1.
#[derive(Default)]
pub struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    next: u32,
}

/// Name, type and byte offset of a member.
pub struct Member {
    pub name: String,
    pub ty: u32,
    pub off: u32,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            next: 1,
        }
    }

    fn name(&mut self, s: &str) -> u32 {
        if s.is_empty() {
            return 0;
        }
        let off = self.strings.len() as u32;
        self.strings.extend(s.as_bytes());
        self.strings.push(0);
        off
    }

    fn word(&mut self, w: u32) {
        self.types.extend(w.to_le_bytes());
    }

    fn start(&mut self, name: &str, kind: u32, vlen: u32, size_or_type: u32) -> u32 {
        let name = self.name(name);
        self.word(name);
        self.word((kind << 24) | vlen);
        self.word(size_or_type);
        self.next += 1;
        self.next - 1
    }

    pub fn int(&mut self, name: &str, size: u32) -> u32 {
        let id = self.start(name, INT, 0, size);
        self.word(size * 8);
        id
    }

    pub fn ptr(&mut self, to: u32) -> u32 {
        self.start("", PTR, 0, to)
    }

    pub fn array(&mut self, of: u32, index: u32, n: u32) -> u32 {
        let id = self.start("", ARRAY, 0, 0);
        self.word(of);
        self.word(index);
        self.word(n);
        id
    }

    pub fn structure(&mut self, name: &str, size: u32, members: &[Member]) -> u32 {
        let id = self.start(name, STRUCT, members.len() as u32, size);
        for m in members {
            let name = self.name(&m.name);
            self.word(name);
            self.word(m.ty);
            self.word(m.off * 8);
        }
        id
    }

    pub fn type_tag(&mut self, tag: &str, of: u32) -> u32 {
        self.start(tag, TYPE_TAG, 0, of)
    }

    pub fn decl_tag(&mut self, tag: &str, of: u32, member: u32) -> u32 {
        let id = self.start(tag, DECL_TAG, 0, of);
        self.word(member);
        id
    }

    pub fn proto(&mut self, ret: u32, args: &[(&str, u32)]) -> u32 {
        let id = self.start("", FUNC_PROTO, args.len() as u32, ret);
        for (name, ty) in args {
            let name = self.name(name);
            self.word(name);
            self.word(*ty);
        }
        id
    }

    pub fn func(&mut self, name: &str, proto: u32, global: bool) -> u32 {
        self.start(name, FUNC, global as u32, proto)
    }

    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(MAGIC.to_le_bytes());
        out.extend([1, 0]);
        for w in [
            HEADER,
            0,
            self.types.len() as u32,
            self.types.len() as u32,
            self.strings.len() as u32,
        ] {
            out.extend(w.to_le_bytes());
        }
        out.extend(self.types);
        out.extend(self.strings);
        out
    }
}

/// What is needed of the kernel's BTF.
pub struct Kernel {
    funcs: HashMap<String, u32>,
    /// Offset of `rcu_users` in `task_struct`.
    pub rcu_users: u32,
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

impl Kernel {
    /// The ids of the functions `wanted` and the offset of one member.
    pub fn read(data: &[u8], wanted: &[&str]) -> Result<Self, String> {
        Self::parse(data, wanted).ok_or("the kernel's BTF is cut off or of another form")?
    }

    fn parse(data: &[u8], wanted: &[&str]) -> Option<Result<Self, String>> {
        let header = word(data, 4)? as usize;
        let mut at = header + word(data, 8)? as usize;
        let end = at + word(data, 12)? as usize;
        let strings = header + word(data, 16)? as usize;
        let name = |off: u32| {
            let s = data.get(strings + off as usize..)?;
            std::str::from_utf8(&s[..s.iter().position(|c| *c == 0)?]).ok()
        };
        let mut funcs = HashMap::new();
        let mut rcu_users = None;
        let mut id = 1;
        while at < end {
            let (info, name_off) = (word(data, at + 4)?, word(data, at)?);
            let (kind, vlen) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
            if kind == FUNC && wanted.contains(&name(name_off)?) {
                funcs.insert(name(name_off)?.to_string(), id);
            }
            if kind == STRUCT && rcu_users.is_none() && name(name_off)? == "task_struct" {
                for m in 0..vlen {
                    let m = at + 12 + m * 12;
                    if name(word(data, m)?)? == "rcu_users" {
                        rcu_users = Some((word(data, m + 8)? & 0xff_ffff) / 8);
                    }
                }
            }
            at += 12
                + match kind {
                    1 | 14 | 17 => 4,
                    3 => 12,
                    4 | 5 | 15 | 19 => 12 * vlen,
                    6 | 13 => 8 * vlen,
                    _ => 0,
                };
            id += 1;
        }
        if let Some(missing) = wanted.iter().find(|w| !funcs.contains_key(**w)) {
            return Some(Err(format!("this kernel has no kfunc {missing}")));
        }
        Some(match rcu_users {
            Some(rcu_users) => Ok(Self { funcs, rcu_users }),
            None => Err("no rcu_users in this kernel's task_struct".to_string()),
        })
    }

    pub fn func(&self, name: &str) -> u32 {
        self.funcs[name]
    }
}
