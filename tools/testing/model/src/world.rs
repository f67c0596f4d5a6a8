// SPDX-License-Identifier: GPL-2.0

//! Objects, references to them and the roots that hold them, as a program has them.
//!
//! # Invariants
//!
//! *References*: a [`Ref`] is a reference that was counted, and a [`Thing`] lives while there is
//! one. *Values*: a [`Bag`] is used while its value lives. *Locks*: a bag's root is touched under
//! its lock only, or by the one thread that is left. None of this is trusted: `kernel::memory`
//! fails the test where it is broken, which is what the tests are for.

use std::{
    ffi::c_void,
    marker::PhantomData,
    mem::{offset_of, size_of},
    ptr::NonNull,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
};

use kernel::{bindings::*, memory};

use crate::{
    collection::Collection,
    drain::drain,
    list::{List, ListKind},
    lock::{Guard, Lock},
    object::Object,
    owner::{Held, Node},
    rbtree::TreeKind,
    types::{free_fields, thing_record, value_record, Thing, Value},
};

/// Which lock guards a root.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Guarded {
    Spin,
    Res,
}

/// A reference to a [`Thing`].
#[must_use = "a reference that nobody has is a leak"]
pub(crate) struct Ref(NonNull<Thing>);

impl Ref {
    pub(crate) fn new() -> Self {
        let obj = Object::new(size_of::<Thing>(), Some(thing_record())).unwrap();
        let thing: *mut Thing = obj.as_ptr().cast();
        // SAFETY: The object is new and of this size.
        unsafe {
            memory::new_owner(&raw mut (*thing).list.owner, (*thing).list.owner);
            memory::new_owner(&raw mut (*thing).tree.owner, (*thing).tree.owner);
            memory::new_links((&raw mut (*thing).data).cast());
        }
        Self(NonNull::new(thing).unwrap())
    }

    pub(crate) fn as_ptr(&self) -> *mut Thing {
        self.0.as_ptr()
    }

    /// As many references to one new object.
    pub(crate) fn several<const N: usize>() -> [Self; N] {
        let first = Self::new();
        let mut all = vec![first];
        while all.len() < N {
            let more = all[0].another().expect("a reference is held");
            all.push(more);
        }
        all.try_into().unwrap_or_else(|_| unreachable!())
    }

    /// `bpf_refcount_acquire()`: one more reference, if the object is not on its way out.
    #[must_use]
    pub(crate) fn another(&self) -> Option<Self> {
        let record = thing_record();
        // SAFETY: *References*, or a reader that RCU knows.
        let count = unsafe { record.refcount(self.0.cast()) };
        count.acquire().then_some(Self(self.0))
    }

    /// A pointer that is no reference, as a reader under RCU has.
    pub(crate) fn uncounted(&self) -> Self {
        Self(self.0)
    }

    /// `bpf_obj_drop()`.
    pub(crate) fn put(self) {
        // SAFETY: *References*.
        unsafe { Object::from_raw(self.0.cast()).drop(Some(thing_record())) }
    }

    /// `bpf_obj_drop()` of the one reference to an object that can be read under its root's lock
    /// only.
    pub(crate) fn put_at_once(self) {
        // SAFETY: *References*.
        unsafe { Object::from_raw(self.0.cast()).drop_at_once(thing_record()) }
    }

    /// Writes what the object's holders agree on by other means.
    pub(crate) fn write(&self) {
        // SAFETY: *References*.
        memory::write(unsafe { &raw const (*self.as_ptr()).data });
    }
}

/// A root and its lock.
pub(crate) struct Bag<K: Collection> {
    at: NonNull<Value>,
    /// Where in the value the root is.
    root: usize,
    guarded: Guarded,
    kind: PhantomData<K>,
}

impl<K: Collection> Clone for Bag<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Collection> Copy for Bag<K> {}

impl<K: Collection> Bag<K> {
    /// A map's new value: zeroes.
    pub(crate) fn new(guarded: Guarded) -> Self {
        Self::over(memory::alloc(size_of::<Value>()), guarded)
    }

    /// An object that holds a root, is shared, and frees the root with its last reference.
    pub(crate) fn shared() -> Self {
        let obj = Object::new(size_of::<Value>(), Some(value_record::<K>())).unwrap();
        Self::over(obj.as_ptr(), Guarded::Spin)
    }

    fn over(at: *mut c_void, guarded: Guarded) -> Self {
        let at: NonNull<Value> = NonNull::new(at).unwrap().cast();
        let bag = Self {
            at,
            root: offset_of!(Value, root),
            guarded,
            kind: PhantomData,
        };
        memory::new_lock(at.as_ptr().cast(), false);
        memory::new_links(bag.root().as_ptr());
        // SAFETY: *Values*.
        unsafe { (*at.as_ptr()).root = [0; 3] };
        bag
    }

