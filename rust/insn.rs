// SPDX-License-Identifier: GPL-2.0

//! BPF instructions, as constants.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h), whose macros have the
//! same names in capitals. What the bits mean is said in
//! `Documentation/bpf/standardization/instruction-set.rst`.

use kernel::bindings;

/// `struct bpf_insn`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Insn {
    /// Class, mode and size, or class, source and operation.
    pub(crate) code: u8,
    registers: u8,
    /// Bytes of an address; of a jump, instructions that are skipped.
    pub(crate) off: i16,
    /// A constant.
    pub(crate) imm: i32,
}

const _: () = assert!(
    size_of::<Insn>() == size_of::<bindings::bpf_insn>()
        && align_of::<Insn>() <= align_of::<bindings::bpf_insn>()
);

/// A register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reg(pub(crate) u8);

pub(crate) const R0: Reg = Reg(0);
pub(crate) const R1: Reg = Reg(1);
pub(crate) const R2: Reg = Reg(2);
pub(crate) const R3: Reg = Reg(3);
pub(crate) const R4: Reg = Reg(4);
pub(crate) const R6: Reg = Reg(6);
pub(crate) const R7: Reg = Reg(7);
pub(crate) const R10: Reg = Reg(10);

/// Puts the bits of a code together.
const fn code(parts: [u32; 3]) -> u8 {
    (parts[0] | parts[1] | parts[2]) as u8
}

pub(crate) const LDX_DW: u8 = code([bindings::BPF_LDX, bindings::BPF_MEM, bindings::BPF_DW]);
pub(crate) const LDX_W: u8 = code([bindings::BPF_LDX, bindings::BPF_MEM, bindings::BPF_W]);
pub(crate) const STX_DW: u8 = code([bindings::BPF_STX, bindings::BPF_MEM, bindings::BPF_DW]);
pub(crate) const ST_DW: u8 = code([bindings::BPF_ST, bindings::BPF_MEM, bindings::BPF_DW]);
pub(crate) const ST_W: u8 = code([bindings::BPF_ST, bindings::BPF_MEM, bindings::BPF_W]);
pub(crate) const ATOMIC_DW: u8 = code([bindings::BPF_STX, bindings::BPF_ATOMIC, bindings::BPF_DW]);
pub(crate) const ATOMIC_W: u8 = code([bindings::BPF_STX, bindings::BPF_ATOMIC, bindings::BPF_W]);
pub(crate) const MOV_X: u8 = code([bindings::BPF_ALU64, bindings::BPF_MOV, bindings::BPF_X]);
pub(crate) const MOV_K: u8 = code([bindings::BPF_ALU64, bindings::BPF_MOV, bindings::BPF_K]);
pub(crate) const ADD_K: u8 = code([bindings::BPF_ALU64, bindings::BPF_ADD, bindings::BPF_K]);
pub(crate) const ADD32_K: u8 = code([bindings::BPF_ALU, bindings::BPF_ADD, bindings::BPF_K]);
pub(crate) const JEQ_X: u8 = code([bindings::BPF_JMP, bindings::BPF_JEQ, bindings::BPF_X]);
pub(crate) const JEQ_K: u8 = code([bindings::BPF_JMP, bindings::BPF_JEQ, bindings::BPF_K]);
#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
pub(crate) const JGE_X: u8 = code([bindings::BPF_JMP, bindings::BPF_JGE, bindings::BPF_X]);
pub(crate) const JNE_X: u8 = code([bindings::BPF_JMP, bindings::BPF_JNE, bindings::BPF_X]);
pub(crate) const JNE_K: u8 = code([bindings::BPF_JMP, bindings::BPF_JNE, bindings::BPF_K]);
pub(crate) const JNE32_X: u8 = code([bindings::BPF_JMP32, bindings::BPF_JNE, bindings::BPF_X]);
pub(crate) const JNE32_K: u8 = code([bindings::BPF_JMP32, bindings::BPF_JNE, bindings::BPF_K]);
pub(crate) const JSGT32_K: u8 = code([bindings::BPF_JMP32, bindings::BPF_JSGT, bindings::BPF_K]);
pub(crate) const JSGE32_K: u8 = code([bindings::BPF_JMP32, bindings::BPF_JSGE, bindings::BPF_K]);
pub(crate) const JGT32_K: u8 = code([bindings::BPF_JMP32, bindings::BPF_JGT, bindings::BPF_K]);
pub(crate) const JA: u8 = code([bindings::BPF_JMP, bindings::BPF_JA, 0]);
pub(crate) const CALL: u8 = code([bindings::BPF_JMP, bindings::BPF_CALL, 0]);
pub(crate) const EXIT: u8 = code([bindings::BPF_JMP, bindings::BPF_EXIT, 0]);
pub(crate) const LD_IMM64: u8 = code([bindings::BPF_LD, bindings::BPF_IMM, bindings::BPF_DW]);
impl Insn {
    const fn new(code: u8, dst: Reg, src: Reg, off: i16, imm: i32) -> Self {
        let registers = if cfg!(target_endian = "little") {
            dst.0 | src.0 << 4
        } else {
            src.0 | dst.0 << 4
        };
        Self {
            code,
            registers,
            off,
            imm,
        }
    }

