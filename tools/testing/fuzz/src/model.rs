// SPDX-License-Identifier: GPL-2.0

//! What programs must do, by plain collections of numbers.

mod iter;
mod moves;
mod reserve;
mod step;

use crate::emit::{MARK, RETURNED};
use crate::op::{Less, Node, Place, Root, Want, SLOTS};
use crate::rb::Tree;
use crate::world::{Kind, Layout, World};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// A defect on purpose, to see that the comparison finds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Defect {
    None,
    PopBackInFront,
    AddBeforePrev,
    EqualGoesLeft,
    AcquireIsFree,
    RefusedAndKept,
    MoveBackInFront,
    RepositionStays,
    GreaterTakesEqual,
    AcrossWhenTaken,
    CanAddWhenTaken,
    NextBehindBody,
    SecondKeyIgnored,
}

#[derive(Clone, Debug)]
enum Members {
    List(VecDeque<usize>),
    Tree(Tree),
}

#[derive(Clone, Debug, Default)]
struct Holder {
    /// By field and element, the index of a collection.
    roots: BTreeMap<(usize, usize), usize>,
    kptrs: BTreeMap<usize, usize>,
}

#[derive(Clone, Debug)]
struct Object {
    ty: usize,
    id: u64,
    key: u64,
    aux: u64,
    refs: u64,
    /// By field, the collection that a node is in.
    owner: BTreeMap<usize, usize>,
    holds: Holder,
}

pub struct Model<'w> {
    world: &'w World,
    defect: Defect,
    objects: BTreeMap<usize, Object>,
    /// Freed in this run: until it ends, references without ownership may be
    /// left, and what they refer to is still there.
    freed: Vec<usize>,
    next: usize,
    collections: Vec<Members>,
    values: Vec<Holder>,
    /// Counted objects that are alive.
    pub live: i64,
    /// How often each kfunc was called.
    pub calls: BTreeMap<&'static str, u64>,
    slots: [Option<usize>; SLOTS],
    found: Vec<u64>,
    /// How many steps loops have made in this run.
    steps: i32,
    base: u64,
    bits: u64,
}

/// What stands for a per-CPU object, which has no content here.
const PERCPU: usize = usize::MAX;
/// What a node is in that is reserved.
const RESERVED: usize = usize::MAX;

impl<'w> Model<'w> {
    pub fn new(world: &'w World, defect: Defect) -> Self {
        let mut m = Model {
            world,
            defect,
            objects: BTreeMap::new(),
            freed: Vec::new(),
            next: 0,
            collections: Vec::new(),
            values: Vec::new(),
            live: 0,
            calls: BTreeMap::new(),
            slots: [None; SLOTS],
            found: Vec::new(),
            steps: 0,
            base: 0,
            bits: 0,
        };
        for _ in 0..world.values() {
            let h = m.holder(&world.value);
            m.values.push(h);
        }
        m
    }

    fn holder(&mut self, layout: &Layout) -> Holder {
        let mut h = Holder::default();
        for (field, elem, tree, _, _) in layout.roots() {
            h.roots.insert((field, elem), self.collections.len());
            self.collections.push(if tree {
                Members::Tree(Tree::default())
            } else {
                Members::List(VecDeque::new())
            });
        }
        h
    }

    /// Run a program; what each operation finds, by its number.
    pub fn run(&mut self, program: &[Node], words: usize, base: u64, bits: u64) -> Vec<u64> {
        self.slots = [None; SLOTS];
        self.found = vec![0; words];
        self.steps = 0;
        self.base = base;
        self.bits = bits;
        self.all(program);
        assert_eq!(self.slots, [None; SLOTS], "a program ends with references");
        self.forget();
        std::mem::take(&mut self.found)
    }

    /// What a reader finds, and empty the map.
    pub fn read(&mut self) -> Vec<u64> {
        let mut out = Vec::new();
        for value in 0..self.values.len() {
            for (field, elem, ..) in self.world.value.roots() {
                out.push(MARK);
                let root = self.values[value].roots[&(field, elem)];
                while let Some(n) = self.take_any(root) {
                    self.unlink(root, n);
                    out.push(self.objects[&n].id);
                    self.put(n);
                }
            }
            for (field, (kind, _)) in self.world.value.fields.iter().enumerate() {
                if matches!(kind, Kind::Kptr(_) | Kind::Percpu) {
                    out.push(MARK);
                    if let Some(n) = self.values[value].kptrs.remove(&field) {
                        if n != PERCPU {
                            out.push(self.objects[&n].id);
                        }
                        self.put(n);
                    }
                }
            }
        }
        self.forget();
        out
    }

    fn forget(&mut self) {
        for n in self.freed.drain(..) {
            self.objects.remove(&n);
        }
    }

    fn take_any(&self, root: usize) -> Option<usize> {
        let back = self.world.backwards;
        match &self.collections[root] {
            Members::List(l) if back => l.back().copied(),
            Members::List(l) => l.front().copied(),
            Members::Tree(t) if back => t.root(),
            Members::Tree(t) => t.first(),
        }
    }

    fn all(&mut self, program: &[Node]) {
        for n in program {
            if let Some(name) = n.kfunc() {
                self.called(name);
            }
            self.node(n);
        }
    }

    fn called(&mut self, name: &'static str) {
        *self.calls.entry(name).or_default() += 1;
    }

    fn object(&mut self, slot: usize) -> &mut Object {
        let n = self.slots[slot].expect("the slot is checked before");
        self.objects.get_mut(&n).expect("an object is alive")
    }

    fn holds(&mut self, place: Place) -> &mut Holder {
        match place {
            Place::Value(i) => &mut self.values[i],
            Place::Object(slot) => &mut self.object(slot).holds,
        }
    }

