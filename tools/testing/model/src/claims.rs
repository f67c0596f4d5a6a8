// SPDX-License-Identifier: GPL-2.0

//! Who gets a node that several want: two roots, two locks, and no lock in common.

use loom::thread::spawn;

use crate::{
    collection::Collection,
    world::{each_kind, explore, put, Bag, Guarded, Ref},
};

each_kind!(
    three_pushes,
    push_and_remove,
    two_removes,
    remove_and_strangers,
    pop_and_remove
);

/// Three push one free node, to two roots: one of them does.
fn three_pushes<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        let one = spawn(move || a.push(x1));
        let two = spawn(move || b.push(x2));
        let done = [a.push(x3), one.join().unwrap(), two.join().unwrap()];
        assert_eq!(
            done.iter().filter(|d| **d).count(),
            1,
            "pushed by all of {done:?}"
        );
        assert_eq!(
            (a.count(), b.count()),
            (1 - done[2] as usize, done[2] as usize)
        );
        a.free();
        b.free();
    });
}

/// One takes a node out, two push it elsewhere and back. The links belong to the one whose turn it
/// is: release before claim, with no lock in common.
fn push_and_remove<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3, x4] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let out = a.remove(&x2);
            x2.put();
            put(out)
        });
        let two = spawn(move || b.push(x3));
        let again = a.push(x4);
        let (out, other) = (one.join().unwrap(), two.join().unwrap());
        assert!(out, "nobody else takes it out");
        assert!(!(again && other), "pushed to both roots");
        // It was in one root when it began: what came in and did not go out is there.
        assert_eq!(
            a.count() + b.count(),
            1 - out as usize + again as usize + other as usize
        );
        a.free();
        b.free();
    });
}

/// Two take one node out and a third pops: one of them gets it.
fn two_removes<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let out = a.remove(&x2);
            x2.put();
            out.is_some_and(|x| b.push(x))
        });
        let two = spawn(move || {
            let out = put(a.remove(&x3));
            x3.put();
            out
        });
        let done = [put(a.pop()), one.join().unwrap(), two.join().unwrap()];
        assert_eq!(
            done.iter().filter(|d| **d).count(),
            1,
            "taken by all of {done:?}"
        );
        assert_eq!((a.count(), b.count()), (0, done[1] as usize));
        a.free();
        b.free();
    });
}

/// One pushes and removes in one root, one asks another root for the node, which never has it, and
/// one pops there.
fn remove_and_strangers<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], y) = (Ref::several(), Ref::new());
        assert!(b.push(y));
        let one = spawn(move || {
            assert!(a.push(x1), "nobody else pushes it");
            let out = a.remove(&x2);
            assert!(put(out), "nobody else takes it");
            x2.put();
        });
        let two = spawn(move || {
            assert!(b.remove(&x3).is_none(), "taken from a root it was never in");
            x3.put();
        });
        assert!(put(b.pop()), "nobody else takes it");
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (0, 0));
        a.free();
        b.free();
    });
}

/// One pops where two nodes are, one removes the second and pushes it elsewhere, one pushes the
/// first there: neighbours' links and both nodes' words.
fn pop_and_remove<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let one = spawn(move || a.pop().is_some_and(|x| b.push(x)));
        let two = spawn(move || {
            let out = a.remove(&y2);
            y2.put();
            put(out)
        });
        let pushed = b.push(x2);
        let (popped, removed) = (one.join().unwrap(), two.join().unwrap());
        assert!(removed, "nobody else takes the second node");
        assert!(popped != pushed, "the first node is pushed by one of two");
        assert_eq!((a.count(), b.count()), (0, 1));
        a.free();
        b.free();
    });
}
