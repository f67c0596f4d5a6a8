// SPDX-License-Identifier: GPL-2.0

//! The last reference, and those who would like one more.

use loom::thread::spawn;

use crate::{
    collection::Collection,
    world::{each_kind, explore, put, Bag, Explore, Guarded, Ref},
};

each_kind!(
    last_put_and_acquire,
    last_put_and_pop,
    found_and_freed_at_once,
    refused_and_last,
    last_of_a_holder
);

/// One takes the last reference out of a root and drops it; two readers under RCU would have one
/// more. Each gets it or not; who does can use the object, and it is freed once.
fn last_put_and_acquire<K: Collection>(guarded: Guarded) {
    let explore = Explore {
        rcu: true,
        preemptions: None,
    };
    explore.run(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let x = Ref::new();
        let (x1, x2) = (x.uncounted(), x.uncounted());
        assert!(a.push(x));
        let one = spawn(move || {
            assert!(put(a.pop()), "nobody else takes it");
        });
        let two = spawn(move || x1.another().is_some_and(|x| b.push(x)));
        put(x2.another());
        one.join().unwrap();
        let there = two.join().unwrap();
        assert_eq!(b.count(), there as usize);
        a.free();
        b.free();
    });
}

/// Three references are dropped at once, one of them from a root. What each did with the object
/// comes before it is freed.
fn last_put_and_pop<K: Collection>(guarded: Guarded) {
    explore(move || {
        let a = Bag::<K>::new(guarded);
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            x2.write();
            x2.put();
        });
        let two = spawn(move || x3.put());
        assert!(put(a.pop()), "nobody else takes it");
        one.join().unwrap();
        two.join().unwrap();
        a.free();
    });
}

/// One takes the only reference out of a root and drops it, and memory and root have a new object
/// at once; two others look at what they find, with no reference and no grace period, but under
/// the lock.
fn found_and_freed_at_once<K: Collection>(guarded: Guarded) {
    let explore = Explore {
        rcu: true,
        preemptions: None,
    };
    explore.run(move || {
        let a = Bag::<K>::new(guarded);
        let x = Ref::new();
        let was = x.as_ptr();
        assert!(a.push(x));
        let one = spawn(move || a.write_first());
        let two = spawn(move || a.write_first());
        let x = a.pop().expect("nobody else takes it");
        x.write();
        x.put_at_once();
        let new = Ref::new();
        assert_eq!(new.as_ptr(), was, "the memory is kept");
        assert!(a.push(new));
        one.join().unwrap();
        two.join().unwrap();
        a.free();
    });
}

/// An insertion that is refused gives up a reference, and that may be the last: under the lock of
/// one root, while another one has it taken out.
fn refused_and_last<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (a, b) = (Bag::<K>::new(guarded), Bag::<K>::new(guarded));
        let [x1, x2, x3] = Ref::several();
        assert!(a.push(x1));
        let one = spawn(move || {
            assert!(put(a.pop()), "nobody else takes it");
        });
        let two = spawn(move || b.push(x2));
        let done = b.push(x3);
        one.join().unwrap();
        let other = two.join().unwrap();
        assert!(!(done && other), "pushed twice");
        assert_eq!(b.count(), (done || other) as usize);
        a.free();
        b.free();
    });
}

/// An object with a root in it is shared. Who has a reference finds in the root what is there, and
/// whoever drops it last frees that, while others push what it holds elsewhere.
fn last_of_a_holder<K: Collection>(guarded: Guarded) {
    explore(move || {
        let (holder, b) = (Bag::<K>::shared(), Bag::<K>::new(guarded));
        let ([x1, x2], [y1, y2]) = (Ref::several(), Ref::several());
        let also = holder.another();
        assert!(holder.push(x1) && holder.push(y1));
        let one = spawn(move || {
            assert!(put(also.remove(&x2)), "the holder is held, but empty");
            x2.put();
            also.put();
        });
        let two = spawn(move || holder.put());
        let there = b.push(y2);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(b.count(), there as usize);
        b.free();
    });
}
