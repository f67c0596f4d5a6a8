// SPDX-License-Identifier: GPL-2.0

//! Nodes that go from root to root in one step, under the locks of both or the one that both have:
//! at no moment are they anybody's who would like one.

use loom::thread::spawn;

use crate::{
    collection::Collection,
    rbtree::TreeKind,
    world::{each_kind, explore, put, Bag, Guarded, Ref},
};

each_kind!(
    two_locks_and_claim,
    one_lock_and_claim,
    both_ways,
    from_what_is_drained,
    to_what_is_drained,
    by_nobody_who_holds_it,
    beside_another
);

/// A node moves from `a` to `b`, one removes it from `b` by a reference of its own, and one pushes
/// it to `c`, under a lock that neither of the others holds: that can be done once it was removed.
fn and_claim<K: Collection>([a, b]: [Bag<K>; 2], c: Bag<K>) {
    let [x1, x2, x3, x4] = Ref::several();
    assert!(a.push(x1));
    let one = spawn(move || {
        assert!(a.hand(&x2, b), "nobody else takes it from there");
        x2.put();
    });
    let two = spawn(move || c.push(x3));
    let out = put(b.remove_known(&x4));
    x4.put();
    one.join().unwrap();
    let pushed = two.join().unwrap();
    assert!(out || !pushed, "claimed while it was moved");
    assert_eq!(
        (a.count(), b.count(), c.count()),
        (0, !out as usize, pushed as usize)
    );
}

fn two_locks_and_claim<K: Collection>(guarded: Guarded) {
    explore(move || {
        let [a, b, c] = [(); 3].map(|()| Bag::<K>::new(guarded));
        and_claim([a, b], c);
        a.free();
        b.free();
        c.free();
    });
}

fn one_lock_and_claim<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, c) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let b = a.other();
        and_claim([a, b], c);
        b.drain();
        a.free();
        c.free();
    });
}

/// One moves a node from `a` to `b`, one from `b` to `a`, and one takes it from `a`.
fn both_ways<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3, x4] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let there = a.hand(&x2, b);
            x2.put();
            there
        });
        let two = spawn(move || {
            let back = b.hand(&x3, a);
            x3.put();
            back
        });
        let out = put(a.remove_known(&x4));
        x4.put();
        let (there, back) = (one.join().unwrap(), two.join().unwrap());
        assert!(there || out, "it was in neither");
        assert!(there || !back, "moved back, but never there");
        assert!(back || !there || !out, "taken where it was no more");
        assert_eq!(a.count() + b.count(), !out as usize);
        assert_eq!(b.count(), (there && !back && !out) as usize);
        a.free();
        b.free();
    });
}

/// A node moves from `a`, which is drained, to `b`, while one pushes it to `c`: it is moved, or
/// drained and then anybody's.
fn from_what_is_drained<K: Collection>(guarded: Guarded) {
    explore(move || {
        let [a, b, c] = [(); 3].map(|()| Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let moved = a.hand(&x2, b);
            x2.put();
            moved
        });
        let two = spawn(move || a.drain());
        let pushed = c.push(x3);
        let moved = one.join().unwrap();
        two.join().unwrap();
        assert!(!(moved && pushed), "claimed while it was moved");
        assert_eq!(
            (a.count(), b.count(), c.count()),
            (0, moved as usize, pushed as usize)
        );
        a.free();
        b.free();
        c.free();
    });
}

/// A node moves from `a` to `b`, which is drained, while one pushes it to `a`.
fn to_what_is_drained<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            assert!(a.hand(&x2, b), "nobody else takes it from there");
            x2.put();
        });
        let two = spawn(move || b.drain());
        let pushed = a.push(x3);
        one.join().unwrap();
        two.join().unwrap();
        assert!(
            !pushed || b.count() == 0,
            "pushed, though it was never drained"
        );
        assert_eq!(a.count(), pushed as usize);
        a.free();
        b.free();
    });
}

/// Two move the only node there is, which nobody has a reference to, one from `a` to `b`, one back,
/// while `a` is drained: it is freed by that or found at the end.
fn by_nobody_who_holds_it<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        assert!(a.push(Ref::new()));
        let one = spawn(move || a.hand_first(b));
        let two = spawn(move || b.hand_first(a));
        a.drain();
        let (there, back) = (one.join().unwrap(), two.join().unwrap());
        assert!(there || !back, "moved back, but never there");
        assert_eq!(b.count(), (there && !back) as usize);
        assert!(a.count() <= back as usize, "not moved, not drained");
        a.free();
        b.free();
    });
}

/// A node moves from between its neighbours in `a` to `b`, where another one is. Meanwhile one
/// neighbour is taken out of `a`, and one walks from the node in `b`.
fn beside_another<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], [y1, y2], z) = (Ref::several(), Ref::several(), Ref::new());
        assert!(a.push(x1) && a.push(y1) && b.push(z));
        let one = spawn(move || {
            assert!(a.hand(&x2, b), "nobody else takes it from there");
            x2.put();
        });
        let two = spawn(move || {
            assert!(put(a.remove_known(&y2)), "nobody else takes it");
            y2.put();
        });
        b.visit(&x3);
        x3.put();
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (0, 2));
        a.free();
        b.free();
    });
}

/// A node that moves to another tree by its key is nobody else's on the way.
#[test]
fn by_key_and_claimed() {
    explore(|| {
        let (a, b, c) = (
            Bag::<TreeKind>::new(Guarded::Spin),
            Bag::<TreeKind>::new(Guarded::Spin),
            Bag::<TreeKind>::new(Guarded::Res),
        );
        let [x1, x2, x3, x4] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let (guard, _inner) = a.both(b);
            let (mut from, mut to) = (a.locked(&guard), b.locked(&guard));
            let node = Bag::<TreeKind>::node(&x2, &guard);
            let moved = from.move_before(&mut to, node, |at| node.as_ptr() < at.as_ptr());
            assert!(moved, "nobody else takes it from there");
            drop((_inner, guard));
            x2.put();
        });
        let two = spawn(move || c.push(x3));
        let out = put(b.remove_known(&x4));
        x4.put();
        one.join().unwrap();
        let pushed = two.join().unwrap();
        assert!(out || !pushed, "claimed while it was moved");
        assert_eq!(
            (a.count(), b.count(), c.count()),
            (0, !out as usize, pushed as usize)
        );
        a.free();
        b.free();
        c.free();
    });
}

/// A node whose key changes, so that it goes to another place in its tree, is not free meanwhile.
#[test]
fn repositioned_and_claimed() {
    explore(|| {
        let (a, b) = (
            Bag::<TreeKind>::new(Guarded::Spin),
            Bag::<TreeKind>::new(Guarded::Res),
        );
        let ([x1, x2, x3, x4], y) = (Ref::several(), Ref::new());
        assert!(a.push(x1) && a.push(y));
        let one = spawn(move || {
            let there = a.reposition_twice(&x2);
            x2.put();
            there
        });
        let two = spawn(move || b.push(x3));
        let out = put(a.remove_known(&x4));
        x4.put();
        let (there, pushed) = (one.join().unwrap(), two.join().unwrap());
        assert!(there || out, "nobody else takes it");
        assert!(out || !pushed, "claimed while it was moved");
        assert_eq!((a.count(), b.count()), (2 - out as usize, pushed as usize));
        a.free();
        b.free();
    });
}
