// SPDX-License-Identifier: GPL-2.0

//! A red-black tree of numbers, balanced in the way the kernel's are: which node
//! is the root or another's child is visible to programs.

use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
struct Links {
    child: [Option<usize>; 2],
    parent: Option<usize>,
    red: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: Option<usize>,
    nodes: HashMap<usize, Links>,
}

impl Tree {
    pub fn root(&self) -> Option<usize> {
        self.root
    }

    pub fn child(&self, n: usize, right: bool) -> Option<usize> {
        self.nodes[&n].child[right as usize]
    }

    pub fn first(&self) -> Option<usize> {
        let mut at = self.root?;
        while let Some(left) = self.child(at, false) {
            at = left;
        }
        Some(at)
    }

    /// All nodes, from the left.
    pub fn order(&self) -> Vec<usize> {
        self.order_from(self.root)
    }

    fn order_from(&self, from: Option<usize>) -> Vec<usize> {
        from.map_or(Vec::new(), |n| {
            let mut v = self.order_from(self.child(n, false));
            v.push(n);
            v.extend(self.order_from(self.child(n, true)));
            v
        })
    }

    /// The last node on the way down that is one; with each, `way` says first whether to go left.
    pub fn search(&self, way: impl Fn(usize) -> (bool, bool)) -> Option<usize> {
        let (mut at, mut last) = (self.root, None);
        while let Some(n) = at {
            let (left, found) = way(n);
            last = if found { at } else { last };
            at = self.child(n, !left);
        }
        last
    }

    fn get(&mut self, n: usize) -> &mut Links {
        self.nodes.get_mut(&n).expect("a node of the tree")
    }

    fn is_red(&self, n: Option<usize>) -> bool {
        n.is_some_and(|n| self.nodes[&n].red)
    }

    fn parent(&self, n: usize) -> Option<usize> {
        self.nodes[&n].parent
    }

    /// On which side of its parent a node is.
    fn side(&self, parent: usize, n: usize) -> bool {
        self.child(parent, true) == Some(n)
    }

    fn set_child(&mut self, parent: usize, right: bool, n: Option<usize>) {
        self.get(parent).child[right as usize] = n;
        if let Some(n) = n {
            self.get(n).parent = Some(parent);
        }
    }

    /// `new` takes the place below the parent of `old`.
    fn replace(&mut self, old: usize, new: Option<usize>) {
        match self.parent(old) {
            Some(p) => {
                let side = self.side(p, old);
                self.set_child(p, side, new);
            }
            None => {
                self.root = new;
                if let Some(n) = new {
                    self.get(n).parent = None;
                }
            }
        }
    }

    /// The child that is not on the side `right` goes up, `n` down to that side.
    fn rotate(&mut self, n: usize, right: bool) {
        let up = self.child(n, !right).expect("a child to go up");
        self.replace(n, Some(up));
        let inner = self.child(up, right);
        self.set_child(n, !right, inner);
        self.set_child(up, right, Some(n));
    }

    pub fn insert(&mut self, n: usize, less: impl Fn(usize, usize) -> bool) {
        let mut parent = None;
        let mut at = self.root;
        let mut right = false;
        while let Some(p) = at {
            parent = at;
            right = !less(n, p);
            at = self.child(p, right);
        }
        self.nodes.insert(
            n,
            Links {
                red: true,
                ..Links::default()
            },
        );
        match parent {
            Some(p) => self.set_child(p, right, Some(n)),
            None => self.root = Some(n),
        }
        self.balance_inserted(n);
    }

    fn balance_inserted(&mut self, mut n: usize) {
        loop {
            let Some(p) = self.parent(n) else {
                self.get(n).red = false;
                return;
            };
            if !self.is_red(Some(p)) {
                return;
            }
            let g = self.parent(p).expect("a red node is not the root");
            let side = self.side(g, p);
            let uncle = self.child(g, !side);
            if let (true, Some(uncle)) = (self.is_red(uncle), uncle) {
                self.get(uncle).red = false;
                self.get(p).red = false;
                self.get(g).red = true;
                n = g;
                continue;
            }
            let mut top = p;
            if self.side(p, n) != side {
                self.rotate(p, side);
                top = n;
            }
            self.rotate(g, !side);
            self.get(top).red = false;
            self.get(g).red = true;
            return;
        }
    }

