// SPDX-License-Identifier: GPL-2.0

//! One case: by the model, by C and by Rust, and the three compared.
//!
//! Leaks are counted exactly: an object with a counted field holds a reference
//! to the task that made it. That task is the thread that runs the case, so its
//! `rcu_users`, less what they were before, are the objects that are alive.

mod compare;
mod seen;
mod turns;

use compare::{compare, verdicts, Verdict};
pub use seen::Seen;
pub use turns::{Impl, Turns};

use crate::bend::{self, RawBend};
use crate::btf::Kernel;
use crate::emit::{self, Code, Context};
use crate::gen::{self, RawOp};
use crate::model::{Defect, Model};
use crate::op::{Node, Program};
use crate::sys::{self, Refused, Shared};
use crate::world::{RawWorld, Types, World};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct RawCase {
    pub world: RawWorld,
    pub programs: Vec<Vec<RawOp>>,
    /// Which program, with which parameter.
    pub runs: Vec<(u8, u8)>,
    pub bends: Vec<RawBend>,
}

/// A defect in what one implementation did, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lie {
    None,
    /// The first word that Rust's last run of a case found.
    Found,
    /// What readers find.
    Order,
    Live,
    Verdict,
}

/// What one thread has for all its cases.
pub struct Worker<'a> {
    kernel: &'a Kernel,
    turns: &'a Turns,
    results: Shared,
    counter: OwnedFd,
    log: Vec<u8>,
    pub defect: Defect,
    pub lie: Lie,
}

struct Outcome {
    /// Return value, what was found, what is alive.
    runs: Vec<(u32, Vec<u64>, i64)>,
    read: Option<Vec<u64>>,
    left: i64,
    verdicts: Vec<Verdict>,
}

struct Case {
    world: World,
    types: Types,
    programs: Vec<Program>,
    raw: RawCase,
}

impl Case {
    fn new(raw: &RawCase) -> Self {
        let world = World::new(&raw.world);
        let programs = raw
            .programs
            .iter()
            .map(|p| gen::program(&world, p))
            .collect();
        Case {
            types: world.types(),
            world,
            programs,
            raw: raw.clone(),
        }
    }

    fn run(&self, n: usize) -> (usize, u64, u64) {
        let (program, bits) = self.raw.runs[n];
        let base = (n as u64 + 1) << 8;
        (
            program as usize % self.programs.len(),
            base,
            u64::from(bits),
        )
    }
}

/// Also the words behind the last operation: nothing may write there.
const FOUND: usize = emit::READ - emit::FIRST;

impl<'a> Worker<'a> {
    pub fn new(kernel: &'a Kernel, turns: &'a Turns) -> Result<Self, String> {
        let mut w = crate::btf::Writer::new();
        let int = w.int("int", 4);
        let proto = w.proto(int, &[]);
        let main = w.func("main", proto, true);
        let btf = sys::btf_load(&w.finish(), None).map_err(|e| format!("BTF: errno {e}"))?;
        let mut log = vec![0; 1 << 16];
        let counter = sys::load(&emit::counter(kernel), &btf, &[(0, main)], Some(&mut log))
            .map_err(|r| format!("the counter does not load: errno {}\n{}", r.errno, r.log))?;
        Ok(Self {
            kernel,
            turns,
            results: Shared::new(emit::WORDS)?,
            counter,
            log,
            defect: Defect::None,
            lie: Lie::None,
        })
    }

    fn alive(&self) -> i64 {
        i64::from(sys::run(&self.counter).expect("the counter runs"))
    }

