// SPDX-License-Identifier: GPL-2.0

//! Random numbers that are the same on every machine.

pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64, n: u64) -> Self {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.rotate_left(32));
        rng.word();
        rng
    }

    /// SplitMix64.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() % n as u64) as usize
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number such as is at the edge of something.
    pub fn edge(&mut self, near: u32) -> u32 {
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => near.wrapping_add(1),
            3 => near.wrapping_sub(1),
            4 => u32::MAX - self.below(16) as u32,
            5 => 1 << self.below(32),
            6 => self.below(64) as u32,
            _ => self.word() as u32,
        }
    }
}
