// SPDX-License-Identifier: GPL-2.0

//! Cycles per operation, by C and by Rust in turns; run by `make bench`, never as a test.
//!
//! Each round times the same operations on the same nodes by one implementation and then by the
//! other, and the next round in the other order: what the machine does besides falls on both. A
//! row is the median of the rounds' cycles, the median of the rounds' ratios, and the distance
//! between the ratios' quartiles.

use core::{
    arch::x86_64::{_mm_lfence, _rdtsc},
    ffi::c_void,
    mem::offset_of,
};

use kernel::{
    prelude::*,
    time::{delay::fsleep, Delta}, //
};

use super::{
    kfuncs::Kfuncs,
    list::Head,
    list_node,
    tree::{TreeRoot, BY_KEY},
    tree_node, Item, Items, Random,
};

/// How many rounds; odd, so that there is a middle one.
const ROUNDS: usize = 401;

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

/// The rounds of one operation.
struct Row {
    name: &'static str,
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
    fn new(name: &'static str) -> Result<Self> {
        Ok(Self {
            name,
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
            "bench op={} c={} rust={} ratio={} spread={}\n",
            self.name,
            per_op(c),
            per_op(rust),
            quartile(&mut self.ratio, 2),
            spread
        );
    }
}

/// Times two phases by both implementations, in turns, and prints a row for each.
///
/// The second phase undoes the first, so that each run finds what the one before it found. Before
/// each run there are `rest` milliseconds, for what the phases leave to others to do.
fn pair(
    names: [&'static str; 2],
    batch: usize,
    rest: i64,
    mut first: impl FnMut(&Kfuncs),
    mut second: impl FnMut(&Kfuncs),
) -> Result {
    let both = [Kfuncs::c(), Kfuncs::rust()];
    let mut rows = [Row::new(names[0])?, Row::new(names[1])?];
    for round in 0..ROUNDS {
        let mut took = [[0; 2]; 2];
        for turn in 0..2 {
            if rest > 0 {
                fsleep(Delta::from_millis(rest));
            }
            let which = (round + turn) % 2;
            let kfuncs = &both[which];
            took[which] = [cycles(|| first(kfuncs)), cycles(|| second(kfuncs))];
        }
        let [c, rust] = took;
        // The first rounds warm up caches and predictors.
        if round >= 8 {
            rows[0].push(c[0], rust[0])?;
            rows[1].push(c[1], rust[1])?;
        }
    }
    for row in rows {
        row.print(batch);
    }
    Ok(())
}

fn lists() -> Result {
    let items = Items::shared()?;
    let mut head = Head::new()?;
    let head = head.as_ptr();
    let nodes = core::array::from_fn::<_, BATCH, _>(|key| list_node(items.make(key as u64)));
    // Taking from the middle: every other node first, then the rest.
    let mixed = core::array::from_fn::<_, BATCH, _>(|i| nodes[(i * 37) % BATCH]);
    let meta = items.meta();

    // SAFETY: The head and the nodes are ours, and each phase undoes the one before.
    unsafe {
        pair(
            ["list_push_front", "list_pop_front"],
            BATCH,
            0,
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.push_front)(head, n, meta, LIST))
            },
            |k| (0..BATCH).for_each(|_| _ = (k.pop_front)(head)),
        )?;
        pair(
            ["list_push_back", "list_pop_back"],
            BATCH,
            0,
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.push_back)(head, n, meta, LIST))
            },
            |k| (0..BATCH).for_each(|_| _ = (k.pop_back)(head)),
        )?;
        pair(
            ["list_push_back_2", "list_del"],
            BATCH,
            0,
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.push_back)(head, n, meta, LIST))
            },
            |k| mixed.iter().for_each(|&n| _ = (k.del)(head, n)),
        )?;
        crate::bpf_list_push_back(head, nodes[0], meta, LIST);
        pair(
            ["list_front", "list_front_2"],
            BATCH,
            0,
            |k| (0..BATCH).for_each(|_| _ = (k.front)(head)),
            |k| (0..BATCH).for_each(|_| _ = (k.front)(head)),
        )?;
        crate::bpf_list_pop_back(head);
    }
    nodes.iter().for_each(|&n| items.drop(super::list_item(n)));
    Ok(())
}

