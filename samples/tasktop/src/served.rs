// SPDX-License-Identifier: GPL-2.0

//! Which functions of the kernel serve the loaded programs, and where they
//! come from. The call targets are read from the machine code itself: what is
//! in there is what runs, whatever the names say.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::{error::Error, fs};

use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};

/// A function that BPF programs call.
pub struct Function {
    pub name: String,
    pub file: String,
    /// Calls of it in the machine code.
    pub sites: usize,
}

#[derive(Default)]
pub struct Served {
    /// By address.
    pub functions: BTreeMap<u64, Function>,
    /// Calls in the programs as verified; there should be as many sites.
    pub calls: usize,
}

impl Served {
    pub fn sites(&self) -> usize {
        self.functions.values().map(|f| f.sites).sum()
    }

    pub fn in_rust(&self) -> usize {
        let is_rust = |f: &&Function| f.file.ends_with(".rs");
        self.functions.values().filter(is_rust).count()
    }

    /// Every call is accounted for, and every function called is Rust.
    pub fn all_rust(&self) -> bool {
        self.calls > 0 && self.sites() == self.calls && self.in_rust() == self.functions.len()
    }
}

/// Look at the loaded programs; `origin` is a file from `tools/testing/origin`.
pub fn look_up(prog_ids: &[u32], origin: &str) -> Result<Served, Box<dyn Error>> {
    let origin = fs::read_to_string(origin)?;
    let mut known = origin.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
    let base = known.iter().find(|(_, name, _)| *name == "__bpf_call_base");
    let &(base, ..) = base.ok_or("no __bpf_call_base")?;
    // A kfunc and its `_impl` twin share their code: last comes the shortest name, and stays.
    known.sort_by_key(|(_, name, _)| Reverse(name.len()));
    let known: HashMap<_, _> = known.into_iter().map(|(a, n, f)| (a, (n, f))).collect();

    let (mut calls, mut sites) = (BTreeMap::<u64, usize>::new(), HashMap::<u64, usize>::new());
    let opts = ProgInfoQueryOptions::default()
        .include_xlated_prog_insns(true)
        .include_jited_prog_insns(true)
        .include_jited_ksyms(true)
        .include_jited_func_lens(true);
    for info in ProgInfoIter::with_query_opts(opts).filter(|i| prog_ids.contains(&i.id)) {
        for offset in kfunc_calls(&info) {
            *calls.entry(base.wrapping_add_signed(offset)).or_default() += 1;
        }
        for target in call_targets(&info) {
            *sites.entry(target).or_default() += 1;
        }
    }

    let mut served = Served::default();
    for (address, calls) in calls {
        let &(name, file) = known.get(&address).unwrap_or(&("?", "?"));
        if name.starts_with("bpf_iter_") {
            continue; // a loop, no graph object
        }
        let (name, file) = (name.into(), file.into());
        let sites = sites.get(&address).copied().unwrap_or(0);
        served.calls += calls;
        served
            .functions
            .insert(address, Function { name, file, sites });
    }
    Ok(served)
}

fn parse(line: &str) -> Result<(u64, &str, &str), Box<dyn Error>> {
    let [address, name, file] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("not ADDRESS NAME FILE: {line}").into());
    };
    Ok((u64::from_str_radix(address, 16)?, name, file))
}

/// Where the kfuncs called in the BPF instructions are, from __bpf_call_base.
fn kfunc_calls(info: &ProgramInfo) -> impl Iterator<Item = i64> + '_ {
    const CALL: u8 = 0x85; // BPF_JMP | BPF_CALL
    const KFUNC: u8 = 2; // BPF_PSEUDO_KFUNC_CALL, in the source register's place
    info.xlated_prog_insns
        .chunks_exact(8)
        .filter(|insn| insn[0] == CALL && insn[1] >> 4 == KFUNC)
        .map(|insn| i32::from_ne_bytes([insn[4], insn[5], insn[6], insn[7]]).into())
}

/// Where the x86-64 code may call to: `e8` and 32 bits relative to what
/// follows. Without a disassembler this yields some that are no calls; to be
/// taken for one they would have to give a function's address, all 32 bits.
fn call_targets(info: &ProgramInfo) -> Vec<u64> {
    let mut targets = Vec::new();
    let mut image = &info.jited_prog_insns[..];
    for (&start, &len) in info.jited_ksyms.iter().zip(&info.jited_func_lens) {
        let (code, rest) = image.split_at(image.len().min(len as usize));
        for (at, bytes) in code.windows(5).enumerate() {
            if let [0xe8, rel @ ..] = bytes {
                let rel = i32::from_le_bytes(rel.try_into().expect("four bytes"));
                let next = start as u64 + at as u64 + 5;
                targets.push(next.wrapping_add_signed(rel.into()));
            }
        }
        image = rest;
    }
    targets
}