    pub fn remove(&mut self, n: usize) {
        let [left, right] = self.nodes[&n].child;
        let parent = self.parent(n);
        let red = self.is_red(Some(n));
        let mut short = None;
        match (left, right) {
            (Some(only), None) | (None, Some(only)) => {
                self.replace(n, Some(only));
                self.get(only).red = red;
            }
            (None, None) => {
                self.replace(n, None);
                short = if red { None } else { parent };
            }
            (Some(left), Some(right)) => {
                let mut next = right;
                while let Some(l) = self.child(next, false) {
                    next = l;
                }
                let inner = self.child(next, true);
                let was_red = self.is_red(Some(next));
                let mut above = next;
                if next != right {
                    above = self.parent(next).expect("not the root");
                    self.set_child(above, false, inner);
                    self.set_child(next, true, Some(right));
                }
                self.replace(n, Some(next));
                self.set_child(next, false, Some(left));
                self.get(next).red = red;
                match inner {
                    Some(inner) => self.get(inner).red = false,
                    None if !was_red => short = Some(above),
                    None => {}
                }
            }
        }
        self.nodes.remove(&n);
        if let Some(p) = short {
            self.balance_removed(p);
        }
    }

    /// One side below `p` has a black node less than the other.
    fn balance_removed(&mut self, mut p: usize) {
        let mut n = None;
        loop {
            let side = self.child(p, true) == n;
            let mut s = self.child(p, !side).expect("the longer side");
            if self.is_red(Some(s)) {
                self.rotate(p, side);
                self.get(s).red = false;
                self.get(p).red = true;
                s = self.child(p, !side).expect("the longer side");
            }
            if !self.is_red(self.child(s, !side)) {
                let Some(near) = self.child(s, side).filter(|c| self.is_red(Some(*c))) else {
                    self.get(s).red = true;
                    if self.is_red(Some(p)) {
                        self.get(p).red = false;
                        return;
                    }
                    n = Some(p);
                    match self.parent(p) {
                        Some(up) => p = up,
                        None => return,
                    }
                    continue;
                };
                self.rotate(s, !side);
                self.get(near).red = false;
                self.get(s).red = true;
                s = near;
            }
            let far = self.child(s, !side).expect("a red child");
            self.rotate(p, side);
            self.get(s).red = self.is_red(Some(p));
            self.get(p).red = false;
            self.get(far).red = false;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of black nodes on each way down; panics where two ways differ.
    fn black(t: &Tree, n: Option<usize>) -> usize {
        let Some(n) = n else { return 1 };
        let (l, r) = (t.child(n, false), t.child(n, true));
        if t.is_red(Some(n)) {
            assert!(!t.is_red(l) && !t.is_red(r), "red below red");
        }
        let (a, b) = (black(t, l), black(t, r));
        assert_eq!(a, b, "one side is longer");
        a + !t.is_red(Some(n)) as usize
    }

    #[test]
    fn stays_balanced_and_in_order() {
        let mut t = Tree::default();
        let mut have: Vec<usize> = Vec::new();
        let mut seed = 1u64;
        for _ in 0..20000 {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let n = (seed >> 33) as usize % 64;
            if let Some(i) = have.iter().position(|h| *h == n) {
                t.remove(n);
                have.remove(i);
            } else {
                t.insert(n, |a, b| a < b);
                have.push(n);
            }
            have.sort_unstable();
            assert_eq!(t.order(), have);
            // In an order that the tree has, the way down finds the first one.
            let key = (seed >> 40) as usize % 64;
            let first = |f: fn(usize, usize) -> bool| have.iter().copied().find(|n| f(*n, key));
            assert_eq!(t.search(|n| (key <= n, key == n)), first(|n, key| n == key));
            assert_eq!(t.search(|n| (key <= n, key <= n)), first(|n, key| n >= key));
            assert_eq!(t.search(|n| (key < n, key < n)), first(|n, key| n > key));
            assert_eq!(t.first(), have.first().copied());
            black(&t, t.root());
        }
    }

    #[test]
    fn equal_ones_go_right() {
        let mut t = Tree::default();
        for n in 0..7 {
            t.insert(n, |_, _| false);
        }
        assert_eq!(t.order(), (0..7).collect::<Vec<_>>());
        // What the kernel makes of seven that come in order.
        assert_eq!(t.root(), Some(1));
        assert_eq!(t.child(1, true), Some(3));
    }
}