    /// Whether it computes, loads from memory, or jumps if two values compare as it says.
    pub(crate) const fn is_plain(self) -> bool {
        // The lower bits are the class; the upper ones of a load its mode, of a jump its kind.
        let (class, upper) = (self.code as u32 & 0x07, self.code as u32 & 0xf0);
        match class {
            bindings::BPF_ALU | bindings::BPF_ALU64 => true,
            bindings::BPF_LDX => matches!(
                self.code as u32 & 0xe0,
                bindings::BPF_MEM | bindings::BPF_MEMSX
            ),
            bindings::BPF_JMP | bindings::BPF_JMP32 => {
                !matches!(
                    upper,
                    bindings::BPF_JA
                        | bindings::BPF_CALL
                        | bindings::BPF_EXIT
                        | bindings::BPF_JCOND
                ) || self.code == JA
            }
            _ => false,
        }
    }

    /// The destination.
    pub(crate) const fn dst(self) -> Reg {
        Reg(if cfg!(target_endian = "little") {
            self.registers & 15
        } else {
            self.registers >> 4
        })
    }

    /// The source.
    pub(crate) const fn src(self) -> Reg {
        Reg(if cfg!(target_endian = "little") {
            self.registers >> 4
        } else {
            self.registers & 15
        })
    }
}

/// `dst = *(u64 *)(src + off)`
pub(crate) const fn ldx(dst: Reg, src: Reg, off: usize) -> Insn {
    Insn::new(LDX_DW, dst, src, off as i16, 0)
}

/// `dst = *(u64 *)(src + off)`, with `off` of both signs
pub(crate) const fn ldx_at(dst: Reg, src: Reg, off: i16) -> Insn {
    Insn::new(LDX_DW, dst, src, off, 0)
}

/// `dst = *(u32 *)(src + off)`
pub(crate) const fn ldx32(dst: Reg, src: Reg, off: i16) -> Insn {
    Insn::new(LDX_W, dst, src, off, 0)
}

/// `*(u64 *)(dst + off) = src`
pub(crate) const fn stx(dst: Reg, off: usize, src: Reg) -> Insn {
    Insn::new(STX_DW, dst, src, off as i16, 0)
}

/// `*(u64 *)(r10 + off) = src`, to the stack
pub(crate) const fn spill(off: i16, src: Reg) -> Insn {
    Insn::new(STX_DW, R10, src, off, 0)
}

/// `dst = *(u64 *)(r10 + off)`, from the stack
pub(crate) const fn fill(dst: Reg, off: i16) -> Insn {
    Insn::new(LDX_DW, dst, R10, off, 0)
}

/// `*(u64 *)(dst + off) = imm`
pub(crate) const fn st_k(dst: Reg, off: i16, imm: i32) -> Insn {
    Insn::new(ST_DW, dst, R0, off, imm)
}

/// `*(u32 *)(dst + off) = imm`
pub(crate) const fn st32_k(dst: Reg, off: i16, imm: i32) -> Insn {
    Insn::new(ST_W, dst, R0, off, imm)
}

/// `smp_store_release((u64 *)(dst + off), src)`
pub(crate) const fn store_release(dst: Reg, off: usize, src: Reg) -> Insn {
    Insn::new(
        ATOMIC_DW,
        dst,
        src,
        off as i16,
        bindings::BPF_STORE_REL as i32,
    )
}

