// SPDX-License-Identifier: GPL-2.0

//! Nodes that are claimed without a lock and stay so, until they are inserted or given back. Nobody
//! waits for them, and nobody else gets them.

use std::marker::PhantomData;

use loom::thread::spawn;

use crate::{
    collection::Collection,
    list::ListKind,
    owner::{Claim, Held},
    rbtree::TreeKind,
    world::{each_kind, explore, is_free, node_of, put, Bag, Guarded, Ref},
};

each_kind!(
    granted_to_one,
    kept_from_all,
    given_back_to_one,
    given_back_with_its_links,
    granted_when_removed,
    granted_when_drained,
    used_in_what_is_drained,
    not_granted_while_moved,
    moved_once_inserted
);

/// A reference whose node is reserved.
#[must_use = "a node that is reserved is nobody's for ever"]
struct Reserved<K>(Ref, PhantomData<K>);

impl<K: Collection> Reserved<K> {
    /// `bpf_list_can_add()`, `bpf_rbtree_can_add()`; the reference comes back where it says no.
    fn ask(thing: Ref) -> Result<Self, Ref> {
        // SAFETY: No collection is reached through it, and the reference is held.
        let held = unsafe { Held::new() };
        let claim = node_of::<K>(&thing, &held).claim();
        match claim.map(Claim::reserve) {
            Some(()) => Ok(Self(thing, PhantomData)),
            None => Err(thing),
        }
    }

    /// Asks for a node that must be free.
    fn of_free(thing: Ref) -> Self {
        Self::ask(thing).unwrap_or_else(|_| panic!("free, but not granted"))
    }

    /// Inserts it. There is nothing that can fail.
    fn put_into(self, bag: Bag<K>) {
        let guard = bag.guard();
        // SAFETY: It was reserved for this reference, and this is the only return to it.
        let claim = unsafe { Bag::<K>::node(&self.0, &guard).reserved() };
        K::put(&mut bag.locked(&guard), claim);
    }

    /// `bpf_list_unreserve()`, `bpf_rbtree_unreserve()`.
    fn give_back(self) -> Ref {
        // SAFETY: No collection is reached through it, and the reference is held.
        let held = unsafe { Held::new() };
        // SAFETY: It was reserved for this reference, and this is the only return to it.
        unsafe { node_of::<K>(&self.0, &held).reserved() }.give_back();
        self.0
    }
}

/// Reserves and inserts, or drops the reference; whether it was granted.
fn reserve_into<K: Collection>(thing: Ref, bag: Bag<K>) -> bool {
    match Reserved::<K>::ask(thing) {
        Ok(reserved) => {
            reserved.put_into(bag);
            true
        }
        Err(thing) => {
            thing.put();
            false
        }
    }
}

/// Two reserve one free node, each for another root, and one pushes it to a third: one gets it.
fn granted_to_one<K: Collection>(guarded: Guarded) {
    explore(move || {
        let [a, b, c] = [(); 3].map(|()| Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        let one = spawn(move || reserve_into(x1, a));
        let two = spawn(move || reserve_into(x2, b));
        let pushed = c.push(x3);
        let done = [one.join().unwrap(), two.join().unwrap(), pushed];
        assert_eq!(
            done.iter().filter(|d| **d).count(),
            1,
            "had by all of {done:?}"
        );
        assert_eq!([a.count(), b.count(), c.count()], done.map(usize::from));
        a.free();
        b.free();
        c.free();
    });
}

/// A node that is reserved goes to `a`. One removes it from there by a reference of its own, and
/// one pushes it to `b`: that can be done once it was removed, and never before it was inserted.
fn kept_from_all<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        let reserved = Reserved::<K>::of_free(x1);
        let one = spawn(move || {
            let out = put(a.remove_known(&x2));
            x2.put();
            out
        });
        let two = spawn(move || b.push(x3));
        reserved.put_into(a);
        let (out, pushed) = (one.join().unwrap(), two.join().unwrap());
        assert!(out || !pushed, "claimed while it was reserved");
        assert_eq!((a.count(), b.count()), (!out as usize, pushed as usize));
        a.free();
        b.free();
    });
}

/// A node that is reserved is given back, and then pushed by whoever did, by one who pushes it
/// elsewhere, or inserted by one who reserves it: it is not lost to all.
fn given_back_to_one<K: Collection>(guarded: Guarded) {
    explore(move || {
        let [a, b, c] = [(); 3].map(|()| Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        let reserved = Reserved::<K>::of_free(x1);
        let one = spawn(move || b.push(x2));
        let two = spawn(move || reserve_into(x3, c));
        let again = a.push(reserved.give_back());
        let done = [again, one.join().unwrap(), two.join().unwrap()];
        assert_eq!(
            done.iter().filter(|d| **d).count(),
            1,
            "had by all of {done:?}"
        );
        assert_eq!([a.count(), b.count(), c.count()], done.map(usize::from));
        a.free();
        b.free();
        c.free();
    });
}

/// One takes a node out, one reserves it and gives it back without a look at its links, and one
/// pushes it elsewhere, who must see them as the first has left them.
fn given_back_with_its_links<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3, x4], y) = (Ref::several(), Ref::new());
        assert!(a.push(x1) && a.push(y));
        let one = spawn(move || {
            assert!(put(a.remove(&x2)), "nobody else takes it out");
            x2.put();
        });
        let two = spawn(move || match Reserved::<K>::ask(x3) {
            Ok(reserved) => reserved.give_back().put(),
            Err(thing) => thing.put(),
        });
        let pushed = b.push(x4);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (1, pushed as usize));
        a.free();
        b.free();
    });
}