    /// The value's other root, under the same lock. It is freed before the value is.
    pub(crate) fn other(self) -> Self {
        let other = Self {
            root: offset_of!(Value, other),
            ..self
        };
        memory::new_links(other.root().as_ptr());
        // SAFETY: *Values*.
        unsafe { (*self.at.as_ptr()).other = [0; 3] };
        other
    }

    pub(crate) fn root(self) -> NonNull<c_void> {
        // SAFETY: *Values*.
        unsafe { self.at.byte_add(self.root).cast() }
    }

    fn lock(self) -> Lock {
        // SAFETY: *Values*.
        unsafe {
            match self.guarded {
                Guarded::Spin => Lock::spin(self.at.cast()),
                Guarded::Res => Lock::resilient(self.at.cast()),
            }
        }
    }

    /// From now on the lock can, or can not, be had.
    pub(crate) fn break_lock(self, broken: bool) {
        memory::new_lock(self.at.as_ptr().cast(), broken);
    }

    pub(crate) fn guard(self) -> Guard {
        self.lock().lock().expect("a lock that is not broken")
    }

    pub(crate) fn locked(self, guard: &Guard) -> K::Locked<'_> {
        // SAFETY: *Values*, *Locks*.
        unsafe { K::locked(self.root(), guard.held()) }
    }

    pub(crate) fn node<'l>(thing: &Ref, guard: &'l Guard) -> Node<'l, K> {
        node_of(thing, guard.held())
    }

    fn thing(node: Node<'_, K>) -> Ref {
        let at = node.as_ptr().wrapping_byte_sub(K::NODE);
        Ref(NonNull::new(at.cast()).unwrap())
    }

    /// Inserts, as a program does: where the node is not free, the reference is given up.
    #[must_use]
    pub(crate) fn push(self, thing: Ref) -> bool {
        let guard = self.guard();
        let done = K::push(&mut self.locked(&guard), Self::node(&thing, &guard));
        if !done {
            thing.put();
        }
        done
    }

    /// Takes `thing` out, and the root's reference with it.
    #[must_use]
    pub(crate) fn remove(self, thing: &Ref) -> Option<Ref> {
        let guard = self.guard();
        let out = K::remove(&mut self.locked(&guard), Self::node(thing, &guard));
        out.map(Self::thing)
    }

    /// Takes `thing` out where it is known to be there, as a program may that has asked.
    #[must_use]
    pub(crate) fn remove_known(self, thing: &Ref) -> Option<Ref> {
        let guard = self.guard();
        let (mut locked, node) = (self.locked(&guard), Self::node(thing, &guard));
        let known = K::has(&locked, node);
        known.then(|| {
            let out = K::remove(&mut locked, node);
            Self::thing(out.expect("known to be there, and it is not"))
        })
    }

    /// The locks of two bags, which may be one lock, in the order of their addresses.
    pub(crate) fn both(self, to: Self) -> (Guard, Option<Guard>) {
        let (first, second) = if self.at <= to.at {
            (self, to)
        } else {
            (to, self)
        };
        let outer = first.guard();
        (outer, (first.at != second.at).then(|| second.guard()))
    }

    /// Moves `thing` to another root, under the locks of both; whether it was here.
    #[must_use]
    pub(crate) fn hand(self, thing: &Ref, to: Self) -> bool {
        let (guard, _inner) = self.both(to);
        let (mut from, mut to) = (self.locked(&guard), to.locked(&guard));
        K::hand(&mut from, Self::node(thing, &guard), &mut to)
    }

    /// Moves the first node to another root, without a reference to it; whether there is one.
    #[must_use]
    pub(crate) fn hand_first(self, to: Self) -> bool {
        let (guard, _inner) = self.both(to);
        let (mut from, mut to) = (self.locked(&guard), to.locked(&guard));
        K::first(&mut from).is_some_and(|node| K::hand(&mut from, node, &mut to))
    }

    /// Takes the first node out, and the root's reference with it.
    #[must_use]
    pub(crate) fn pop(self) -> Option<Ref> {
        let guard = self.guard();
        let out = K::pop(&mut self.locked(&guard));
        out.map(Self::thing)
    }

    /// Writes to the object of the first node, without a reference to it; whether there is one.
    pub(crate) fn write_first(self) -> bool {
        let guard = self.guard();
        let first = K::first(&mut self.locked(&guard));
        first.map(|node| Self::thing(node).write()).is_some()
    }

    /// Walks from `thing` to its neighbours, if it is in this root.
    pub(crate) fn visit(self, thing: &Ref) {
        let guard = self.guard();
        K::visit(&mut self.locked(&guard), Self::node(thing, &guard));
    }

    /// Frees the map's value, with what is in the root.
    pub(crate) fn free(self) {
        self.drain();
        memory::free(self.at.as_ptr().cast());
    }

    /// What frees the root does first.
    pub(crate) fn drain(self) {
        let record = value_record::<K>();
        // SAFETY: *Values*.
        unsafe { drain::<K>(self.root(), self.lock(), &record.fields()[1]) };
    }

    /// Frees the map's value; the address becomes another one.
    pub(crate) fn reborn(self) -> Self {
        self.free();
        let new = Self::new(self.guarded);
        assert!(new.at == self.at, "the address is not reused");
        new
    }

    /// One reference more to a bag that is shared.
    pub(crate) fn another(self) -> Self {
        // SAFETY: *Values*.
        assert!(unsafe { value_record::<K>().refcount(self.at.cast()) }.acquire());
        self
    }

    /// Gives back a reference to a bag that is shared.
    pub(crate) fn put(self) {
        free_fields_by(free_fields);
        // SAFETY: *Values*; whose bag it is gives a reference up.
        unsafe { Object::from_raw(self.at.cast()).drop(Some(value_record::<K>())) }
    }

    /// How many nodes there are, after a look at all links and words; for the last thread.
    pub(crate) fn count(self) -> usize {
        let guard = self.guard();
        let all = K::nodes(self.root());
        for &node in &all {
            // SAFETY: *References*: the root has one to what is in it.
            let word = unsafe { K::owner(NonNull::new_unchecked(node)) };
            let word = memory::last_owner(word);
            assert!(
                word == self.root().as_ptr(),
                "in the links, but the word is {word:?}"
            );
        }
        drop(guard);
        all.len()
    }
}

