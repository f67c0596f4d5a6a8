// SPDX-License-Identifier: GPL-2.0

//! Cycles per operation, by C and by Rust in turns; run by `make bench`, never as a test.
//!
//! Each round times the same operations on the same nodes by one implementation and then by the
//! other, and the next round in the other order: what the machine does besides falls on both. A
//! row is the median of the rounds' cycles, the median of the rounds' ratios, and the distance
//! between the ratios' quartiles.

use core::{
    arch::x86_64::{_mm_lfence, _rdtsc},
    mem::{offset_of, zeroed}, //
};

use kernel::{
    bindings,
    fmt,
    prelude::*,
    time::{delay::fsleep, Delta}, //
};

use super::{kfuncs::Kfuncs, Item, Items};

mod lists;
mod objects;
mod trees;
mod two;

/// How many rounds; odd, so that there is a middle one.
const ROUNDS: usize = 401;

/// Each implementation has a turn in each round.
const TURNS: usize = 2 * ROUNDS;

/// How many operations a round times at once.
const BATCH: usize = 64;

const LIST: u64 = offset_of!(Item, list) as u64;
const TREE: u64 = offset_of!(Item, tree) as u64;

/// The cycles that `work` takes.
fn cycles(work: impl FnOnce()) -> u64 {
    // SAFETY: Every x86-64 CPU has both.
    unsafe {
        _mm_lfence();
        let start = _rdtsc();
        _mm_lfence();
        work();
        _mm_lfence();
        _rdtsc().wrapping_sub(start)
    }
}

/// What an operation is done on. Nothing is printed of what is 0 or empty.
#[derive(Clone, Copy, Default)]
struct Shape {
    /// Whether the objects' type has a reference count, or a single owner.
    owners: &'static str,
    /// How many nodes there are besides.
    nodes: usize,
    /// In which order they have come.
    keys: &'static str,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.owners.is_empty() {
            write!(f, " owners={}", self.owners)?;
        }
        if self.nodes != 0 {
            write!(f, " nodes={}", self.nodes)?;
        }
        if !self.keys.is_empty() {
            write!(f, " keys={}", self.keys)?;
        }
        Ok(())
    }
}

/// Both kinds of types, and how rows name them.
fn both_kinds() -> Result<[(Items, Shape); 2]> {
    let shape = |owners| Shape {
        owners,
        ..Shape::default()
    };
    Ok([
        (Items::shared()?, shape("many")),
        (Items::single()?, shape("one")),
    ])
}

/// `n` items that never were an allocator's, and are not to be dropped.
fn residents(n: usize) -> Result<KVVec<Item>> {
    let mut all = KVVec::with_capacity(n, GFP_KERNEL)?;
    for _ in 0..n {
        // SAFETY: All zeroes is an item in no collection.
        all.push(unsafe { zeroed() }, GFP_KERNEL)?;
    }
    Ok(all)
}

/// How many nodes are drained at once.
const DRAINED: usize = 1 << 20;

/// Gives `item` a reference for the benchmark, and one for the collection that is drained.
fn two_references(item: &mut Item) {
    let refs = (&raw mut item.refs).cast::<bindings::refcount_t>();
    // SAFETY: Nobody else knows the item.
    unsafe { (*refs).refs.counter = 2 };
}

/// Few rounds, as each is a million operations.
fn drained() -> Plan {
    Plan {
        rounds: 9,
        batch: DRAINED,
        ..Plan::of(Shape {
            nodes: DRAINED,
            ..Shape::default()
        })
    }
}

/// The rounds of one operation.
struct Row {
    name: &'static str,
    shape: Shape,
    c: KVec<u64>,
    rust: KVec<u64>,
    ratio: KVec<u64>,
}

/// The value at `part` quarters of the sorted `values`.
fn quartile(values: &mut [u64], part: usize) -> u64 {
    values.sort_unstable();
    values.get(values.len() * part / 4).copied().unwrap_or(0)
}