/// A node is taken out of `a` and pushed back by one, while one reserves it for `b`, and one asks
/// for it in `b`, by its handle: it is there once it was granted, and in one root.
fn granted_when_removed<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3, x4] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            let out = a.remove(&x2).expect("nobody else takes it out");
            x2.put();
            a.push(out)
        });
        let two = spawn(move || reserve_into(x3, b));
        let out = put(b.remove_known(&x4));
        x4.put();
        let (again, granted) = (one.join().unwrap(), two.join().unwrap());
        assert!(granted || !out, "taken from a root it was never in");
        assert!(granted || again, "refused to both");
        assert!(out || !(granted && again), "in one root, and granted");
        // Whoever was last: it can be pushed back once it has gone from `b`.
        assert_eq!(
            (a.count(), b.count()),
            (again as usize, (granted && !out) as usize)
        );
        a.free();
        b.free();
    });
}

/// A root with two nodes is drained, while one of them is reserved for `b`, and the other one is
/// pushed there: each is granted when it is out.
fn granted_when_drained<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2, y3]) = (Ref::several(), Ref::several());
        assert!(a.push(x1) && a.push(y1));
        let one = spawn(move || a.free());
        let two = spawn(move || reserve_into(x2, b));
        let pushed = b.push(y2);
        one.join().unwrap();
        let granted = two.join().unwrap();
        assert_eq!(b.count(), pushed as usize + granted as usize);
        assert_eq!(
            reserve_into(y3, b),
            !pushed,
            "drained, and in no other root"
        );
        b.free();
    });
}

/// A node that is reserved goes to a root that is drained at the same time, while one pushes it
/// elsewhere: that can be done once it was drained, and what was not drained is there.
fn used_in_what_is_drained<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let ([x1, x2, x3], y) = (Ref::several(), Ref::new());
        let reserved = Reserved::<K>::of_free(x1);
        assert!(a.push(y));
        let one = spawn(move || a.drain());
        let two = spawn(move || b.push(x2));
        reserved.put_into(a);
        one.join().unwrap();
        let pushed = two.join().unwrap();
        let left = a.count();
        assert!(left == 0 || !pushed, "claimed, and never drained");
        assert_eq!(is_free::<K>(&x3), left == 0 && !pushed);
        x3.put();
        assert_eq!(b.count(), pushed as usize);
        a.free();
        b.free();
    });
}

/// A node moves from `a` to `b` under both locks, one removes it from `b`, and one reserves it for
/// `c`, under no lock: it is granted once it was removed.
fn not_granted_while_moved<K: Collection>(guarded: Guarded) {
    explore(move || {
        let [a, b, c] = [(); 3].map(|()| Bag::<K>::new(guarded));
        let [x1, x2, x3, x4] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            assert!(a.hand(&x2, b), "nobody else takes it from there");
            x2.put();
        });
        let two = spawn(move || reserve_into(x3, c));
        let out = put(b.remove_known(&x4));
        x4.put();
        one.join().unwrap();
        let granted = two.join().unwrap();
        assert!(out || !granted, "granted while it was moved");
        assert_eq!(
            (a.count(), b.count(), c.count()),
            (0, !out as usize, granted as usize)
        );
        a.free();
        b.free();
        c.free();
    });
}

/// A node that is reserved goes to `a`. One moves it from there to `b`, if it is there yet, and one
/// asks for it, who is refused at all times: nobody takes it out.
fn moved_once_inserted<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        let reserved = Reserved::<K>::of_free(x1);
        let one = spawn(move || {
            let moved = a.hand(&x2, b);
            x2.put();
            moved
        });
        let two = spawn(move || {
            let refused = Reserved::<K>::ask(x3);
            refused.map_or_else(Ref::put, |_| panic!("granted, though it was reserved"));
        });
        reserved.put_into(a);
        let moved = one.join().unwrap();
        two.join().unwrap();
        assert_eq!((a.count(), b.count()), (!moved as usize, moved as usize));
        a.free();
        b.free();
    });
}

/// One node of an object is reserved and given back, while the other one goes in and out by other
/// references: neither is asked for the other, and the object goes with the last reference.
#[test]
fn one_node_of_two() {
    explore(|| {
        let (list, tree) = (
            Bag::<ListKind>::new(Guarded::Spin),
            Bag::<TreeKind>::new(Guarded::Res),
        );
        let [x1, x2, x3] = Ref::several();
        let reserved = Reserved::<ListKind>::of_free(x1);
        let one = spawn(move || {
            assert!(tree.push(x2), "refused for its other node");
            assert!(put(tree.pop()), "nobody else takes it");
        });
        let two = spawn(move || assert!(!list.push(x3), "pushed, though it is reserved"));
        one.join().unwrap();
        // It is kept for as long as it takes.
        two.join().unwrap();
        reserved.give_back().put();
        assert_eq!((list.count(), tree.count()), (0, 0));
        list.free();
        tree.free();
    });
}
