// SPDX-License-Identifier: GPL-2.0

//! The memory that objects and roots are in, and what loom knows of it.
//!
//! An ownership word, a count and a lock are loom's, and are found by their address: the memory
//! there holds nothing but the first value. Links are ordinary memory, as loom has no pointers of
//! its own that C's structures could be made of; but each access to them is told to a cell of
//! loom's, which fails the test if it is not ordered with one by another thread.
//!
//! # Invariants
//!
//! *Arena*: all objects and roots are in the arena of the OS thread that runs the test. All of
//! loom's threads run on that one, by turns, so nothing here needs a lock.
//!
//! *Slots*: where a word, count, lock or links are in a live block, its slot has what loom knows of
//! it; all other slots are empty. So what is freed is found by nobody.

use std::{
    cell::RefCell,
    ffi::c_void,
    mem::{take, ManuallyDrop},
    ops::Deref,
    rc::Rc,
};

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicI32, AtomicPtr},
};

use crate::lock::Lock;

/// The size of the arena, in words of 8 bytes.
const WORDS: usize = 8192;

/// What loom knows of something in memory. Each use reads `alive`, freeing writes it: a use that is
/// not ordered with that fails, whichever comes first.
pub(crate) struct Known<T> {
    alive: UnsafeCell<()>,
    value: T,
}

impl<T> Deref for Known<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[derive(Clone, Default)]
enum Slot {
    #[default]
    Empty,
    /// To write links is to write their `alive`.
    Links(Rc<Known<()>>),
    Owner(Rc<Known<AtomicPtr<c_void>>>),
    Count(Rc<Known<AtomicI32>>),
    Lock(Rc<Known<Lock>>),
}

#[derive(PartialEq)]
enum State {
    Live,
    /// Freed, but a grace period has not passed.
    Waiting,
    Free,
}

struct Block {
    at: usize,
    size: usize,
    state: State,
}

struct Memory {
    arena: *mut u64,
    slots: Vec<Slot>,
    blocks: Vec<Block>,
    warnings: Vec<String>,
    rcu: bool,
}

thread_local! {
    // Never dropped: what loom has in it can be dropped inside of an execution only.
    static MEMORY: ManuallyDrop<RefCell<Memory>> = ManuallyDrop::new(RefCell::new(Memory {
        arena: Box::leak(Box::new([0; WORDS])).as_mut_ptr(),
        slots: vec![Slot::Empty; WORDS],
        blocks: Vec::new(),
        warnings: Vec::new(),
        rcu: false,
    }));
}

impl Memory {
    fn slot(&mut self, at: usize) -> &mut Slot {
        let offset = at.wrapping_sub(self.arena as usize);
        assert!(offset % 8 == 0, "{at:#x} is not aligned");
        let slot = self.slots.get_mut(offset / 8);
        slot.unwrap_or_else(|| panic!("{at:#x} is in no object and no root"))
    }

    fn block(&mut self, at: usize) -> &mut Block {
        let found = self.blocks.iter_mut().find(|b| b.at == at);
        found.unwrap_or_else(|| panic!("{at:#x} was never allocated"))
    }

    fn is_live(&self, at: usize) -> bool {
        let within = |b: &&Block| at >= b.at && at < b.at + b.size;
        self.blocks
            .iter()
            .find(within)
            .is_some_and(|b| b.state == State::Live)
    }
}

/// No operation of loom's may be in `f`: it can run another of its threads.
fn memory<R>(f: impl FnOnce(&mut Memory) -> R) -> R {
    MEMORY.with(|m| f(&mut m.borrow_mut()))
}

/// Forgets the last execution. With `rcu`, what is freed stays readable until this one ends, as if
/// a reader had begun before; else it can be allocated again at once.
pub fn begin(rcu: bool) {
    memory(|m| {
        for b in m.blocks.drain(..) {
            m.slots[(b.at - m.arena as usize) / 8..][..b.size / 8].fill(Slot::Empty);
        }
        m.warnings.clear();
        m.rcu = rcu;
    });
}

/// How many blocks are live.
pub fn live() -> usize {
    memory(|m| m.blocks.iter().filter(|b| b.state == State::Live).count())
}

/// Allocates a block; the one that was freed last, if it fits.
pub fn alloc(size: usize) -> *mut c_void {
    let size = size.next_multiple_of(8);
    memory(|m| {
        let free = |b: &Block| b.state == State::Free && b.size == size;
        let at = if let Some(found) = m.blocks.iter().position(free) {
            m.blocks.remove(found).at
        } else {
            m.blocks
                .iter()
                .map(|b| b.at + b.size)
                .max()
                .unwrap_or(m.arena as usize)
        };
        assert!(
            at + size <= m.arena as usize + WORDS * 8,
            "the arena is too small"
        );
        m.blocks.insert(
            0,
            Block {
                at,
                size,
                state: State::Live,
            },
        );
        let block = at as *mut u8;
        // SAFETY: By *Arena* the block is memory, and it is nobody's yet.
        unsafe { block.write_bytes(0xa5, size) };
        block.cast()
    })
}