impl Bag<TreeKind> {
    /// Takes `thing` to the other end, as if its key had changed, and back; whether it was here.
    #[must_use]
    pub(crate) fn reposition_twice(self, thing: &Ref) -> bool {
        let guard = self.guard();
        let (mut tree, node) = (self.locked(&guard), Self::node(thing, &guard));
        tree.reposition(node, |a, b| a.as_ptr() > b.as_ptr())
            && tree.reposition(node, |a, b| a.as_ptr() < b.as_ptr())
    }
}

impl Bag<ListKind> {
    /// Inserts behind `prev`, as a program does.
    #[must_use]
    pub(crate) fn push_after(self, thing: Ref, prev: &Ref) -> bool {
        let guard = self.guard();
        // SAFETY: *Values*, *Locks*.
        let mut list = unsafe { List::locked(self.root(), guard.held()) };
        let done = list.insert_after(Self::node(&thing, &guard), Self::node(prev, &guard));
        if !done {
            thing.put();
        }
        done
    }
}

/// The node that a collection of this kind links.
pub(crate) fn node_of<'l, K: Collection>(thing: &Ref, held: &'l Held) -> Node<'l, K> {
    // SAFETY: *References*.
    unsafe {
        let node = NonNull::new_unchecked(thing.as_ptr()).byte_add(K::NODE);
        Node::from_raw(node.cast(), held)
    }
}

/// How far to explore.
pub(crate) struct Explore {
    /// What is freed stays for readers.
    pub(crate) rcu: bool,
    /// How often a thread may be interrupted where it need not wait; `None`: at any time.
    pub(crate) preemptions: Option<usize>,
}

impl Explore {
    pub(crate) fn run(self, f: impl Fn() + Send + Sync + 'static) {
        let executions = Arc::new(AtomicUsize::new(0));
        let counted = executions.clone();
        let mut model = loom::model::Builder::new();
        model.preemption_bound = self.preemptions;
        model.max_branches = 10_000;
        model.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            memory::begin(self.rcu);
            f();
            assert!(memory::live() == 0, "{} objects were lost", memory::live());
        });
        let executions = executions.load(Ordering::Relaxed);
        println!("executions: {executions}");
    }
}

/// Explores every interleaving, with nothing that RCU keeps.
pub(crate) fn explore(f: impl Fn() + Send + Sync + 'static) {
    Explore {
        rcu: false,
        preemptions: None,
    }
    .run(f);
}

/// Gives back what was taken out; whether there was anything.
pub(crate) fn put(thing: Option<Ref>) -> bool {
    thing.map(Ref::put).is_some()
}

/// A free node is one that any root takes.
pub(crate) fn is_free<K: Collection>(thing: &Ref) -> bool {
    // SAFETY: *References*.
    let word = unsafe {
        let node = NonNull::new_unchecked(thing.as_ptr()).byte_add(K::NODE);
        K::owner(node.cast())
    };
    memory::last_owner(word).is_null()
}

/// Makes the tests of a module for lists and trees, and for both locks.
macro_rules! each_kind {
    ($($name:ident),*) => {
        mod list_spin {
            $(
                #[test]
                fn $name() {
                    super::$name::<crate::list::ListKind>(crate::world::Guarded::Spin)
                }
            )*
        }
        mod tree_res {
            $(
                #[test]
                fn $name() {
                    super::$name::<crate::rbtree::TreeKind>(crate::world::Guarded::Res)
                }
            )*
        }
    };
}
pub(crate) use each_kind;