/// `r0 = cmpxchg((u32 *)(dst + off), r0, src)`, fully ordered
pub(crate) const fn cmpxchg32(dst: Reg, off: i16, src: Reg) -> Insn {
    Insn::new(ATOMIC_W, dst, src, off, bindings::BPF_CMPXCHG as i32)
}

/// `dst = src`
pub(crate) const fn mov(dst: Reg, src: Reg) -> Insn {
    Insn::new(MOV_X, dst, src, 0, 0)
}

/// `dst = imm`
pub(crate) const fn mov_k(dst: Reg, imm: i32) -> Insn {
    Insn::new(MOV_K, dst, R0, 0, imm)
}

/// `dst = imm`, an instruction of two
pub(crate) const fn ld_imm64(dst: Reg, imm: u64) -> [Insn; 2] {
    [
        Insn::new(LD_IMM64, dst, R0, 0, imm as i32),
        Insn::new(0, R0, R0, 0, (imm >> 32) as i32),
    ]
}

/// `dst += imm`
pub(crate) const fn add_k(dst: Reg, imm: i32) -> Insn {
    Insn::new(ADD_K, dst, R0, 0, imm)
}

/// `(u32)dst += imm`
pub(crate) const fn add32_k(dst: Reg, imm: i32) -> Insn {
    Insn::new(ADD32_K, dst, R0, 0, imm)
}

/// `if (dst == src) skip`
pub(crate) const fn jeq(dst: Reg, src: Reg, skip: i16) -> Insn {
    Insn::new(JEQ_X, dst, src, skip, 0)
}

/// `if (dst == imm) skip`
pub(crate) const fn jeq_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JEQ_K, dst, R0, skip, imm)
}

/// `if (dst >= src) skip`
#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
pub(crate) const fn jge(dst: Reg, src: Reg, skip: i16) -> Insn {
    Insn::new(JGE_X, dst, src, skip, 0)
}

/// `if (dst != src) skip`
pub(crate) const fn jne(dst: Reg, src: Reg, skip: i16) -> Insn {
    Insn::new(JNE_X, dst, src, skip, 0)
}

/// `if (dst != imm) skip`
pub(crate) const fn jne_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JNE_K, dst, R0, skip, imm)
}

/// `if ((u32)dst != (u32)src) skip`
pub(crate) const fn jne32(dst: Reg, src: Reg, skip: i16) -> Insn {
    Insn::new(JNE32_X, dst, src, skip, 0)
}

/// `if ((u32)dst != (u32)imm) skip`
pub(crate) const fn jne32_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JNE32_K, dst, R0, skip, imm)
}

/// `if ((s32)dst > imm) skip`
pub(crate) const fn jsgt32_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JSGT32_K, dst, R0, skip, imm)
}

/// `if ((s32)dst >= imm) skip`
pub(crate) const fn jsge32_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JSGE32_K, dst, R0, skip, imm)
}

/// `if ((u32)dst > (u32)imm) skip`
pub(crate) const fn jgt32_k(dst: Reg, imm: i32, skip: i16) -> Insn {
    Insn::new(JGT32_K, dst, R0, skip, imm)
}

/// `skip`
pub(crate) const fn ja(skip: i16) -> Insn {
    Insn::new(JA, R0, R0, skip, 0)
}

/// The return from a function.
pub(crate) const fn exit() -> Insn {
    Insn::new(EXIT, R0, R0, 0, 0)
}

/// A call of a function of the program, which the verifier aims.
pub(crate) const fn call_subprog() -> Insn {
    Insn::new(CALL, R0, Reg(bindings::BPF_PSEUDO_CALL as u8), 0, 0)
}

/// `call imm`
#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
pub(crate) const fn call(imm: i32) -> Insn {
    Insn::new(CALL, R0, R0, 0, imm)
}

/// Instructions that are written one after the other.
pub(crate) struct Code<'a> {
    pub(crate) room: &'a mut [Insn],
    pub(crate) len: usize,
}

impl<'a> Code<'a> {
    /// None yet, with room for some.
    pub(crate) fn new(room: &'a mut [Insn]) -> Self {
        Self { room, len: 0 }
    }

    /// `None` if there is no room.
    pub(crate) fn push(&mut self, insns: &[Insn]) -> Option<()> {
        let end = self.len.checked_add(insns.len())?;
        let room = self.room.get_mut(self.len..end)?;
        room.copy_from_slice(insns);
        self.len = end;
        Some(())
    }
}
