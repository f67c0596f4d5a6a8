// SPDX-License-Identifier: GPL-2.0

//! Threads on all CPUs that add, remove, move, reserve, search, acquire, drop and drain the same
//! nodes, through roots under two kinds of lock, one of them held or two.
//!
//! What C has no body for is Rust's in every run, as for programs.
//!
//! Again and again all threads stop, and one of them looks at everything: the structures, the
//! ownership words, and whether the references that are counted are those that are known.

use core::{
    cell::UnsafeCell,
    mem::forget,
    ptr::null_mut, //
};

use kernel::{
    prelude::*,
    sync::atomic::{Acquire, Atomic, Full, Relaxed},
    time::{Instant, Monotonic}, //
};

use super::{
    counted::CountedItems,
    interrupts_enabled,
    kfuncs::Kfuncs,
    place::Place,
    threads::{cpus, give_way, together, Barrier, Program},
    Item,
    Random, //
};

mod across;
mod census;
mod keys;
mod lists;
mod looks;
mod loops;
mod moves;
mod outcome;
mod reserved;
mod steps;
mod trees;

use self::{
    outcome::{Outcome, OUTCOMES},
    reserved::Reserved, //
};

/// How many threads: two that are bound to a CPU each, and two that are not.
const THREADS: usize = 4;

/// How many items can be found by all threads.
const SLOTS: usize = 32;

/// Two with each kind of lock, the one kind behind the other.
const PLACES: usize = 4;

/// Keys are below this.
const KEYS: usize = 64;

/// How many references a thread keeps over many steps.
const STASH: usize = 4;

/// How many items each thread can have made that are not yet freed.
const MADE: usize = 32;

/// How many calls each thread makes between two looks at everything.
const ROUND: u64 = 8192;

/// How many steps a thread makes before it lets others run.
const TURN: u64 = 64;

/// What a step or a look found wrong.
type Checked = Result<(), &'static str>;

/// One thread's own.
struct Worker {
    index: usize,
    random: Random,
    calls: u64,
    steps: u64,
    stash: [*mut Item; STASH],
    reserved: Option<Reserved>,
    tally: [u64; OUTCOMES.len()],
}

impl Worker {
    fn new(index: usize, seed: u64) -> Self {
        // SplitMix64's step: seeds that are near give numbers that are not, and none is 0.
        let mixed = seed
            .wrapping_add(1 + index as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            index,
            random: Random::new((mixed ^ (mixed >> 30)) | 1),
            calls: 0,
            steps: 0,
            stash: [null_mut(); STASH],
            reserved: None,
            tally: [0; OUTCOMES.len()],
        }
    }

    /// The references that it keeps over many steps.
    fn kept(&self) -> impl Iterator<Item = *mut Item> {
        let reserved = self.reserved.map(|reserved| reserved.item());
        Iterator::chain(self.stash.into_iter(), reserved)
    }

    fn count(&mut self, outcome: Outcome) {
        self.tally[outcome as usize] += 1;
    }
}

/// All that the threads share.
struct World<'a> {
    kfuncs: &'a [Kfuncs],
    items: CountedItems,
    places: [Place; PLACES],
    slots: [Atomic<*mut Item>; SLOTS],
    /// Each is its thread's own while that is between two barriers, and at a barrier the one's who
    /// looks at everything.
    workers: [UnsafeCell<Worker>; THREADS],
    /// Odd while the thread may have found a place's value.
    inside: [Atomic<u64>; THREADS],
    census: UnsafeCell<census::Census>,
    barrier: Barrier,
    failed: Atomic<bool>,
    /// Whether it had failed when all were at a barrier: all stop behind the same one.
    over: Atomic<bool>,
    seed: u64,
}

// SAFETY: The cells are used as said above: the barrier orders who uses them. What is in the places
// is used under their locks, or at the barrier.
unsafe impl Sync for World<'_> {}

impl<'a> World<'a> {
    fn new(kfuncs: &'a [Kfuncs], seed: u64) -> Result<Self> {
        let items = CountedItems::new(THREADS * MADE)?;
        Ok(Self {
            kfuncs,
            places: [
                Place::spin(&items)?,
                Place::spin(&items)?,
                Place::resilient(&items)?,
                Place::resilient(&items)?,
            ],
            census: UnsafeCell::new(census::Census::new(items.limit())?),
            items,
            slots: core::array::from_fn(|_| Atomic::new(null_mut())),
            workers: core::array::from_fn(|index| UnsafeCell::new(Worker::new(index, seed))),
            inside: core::array::from_fn(|_| Atomic::new(0)),
            barrier: Barrier::new(THREADS),
            failed: Atomic::new(false),
            over: Atomic::new(false),
            seed,
        })
    }

    /// Says what is wrong, once, and makes all threads stop.
    fn fail(&self, what: &str, worker: &Worker, round: u64) {
        if !self.failed.xchg(true, Full) {
            kernel::kunit::err(fmt!(
                "    # stress: {}; seed {}, round {}, thread {}, step {}\n",
                what,
                self.seed,
                round,
                worker.index,
                worker.steps
            ));
        }
    }

    /// What one thread does between two barriers.
    fn work(&self, index: usize, round: u64) {
        // SAFETY: Between two barriers it is this thread's own.
        let worker = unsafe { &mut *self.workers[index].get() };
        let end = worker.calls + ROUND;
        while worker.calls < end && !self.failed.load(Relaxed) {
            worker.steps += 1;
            if let Err(what) = self.step(worker) {
                return self.fail(what, worker, round);
            }
            if worker.steps % TURN == 0 {
                if !interrupts_enabled() {
                    return self.fail("interrupts stay disabled", worker, round);
                }
                give_way();
            }
        }
    }

