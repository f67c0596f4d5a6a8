// SPDX-License-Identifier: GPL-2.0

//! Whether the addresses in an instruction array are those of instructions.
//!
//! User space writes them, as indices into the program as it is handed to the kernel. They are
//! looked at once, before the verifier changes that program and has them follow. An address of the
//! second half of a `ldimm64` is one of no instruction: nothing is executed there.
//!
//! C source: `kernel/bpf/bpf_insn_array.c`, for arrays that are jump tables.

use kernel::{
    bindings::{self, bpf_insn, bpf_insn_array_value},
    error::from_result,
    prelude::*, //
};

/// What an address can be instead of that of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It is behind the last one.
    Outside,
    /// It is the second half of a `ldimm64`.
    Half,
}

/// Whether `off` is the index of an instruction in `insns`.
fn fit(off: u32, insns: &[bpf_insn]) -> Result<(), Misfit> {
    const LDIMM64: u32 = bindings::BPF_LD | bindings::BPF_IMM | bindings::BPF_DW;

    let off = off as usize;
    if off >= insns.len() {
        return Err(Misfit::Outside);
    }
    // The code of a second half is 0, so that one is not taken for a first.
    match off.checked_sub(1).and_then(|before| insns.get(before)) {
        Some(before) if u32::from(before.code) == LDIMM64 => Err(Misfit::Half),
        _ => Ok(()),
    }
}

/// The first of `offs` that is not the index of an instruction in `insns`: which it is, and what
/// instead. Takes a time that grows with the number of `offs`.
pub(crate) fn misfit(
    offs: impl Iterator<Item = u32>,
    insns: &[bpf_insn],
) -> Option<(usize, Misfit)> {
    offs.enumerate()
        .find_map(|(at, off)| Some((at, fit(off, insns).err()?)))
}

/// Whether each of the `cnt` addresses in `values` is that of one of the `len` instructions at
/// `insns`.
///
/// 0; else `at` says which is the first that is not, and it is `-ERANGE` if there is no such
/// instruction, `-EINVAL` if it is the second half of one. `at` is written in that case only. Any
/// context.
///
/// # Safety
///
/// There are `cnt` values, whose `orig_off` stay as they are: their map is frozen. There are `len`
/// instructions, which stay as they are. `at` points to a place for the answer.
#[export]
pub unsafe extern "C" fn bpf_graph_addrs_fit(
    values: *const bpf_insn_array_value,
    cnt: u32,
    insns: *const bpf_insn,
    len: u32,
    at: *mut u32,
) -> c_int {
    // No reference to a value is made, as another program that is loaded may change the rest of it.
    // SAFETY: This function's contract.
    let offs = (0..cnt as usize).map(|i| unsafe { (*values.add(i)).orig_off });
    // SAFETY: This function's contract.
    let insns = unsafe { core::slice::from_raw_parts(insns, len as usize) };
    from_result(|| match misfit(offs, insns) {
        None => Ok(0),
        Some((i, what)) => {
            // SAFETY: This function's contract. There are no more than `cnt`, a `u32`.
            unsafe { at.write(i as u32) };
            Err(match what {
                Misfit::Outside => ERANGE,
                Misfit::Half => EINVAL,
            })
        }
    })
}
