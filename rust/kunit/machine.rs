// SPDX-License-Identifier: GPL-2.0

//! A machine that runs the instructions of templates, on memory that it is shown beforehand and a
//! small stack.

use core::ffi::c_void;

use kernel::{bindings, prelude::*};

use crate::insn::*;

/// How many steps a template may take, of which one has a loop.
const STEPS: usize = 256;

/// Words of stack.
const STACK: usize = 4;

/// What registers hold that a template may not rely on, or must not change: each its own.
fn foreign() -> [u64; 11] {
    core::array::from_fn(|reg| 0xdead_beef_dead_0000 + reg as u64)
}

/// How a run ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Behind the last instruction, with this result.
    Done(u64),
    /// At a call, with these first arguments.
    Called(u64, u64),
    /// At a call behind calls of the callback.
    Walked([u64; 3]),
}

/// Registers, and what memory there is.
pub(super) struct Machine<'a> {
    registers: [u64; 11],
    memory: &'a [(*mut c_void, usize)],
    stack: [u64; STACK],
    /// What a call within the program gets.
    pub(super) callback: Option<fn(u64, u64) -> u64>,
    /// Whether another CPU is faster with each `cmpxchg()`.
    pub(super) loses: bool,
}

impl<'a> Machine<'a> {
    /// A machine before a call with two arguments. `memory` is addresses and sizes.
    pub(super) fn new(arguments: [u64; 2], memory: &'a [(*mut c_void, usize)]) -> Self {
        let mut registers = foreign();
        registers[1] = arguments[0];
        registers[2] = arguments[1];
        Self {
            registers,
            memory,
            stack: [0xdead_beef_dead_beef; STACK],
            callback: None,
            loses: false,
        }
    }

    /// The word of `size` bytes at `base + off`, which must be within one piece of memory.
    fn at(&mut self, base: Reg, off: i16, size: usize) -> Result<*mut c_void> {
        if base == R10 {
            let end = size_of_val(&self.stack);
            let at = end.checked_add_signed(off.into()).ok_or(EFAULT)?;
            let word = self.stack.get_mut(at / 8).ok_or(EFAULT)?;
            return match (at % 8, size) {
                (0, 8) => Ok((&raw mut *word).cast()),
                _ => Err(EFAULT),
            };
        }
        let addr = self.get(base).wrapping_add(off as u64) as usize;
        self.memory
            .iter()
            .find(|&&(start, len)| {
                addr >= start as usize && addr + size <= start as usize + len && addr % size == 0
            })
            .map(|&(start, _)| start.wrapping_byte_add(addr - start as usize))
            .ok_or(EFAULT)
    }

    fn get(&self, reg: Reg) -> u64 {
        self.registers[reg.0 as usize]
    }

    fn set(&mut self, reg: Reg, value: u64) {
        self.registers[reg.0 as usize] = value;
    }

    /// Runs `code` to its end.
    ///
    /// # Errors
    ///
    /// `EFAULT` where it leaves the memory, `EINVAL` where it leaves itself or is unknown, `ELOOP`
    /// where it does not end, `EPERM` where it wrote to a register that a call preserves.
    pub(super) fn run(self, code: &[Insn]) -> Result<End> {
        self.run_at(code, 0)
    }

    /// Runs `code` from `at` on, behind a call that returned `result`.
    pub(super) fn run_from(mut self, code: &[Insn], at: usize, result: u64) -> Result<End> {
        self.returned(result);
        self.run_at(code, at)
    }

    /// What registers hold behind a call.
    fn returned(&mut self, result: u64) {
        self.registers[..6].copy_from_slice(&foreign()[..6]);
        self.registers[0] = result;
    }

    /// Registers that a call preserves are as they were.
    fn preserved(&self) -> Result {
        if self.registers[6..] == foreign()[6..] {
            Ok(())
        } else {
            Err(EPERM)
        }
    }

