// SPDX-License-Identifier: GPL-2.0

//! The types a case is about: objects, and the map value that owns them.
//!
//! Everything is computed from plain numbers, so that smaller numbers are a
//! simpler world, which is what shrinking looks for.

use crate::btf::{Member, Writer};

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

    pub fn is_lock(self) -> bool {
        matches!(self, Kind::SpinLock | Kind::ResLock)
    }

    pub fn root(self) -> Option<(bool, usize, usize, usize)> {
        match self {
            Kind::List { ty, node, n } => Some((false, ty, node, n)),
            Kind::Tree { ty, node, n } => Some((true, ty, node, n)),
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
            let n = [1, 1, 2, 3][bits as usize];
            add_root(&mut kinds, tree, i, node, n, MAX_SPECIAL);
            if bits == 1 {
                add_root(&mut kinds, tree, i, node, 1, MAX_SPECIAL);
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

fn add_root(kinds: &mut Vec<Kind>, tree: bool, ty: usize, node: usize, n: usize, max: usize) {
    add(
        kinds,
        if tree {
            Kind::Tree { ty, node, n }
        } else {
            Kind::List { ty, node, n }
        },
        max,
    );
}

fn add_roots(kinds: &mut Vec<Kind>, types: &[Layout], bits: u32, max: usize) {
    let mut bits = bits;
    for (i, t) in types.iter().enumerate() {
        for (node, tree) in t.nodes() {
            if bits & 1 == 0 {
                add_root(kinds, tree, i, node, 1 + ((bits >> 1) & 1) as usize, max);
            }
            bits >>= 2;
        }
    }
}

/// The ids of what a loaded program refers to.
pub struct Types {
    pub blob: Vec<u8>,
    pub key: u32,
    pub value: u32,
    pub objects: Vec<u32>,
    pub percpu: u32,
    pub main: u32,
    pub less: u32,
    pub compare: u32,
}

impl World {
    pub fn types(&self) -> Types {
        let mut w = Writer::new();
        let key = w.int("int", 4);
        let long = w.int("long", 8);
        let fixed: Vec<u32> = [
            ("bpf_spin_lock", 4),
            ("bpf_res_spin_lock", 4),
            ("bpf_list_head", 16),
            ("bpf_list_node", 24),
            ("bpf_rb_root", 16),
            ("bpf_rb_node", 32),
            ("bpf_refcount", 4),
            ("task_struct", 0),
        ]
        .iter()
        .map(|(name, size)| w.structure(name, *size, &[]))
        .collect();
        let tag = w.type_tag("kptr", fixed[7]);
        let task = w.ptr(tag);
        let percpu = w.structure(
            "tally",
            16,
            &[
                Member {
                    name: "sum".into(),
                    ty: long,
                    off: 0,
                },
                Member {
                    name: "n".into(),
                    ty: long,
                    off: 8,
                },
            ],
        );
        let tag = w.type_tag("percpu_kptr", percpu);
        let tally = w.ptr(tag);
        let mut objects = Vec::new();
        let mut tags = Vec::new();
        for t in 0..=self.types.len() {
            let (layout, name) = match self.types.get(t) {
                Some(l) => (l, format!("object{t}")),
                None => (&self.value, "value".to_string()),
            };
            let mut members = Vec::new();
            let mut roots = Vec::new();
            for (i, (kind, off)) in layout.fields.iter().enumerate() {
                let ty = match *kind {
                    Kind::Id | Kind::Key | Kind::Aux => long,
                    Kind::SpinLock => fixed[0],
                    Kind::ResLock => fixed[1],
                    Kind::ListNode => fixed[3],
                    Kind::RbNode => fixed[5],
                    Kind::Refcount => fixed[6],
                    Kind::Counted => task,
                    Kind::Percpu => tally,
                    Kind::Kptr(of) => {
                        let tag = w.type_tag("kptr", objects[of]);
                        w.ptr(tag)
                    }
                    Kind::List { ty, node, n } | Kind::Tree { ty, node, n } => {
                        roots.push((format!("contains:object{ty}:f{node}"), i as u32));
                        let head = fixed[if kind.root().unwrap_or_default().0 {
                            4
                        } else {
                            2
                        }];
                        if n > 1 {
                            w.array(head, key, n as u32)
                        } else {
                            head
                        }
                    }
                };
                members.push(Member {
                    name: format!("f{i}"),
                    ty,
                    off: *off,
                });
            }
            let id = w.structure(&name, layout.size, &members);
            objects.push(id);
            tags.extend(roots.into_iter().map(|(tag, at)| (tag, id, at)));
        }
        let value = objects.pop().unwrap_or_default();
        for (tag, of, at) in tags {
            w.decl_tag(&tag, of, at);
        }
        let ctx = w.structure("__sk_buff", 0, &[]);
        let ctx = w.ptr(ctx);
        let proto = w.proto(key, &[("ctx", ctx)]);
        let main = w.func("main", proto, true);
        let node = w.ptr(fixed[5]);
        let proto = w.proto(key, &[("a", node), ("b", node)]);
        let less = w.func("less", proto, false);
        let any = w.ptr(0);
        let proto = w.proto(key, &[("key", any), ("node", node)]);
        let compare = w.func("compare", proto, false);
        Types {
            blob: w.finish(),
            key,
            value,
            objects,
            percpu,
            main,
            less,
            compare,
        }
    }
}
