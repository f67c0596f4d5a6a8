// SPDX-License-Identifier: GPL-2.0

//! The tests of `tools/testing/litmus`, as far as loom can tell: each outcome that is said to be
//! possible is seen, each that is said not to be is not.
//!
//! Loom knows no dependencies, so it allows more than the kernel's memory model does.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use loom::{
    sync::{
        atomic::{
            fence, AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release},
        },
        Arc, Mutex,
    },
    thread::spawn,
};

const FREE: usize = 0;
const BUSY: usize = 2;

/// What the tests share.
struct Shared {
    owner: AtomicUsize,
    link: AtomicUsize,
    a: Mutex<()>,
    b: Mutex<()>,
}

/// Whether `p1` says in some execution that the outcome is there, or else `after` does.
fn outcome(
    owner: usize,
    link: usize,
    p0: fn(&Shared),
    p1: fn(&Shared) -> bool,
    after: fn(usize) -> bool,
) -> bool {
    let seen = std::sync::Arc::new(AtomicBool::new(false));
    let found = seen.clone();
    let executions = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = executions.clone();
    loom::model(move || {
        counted.fetch_add(1, SeqCst);
        let s = Arc::new(Shared {
            owner: AtomicUsize::new(owner),
            link: AtomicUsize::new(link),
            a: Mutex::new(()),
            b: Mutex::new(()),
        });
        let other = s.clone();
        let one = spawn(move || p0(&other));
        let there = p1(&s);
        one.join().unwrap();
        if there && after(s.link.load(Relaxed)) {
            found.store(true, SeqCst);
        }
    });
    println!("executions: {}", executions.load(SeqCst));
    seen.load(SeqCst)
}

/// Unlinks under lock a, and sets free.
fn leave(s: &Shared, order: Ordering) {
    let _a = s.a.lock().unwrap();
    s.link.store(0, Relaxed);
    s.owner.store(FREE, order);
}

/// Claims under lock b, and links; what was read of the link before that.
fn enter(s: &Shared, order: Ordering) -> Option<usize> {
    let _b = s.b.lock().unwrap();
    s.owner.compare_exchange(FREE, BUSY, order, Relaxed).ok()?;
    let was = s.link.load(Relaxed);
    s.link.store(3, Relaxed);
    s.owner.store(3, Relaxed);
    Some(was)
}

/// The word names root 1, but the link is none, under `lock`.
fn checked(s: &Shared, lock: &Mutex<()>) -> bool {
    let _lock = lock.lock().unwrap();
    s.owner.load(Relaxed) == 1 && s.link.load(Relaxed) == 0
}

fn publish(s: &Shared) {
    let _a = s.a.lock().unwrap();
    s.link.store(1, Relaxed);
    s.owner.store(1, Relaxed);
}

fn any(_: usize) -> bool {
    true
}

#[test]
fn release_claim() {
    let lost = |link| link == 0;
    let claims = |s: &Shared| enter(s, AcqRel).is_some();
    assert!(!outcome(1, 1, |s| leave(s, Release), claims, lost));
    assert!(
        outcome(1, 1, |s| leave(s, Relaxed), claims, lost),
        "release-claim-once"
    );
}

#[test]
fn release_claim_reads() {
    assert!(!outcome(
        1,
        1,
        |s| leave(s, Release),
        |s| enter(s, AcqRel) == Some(1),
        any
    ));
    let old = outcome(
        1,
        1,
        |s| leave(s, Release),
        |s| enter(s, Relaxed) == Some(1),
        any,
    );
    assert!(old, "release-claim-relaxed");
}

#[test]
fn publish_check() {
    assert!(!outcome(BUSY, 0, publish, |s| checked(s, &s.a), any));
    assert!(
        outcome(BUSY, 0, publish, |s| checked(s, &s.b), any),
        "check-other-lock"
    );
}

#[test]
fn release_check() {
    let late = |s: &Shared| {
        let a = s.a.lock().unwrap();
        s.link.store(0, Relaxed);
        drop(a);
        s.owner.store(FREE, Release);
    };
    let leaves = |s: &Shared| leave(s, Release);
    assert!(!outcome(1, 1, leaves, |s| checked(s, &s.a), any));
    assert!(
        outcome(1, 1, late, |s| checked(s, &s.a), any),
        "release-late"
    );
}

#[test]
fn claim_failed() {
    let link = |s: &Shared| {
        s.link.store(1, Relaxed);
        s.owner.store(1, Release);
    };
    let fails = |s: &Shared| {
        s.owner.compare_exchange(FREE, BUSY, AcqRel, Relaxed) == Err(1) && s.link.load(Relaxed) == 0
    };
    assert!(outcome(BUSY, 0, link, fails, any));
}

/// The word is the count, the link the data.
fn put(s: &Shared, order: Ordering) -> bool {
    if s.owner.fetch_sub(1, order) != 1 {
        return false;
    }
    fence(Acquire);
    s.link.load(Relaxed) == 0
}

#[test]
fn put_last() {
    let releases = |s: &Shared| {
        s.link.store(1, Relaxed);
        put(s, Release);
    };
    assert!(!outcome(2, 0, releases, |s| put(s, Release), any));
    let late = |s: &Shared| {
        s.link.store(1, Relaxed);
        put(s, Relaxed);
    };
    assert!(
        outcome(2, 0, late, |s| put(s, Relaxed), any),
        "put-last-relaxed"
    );
}
