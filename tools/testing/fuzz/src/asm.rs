// SPDX-License-Identifier: GPL-2.0

//! BPF instructions, and labels to jump to.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Insn {
    pub code: u8,
    pub dst: u8,
    pub src: u8,
    pub off: i16,
    pub imm: i32,
}

pub const LD_IMM64: u8 = 0x18;
pub const LDX_W: u8 = 0x61;
pub const LDX_DW: u8 = 0x79;
pub const STX_DW: u8 = 0x7b;
pub const ST_DW: u8 = 0x7a;
pub const ADD_K: u8 = 0x07;
pub const ADD_X: u8 = 0x0f;
pub const AND_K: u8 = 0x57;
pub const OR_X: u8 = 0x4f;
pub const LSH_K: u8 = 0x67;
pub const MOV_K: u8 = 0xb7;
pub const MOV_X: u8 = 0xbf;
pub const MOV32_X: u8 = 0xbc;
pub const JA: u8 = 0x05;
pub const JEQ_K: u8 = 0x15;
pub const JNE_K: u8 = 0x55;
pub const JLT_X: u8 = 0xad;
pub const JGT_X: u8 = 0x2d;
pub const JGT_K: u8 = 0x25;
pub const JSET_K: u8 = 0x45;
pub const MAY_GOTO: u8 = 0xe5;
pub const CALL: u8 = 0x85;
pub const EXIT: u8 = 0x95;

pub const PSEUDO_MAP_FD: u8 = 1;
pub const PSEUDO_MAP_VALUE: u8 = 2;
pub const PSEUDO_FUNC: u8 = 4;
pub const PSEUDO_KFUNC: u8 = 2;

#[derive(Clone, Copy, PartialEq)]
pub struct Label(usize);

enum Target {
    Jump,
    Function,
}

#[derive(Default)]
pub struct Asm {
    pub insns: Vec<Insn>,
    labels: Vec<Option<usize>>,
    uses: Vec<(usize, Label, Target)>,
}

impl Asm {
    pub fn op(&mut self, code: u8, dst: u8, src: u8, off: i16, imm: i32) {
        self.insns.push(Insn {
            code,
            dst,
            src,
            off,
            imm,
        });
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.insns.len());
    }

    pub fn jump(&mut self, code: u8, dst: u8, src: u8, imm: i32, to: Label) {
        self.uses.push((self.insns.len(), to, Target::Jump));
        self.op(code, dst, src, 0, imm);
    }

    pub fn mov(&mut self, dst: u8, src: u8) {
        self.op(MOV_X, dst, src, 0, 0);
    }

    pub fn imm(&mut self, dst: u8, imm: i32) {
        self.op(MOV_K, dst, 0, 0, imm);
    }

    pub fn add(&mut self, dst: u8, imm: i32) {
        if imm != 0 {
            self.op(ADD_K, dst, 0, 0, imm);
        }
    }

    pub fn load(&mut self, dst: u8, src: u8, off: i32) {
        self.op(LDX_DW, dst, src, off as i16, 0);
    }

    pub fn store(&mut self, dst: u8, off: i32, src: u8) {
        self.op(STX_DW, dst, src, off as i16, 0);
    }

    pub fn store_imm(&mut self, dst: u8, off: i32, imm: i32) {
        self.op(ST_DW, dst, 0, off as i16, imm);
    }

    pub fn helper(&mut self, id: i32) {
        self.op(CALL, 0, 0, 0, id);
    }

    pub fn kfunc(&mut self, btf_id: u32) {
        self.op(CALL, 0, PSEUDO_KFUNC, 0, btf_id as i32);
    }

    pub fn ld64(&mut self, dst: u8, pseudo: u8, low: i32, high: i32) {
        self.op(LD_IMM64, dst, pseudo, 0, low);
        self.op(0, 0, 0, 0, high);
    }

    pub fn function(&mut self, dst: u8, to: Label) {
        self.uses.push((self.insns.len(), to, Target::Function));
        self.ld64(dst, PSEUDO_FUNC, 0, 0);
    }

    pub fn exit(&mut self) {
        self.op(EXIT, 0, 0, 0, 0);
    }

    pub fn finish(mut self) -> Vec<Insn> {
        for (at, label, target) in &self.uses {
            let to = self.labels[label.0].expect("a label that is never bound");
            let distance = to as i32 - *at as i32 - 1;
            match target {
                Target::Jump => self.insns[*at].off = distance as i16,
                Target::Function => self.insns[*at].imm = distance,
            }
        }
        self.insns
    }
}

pub fn encode(insns: &[Insn]) -> Vec<u8> {
    let mut out = Vec::with_capacity(insns.len() * 8);
    for i in insns {
        out.push(i.code);
        out.push(i.dst | (i.src << 4));
        out.extend(i.off.to_le_bytes());
        out.extend(i.imm.to_le_bytes());
    }
    out
}

impl fmt::Display for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn {
            code,
            dst,
            src,
            off,
            imm,
        } = self;
        match *code {
            LD_IMM64 => write!(f, "r{dst} = ld64 {imm} (kind {src})"),
            LDX_DW => write!(f, "r{dst} = *(u64 *)(r{src} {off:+})"),
            LDX_W => write!(f, "r{dst} = *(u32 *)(r{src} {off:+})"),
            STX_DW => write!(f, "*(u64 *)(r{dst} {off:+}) = r{src}"),
            ST_DW => write!(f, "*(u64 *)(r{dst} {off:+}) = {imm}"),
            MOV_K => write!(f, "r{dst} = {imm}"),
            MOV_X => write!(f, "r{dst} = r{src}"),
            ADD_K => write!(f, "r{dst} += {imm}"),
            JEQ_K => write!(f, "if r{dst} == {imm} goto {off:+}"),
            JNE_K => write!(f, "if r{dst} != {imm} goto {off:+}"),
            JA => write!(f, "goto {off:+}"),
            CALL if *src == PSEUDO_KFUNC => write!(f, "call kfunc {imm}"),
            CALL => write!(f, "call {imm}"),
            EXIT => write!(f, "exit"),
            _ => write!(f, "{code:#04x} r{dst} r{src} {off:+} {imm}"),
        }
    }
}
