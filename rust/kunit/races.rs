// SPDX-License-Identifier: GPL-2.0

//! The races that the ownership word is there for, each as two threads that meet again and again.
//!
//! They are those of the discussion of 2022 that led to the word: a node is added to one list
//! while it is removed from another, it is added to two at once, and removed twice at once. A
//! thread sees whether the other one was in its operation at the same time: a test in which that
//! never happened has tested nothing, and fails.

use core::cell::UnsafeCell;

use kernel::{
    prelude::*,
    sync::atomic::{Atomic, Full, Relaxed},
    time::{delay::fsleep, Delta, Instant, Monotonic}, //
};

use super::{
    counted::{CountedItems, LIST, TREE},
    kfuncs::Kfuncs,
    list, list_node,
    place::Place,
    refs,
    threads::{cpus, give_way, together, Barrier, Program},
    tree::{self, BY_KEY},
    tree_node, Item, Random,
};

/// Which of an item's nodes a race is about.
#[derive(Clone, Copy)]
enum Node {
    List,
    Tree,
}

/// What one of the two does with the item.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Add,
    Remove,
}

/// What the two share.
struct Race {
    node: Node,
    kfuncs: [Kfuncs; 2],
    items: CountedItems,
    item: *mut Item,
    /// Two roots, each under a lock of its own kind.
    places: [Place; 2],
    /// Which round each is ready for.
    ready: [Atomic<u64>; 2],
    /// Whether each is in its operation.
    inside: [Atomic<bool>; 2],
    /// Whether each succeeded, and met the other.
    done: [Atomic<bool>; 2],
    met: Atomic<bool>,
    meetings: Atomic<u64>,
    barrier: Barrier,
    over: Atomic<bool>,
    wrong: Atomic<bool>,
    seen: UnsafeCell<Seen>,
}

// SAFETY: What is in the cells is used under the locks, and alone between two barriers.
unsafe impl Sync for Race {}

// SAFETY: As above.
unsafe impl Send for Race {}

/// How often what happened; `outcomes` by whether each of the two succeeded.
#[derive(Default)]
struct Seen {
    rounds: u64,
    outcomes: [[u64; 2]; 2],
}

/// A race: what each of the two does and where, where the item is before, and what can come of it.
struct Kind {
    name: &'static str,
    acts: [(Act, usize); 2],
    start: Option<usize>,
    outcomes: &'static [[bool; 2]],
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "added while another root loses it",
        acts: [(Act::Add, 0), (Act::Remove, 1)],
        start: Some(1),
        outcomes: &[[true, true], [false, true]],
    },
    Kind {
        name: "added to two roots",
        acts: [(Act::Add, 0), (Act::Add, 1)],
        start: None,
        outcomes: &[[true, false], [false, true]],
    },
    Kind {
        name: "removed twice",
        acts: [(Act::Remove, 0), (Act::Remove, 0)],
        start: Some(0),
        outcomes: &[[true, false], [false, true]],
    },
    Kind {
        name: "removed from its root and from another",
        acts: [(Act::Remove, 0), (Act::Remove, 1)],
        start: Some(0),
        outcomes: &[[true, false]],
    },
];

/// A race is over after so many rounds, or so much time, if all that can happen has happened.
const ROUNDS: u64 = 2_000;
const TIME: Delta = Delta::from_millis(250);

/// In how many rounds the two must meet.
const MEETINGS: u64 = 20;

/// After so many rounds without a meeting the threads sleep: a host that runs both CPUs in turns
/// may give each a core of its own when they wake up.
const APART: u64 = 32;

/// How long is waited for that. Two CPUs of a host that is busy seldom run at the same time.
const PATIENCE: Delta = Delta::from_millis(15_000);

impl Race {
    fn new(node: Node, kfuncs: [Kfuncs; 2]) -> Result<KBox<Self>> {
        let items = CountedItems::new(1)?;
        let item = items.make_patiently(&kfuncs[0])?;
        Ok(KBox::new(
            Self {
                node,
                kfuncs,
                places: [Place::spin(&items)?, Place::resilient(&items)?],
                items,
                item,
                ready: [const { Atomic::new(0) }; 2],
                inside: [const { Atomic::new(false) }; 2],
                done: [const { Atomic::new(false) }; 2],
                met: Atomic::new(false),
                meetings: Atomic::new(0),
                barrier: Barrier::new(2),
                over: Atomic::new(false),
                wrong: Atomic::new(false),
                seen: UnsafeCell::new(Seen::default()),
            },
            GFP_KERNEL,
        )?)
    }

