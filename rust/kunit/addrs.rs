// SPDX-License-Identifier: GPL-2.0

//! Addresses of instructions: which are, which are not, and why; in programs that are made up.

use core::mem::zeroed;

use kernel::{
    bindings::{self, bpf_insn, bpf_insn_array_value},
    prelude::*, //
};

use crate::addrs::{misfit, Misfit};

/// What there is where an answer would be, and must stay there beside a success.
const NONE: u32 = 0x5aa5_5aa5;

const LDIMM64: u8 = (bindings::BPF_LD | bindings::BPF_IMM | bindings::BPF_DW) as u8;
const EXIT: u8 = (bindings::BPF_JMP | bindings::BPF_EXIT) as u8;

/// Instructions that have these codes.
fn program<const N: usize>(codes: [u8; N]) -> [bpf_insn; N] {
    codes.map(|code| {
        // SAFETY: All zeroes are a valid instruction's fields.
        let mut insn: bpf_insn = unsafe { zeroed() };
        insn.code = code;
        insn
    })
}

/// What C is told: which address does not fit, and why.
fn said<const N: usize>(offs: [u32; N], insns: &[bpf_insn]) -> Result<(), (u32, Error)> {
    let values = offs.map(|off| {
        // SAFETY: All zeroes are a valid value.
        let mut value: bpf_insn_array_value = unsafe { zeroed() };
        value.orig_off = off;
        // What other loads of the map leave there does not count.
        value.xlated_off = u32::MAX;
        value.jitted_off = u32::MAX;
        value
    });
    let mut at = NONE;
    // SAFETY: All of it is here.
    let ret = unsafe {
        crate::bpf_graph_addrs_fit(
            values.as_ptr(),
            N as u32,
            insns.as_ptr(),
            insns.len() as u32,
            &raw mut at,
        )
    };
    match (ret, at) {
        (0, NONE) => Ok(()),
        (0, _) => Err((at, EIO)),
        _ => Err((at, Error::from_errno(ret))),
    }
}

#[kunit_tests(bpf_graph_addrs)]
mod tests {
    use super::*;

    #[test]
    fn each_instruction_has_an_address() {
        let insns = program([LDIMM64, 0, EXIT, LDIMM64, 0, LDIMM64, 0, EXIT]);
        assert_eq!(said([0, 2, 3, 5, 7], &insns), Ok(()));
        // In any order, and more than once.
        assert_eq!(said([7, 0, 7, 0], &insns), Ok(()));
    }

    #[test]
    fn the_second_half_of_a_ldimm64_has_none() {
        let insns = program([LDIMM64, 0, EXIT, LDIMM64, 0, LDIMM64, 0, EXIT]);
        for half in [1, 4, 6] {
            assert_eq!(said([half], &insns), Err((0, EINVAL)));
            assert_eq!(said([0, 2, half, 3], &insns), Err((2, EINVAL)));
        }
    }

    #[test]
    fn there_is_none_behind_the_last() {
        let insns = program([EXIT; 3]);
        assert_eq!(said([2], &insns), Ok(()));
        for outside in [3, 4, 1 << 31, u32::MAX] {
            assert_eq!(said([0, outside], &insns), Err((1, ERANGE)));
        }
        assert_eq!(said([0], &[]), Err((0, ERANGE)));
        // Where it ends in the middle of an instruction, too.
        assert_eq!(said([1], &program([LDIMM64])), Err((0, ERANGE)));
    }

    #[test]
    fn the_first_that_does_not_fit_is_named() {
        let insns = program([LDIMM64, 0, EXIT]);
        assert_eq!(said([0, 9, 1], &insns), Err((1, ERANGE)));
        assert_eq!(said([0, 1, 9], &insns), Err((1, EINVAL)));
        let first = misfit([0, 2, 1].into_iter(), &insns);
        assert_eq!(first, Some((2, Misfit::Half)));
    }
}
