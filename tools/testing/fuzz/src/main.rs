// SPDX-License-Identifier: GPL-2.0

//! Random BPF programs over graph objects, by C, by Rust and by a model.

mod asm;
mod bend;
mod btf;
mod emit;
mod gen;
mod model;
mod op;
mod rb;
mod report;
mod run;
mod sys;
mod world;

use bend::RawBend;
use gen::RawOp;
use model::Defect;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use run::{Lie, RawCase, Seen, Turns, Worker};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Instant;
use world::RawWorld;

/// Cases that share a seed, and programs in a case on average.
const CHUNK: usize = 25;
const PROGRAMS: usize = 4;
/// Steps to make a case smaller that fails.
const SHRINK: u32 = 4000;

fn raw_case() -> impl Strategy<Value = RawCase> {
    let op = any::<[u8; 4]>().prop_map(|[kind, a, b, c]| RawOp { kind, a, b, c });
    let world = (
        vec(any::<u32>(), 1..=4),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(|(types, value, arrays, flags)| RawWorld {
            types,
            value,
            arrays,
            flags,
        });
    let bend = (any::<u8>(), any::<u8>(), any::<u16>(), any::<u16>()).prop_map(
        |(program, kind, at, x)| RawBend {
            program,
            kind,
            at,
            x,
        },
    );
    let programs = vec(vec(op, 1..20), 1..2 * PROGRAMS);
    let runs = vec((any::<u8>(), any::<u8>()), 1..4 * PROGRAMS);
    // What comes first is made small first.
    (vec(bend, 0..=4), runs, programs, world).prop_map(|(bends, runs, programs, world)| RawCase {
        world,
        programs,
        runs,
        bends,
    })
}

pub struct Options {
    pub seed: u64,
    pub programs: usize,
    pub chunk: Option<usize>,
    pub threads: usize,
    pub ktap: Option<String>,
}

/// A case that failed: why, and where it came from.
pub struct Failure {
    pub chunk: usize,
    pub why: String,
    pub case: String,
}

/// Run one chunk; what was seen, and the first failure, made small.
fn chunk(worker: &mut Worker, seed: u64, n: usize, shrink: u32) -> (Seen, Option<Failure>) {
    let mut bytes = [0u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(n as u64).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        cases: CHUNK as u32,
        failure_persistence: None,
        max_shrink_iters: shrink,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let mut seen = Seen::default();
    let cells = std::cell::RefCell::new((worker, &mut seen, false));
    let result = TestRunner::new_with_rng(config, rng).run(&raw_case(), |case| {
        let mut cell = cells.borrow_mut();
        match cell.0.check(&case) {
            Ok(s) => {
                // What runs while shrinking is not counted.
                if !cell.2 {
                    cell.1.add(s);
                }
                Ok(())
            }
            Err(why) => {
                if !std::mem::replace(&mut cell.2, true) && shrink > 0 {
                    eprintln!("fuzz: a case failed, making it smaller: {why}");
                }
                Err(TestCaseError::fail(why))
            }
        }
    });
    let worker = cells.into_inner().0;
    let failure = match result {
        Ok(()) => None,
        Err(TestError::Fail(why, case)) => Some(Failure {
            chunk: n,
            why: why.to_string(),
            case: worker.describe(&case),
        }),
        Err(TestError::Abort(why)) => Some(Failure {
            chunk: n,
            why: format!("given up: {why}"),
            case: String::new(),
        }),
    };
    (seen, failure)
}

/// All chunks, by all threads; stops where something failed.
fn all(kernel: &btf::Kernel, turns: &Turns, o: &Options) -> Result<(Seen, Vec<Failure>), String> {
    let chunks = match o.chunk {
        Some(n) => n..n + 1,
        None => 0..o.programs.div_ceil(CHUNK * PROGRAMS),
    };
    let next = AtomicUsize::new(chunks.start);
    let done = Mutex::new((Seen::default(), Vec::new()));
    let start = Instant::now();
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..o.threads)
            .map(|cpu| {
                let (next, done, chunks) = (&next, &done, &chunks);
                s.spawn(move || -> Result<(), String> {
                    sys::pin(cpu);
                    let mut worker = Worker::new(kernel, turns)?;
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= chunks.end {
                            return Ok(());
                        }
                        let (seen, failure) = chunk(&mut worker, o.seed, n, SHRINK);
                        let mut done = done.lock().map_err(|e| e.to_string())?;
                        done.0.add(seen);
                        if failure.is_some() {
                            next.store(chunks.end, Ordering::Relaxed);
                        }
                        done.1.extend(failure);
                        let programs = done.0.programs;
                        if n % 40 == 39 {
                            eprintln!(
                                "fuzz: {programs} programs in {} s",
                                start.elapsed().as_secs()
                            );
                        }
                    }
                })
            })
            .collect();
        for t in threads {
            t.join().map_err(|_| "a thread panicked".to_string())??;
        }
        Ok::<(), String>(())
    })?;
    done.into_inner().map_err(|e| e.to_string())
}