    fn run_at(mut self, code: &[Insn], mut at: usize) -> Result<End> {
        for _ in 0..STEPS {
            if at == code.len() {
                self.preserved()?;
                return Ok(End::Done(self.registers[0]));
            }
            let insn = *code.get(at).ok_or(EINVAL)?;
            at += 1;
            if insn.code == CALL {
                let [_, first, second, third, ..] = self.registers;
                match self.callback {
                    Some(callback) if insn == call_subprog() => {
                        self.returned(callback(first, second));
                        continue;
                    }
                    Some(_) => {
                        self.preserved()?;
                        return Ok(End::Walked([first, second, third]));
                    }
                    None => return Ok(End::Called(first, second)),
                }
            }
            if insn.code == LD_IMM64 {
                let high = code.get(at).ok_or(EINVAL)?.imm;
                let word = |half: i32| u64::from(half as u32);
                self.set(insn.dst(), word(insn.imm) | word(high) << 32);
                at += 1;
            } else if self.step(insn)? {
                at = at.checked_add_signed(insn.off as isize).ok_or(EINVAL)?;
            }
        }
        Err(ELOOP)
    }

    /// Runs one instruction; `true` if it jumps.
    fn step(&mut self, insn: Insn) -> Result<bool> {
        let (dst, src) = (self.get(insn.dst()), self.get(insn.src()));
        let imm = insn.imm as u64;
        match insn.code {
            LDX_DW => {
                let from = self.at(insn.src(), insn.off, 8)?.cast::<u64>();
                // SAFETY: `at()` found it in memory that the test owns.
                self.set(insn.dst(), unsafe { *from });
            }
            LDX_W => {
                let from = self.at(insn.src(), insn.off, 4)?.cast::<u32>();
                // SAFETY: `at()` found it in memory that the test owns.
                self.set(insn.dst(), unsafe { *from }.into());
            }
            STX_DW => {
                let to = self.at(insn.dst(), insn.off, 8)?.cast::<u64>();
                // SAFETY: `at()` found it in memory that the test owns.
                unsafe { *to = src };
            }
            ST_DW => {
                let to = self.at(insn.dst(), insn.off, 8)?.cast::<u64>();
                // SAFETY: `at()` found it in memory that the test owns.
                unsafe { *to = imm };
            }
            ST_W => {
                let to = self.at(insn.dst(), insn.off, 4)?.cast::<u32>();
                // SAFETY: `at()` found it in memory that the test owns.
                unsafe { *to = imm as u32 };
            }
            ATOMIC_DW if insn.imm == bindings::BPF_STORE_REL as i32 => {
                let to = self.at(insn.dst(), insn.off, 8)?.cast::<u64>();
                // SAFETY: `at()` found it in memory that the test owns.
                unsafe { *to = src };
            }
            ATOMIC_W if insn.imm == bindings::BPF_CMPXCHG as i32 => {
                let to = self.at(insn.dst(), insn.off, 4)?.cast::<u32>();
                // SAFETY: `at()` found it in memory that the test owns, and nobody else uses.
                unsafe {
                    let old = (*to).wrapping_add(self.loses.into());
                    if old == self.get(R0) as u32 {
                        *to = src as u32;
                    }
                    self.set(R0, old.into());
                }
            }
            MOV_X => self.set(insn.dst(), src),
            MOV_K => self.set(insn.dst(), imm),
            ADD_K => self.set(insn.dst(), dst.wrapping_add(imm)),
            ADD32_K => self.set(insn.dst(), (dst as u32).wrapping_add(imm as u32).into()),
            JEQ_X => return Ok(dst == src),
            JEQ_K => return Ok(dst == imm),
            JGE_X => return Ok(dst >= src),
            JNE_X => return Ok(dst != src),
            JNE_K => return Ok(dst != imm),
            JNE32_X => return Ok(dst as u32 != src as u32),
            JNE32_K => return Ok(dst as u32 != imm as u32),
            JSGT32_K => return Ok(dst as i32 > imm as i32),
            JSGE32_K => return Ok(dst as i32 >= imm as i32),
            JGT32_K => return Ok(dst as u32 > imm as u32),
            JA => return Ok(true),
            _ => return Err(EINVAL),
        }
        Ok(false)
    }
}