fn trees(names: [&'static str; 2], residents: usize) -> Result {
    let items = Items::shared()?;
    let mut root = TreeRoot::new()?;
    let root = root.as_ptr();
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let mut make = || items.make(random.below(1 << 40) as u64);
    let meta = items.meta();
    let mut stay = KVec::with_capacity(residents, GFP_KERNEL)?;
    for _ in 0..residents {
        let item = make();
        super::tree::add(&items, root, item);
        stay.push(item, GFP_KERNEL)?;
    }
    let nodes = core::array::from_fn::<_, BATCH, _>(|_| tree_node(make()));

    // SAFETY: The root and the nodes are ours, and each phase undoes the one before.
    unsafe {
        pair(
            names,
            BATCH,
            0,
            |k| {
                nodes
                    .iter()
                    .for_each(|&n| _ = (k.add)(root, n, Some(BY_KEY), meta, TREE))
            },
            |k| nodes.iter().for_each(|&n| _ = (k.remove)(root, n)),
        )?;
        if residents <= 16 {
            pair(
                ["rbtree_first", "rbtree_first_2"],
                BATCH,
                0,
                |k| (0..BATCH).for_each(|_| _ = (k.first)(root)),
                |k| (0..BATCH).for_each(|_| _ = (k.first)(root)),
            )?;
        }
        for item in stay {
            crate::bpf_rbtree_remove(root, tree_node(item));
            items.drop(item);
        }
    }
    nodes.iter().for_each(|&n| items.drop(super::tree_item(n)));
    Ok(())
}

fn references() -> Result {
    let items = Items::shared()?;
    let all = core::array::from_fn::<_, BATCH, _>(|key| items.make(key as u64).cast::<c_void>());
    let meta = items.meta();
    // SAFETY: The items are ours, and each phase undoes the one before.
    unsafe {
        pair(
            ["refcount_acquire", "obj_drop_not_last"],
            BATCH,
            0,
            |k| all.iter().for_each(|&obj| _ = (k.acquire)(obj, meta)),
            |k| all.iter().for_each(|&obj| (k.drop)(obj, meta)),
        )?;
    }
    all.iter().for_each(|&obj| items.drop(obj.cast()));
    Ok(())
}

fn objects() -> Result {
    // What the allocator's per-CPU cache gives without being refilled.
    const FEW: usize = 16;
    // And how long a refill, and the grace period of what was dropped, take at most.
    const REFILL: i64 = 20;
    let items = Items::shared()?;
    let (size, meta) = (size_of::<Item>() as u64, items.meta());
    let all = core::cell::Cell::new([core::ptr::null_mut::<c_void>(); FEW]);
    // SAFETY: Each phase undoes the one before.
    unsafe {
        pair(
            ["obj_new", "obj_drop_last"],
            FEW,
            REFILL,
            |k| {
                let mut objs = [core::ptr::null_mut(); FEW];
                objs.iter_mut().for_each(|obj| *obj = (k.new)(size, meta));
                all.set(objs);
            },
            |k| {
                let objs = all.get();
                objs.iter()
                    .filter(|obj| !obj.is_null())
                    .for_each(|&obj| (k.drop)(obj, meta));
            },
        )
    }
}

#[kunit_tests(bench_bpf_graph)]
mod tests {
    use super::*;

    #[test]
    fn lists() -> Result {
        super::lists()
    }

    #[test]
    fn trees() -> Result {
        super::trees(["rbtree_add_16", "rbtree_remove_16"], 16)?;
        super::trees(["rbtree_add_1024", "rbtree_remove_1024"], 1024)
    }

    #[test]
    fn references() -> Result {
        super::references()
    }

    #[test]
    fn objects() -> Result {
        super::objects()
    }
}