    /// The whole of a case. An error says what differs.
    pub fn check(&mut self, raw: &RawCase) -> Result<Seen, String> {
        let case = Case::new(raw);
        let mut seen = Seen {
            cases: 1,
            programs: case.programs.len() as u64,
            runs: raw.runs.len() as u64,
            rust_only: case.world.rust_only as u64,
            closed: case.world.close as u64,
            bent: 0,
            ..Seen::default()
        };
        let mut model = Model::new(&case.world, self.defect);
        let mut want: Vec<(Vec<u64>, i64)> = Vec::new();
        for n in 0..raw.runs.len() {
            let (program, base, bits) = case.run(n);
            let found = model.run(&case.programs[program], FOUND, base, bits);
            want.push((found, model.live));
        }
        let order = model.read();
        seen.calls = model.calls;
        let turns = self.turns;
        let mut rust = turns.with(Impl::Rust, || self.execute(&case, Impl::Rust))?;
        self.falsify(&mut rust);
        compare("rust", &case, &rust, &want, &order)?;
        if !case.world.rust_only {
            let c = turns.with(Impl::C, || self.execute(&case, Impl::C))?;
            compare("c", &case, &c, &want, &order)?;
            verdicts(&c, &rust)?;
        }
        for (v, b) in rust.verdicts.iter().zip(&raw.bends) {
            seen.bent += 1;
            let kind = bend::KINDS[b.kind as usize % bend::KINDS.len()];
            *seen.kinds.entry(kind).or_default() += 1;
            match v {
                Ok(()) => seen.bent_accepted += 1,
                Err((errno, log)) => {
                    *seen.reasons.entry(bend::reason(*errno, log)).or_default() += 1;
                }
            }
        }
        Ok(seen)
    }

    fn falsify(&self, rust: &mut Outcome) {
        match self.lie {
            Lie::None => {}
            Lie::Found => {
                if let Some(w) = rust
                    .runs
                    .last_mut()
                    .and_then(|r| r.1.iter_mut().find(|w| **w != 0))
                {
                    *w ^= 1;
                }
            }
            Lie::Order => {
                if let Some(r) = &mut rust.read {
                    r.reverse();
                }
            }
            Lie::Live => rust.left += 1,
            Lie::Verdict => {
                if let Some(Err(v)) = rust.verdicts.first_mut() {
                    v.1.push_str("lie");
                }
            }
        }
    }