    fn layout(&mut self, place: Place) -> &'w Layout {
        match place {
            Place::Value(_) => &self.world.value,
            Place::Object(slot) => &self.world.types[self.object(slot).ty],
        }
    }

    /// The collection, and the field of the nodes in it.
    fn root(&mut self, root: Root) -> (usize, usize) {
        let kind = self.layout(root.place).fields[root.field].0;
        let (_, _, node, _) = kind.root().unwrap_or_default();
        (self.holds(root.place).roots[&(root.field, root.elem)], node)
    }

    /// A reference less; the last one frees.
    fn put(&mut self, n: usize) {
        if n == PERCPU {
            return;
        }
        let o = self.objects.get_mut(&n).expect("an object is alive");
        o.refs -= 1;
        if o.refs > 0 {
            return;
        }
        assert!(o.owner.is_empty(), "freed while linked");
        let holds = std::mem::take(&mut o.holds);
        if self.world.types[o.ty].has(Kind::Counted) {
            self.live -= 1;
        }
        self.freed.push(n);
        for root in holds.roots.into_values() {
            while let Some(n) = self.take_any(root) {
                self.unlink(root, n);
                self.put(n);
            }
        }
        for n in holds.kptrs.into_values() {
            self.put(n);
        }
    }

    fn unlink(&mut self, root: usize, n: usize) {
        match &mut self.collections[root] {
            Members::List(l) => l.retain(|m| *m != n),
            Members::Tree(t) => t.remove(n),
        }
        let o = self.objects.get_mut(&n).expect("an object is alive");
        o.owner.retain(|_, owner| *owner != root);
    }

    fn list(&mut self, root: usize) -> &mut VecDeque<usize> {
        match &mut self.collections[root] {
            Members::List(l) => l,
            Members::Tree(_) => unreachable!("a tree for a list"),
        }
    }

    fn tree(&mut self, root: usize) -> &mut Tree {
        match &mut self.collections[root] {
            Members::Tree(t) => t,
            Members::List(_) => unreachable!("a list for a tree"),
        }
    }

    /// An insertion of the node in a slot: `link` does it, unless it is linked
    /// already or `link` gives false; then the reference is gone.
    fn insert(
        &mut self,
        n: &Node,
        root: Root,
        slot: usize,
        link: impl Fn(&mut Self, usize, usize) -> bool,
    ) {
        let (root, field) = self.root(root);
        let o = self.slots[slot].expect("the slot is checked before");
        let ok = !self.objects[&o].owner.contains_key(&field) && link(self, root, o);
        if ok {
            self.object(slot).owner.insert(field, root);
        } else if self.defect != Defect::RefusedAndKept {
            self.put(o);
        }
        self.returned(n, if ok { 0 } else { -libc::EINVAL as u32 as u64 });
    }

    fn returned(&mut self, n: &Node, value: u64) {
        self.found[n.id] = value | RETURNED;
    }

    fn remove(&mut self, root: Root, node: Option<usize>, dst: usize) {
        let (root, field) = self.root(root);
        self.slots[dst] = node.filter(|n| self.objects[n].owner.get(&field) == Some(&root));
        if let Some(n) = self.slots[dst] {
            self.unlink(root, n);
        }
    }

    fn push(&mut self, root: usize, o: usize, back: bool) {
        if back {
            self.list(root).push_back(o);
        } else {
            self.list(root).push_front(o);
        }
    }

    fn add_to_tree(&mut self, root: usize, o: usize, less: Less) {
        let mut tree = std::mem::take(self.tree(root));
        tree.insert(o, |a, b| self.less(less, a, b));
        *self.tree(root) = tree;
    }

    /// What a search finds. In an order that the tree does not have, the way down decides.
    fn search(
        &mut self,
        root: usize,
        want: Want,
        order: Less,
        sought: (u64, u64),
    ) -> Option<usize> {
        let key = sought.0;
        let tree = std::mem::take(self.tree(root));
        let greater = self.defect == Defect::GreaterTakesEqual;
        let compare = |n| {
            let n = &self.objects[&n];
            match order {
                Less::Key | Less::OneKey => key.cmp(&n.key),
                Less::TwoKeys => sought.cmp(&(n.key, n.id)),
                Less::KeyDown => n.key.cmp(&key),
                Less::Id => key.cmp(&n.id),
                Less::Never => Ordering::Equal,
                Less::Always => Ordering::Less,
            }
        };
        let found = tree.search(|n| {
            let order_of = compare(n);
            match want {
                Want::Equal if !order.is_declared() => (order_of.is_le(), order_of.is_eq()),
                Want::Greater if !greater => (order_of.is_lt(), order_of.is_lt()),
                _ => (order_of.is_le(), order_of.is_le()),
            }
        });
        // By a key the first one that is not less is found, and may be another.
        let equal = |n: &usize| want != Want::Equal || compare(*n).is_eq();
        let found = found.filter(equal);
        *self.tree(root) = tree;
        found
    }

    fn less(&self, how: Less, a: usize, b: usize) -> bool {
        let (a, b) = (&self.objects[&a], &self.objects[&b]);
        match how {
            Less::Key if self.defect == Defect::EqualGoesLeft => a.key <= b.key,
            Less::Key | Less::OneKey => a.key < b.key,
            Less::TwoKeys if self.defect == Defect::SecondKeyIgnored => a.key < b.key,
            Less::TwoKeys => (a.key, a.id) < (b.key, b.id),
            Less::KeyDown => a.key > b.key,
            Less::Id => a.id < b.id,
            Less::Never => false,
            Less::Always => true,
        }
    }
}
