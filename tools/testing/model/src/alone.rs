// SPDX-License-Identifier: GPL-2.0

//! What needs no second thread to go wrong, but whose end the other tests rely on.

use kernel::memory;

use crate::{
    collection::Collection,
    list::ListKind,
    rbtree::TreeKind,
    world::{explore, is_free, put, Bag, Guarded, Ref},
};

/// If the lock of a root cannot be had nothing is touched and somebody is told; nothing is lost
/// where it can be had later.
fn no_lock<K: Collection>() {
    explore(|| {
        let a = Bag::<K>::new(Guarded::Res);
        let [x1, x2] = Ref::several();
        assert!(a.push(x1) && a.push(Ref::new()));
        a.break_lock(true);
        a.drain();
        assert_eq!(memory::warnings().len(), 1, "nobody was told");
        a.break_lock(false);
        assert_eq!(a.count(), 2);
        assert!(put(a.remove(&x2)), "not where it was");
        assert!(is_free::<K>(&x2));
        x2.put();
        a.free();
    });
}

#[test]
fn no_lock_of_a_list() {
    no_lock::<ListKind>();
}

#[test]
fn no_lock_of_a_tree() {
    no_lock::<TreeKind>();
}
