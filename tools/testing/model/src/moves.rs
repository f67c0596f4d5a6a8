// SPDX-License-Identifier: GPL-2.0

//! Nodes that move between roots while others look at them, insert beside them, or have their
//! object in another root as well.

use loom::thread::spawn;

use crate::{
    collection::Collection,
    list::ListKind,
    rbtree::TreeKind,
    world::{each_kind, explore, put, Bag, Guarded, Ref},
};

each_kind!(there_and_back, seen_while_moved, neighbours_part);

/// One moves a node from `a` to `b`, one from `b` to `a`, one takes it where it is.
fn there_and_back<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let moved = a.remove(&x2).is_some_and(|x| b.push(x));
            x2.put();
            moved
        });
        let two = spawn(move || {
            let moved = b.remove(&x3).is_some_and(|x| a.push(x));
            x3.put();
            moved
        });
        let out = put(a.pop());
        let (there, back) = (one.join().unwrap(), two.join().unwrap());
        assert!(there || out, "nobody got the node");
        assert!(there || !back, "moved back, but never there");
        assert_eq!(
            (a.count(), b.count()),
            ((back && !out) as usize, (there && !back) as usize)
        );
        a.free();
        b.free();
    });
}

/// One looks at a node's neighbours in `a` and one in `b`, while it moves from the one to the
/// other.
fn seen_while_moved<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3, x4], y) = (Ref::several(), Ref::new());
        assert!(a.push(x1) && a.push(y));
        let one = spawn(move || {
            let moved = a.remove(&x2).is_some_and(|x| b.push(x));
            assert!(moved, "nobody else takes or pushes it");
            x2.put();
        });
        let two = spawn(move || {
            a.visit(&x3);
            x3.put();
        });
        b.visit(&x4);
        x4.put();
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (1, 1));
        a.free();
        b.free();
    });
}

/// Two nodes that are neighbours in `a` move to `b` at once, each by another thread; a third puts
/// the first back.
fn neighbours_part<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], [y1, y2]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let one = spawn(move || {
            let out = a.remove(&x2);
            x2.put();
            out.is_some_and(|x| b.push(x))
        });
        let two = spawn(move || {
            let out = a.remove(&y2);
            y2.put();
            out.is_some_and(|y| b.push(y))
        });
        let again = a.push(x3);
        let there = one.join().unwrap();
        assert!(two.join().unwrap(), "nobody else takes or pushes it");
        assert!(there || again, "the node is in no root");
        assert_eq!(a.count() + b.count(), 2);
        a.free();
        b.free();
    });
}

/// Two insert behind a node, each in another root, while it moves from the one to the other.
#[test]
fn inserted_beside_what_moves() {
    explore(|| {
        let (a, b) = (
            Bag::<ListKind>::new(Guarded::Spin),
            Bag::<ListKind>::new(Guarded::Res),
        );
        let ([x1, x2, x3, x4], y, z) = (Ref::several(), Ref::new(), Ref::new());
        assert!(a.push(x1));
        let one = spawn(move || {
            let moved = a.remove(&x2).is_some_and(|x| b.push(x));
            assert!(moved, "nobody else takes or pushes it");
            x2.put();
        });
        let two = spawn(move || {
            let done = a.push_after(y, &x3);
            x3.put();
            done
        });
        let beside = b.push_after(z, &x4);
        x4.put();
        one.join().unwrap();
        let behind = two.join().unwrap();
        assert_eq!(
            (a.count(), b.count()),
            (behind as usize, 1 + beside as usize)
        );
        a.free();
        b.free();
    });
}

/// An object that is in a list and in a tree leaves both, and is dropped by a third, at once.
#[test]
fn in_a_list_and_in_a_tree() {
    explore(|| {
        let (list, tree) = (
            Bag::<ListKind>::new(Guarded::Spin),
            Bag::<TreeKind>::new(Guarded::Res),
        );
        let [x1, x2, x3, x4] = Ref::several();
        assert!(list.push(x1) && tree.push(x2));
        let one = spawn(move || {
            assert!(put(tree.remove(&x3)), "nobody else takes it");
            x3.put();
        });
        let two = spawn(move || {
            x4.write();
            x4.put();
        });
        assert!(put(list.pop()), "nobody else takes it");
        one.join().unwrap();
        two.join().unwrap();
        list.free();
        tree.free();
    });
}