/// Frees a block. Whatever was done with it must have happened before.
///
/// The count can be read until the grace period ends, and only that.
pub fn free(block: *mut c_void) {
    free_for(block, memory(|m| m.rcu));
}

/// Frees a block that no reader is at; it can be allocated again.
pub fn free_at_once(block: *mut c_void) {
    free_for(block, false);
}

fn free_for(block: *mut c_void, rcu: bool) {
    let at = block as usize;
    let slots: Vec<Slot> = memory(|m| {
        let b = m.block(at);
        assert!(b.state == State::Live, "freed twice: {at:#x}");
        b.state = if rcu { State::Waiting } else { State::Free };
        let range = at..at + b.size;
        let mut taken = Vec::new();
        for at in range.step_by(8) {
            let slot = m.slot(at);
            if !(rcu && matches!(slot, Slot::Count(_))) {
                taken.push(take(slot));
            }
        }
        taken
    });
    for slot in slots {
        match slot {
            Slot::Links(links) => links.alive.with_mut(|_| ()),
            Slot::Owner(word) => word.alive.with_mut(|_| ()),
            Slot::Count(count) => count.alive.with_mut(|_| ()),
            Slot::Lock(lock) => {
                assert!(!lock.is_held(), "freed with a held lock in it");
                lock.alive.with_mut(|_| ());
            }
            Slot::Empty => (),
        }
    }
}

/// What `warned()` was told.
pub fn warnings() -> Vec<String> {
    memory(|m| m.warnings.clone())
}

pub fn warned(what: String) {
    memory(|m| m.warnings.push(what));
}

fn known<T>(value: T) -> Rc<Known<T>> {
    let alive = UnsafeCell::new(());
    Rc::new(Known { alive, value })
}

/// From here on there is an ownership word at `at`.
pub fn new_owner(at: *mut *mut c_void, value: *mut c_void) {
    let word = known(AtomicPtr::new(value));
    memory(|m| *m.slot(at as usize) = Slot::Owner(word));
}

/// From here on there is a count at `at`.
pub(crate) fn new_count(at: usize, value: i32) {
    let count = known(AtomicI32::new(value));
    memory(|m| *m.slot(at) = Slot::Count(count));
}

/// From here on there is a lock at `at`; a `broken` one cannot be had.
pub fn new_lock(at: *mut c_void, broken: bool) {
    let lock = known(Lock::new(broken));
    memory(|m| *m.slot(at as usize) = Slot::Lock(lock));
}

/// From here on there are links, or other data that is not atomic, at `at`.
pub fn new_links(at: *mut c_void) {
    let links = known(());
    memory(|m| *m.slot(at as usize) = Slot::Links(links));
}

macro_rules! find {
    ($name:ident, $slot:ident, $type:ty, $what:literal) => {
        fn $name(at: usize) -> Rc<Known<$type>> {
            memory(|m| match m.slot(at) {
                Slot::$slot(found) => found.clone(),
                _ => panic!(
                    concat!($what, " that is freed or was never there: {:#x}"),
                    at
                ),
            })
        }
    };
}

find!(find_owner, Owner, AtomicPtr<c_void>, "an ownership word");
find!(find_count, Count, AtomicI32, "a reference count");
find!(find_lock, Lock, Lock, "a lock");
find!(find_links, Links, (), "links");

fn used<T>(known: Rc<Known<T>>) -> Rc<Known<T>> {
    known.alive.with(|_| ());
    known
}

pub(crate) fn owner(at: usize) -> Rc<Known<AtomicPtr<c_void>>> {
    used(find_owner(at))
}

pub(crate) fn lock(at: usize) -> Rc<Known<Lock>> {
    used(find_lock(at))
}

/// A reader that RCU knows may look at the count of what is freed.
pub(crate) fn count(at: usize) -> Rc<Known<AtomicI32>> {
    let count = find_count(at);
    if memory(|m| m.rcu) {
        count
    } else {
        used(count)
    }
}

/// The value of an ownership word to which nobody stores any more.
pub fn last_owner(at: *mut *mut c_void) -> *mut c_void {
    // SAFETY: Loom itself checks that no store is concurrent.
    unsafe { owner(at as usize).unsync_load() }
}

/// Tells loom that what is at `at` is read.
pub fn read<T>(at: *const T) {
    used(find_links(at as usize));
}

/// Tells loom that what is at `at` is written; for the first time, if nothing is known of it.
pub fn write<T>(at: *const T) {
    let first = memory(|m| matches!(m.slot(at as usize), Slot::Empty) && m.is_live(at as usize));
    if first {
        new_links(at.cast_mut().cast());
    }
    find_links(at as usize).alive.with_mut(|_| ());
}