    /// One thread's whole run.
    fn thread(&self, index: usize, rounds: u64) {
        for round in 0..rounds {
            self.work(index, round);
            self.barrier.wait(|| {
                // SAFETY: All threads are at the barrier.
                let (census, worker) =
                    unsafe { (&mut *self.census.get(), &*self.workers[index].get()) };
                if !self.failed.load(Relaxed) {
                    if let Err(what) = census.take(self) {
                        self.fail(what, worker, round);
                    }
                }
                // Ordered by the barrier, before whatever fails behind it.
                self.over.store(self.failed.load(Relaxed), Relaxed);
            });
            if self.over.load(Relaxed) {
                return;
            }
        }
    }

    /// Takes everything apart, and sees that nothing is left.
    fn end(&mut self) -> Checked {
        let k = self.kfuncs[0];
        let _program = Program::new(false);
        for place in &self.places {
            place.free(&k, place.value());
            if !place.is_empty(place.value()) {
                return Err("a root still has nodes after the drain");
            }
        }
        for worker in &mut self.workers {
            if let Some(reserved) = worker.get_mut().reserved {
                reserved.give_back();
            }
        }
        let kept = self.workers.iter_mut().flat_map(|w| w.get_mut().kept());
        let found = self.slots.iter().map(|slot| slot.load(Acquire));
        for item in Iterator::chain(kept, found).filter(|item| !item.is_null()) {
            // SAFETY: There is the reference that is dropped here, and no thread runs any more.
            unsafe {
                if !(*item).list.owner.is_null() || !(*item).tree.owner.is_null() {
                    return Err("the owner of a node that is in no root is not null");
                }
                (k.drop)(item.cast(), self.items.meta());
            }
        }
        match self.items.alive() {
            0 => Ok(()),
            _ => Err("items are left that nobody has a reference to"),
        }
    }

    /// Whether all that a run must show happened.
    fn tell(&mut self, what: &str, took: i64) -> Checked {
        let mut sum = [0; OUTCOMES.len()];
        let (mut calls, mut complete) = (0, Ok(()));
        for worker in &mut self.workers {
            let worker = worker.get_mut();
            calls += worker.calls;
            sum.iter_mut()
                .zip(worker.tally)
                .for_each(|(sum, n)| *sum += n);
        }
        kernel::kunit::info(fmt!(
            "    # stress by {}: {} calls in {} ms, seed {}, up to {} items at once\n",
            what,
            calls,
            took,
            self.seed,
            self.census.get_mut().most()
        ));
        for (i, (name, n)) in OUTCOMES.iter().zip(sum).enumerate() {
            kernel::kunit::info(fmt!("    # {}: {}\n", name, n));
            if n == 0 && i < Outcome::NotAcquired as usize {
                complete = Err("something that must be tested never happened");
            }
        }
        complete
    }
}

/// Makes about `calls` calls of `kfuncs`, those of each step of one that is chosen at random.
fn stress(what: &str, kfuncs: &[Kfuncs], seed: u64, calls: u64) -> Result {
    if cpus()?.len() < 2 {
        kernel::kunit::err(fmt!("    # stress needs two CPUs\n"));
        return Err(ENODEV);
    }
    let rounds = calls.div_ceil(ROUND * THREADS as u64);
    let mut world = KBox::new(World::new(kfuncs, seed)?, GFP_KERNEL)?;
    let start = Instant::<Monotonic>::now();
    together(THREADS, &|index| world.thread(index, rounds))?;
    let took = start.elapsed().as_millis();
    let checked = if world.failed.load(Relaxed) {
        Err("")
    } else {
        world.tell(what, took).and_then(|()| world.end())
    };
    if let Err(why) = checked {
        kernel::kunit::err(fmt!("    # stress by {} failed {}\n", what, why));
        // What is broken is not freed: that would break more.
        forget(world);
        return Err(EINVAL);
    }
    Ok(())
}

#[kunit_tests(bpf_graph_stress)]
mod tests {
    use super::*;

    /// Enough that everything happens, many times; the long run is `stress_bpf_graph`.
    const CALLS: u64 = 200_000;

    #[test]
    fn rust() -> Result {
        stress("Rust", &[Kfuncs::rust()], 1, CALLS)
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn c() -> Result {
        stress("C", &[Kfuncs::c()], 2, CALLS)
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn both() -> Result {
        stress("both", &[Kfuncs::rust(), Kfuncs::c()], 3, CALLS)
    }
}

/// As many calls as `bpf_graph.stress_ops` says: half of them of Rust, a quarter of C, and a
/// quarter of one or the other.
#[cfg(CONFIG_BPF_GRAPH_STRESS)]
#[kunit_tests(stress_bpf_graph)]
mod long {
    use super::*;
    use crate::module_parameters::{stress_ops, stress_seed};

    #[test]
    fn rust() -> Result {
        let (seed, calls) = (stress_seed.value(), stress_ops.value());
        stress("Rust", &[Kfuncs::rust()], seed, calls / 2)
    }

    #[test]
    fn c() -> Result {
        let (seed, calls) = (stress_seed.value(), stress_ops.value());
        stress("C", &[Kfuncs::c()], seed, calls / 4)
    }

    #[test]
    fn both() -> Result {
        let (seed, calls) = (stress_seed.value(), stress_ops.value());
        stress("both", &[Kfuncs::rust(), Kfuncs::c()], seed, calls / 4)
    }
}