impl Row {
    fn new(name: &'static str, shape: Shape) -> Result<Self> {
        Ok(Self {
            name,
            shape,
            c: KVec::with_capacity(ROUNDS, GFP_KERNEL)?,
            rust: KVec::with_capacity(ROUNDS, GFP_KERNEL)?,
            ratio: KVec::with_capacity(ROUNDS, GFP_KERNEL)?,
        })
    }

    fn push(&mut self, c: u64, rust: u64) -> Result {
        self.c.push(c, GFP_KERNEL)?;
        self.rust.push(rust, GFP_KERNEL)?;
        self.ratio.push(rust * 1000 / c.max(1), GFP_KERNEL)?;
        Ok(())
    }

    /// Prints the row: cycles in tenths, ratios in thousandths.
    fn print(mut self, batch: usize) {
        let per_op = |cycles: u64| cycles * 10 / batch as u64;
        let (c, rust) = (quartile(&mut self.c, 2), quartile(&mut self.rust, 2));
        let spread = quartile(&mut self.ratio, 3) - quartile(&mut self.ratio, 1);
        pr_info!(
            "bench op={}{} c={} rust={} ratio={} spread={}\n",
            self.name,
            self.shape,
            per_op(c),
            per_op(rust),
            quartile(&mut self.ratio, 2),
            spread
        );
    }
}

/// How two phases are timed.
#[derive(Clone, Copy)]
struct Plan {
    shape: Shape,
    rounds: usize,
    /// How many operations a phase has.
    batch: usize,
    /// Milliseconds before each run, for what the phases leave to others to do.
    rest: i64,
}

impl Plan {
    fn of(shape: Shape) -> Self {
        Plan {
            shape,
            rounds: ROUNDS,
            batch: BATCH,
            rest: 0,
        }
    }

    /// Times two phases by both implementations, in turns, and prints a row for each.
    ///
    /// The second phase undoes the first, so that each run finds what the one before it found.
    fn pair(
        self,
        names: [&'static str; 2],
        first: impl FnMut(&Kfuncs),
        second: impl FnMut(&Kfuncs),
    ) -> Result {
        self.pair_after(|_| (), names, first, second)
    }

    /// The same, after `prepare` was told the number of the turn, of [`TURNS`], in time that does
    /// not count.
    fn pair_after(
        self,
        mut prepare: impl FnMut(usize),
        names: [&'static str; 2],
        mut first: impl FnMut(&Kfuncs),
        mut second: impl FnMut(&Kfuncs),
    ) -> Result {
        let both = [Kfuncs::c(), Kfuncs::rust()];
        let mut rows = [
            Row::new(names[0], self.shape)?,
            Row::new(names[1], self.shape)?,
        ];
        for round in 0..self.rounds {
            let mut took = [[0; 2]; 2];
            for turn in 0..2 {
                if self.rest > 0 {
                    fsleep(Delta::from_millis(self.rest));
                }
                prepare(2 * round + turn);
                let which = (round + turn) % 2;
                let kfuncs = &both[which];
                took[which] = [cycles(|| first(kfuncs)), cycles(|| second(kfuncs))];
            }
            let [c, rust] = took;
            // The first rounds warm up caches and predictors.
            if round >= self.rounds / 50 {
                rows[0].push(c[0], rust[0])?;
                rows[1].push(c[1], rust[1])?;
            }
        }
        for row in rows {
            row.print(self.batch);
        }
        Ok(())
    }
}

#[kunit_tests(bench_bpf_graph)]
mod tests {
    use super::*;

    #[test]
    fn lists() -> Result {
        super::lists::all()
    }

    #[test]
    fn trees() -> Result {
        super::trees::all()
    }

    #[test]
    fn references() -> Result {
        super::objects::references()
    }

    #[test]
    fn objects() -> Result {
        super::objects::new_and_drop()
    }

    #[test]
    fn two_cpus() -> Result {
        super::two::all()
    }

    #[test]
    fn drains() -> Result {
        super::lists::drain()?;
        super::trees::drain()
    }
}
