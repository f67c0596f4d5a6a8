// SPDX-License-Identifier: GPL-2.0

//! That generating never fails, and what it makes lets go of all it has.

use super::*;
use crate::model::{Defect, Model};
use crate::world::RawWorld;

fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    *seed >> 32
}

/// A world and programs from whatever numbers.
fn any(s: &mut u64) -> (World, Vec<Program>) {
    let world = World::new(&RawWorld {
        types: (0..next(s) % 4 + 1).map(|_| next(s) as u32).collect(),
        value: next(s) as u32,
        arrays: next(s) as u32,
        flags: next(s) as u32,
    });
    let programs = (0..4)
        .map(|_| {
            let raw: Vec<RawOp> = (0..40)
                .map(|_| {
                    let [kind, a, b, c, ..] =
                        (next(s) << 8).to_le_bytes().map(|x| x ^ next(s) as u8);
                    RawOp { kind, a, b, c }
                })
                .collect();
            program(&world, &raw)
        })
        .collect();
    (world, programs)
}

/// Whatever the numbers: a program, that lets go of all it has, and calls
/// everything now and then.
#[test]
fn any_numbers_make_a_program() {
    let mut seed = 1;
    let mut calls = std::collections::BTreeMap::new();
    for _ in 0..5000 {
        let s = &mut seed;
        let (world, programs) = any(s);
        let mut m = Model::new(&world, Defect::None);
        for run in 0..8 {
            m.run(&programs[run % 4], 256, (run as u64 + 1) << 8, next(s));
        }
        m.read();
        assert_eq!(m.live, 0, "objects that nobody has");
        for (k, n) in m.calls {
            *calls.entry(k).or_insert(0u64) += n;
        }
    }
    for k in crate::op::KFUNCS {
        assert!(calls.contains_key(k), "{k} is never called");
    }
}

/// Of the loops in a program: that slots are the same behind them, and what is done in them.
fn loops(program: &[Node], inside: bool, done: &mut std::collections::BTreeMap<String, u64>) {
    for (i, n) in program.iter().enumerate() {
        if inside {
            let op = format!("{:?}", n.op);
            let name = op.split(' ').next().unwrap_or_default().to_string();
            *done.entry(name).or_default() += 1;
        }
        match &n.op {
            Op::Each { body, .. } => {
                // The end of an outer body changes what is known.
                let ends = |n: &&Node| !matches!(n.op, Op::Zero { .. } | Op::Adjust { .. });
                if let Some(behind) = program.get(i + 1).filter(ends) {
                    assert_eq!(n.slots, behind.slots, "a loop leaves something");
                }
                loops(body, true, done);
            }
            Op::If { body, .. }
            | Op::IfOwned { body, .. }
            | Op::IfBit { body, .. }
            | Op::IfCanAdd { body, .. } => loops(body, inside, done),
            _ => {}
        }
    }
}

#[test]
fn rounds_begin_alike_and_do_much() {
    let mut seed = 1;
    let mut done = std::collections::BTreeMap::new();
    for _ in 0..3000 {
        for program in any(&mut seed).1 {
            loops(&program, false, &mut done);
        }
    }
    for op in [
        "Each",
        "Del",
        "Remove",
        "Move",
        "TreeMove",
        "Reposition",
        "Across",
        "Pop",
        "Push",
        "TreeAdd",
        "Acquire",
        "IfOwned",
        "IfCanAdd",
        "Beside",
        "Search",
        "Write",
        "Xchg",
    ] {
        assert!(done.contains_key(op), "{op} is never done in a loop");
    }
}
