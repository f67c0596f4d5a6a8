// SPDX-License-Identifier: GPL-2.0

//! The types a case is about: objects, and the map value that owns them.
//!
//! Everything is computed from plain numbers, so that smaller numbers are a
//! simpler world, which is what shrinking looks for.

mod types;

pub use types::Types;

/// What a tree declares that it is in order of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Declared {
    #[default]
    Nothing,
    Key,
    /// Where keys are equal, of the ids.
    KeyAndId,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Tells objects apart; never changes.
    Id,
    /// What trees are ordered by.
    Key,
    Aux,
    ListNode,
    RbNode,
    Refcount,
    /// A reference to the task that made the object; see `run.rs`.
    Counted,
    SpinLock,
    ResLock,
    /// `n` lists or trees of objects of type `ty`, linked by field `node`.
    List {
        ty: usize,
        node: usize,
        n: usize,
    },
    Tree {
        ty: usize,
        node: usize,
        n: usize,
        by: Declared,
    },
    Kptr(usize),
    Percpu,
}

impl Kind {
    fn size(self) -> u32 {
        match self {
            Kind::ListNode => 24,
            Kind::RbNode => 32,
            Kind::Refcount | Kind::SpinLock | Kind::ResLock => 4,
            Kind::List { n, .. } | Kind::Tree { n, .. } => 16 * n as u32,
            _ => 8,
        }
    }

    /// How many fields the kernel sees here, which knows no more than 11.
    fn special(self) -> usize {
        match self {
            Kind::Id | Kind::Key | Kind::Aux => 0,
            Kind::List { n, .. } | Kind::Tree { n, .. } => n,
            _ => 1,
        }
    }

    pub fn declared(self) -> Declared {
        match self {
            Kind::Tree { by, .. } => by,
            _ => Declared::Nothing,
        }
    }

    pub fn is_lock(self) -> bool {
        matches!(self, Kind::SpinLock | Kind::ResLock)
    }

    pub fn root(self) -> Option<(bool, usize, usize, usize)> {
        match self {
            Kind::List { ty, node, n } => Some((false, ty, node, n)),
            Kind::Tree { ty, node, n, .. } => Some((true, ty, node, n)),
            _ => None,
        }
    }
}

const MAX_SPECIAL: usize = 11;

#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub fields: Vec<(Kind, u32)>,
    pub size: u32,
}

impl Layout {
    fn new(kinds: &[Kind]) -> Self {
        let mut l = Layout::default();
        for k in kinds {
            let align = k.size().min(8);
            l.size = l.size.next_multiple_of(align);
            l.fields.push((*k, l.size));
            l.size += k.size();
        }
        l.size = l.size.next_multiple_of(8);
        l
    }

    pub fn find(&self, want: Kind) -> Option<u32> {
        self.fields.iter().find(|f| f.0 == want).map(|f| f.1)
    }

    pub fn has(&self, want: Kind) -> bool {
        self.find(want).is_some()
    }

    pub fn lock(&self) -> Option<(Kind, u32)> {
        self.fields.iter().find(|f| f.0.is_lock()).copied()
    }

    /// The fields that are nodes of `tree`s or of lists.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.fields
            .iter()
            .enumerate()
            .filter_map(|(i, f)| match f.0 {
                Kind::ListNode => Some((i, false)),
                Kind::RbNode => Some((i, true)),
                _ => None,
            })
    }

    /// Field and element of each list and tree.
    pub fn roots(&self) -> impl Iterator<Item = (usize, usize, bool, usize, usize)> + '_ {
        self.fields.iter().enumerate().flat_map(|(i, f)| {
            let (tree, ty, node, n) = f.0.root().unwrap_or((false, 0, 0, 0));
            (0..n).map(move |e| (i, e, tree, ty, node))
        })
    }
}

/// The numbers a world is made from.
#[derive(Clone, Debug)]
pub struct RawWorld {
    pub types: Vec<u32>,
    pub value: u32,
    pub arrays: u32,
    pub flags: u32,
}

#[derive(Clone, Debug)]
pub struct World {
    pub types: Vec<Layout>,
    pub value: Layout,
    /// 0: the program has the value's address; else it looks up so many elements.
    pub lookups: usize,
    /// At the end, the map is closed as it is. Else it is emptied first.
    pub close: bool,
    /// An allocated object has lists or trees under a bpf_res_spin_lock. C
    /// leaves those behind, with links into freed memory: it is left out.
    pub rust_only: bool,
    /// Readers take from the back, or from the top of a tree.
    pub backwards: bool,
}

