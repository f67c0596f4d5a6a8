// SPDX-License-Identifier: GPL-2.0

//! A root goes away while others share what is in it.

use loom::{
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread::spawn,
};

use crate::{
    collection::Collection,
    world::{each_kind, explore, is_free, put, Bag, Explore, Guarded, Ref},
};

each_kind!(
    drain_and_claim,
    drain_and_remove,
    drain_and_next_root,
    put_in_again,
    address_reused,
    more_than_a_chunk
);

/// A root with two nodes is freed, while two others push one of them each to another root: they
/// can once it is taken out, and what they cannot push they drop.
fn drain_and_claim<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let one = spawn(move || a.free());
        let two = spawn(move || b.push(x2));
        let done = b.push(y2);
        one.join().unwrap();
        let other = two.join().unwrap();
        assert_eq!(b.count(), done as usize + other as usize);
        b.free();
    });
}

/// A root is drained, while one removes a node from it and one pushes that elsewhere. (A program
/// does not reach a root that goes away. The protocol does not depend on that.)
fn drain_and_remove<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], y) = (Ref::several(), Ref::new());
        assert!(a.push(x1) && a.push(y));
        let one = spawn(move || a.drain());
        let two = spawn(move || {
            let out = a.remove(&x2);
            x2.put();
            put(out)
        });
        let there = b.push(x3);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (0, there as usize));
        a.free();
        b.free();
    });
}

/// A root is freed, while one asks another root for a node of it and one pushes it there.
fn drain_and_next_root<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || a.free());
        let two = spawn(move || {
            let out = put(b.remove(&x2));
            x2.put();
            out
        });
        let pushed = b.push(x3);
        one.join().unwrap();
        let out = two.join().unwrap();
        assert!(pushed || !out, "taken from a root it was never in");
        assert_eq!(b.count(), (pushed && !out) as usize);
        b.free();
    });
}

/// What was drained is free: a holder who was refused before is not refused for ever.
fn put_in_again<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let one = spawn(move || a.free());
        let early = b.push(x2);
        one.join().unwrap();
        assert!(is_free::<K>(&y2), "drained, but not free");
        assert!(b.push(y2), "drained, but refused");
        assert_eq!(b.push(x3), !early, "in one root, once");
        assert_eq!(b.count(), 2);
        b.free();
    });
}

/// A root is freed and another one made at its address, under a lock of its own. What was in the
/// old one is not in the new one, whoever asks and whenever.
fn address_reused<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let known = Arc::new(AtomicBool::new(false));
        let seen = known.clone();
        let one = spawn(move || {
            let _ = a.reborn();
            known.store(true, Ordering::Release);
        });
        let two = spawn(move || b.push(y2));
        let mut back = false;
        if seen.load(Ordering::Acquire) {
            assert!(
                !put(a.remove(&x2)),
                "taken from a root that it was never in"
            );
            back = a.push(x2);
            assert!(back, "drained, but refused");
        } else {
            x2.put();
        }
        one.join().unwrap();
        let there = two.join().unwrap();
        assert_eq!((a.count(), b.count()), (back as usize, there as usize));
        a.free();
        b.free();
    });
}

/// A root with more nodes than are taken out in one go is freed, while the first and the last are
/// pushed elsewhere.
fn more_than_a_chunk<K: Collection>(guarded: Guarded) {
    let explore = Explore {
        rcu: false,
        preemptions: Some(2),
    };
    explore.run(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1));
        for _ in 1..K::CHUNK {
            assert!(a.push(Ref::new()));
        }
        assert!(a.push(y1));
        let one = spawn(move || a.free());
        let done = b.push(x2) as usize + b.push(y2) as usize;
        one.join().unwrap();
        assert_eq!(b.count(), done);
        b.free();
    });
}