    /// Does `act` with the item at value `at`, under its lock. An addition takes a reference, and
    /// loses it where it is refused; a removal gives back the root's.
    fn act(&self, k: &Kfuncs, act: Act, at: usize) -> bool {
        let value = self.places[at].value();
        let (item, meta) = (self.item, self.items.meta());
        let _program = Program::new(false);
        // SAFETY: The test has a reference to the item for as long as the race is on, the value
        // stays, and its lock is held around each operation.
        unsafe {
            if matches!(act, Act::Add) {
                (k.acquire)(item.cast(), meta);
            }
            // It is not had at once where the host takes the other CPU away.
            let guard = loop {
                if let Ok(guard) = self.places[at].lock(value) {
                    break guard;
                }
            };
            let (list, tree) = (&raw mut (*value).list, &raw mut (*value).tree);
            let done = match (act, self.node) {
                (Act::Add, Node::List) => (k.push_back)(list, list_node(item), meta, LIST) == 0,
                (Act::Add, Node::Tree) => {
                    (k.add)(tree, tree_node(item), Some(BY_KEY), meta, TREE) == 0
                }
                (Act::Remove, Node::List) => !(k.del)(list, list_node(item)).is_null(),
                (Act::Remove, Node::Tree) => !(k.remove)(tree, tree_node(item)).is_null(),
            };
            drop(guard);
            if matches!(act, Act::Remove) && done {
                (k.drop)(item.cast(), meta);
            }
            done
        }
    }

    /// Whether value `at` holds just the item, or nothing.
    fn holds(&self, at: usize, item: bool) -> bool {
        let value = self.places[at].value();
        let want = &[self.item][..usize::from(item)];
        // SAFETY: Between two barriers nobody else uses it.
        let (list, tree) = unsafe { (&raw mut (*value).list, &raw mut (*value).tree) };
        match self.node {
            Node::List => list::holds(list, want) && tree::holds(tree, &[]),
            Node::Tree => tree::holds(tree, want) && list::holds(list, &[]),
        }
    }

    /// One side of a round: `act` at value `at`, a little later than the other one or not.
    fn side(&self, me: usize, round: u64, act: Act, at: usize, random: &mut Random) {
        // Without a pause, which takes longer than the operation where the CPU is emulated; but
        // not for ever, as the host may have taken the other CPU away.
        self.ready[me].store(round, Relaxed);
        let is_ready = |_: &usize| self.ready[1 - me].load(Relaxed) >= round;
        (0..10_000).find(is_ready);
        (0..random.below(256)).for_each(|n| _ = core::hint::black_box(n));
        // Full, on both sides: of two that are inside at once, one at least sees the other.
        self.inside[me].xchg(true, Full);
        let before = self.inside[1 - me].load(Relaxed);
        let done = self.act(&self.kfuncs[me], act, at);
        let after = self.inside[1 - me].load(Relaxed);
        self.inside[me].xchg(false, Full);
        if before || after {
            self.met.store(true, Relaxed);
        }
        self.done[me].store(done, Relaxed);
    }