/// With a defect in the model or in a result, a failure must be found, and
/// found in a small case. Gives for each what is wrong with that, if something.
fn blind(
    kernel: &btf::Kernel,
    turns: &Turns,
    seed: u64,
) -> Result<Vec<(String, Option<String>)>, String> {
    let mut results = Vec::new();
    let defects = [
        Defect::PopBackInFront,
        Defect::AddBeforePrev,
        Defect::EqualGoesLeft,
        Defect::AcquireIsFree,
        Defect::RefusedAndKept,
        Defect::MoveBackInFront,
        Defect::RepositionStays,
        Defect::GreaterTakesEqual,
        Defect::AcrossWhenTaken,
        Defect::CanAddWhenTaken,
        Defect::NextBehindBody,
        Defect::SecondKeyIgnored,
    ];
    let lies = [Lie::Found, Lie::Order, Lie::Live, Lie::Verdict];
    let tries = defects
        .map(|d| (d, Lie::None))
        .into_iter()
        .chain(lies.map(|l| (Defect::None, l)));
    for (defect, lie) in tries {
        let mut worker = Worker::new(kernel, turns)?;
        worker.defect = defect;
        worker.lie = lie;
        let found = (0..20).find_map(|n| chunk(&mut worker, seed, n, 0).1);
        let name = format!("{defect:?} {lie:?}")
            .replace("None", "")
            .trim()
            .to_string();
        let wrong = match found {
            None => Some("not found in 500 cases".to_string()),
            Some(f) => {
                eprintln!("fuzz: {name}: {}", f.why);
                None
            }
        };
        results.push((name, wrong));
    }
    Ok(results)
}

fn options() -> Result<Options, String> {
    let mut o = Options {
        seed: 1,
        programs: 4000,
        chunk: None,
        threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
        ktap: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or(format!("{name} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} {value}: not a number"))
        };
        match name.as_str() {
            "--seed" => o.seed = number()?,
            "--programs" => o.programs = number()? as usize,
            "--chunk" => o.chunk = Some(number()? as usize),
            "--threads" => o.threads = (number()? as usize).max(1),
            "--ktap" => o.ktap = Some(value),
            _ => {
                return Err(format!(
                    "{name}: not known; there are --seed, --programs, --chunk, --threads, --ktap"
                ))
            }
        }
    }
    Ok(o)
}

fn main() -> ExitCode {
    match real_main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("graph-fuzz: {e}");
            ExitCode::from(2)
        }
    }
}

fn real_main() -> Result<bool, String> {
    let o = options()?;
    let path = "/sys/kernel/btf/vmlinux";
    let data = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let wanted: Vec<&str> = op::KFUNCS.iter().chain(&op::OTHERS).copied().collect();
    let kernel = btf::Kernel::read(&data, &wanted)?;
    let turns = Turns::new()?;
    let start = Instant::now();
    let (seen, failures) = all(&kernel, &turns, &o)?;
    let seconds = start.elapsed().as_secs_f64();
    let blind = if failures.is_empty() && o.chunk.is_none() {
        blind(&kernel, &turns, o.seed)?
    } else {
        Vec::new()
    };
    report::write(&o, &seen, &failures, &blind, seconds)
}