    fn execute(&mut self, case: &Case, which: Impl) -> Result<Outcome, String> {
        let say = |what: &str, e: i32| format!("{which:?}: {what}: errno {e}");
        let btf = sys::btf_load(&case.types.blob, None).map_err(|e| {
            let mut log = vec![0; 1 << 16];
            let _ = sys::btf_load(&case.types.blob, Some(&mut log));
            format!("{}\n{}", say("BTF", e), String::from_utf8_lossy(&log))
        })?;
        let types = Some((&btf, case.types.key, case.types.value));
        let world = &case.world;
        let map = sys::array(world.value.size, world.values() as u32, false, types)
            .map_err(|e| say("map", e))?;
        let cx = Context {
            world,
            types: &case.types,
            kernel: self.kernel,
            results: &self.results.map,
            map: &map,
        };
        let codes: Vec<Code> = case
            .programs
            .iter()
            .map(|p| emit::program(&cx, p))
            .collect();
        let reader = emit::reader(&cx);
        let mut loaded = Vec::new();
        for code in &codes {
            loaded.push(self.load(code, &btf, which)?);
        }
        // What C does not free has to be taken out.
        let close = world.close && !(which == Impl::C && world.res_value());
        let reader = if close {
            None
        } else {
            Some(self.load(&reader, &btf, which)?)
        };
        let before = self.alive();
        let mut out = Outcome {
            runs: Vec::new(),
            read: None,
            left: 0,
            verdicts: Vec::new(),
        };
        for n in 0..case.raw.runs.len() {
            let (program, base, bits) = case.run(n);
            let ret = self.run(&loaded[program], base, bits)?;
            let found = (0..FOUND)
                .map(|i| self.results.get(emit::FIRST + i))
                .collect();
            out.runs.push((ret, found, self.alive() - before));
        }
        for raw in &case.raw.bends {
            let code = &codes[raw.program as usize % codes.len()];
            let Some(insns) = bend::bend(&code.insns, *raw, self.kernel) else {
                continue;
            };
            match sys::load(&insns, &btf, &code.funcs, Some(&mut self.log)) {
                Ok(p) => {
                    out.verdicts.push(Ok(()));
                    loaded.push(p);
                }
                Err(Refused { errno, log }) => {
                    out.verdicts.push(Err((errno, bend::no_addresses(&log))))
                }
            }
        }
        if let Some(reader) = &reader {
            out.read = Some(self.read(reader)?);
            // Nothing is known of what a bent program does but that the kernel
            // survives it, and that what it leaves can be taken out.
            for p in &loaded[codes.len()..] {
                self.run(p, 1 << 20, 1)?;
            }
            if loaded.len() > codes.len() {
                self.read(reader)?;
            }
            out.left = self.alive() - before;
        } else {
            drop((reader, loaded, map, btf));
            let start = Instant::now();
            loop {
                out.left = self.alive() - before;
                if out.left <= 0 || start.elapsed() > Duration::from_secs(10) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(out)
    }

    fn load(&mut self, code: &Code, btf: &OwnedFd, which: Impl) -> Result<OwnedFd, String> {
        sys::load(&code.insns, btf, &code.funcs, None).map_err(|_| {
            match sys::load(&code.insns, btf, &code.funcs, Some(&mut self.log)) {
                Ok(_) => format!("{which:?}: a program was refused, then loaded"),
                Err(r) => format!(
                    "{which:?}: a valid program is refused: errno {}\n{}",
                    r.errno, r.log
                ),
            }
        })
    }

    fn run(&mut self, prog: &OwnedFd, base: u64, bits: u64) -> Result<u32, String> {
        for i in 0..emit::READ {
            self.results.set(i, 0);
        }
        self.results.set(emit::BASE, base);
        self.results.set(emit::BITS, bits);
        sys::run(prog).map_err(|e| format!("a program does not run: errno {e}"))
    }

    fn read(&mut self, reader: &OwnedFd) -> Result<Vec<u64>, String> {
        match self.run(reader, 0, 0)? {
            0 => {}
            e => return Err(format!("the reader ended with {e}")),
        }
        let n = self.results.get(emit::COUNT) as usize;
        Ok((0..n.min(emit::READS))
            .map(|i| self.results.get(emit::READ + i))
            .collect())
    }

    /// The case as a person reads it, with the instructions of what is run.
    pub fn describe(&self, raw: &RawCase) -> String {
        let case = Case::new(raw);
        let mut s = String::new();
        for (i, t) in case.world.types.iter().enumerate() {
            s.push_str(&format!("object{i}: {:?}\n", t.fields));
        }
        s.push_str(&format!("value: {:?}\n", case.world.value.fields));
        s.push_str(&format!(
            "elements: {}, looked up: {}, at the end: {}\n",
            case.world.values(),
            case.world.lookups > 0,
            if case.world.close { "closed" } else { "read" },
        ));
        for (i, p) in case.programs.iter().enumerate() {
            s.push_str(&format!("program {i}:\n"));
            Node::print(p, 1, &mut s);
        }
        for n in 0..raw.runs.len() {
            let (program, base, bits) = case.run(n);
            s.push_str(&format!(
                "run {n}: program {program}, ids from {base}, parameter {bits:#x}\n"
            ));
        }
        let Ok(map) = sys::array(8, 1, false, None) else {
            return s;
        };
        let cx = Context {
            world: &case.world,
            types: &case.types,
            kernel: self.kernel,
            results: &self.results.map,
            map: &map,
        };
        for (i, p) in case.programs.iter().enumerate() {
            s.push_str(&format!("program {i}, instructions:\n"));
            for (n, insn) in emit::program(&cx, p).insns.iter().enumerate() {
                s.push_str(&format!("  {n:4}: {insn}\n"));
            }
        }
        for b in &raw.bends {
            s.push_str(&format!(
                "bent: {b:?}, {}\n",
                bend::KINDS[b.kind as usize % bend::KINDS.len()]
            ));
        }
        s
    }
}