    /// What must be so at the end of a round, and what makes the next one begin as this one did.
    fn end_round(&self, kind: &Kind) -> Result<(), &'static str> {
        let done = [0, 1].map(|me| self.done[me].load(Relaxed));
        // SAFETY: The other thread waits at the barrier.
        let seen = unsafe { &mut *self.seen.get() };
        seen.rounds += 1;
        if self.met.xchg(false, Full) {
            self.meetings.add(1, Relaxed);
        }
        seen.outcomes[usize::from(done[0])][usize::from(done[1])] += 1;
        if !kind.outcomes.contains(&done) {
            return Err("both succeeded or failed where that cannot be");
        }
        let acted = |act, at| {
            let both = kind.acts.iter().zip(done);
            both.filter(|(_, done)| *done)
                .any(|(&(which, place), _)| which == act && place == at)
        };
        let linked = [0, 1]
            .map(|at| acted(Act::Add, at) || (kind.start == Some(at) && !acted(Act::Remove, at)));
        if (0..2).any(|at| !self.holds(at, linked[at])) {
            return Err("a root does not hold what it must");
        }
        if refs(self.item) != 1 + linked.map(i32::from).iter().sum::<i32>() {
            return Err("the number of references is wrong");
        }
        for at in (0..2).filter(|&at| linked[at]) {
            if !self.act(&Kfuncs::rust(), Act::Remove, at) {
                return Err("the item cannot be removed");
            }
        }
        self.start(kind)
    }

    /// Puts the item where the race begins.
    fn start(&self, kind: &Kind) -> Result<(), &'static str> {
        match kind.start {
            Some(at) if !self.act(&Kfuncs::rust(), Act::Add, at) => {
                Err("the item cannot be added again")
            }
            _ => Ok(()),
        }
    }

    /// Whether the two met often, and all came of it that can.
    fn is_complete(&self, kind: &Kind) -> bool {
        // SAFETY: The other thread waits at the barrier, or there is none.
        let seen = unsafe { &*self.seen.get() };
        let happened =
            |done: &[bool; 2]| seen.outcomes[usize::from(done[0])][usize::from(done[1])] > 0;
        self.meetings.load(Relaxed) >= MEETINGS && kind.outcomes.iter().all(happened)
    }

    /// Whether the race is over after `time`.
    fn is_over(&self, kind: &Kind, time: Delta) -> bool {
        // SAFETY: The other thread waits at the barrier.
        let rounds = unsafe { (*self.seen.get()).rounds };
        let enough = rounds >= ROUNDS || time > TIME;
        enough && self.is_complete(kind) || time > PATIENCE
    }

    /// Runs the race, and says what was seen.
    fn run(&self, kind: &Kind) -> Result {
        if cpus()?.len() < 2 {
            kernel::kunit::err(fmt!("    # races need two CPUs\n"));
            return Err(ENODEV);
        }
        let begin = Instant::<Monotonic>::now();
        self.start(kind).map_err(|_| EINVAL)?;
        together(2, &|me| {
            let (act, at) = kind.acts[me];
            let mut random = Random::new(0x9e37_79b9_7f4a_7c15 + me as u64);
            let (mut round, mut last) = (0, 0);
            while !self.over.load(Relaxed) {
                round += 1;
                self.side(me, round, act, at, &mut random);
                self.barrier.wait(|| {
                    if let Err(what) = self.end_round(kind) {
                        kernel::kunit::err(fmt!("    # {}: {}\n", kind.name, what));
                        self.wrong.store(true, Relaxed);
                    }
                    if self.wrong.load(Relaxed) || self.is_over(kind, begin.elapsed()) {
                        self.over.store(true, Relaxed);
                    }
                });
                let met = self.meetings.load(Relaxed);
                if round % APART == 0 && met == core::mem::replace(&mut last, met) {
                    fsleep(Delta::from_millis(5));
                } else {
                    give_way();
                }
            }
        })?;
        // SAFETY: No thread runs any more.
        let seen = unsafe { &*self.seen.get() };
        kernel::kunit::info(fmt!(
            "    # {}: {} rounds, met in {}; neither {}, second {}, first {}, both {}\n",
            kind.name,
            seen.rounds,
            self.meetings.load(Relaxed),
            seen.outcomes[0][0],
            seen.outcomes[0][1],
            seen.outcomes[1][0],
            seen.outcomes[1][1]
        ));
        if self.wrong.load(Relaxed) {
            return Err(EINVAL);
        }
        if !self.is_complete(kind) {
            kernel::kunit::err(fmt!("    # {}: not all happened that must\n", kind.name));
            return Err(ETIMEDOUT);
        }
        Ok(())
    }
}

/// Runs all races between `kfuncs`.
fn races(node: Node, kfuncs: [Kfuncs; 2]) -> Result {
    for kind in &KINDS {
        let race = Race::new(node, kfuncs)?;
        if let Err(err) = race.run(kind) {
            // What is broken is not freed: that would break more.
            core::mem::forget(race);
            return Err(err);
        }
        let _program = Program::new(false);
        if let Some(at) = kind.start {
            race.act(&kfuncs[0], Act::Remove, at);
        }
        // SAFETY: The reference that the test had.
        unsafe { (kfuncs[0].drop)(race.item.cast(), race.items.meta()) };
        if race.items.alive() != 0 {
            kernel::kunit::err(fmt!("    # {}: the item was not freed\n", kind.name));
            return Err(EINVAL);
        }
    }
    Ok(())
}

#[kunit_tests(bpf_graph_races)]
mod tests {
    use super::*;

    #[test]
    fn lists() -> Result {
        races(Node::List, [Kfuncs::rust(), Kfuncs::rust()])
    }

    #[test]
    fn trees() -> Result {
        races(Node::Tree, [Kfuncs::rust(), Kfuncs::rust()])
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn lists_by_c() -> Result {
        races(Node::List, [Kfuncs::c(), Kfuncs::c()])
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn trees_by_c() -> Result {
        races(Node::Tree, [Kfuncs::c(), Kfuncs::c()])
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn lists_by_both() -> Result {
        races(Node::List, [Kfuncs::rust(), Kfuncs::c()])?;
        races(Node::List, [Kfuncs::c(), Kfuncs::rust()])
    }

    #[test]
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    fn trees_by_both() -> Result {
        races(Node::Tree, [Kfuncs::rust(), Kfuncs::c()])?;
        races(Node::Tree, [Kfuncs::c(), Kfuncs::rust()])
    }
}
