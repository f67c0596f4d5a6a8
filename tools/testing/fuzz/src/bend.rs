// SPDX-License-Identifier: GPL-2.0

//! From a valid program to one that most likely is not.

use crate::asm::*;
use crate::btf::Kernel;
use crate::op::KFUNCS;

#[derive(Clone, Copy, Debug)]
pub struct RawBend {
    pub program: u8,
    pub kind: u8,
    pub at: u16,
    pub x: u16,
}

pub const KINDS: [&str; 12] = [
    "instruction left out",
    "kfunc exchanged for another",
    "address moved",
    "load or store moved",
    "constant changed",
    "NULL check turned round",
    "bit flipped",
    "neighbours swapped",
    "instruction done twice",
    "register exchanged for another",
    "jump moved",
    "call left out",
];

/// Bend one place of those that `kind` can bend; None if there is none.
pub fn bend(insns: &[Insn], raw: RawBend, kernel: &Kernel) -> Option<Vec<Insn>> {
    let kind = raw.kind as usize % KINDS.len();
    let fits = |i: &Insn| match kind {
        1 => i.code == CALL && i.src == PSEUDO_KFUNC,
        2 => i.code == ADD_K,
        3 => matches!(i.code, LDX_DW | STX_DW | ST_DW),
        4 => i.code == MOV_K,
        5 => matches!(i.code, JEQ_K | JNE_K),
        10 => matches!(i.code, JEQ_K | JNE_K | JA | JSET_K),
        11 => i.code == CALL,
        // The second half of a 64-bit load is not an instruction.
        _ => i.code != LD_IMM64 && i.code != 0,
    };
    let places: Vec<usize> = (0..insns.len()).filter(|i| fits(&insns[*i])).collect();
    if places.is_empty() {
        return None;
    }
    let at = places[raw.at as usize % places.len()];
    let mut out = insns.to_vec();
    let x = raw.x as usize;
    let step = [8, -8, 16, -16, 4, -24, 24, 1][x % 8];
    let nop = Insn {
        code: JA,
        dst: 0,
        src: 0,
        off: 0,
        imm: 0,
    };
    let i = &mut out[at];
    match kind {
        0 | 11 => *i = nop,
        1 => i.imm = kernel.func(KFUNCS[x % KFUNCS.len()]) as i32,
        2 => i.imm += i32::from(step),
        3 => i.off = i.off.wrapping_add(step),
        4 => {
            i.imm = i
                .imm
                .wrapping_add([1, -1, 2, -2, 5, 1 << 20, -1000, 3][x % 8])
        }
        5 => i.code ^= JEQ_K ^ JNE_K,
        6 => match x % 64 {
            b @ 0..8 => i.code ^= 1 << b,
            b @ 8..12 => i.dst ^= 1 << (b - 8),
            b @ 12..16 => i.src ^= 1 << (b - 12),
            b @ 16..32 => i.off ^= 1 << (b - 16),
            b => i.imm ^= 1 << (b - 32),
        },
        7 => {
            let other = at + 1;
            if other >= out.len() || !fits(&out[other]) {
                return None;
            }
            out.swap(at, other);
        }
        8 => {
            let first = *i;
            let next = out.get_mut(at + 1).filter(|n| fits(n))?;
            *next = first;
        }
        9 => {
            let reg = (x >> 1) as u8 % 11;
            if x & 1 == 0 {
                i.dst = reg;
            } else if i.code != CALL {
                i.src = reg;
            }
        }
        _ => i.off = i.off.wrapping_add([1, -1, 2, 3, -2, 5, 8, -30][x % 8]),
    }
    (out != insns).then_some(out)
}

/// What a verdict is counted under: the last thing the verifier said, without
/// numbers and names.
pub fn reason(errno: i32, log: &str) -> String {
    let last = log
        .lines()
        .filter(|l| !l.is_empty())
        .rfind(|l| {
            !l.starts_with("processed ")
                && !l.starts_with("verification time")
                && !l.starts_with("stack depth")
                && !l.starts_with("insns processed")
        })
        .unwrap_or("nothing said");
    let mut out = String::new();
    for c in last.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !out.ends_with('#') {
            out.push(c);
        }
    }
    out.truncate(out.char_indices().nth(70).map_or(out.len(), |c| c.0));
    format!("errno {errno}: {out}")
}

/// Said of an instruction whose number depends on how much became part of the program.
const UNCALLED: &str = "No program to jit at insn ";

/// The log without the addresses and file descriptors of maps, which are others each time, and
/// without where a program is at the end.
pub fn no_addresses(log: &str) -> String {
    let (log, rest) = log.split_at(log.find(UNCALLED).unwrap_or(log.len()));
    let rest = rest.lines().skip(1).collect::<Vec<_>>().join("\n");
    let mut parts = log.split("0x");
    let mut out = parts.next().unwrap_or_default().to_string();
    for p in parts {
        let digits = p.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(p.len());
        let line = &out[out.rfind('\n').map_or(0, |at| at + 1)..];
        let loaded = line.contains("(18) r") && line.ends_with(" = ");
        out.push_str("0x");
        out.push_str(if digits > 10 || loaded {
            &p[digits..]
        } else {
            p
        });
    }
    out + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_and_numbers_stay() {
        let log = "r6 = 0xffa0000000236000 ; R1=0x10, 0x";
        assert_eq!(no_addresses(log), "r6 = 0x ; R1=0x10, 0x");
        let log = "0x1\nverifier bug: No program to jit at insn 7 (subprog < 0)\nz";
        assert_eq!(no_addresses(log), "0x1\nverifier bug: z");
        let log = "0x1\n  15 | (18) r1 = 0xb  @ a.c\n(b7) r1 = 0xb";
        let without = "0x1\n  15 | (18) r1 = 0x  @ a.c\n(b7) r1 = 0xb";
        assert_eq!(no_addresses(log), without);
    }

    #[test]
    fn reasons_have_no_numbers() {
        let log = "0: x\nR12 off=-8 bad\nprocessed 3 insns\n";
        assert_eq!(reason(13, log), "errno 13: R# off=-# bad");
    }
}