impl World {
    pub fn new(raw: &RawWorld) -> Self {
        let flags = raw.flags;
        let res_value = flags & 3 == 3;
        let res_objects = (flags >> 2) & 15 == 15;
        let mut types: Vec<Layout> = Vec::new();
        let mut rust_only = false;
        for (i, bits) in raw.types.iter().enumerate() {
            let kinds = object(*bits, &types, i, res_objects);
            rust_only |= kinds.contains(&Kind::ResLock);
            types.push(Layout::new(&kinds));
        }
        let value = Layout::new(&value(raw, &types, res_value));
        World {
            types,
            value,
            lookups: [0, 0, 1, 2][((flags >> 6) & 3) as usize],
            close: (flags >> 8) & 7 == 7,
            rust_only,
            backwards: (flags >> 11) & 1 == 1,
        }
    }

    pub fn values(&self) -> usize {
        self.lookups.max(1)
    }

    pub fn res_value(&self) -> bool {
        self.value.has(Kind::ResLock)
    }
}

/// Nodes, then what may come with them. Types own only types before them.
fn object(bits: u32, before: &[Layout], i: usize, res: bool) -> Vec<Kind> {
    let lists = [1, 0, 1, 2][(bits & 3) as usize];
    let trees = [0, 1, 1, 2][((bits >> 2) & 3) as usize];
    let lists = if lists + trees == 0 { 1 } else { lists };
    let mut kinds = vec![Kind::ListNode; lists];
    kinds.extend(vec![Kind::RbNode; trees]);
    if lists > 0 && trees > 0 || (bits >> 4) & 1 == 1 {
        kinds.push(Kind::Refcount);
    }
    if (bits >> 5) & 3 != 3 {
        kinds.push(Kind::Counted);
    }
    kinds.extend([Kind::Id, Kind::Key]);
    if (bits >> 7) & 1 == 1 {
        kinds.push(Kind::Aux);
    }
    if i > 0 && (bits >> 8) & 1 == 1 {
        kinds.push(if res { Kind::ResLock } else { Kind::SpinLock });
        add_roots(&mut kinds, before, bits >> 16, 7);
        if !kinds.iter().any(|k| k.root().is_some()) {
            kinds.retain(|k| !k.is_lock());
        }
    }
    if i > 0 && (bits >> 9) & 3 == 3 {
        add(&mut kinds, Kind::Kptr(((bits >> 11) & 3) as usize % i), 9);
    }
    let turn = ((bits >> 13) & 7) as usize % kinds.len();
    kinds.rotate_left(turn);
    kinds
}

fn value(raw: &RawWorld, types: &[Layout], res: bool) -> Vec<Kind> {
    let mut kinds = vec![if res { Kind::ResLock } else { Kind::SpinLock }];
    for (i, t) in types.iter().enumerate() {
        for (n, (node, tree)) in t.nodes().enumerate() {
            // Two of them, so that there is another root to be in.
            let bits = (raw.arrays >> ((i * 4 + n) * 2 % 32)) & 3;
            let len = [1, 1, 2, 3][bits as usize];
            let by = declared(raw.flags >> (12 + (i * 4 + n) * 2 % 20));
            add(&mut kinds, root(tree, i, node, len, by), MAX_SPECIAL);
            if bits == 1 {
                let other = root(tree, i, node, 1, Declared::Nothing);
                add(&mut kinds, other, MAX_SPECIAL);
            }
        }
    }
    for i in 0..types.len() {
        if (raw.value >> i) & 1 == 1 {
            add(&mut kinds, Kind::Kptr(i), MAX_SPECIAL);
        }
    }
    if (raw.value >> 8) & 3 == 3 {
        add(&mut kinds, Kind::Percpu, MAX_SPECIAL);
    }
    let turn = ((raw.value >> 10) & 7) as usize % kinds.len();
    kinds.rotate_left(turn);
    kinds
}

fn add(kinds: &mut Vec<Kind>, k: Kind, max: usize) {
    if kinds.iter().map(|k| k.special()).sum::<usize>() + k.special() <= max {
        kinds.push(k);
    }
}

fn declared(bits: u32) -> Declared {
    [
        Declared::Nothing,
        Declared::Nothing,
        Declared::Key,
        Declared::KeyAndId,
    ][bits as usize & 3]
}

fn root(tree: bool, ty: usize, node: usize, n: usize, by: Declared) -> Kind {
    if tree {
        Kind::Tree { ty, node, n, by }
    } else {
        Kind::List { ty, node, n }
    }
}

fn add_roots(kinds: &mut Vec<Kind>, types: &[Layout], bits: u32, max: usize) {
    let mut bits = bits;
    for (i, t) in types.iter().enumerate() {
        for (node, tree) in t.nodes() {
            if bits & 1 == 0 {
                let n = 1 + ((bits >> 1) & 1) as usize;
                add(kinds, root(tree, i, node, n, declared(bits >> 2)), max);
            }
            bits >>= 2;
        }
    }
}
