// SPDX-License-Identifier: GPL-2.0

//! What programs consist of. `gen.rs` makes them, `emit.rs` turns them into
//! instructions, `model.rs` says what they must do.

mod kfuncs;

pub use kfuncs::{iterator, KFUNCS, OTHERS};

/// Where a program keeps the pointers it has: slots of its stack.
pub const SLOTS: usize = 8;

/// What is known of a slot when the program is loaded. All slots that are empty
/// are NULL, so that a slot that is filled on one path only can be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slot {
    Empty,
    /// An owning reference.
    Own(usize),
    /// One, or NULL; as many bytes into the object.
    MayOwn(usize, u32),
    /// An owning reference, of which nodes are reserved: a bit for each field.
    Reserved(usize, u32),
    /// A reference that the lock protects.
    Non(usize),
    MayNon(usize, u32),
    Percpu,
    MayPercpu,
}

impl Slot {
    /// The type of the object that there surely is.
    pub fn object(self) -> Option<usize> {
        match self {
            Slot::Own(ty) | Slot::Reserved(ty, _) | Slot::Non(ty) => Some(ty),
            _ => None,
        }
    }

    pub fn reserved(self, node: usize) -> bool {
        matches!(self, Slot::Reserved(_, nodes) if nodes & (1 << node) != 0)
    }

    /// With one more node reserved.
    pub fn reserve(self, node: usize) -> Option<Slot> {
        match self {
            Slot::Own(ty) => Some(Slot::Reserved(ty, 1 << node)),
            Slot::Reserved(ty, nodes) if !self.reserved(node) => {
                Some(Slot::Reserved(ty, nodes | (1 << node)))
            }
            _ => None,
        }
    }

    /// Without that.
    pub fn unreserve(self, node: usize) -> Slot {
        match self {
            Slot::Reserved(ty, nodes) if nodes == 1 << node => Slot::Own(ty),
            Slot::Reserved(ty, nodes) => Slot::Reserved(ty, nodes & !(1 << node)),
            slot => slot,
        }
    }
}

/// What holds a lock and roots: an element of the map, or an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Value(usize),
    Object(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Root {
    pub place: Place,
    pub field: usize,
    pub elem: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Less {
    Key,
    KeyDown,
    Id,
    Never,
    Always,
    /// What the tree declares: the key, or the key and the id.
    OneKey,
    TwoKeys,
}

impl Less {
    /// Whether it is not the program's function.
    pub fn is_declared(self) -> bool {
        matches!(self, Less::OneKey | Less::TwoKeys)
    }
}

/// Which node a search is for: the first one that is equal to the key, not less, or greater.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    Equal,
    NotLess,
    Greater,
}

#[derive(Clone, Debug)]
pub enum Op {
    New {
        dst: usize,
        ty: usize,
        key: u64,
    },
    Drop {
        slot: usize,
    },
    PercpuNew {
        dst: usize,
    },
    PercpuDrop {
        slot: usize,
    },
    PercpuSet {
        value: usize,
        to: u64,
    },
    Acquire {
        dst: usize,
        src: usize,
    },
    Write {
        slot: usize,
        key: u64,
    },
    Read {
        slot: usize,
    },
    Refs {
        slot: usize,
    },
    Lock {
        place: Place,
    },
    Unlock {
        place: Place,
    },
    /// Two locks at once, both of the one kind or of the other.
    LockTwo {
        places: [Place; 2],
        res: bool,
    },
    UnlockTwo {
        places: [Place; 2],
        res: bool,
    },
    Push {
        root: Root,
        slot: usize,
        back: bool,
    },
    Add {
        root: Root,
        slot: usize,
        prev: usize,
    },
    Pop {
        root: Root,
        back: bool,
        dst: usize,
    },
    Del {
        root: Root,
        slot: usize,
        dst: usize,
    },
    End {
        root: Root,
        back: bool,
        dst: usize,
    },
    IsEnd {
        root: Root,
        slot: usize,
        back: bool,
    },
    IsEmpty {
        root: Root,
    },
    TreeAdd {
        root: Root,
        slot: usize,
        less: Less,
    },
    Remove {
        root: Root,
        slot: usize,
        dst: usize,
    },
    First {
        root: Root,
        dst: usize,
    },
    Top {
        root: Root,
        dst: usize,
    },
    Child {
        root: Root,
        slot: usize,
        right: bool,
        dst: usize,
    },
    /// The node behind or before another one, of a list or of a tree.
    Beside {
        root: Root,
        slot: usize,
        tree: bool,
        back: bool,
        dst: usize,
    },
    Move {
        root: Root,
        slot: usize,
        to: Root,
        back: bool,
    },
    TreeMove {
        root: Root,
        slot: usize,
        to: Root,
        less: Less,
    },
    Reposition {
        root: Root,
        slot: usize,
        less: Less,
    },
    /// To a tree from a list, or the other way, by another node of the object.
    Across {
        root: Root,
        slot: usize,
        to: Root,
        tree: bool,
        back: bool,
        less: Less,
    },
    Search {
        root: Root,
        want: Want,
        order: Less,
        key: u64,
        /// The id that is the second part of a declared key: of what this operation made.
        made: usize,
        dst: usize,
    },
    Xchg {
        place: Place,
        field: usize,
        src: Option<usize>,
        dst: usize,
    },
    /// The body runs if the slot is not NULL.
    If {
        slot: usize,
        body: Vec<Node>,
    },
    /// The body runs if the node is in the list or tree.
    IfOwned {
        root: Root,
        slot: usize,
        tree: bool,
        body: Vec<Node>,
    },
    /// The body runs if the node was free, and is reserved now.
    IfCanAdd {
        slot: usize,
        node: usize,
        tree: bool,
        body: Vec<Node>,
    },
    /// The body runs for each node.
    Each {
        root: Root,
        tree: bool,
        flags: u32,
        dst: usize,
        body: Vec<Node>,
    },
    Unreserve {
        slot: usize,
        node: usize,
        tree: bool,
    },
    PushReserved {
        root: Root,
        slot: usize,
        back: bool,
    },
    TreeAddReserved {
        root: Root,
        slot: usize,
        less: Less,
    },
    /// The body runs if a bit of the run's parameter is set.
    IfBit {
        bit: u32,
        body: Vec<Node>,
    },
    /// Make an object's address one that is as many bytes into it as elsewhere.
    Adjust {
        slot: usize,
        by: i32,
    },
    Zero {
        slot: usize,
    },
}

/// An operation; what it finds is recorded under its number.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: usize,
    /// By the kfunc's twin that takes the hidden arguments, where there is one.
    pub twin: bool,
    pub op: Op,
    /// The slots before it, which is what is to be cleaned up if it fails; and
    /// what they are.
    pub slots: [Slot; SLOTS],
}

pub type Program = Vec<Node>;

impl Node {
    /// Type and offset of the object that this asks for, if it is one.
    pub fn tested(&self) -> Option<(usize, u32)> {
        match self.op {
            Op::If { slot, .. } => match self.slots[slot] {
                Slot::MayOwn(ty, off) | Slot::MayNon(ty, off) => Some((ty, off)),
                _ => None,
            },
            _ => None,
        }
    }

    /// One line for each operation, indented by how deep it is.
    pub fn print(program: &[Node], depth: usize, out: &mut String) {
        for n in program {
            let pad = "  ".repeat(depth);
            match &n.op {
                Op::If { slot, body } => {
                    out.push_str(&format!("{pad}{:3} if slot {slot} is set:\n", n.id));
                    Node::print(body, depth + 1, out);
                }
                Op::IfBit { bit, body } => {
                    out.push_str(&format!("{pad}{:3} if bit {bit} of the parameter:\n", n.id));
                    Node::print(body, depth + 1, out);
                }
                Op::IfOwned {
                    root, slot, body, ..
                } => {
                    out.push_str(&format!("{pad}{:3} if slot {slot} is in {root:?}:\n", n.id));
                    Node::print(body, depth + 1, out);
                }
                Op::IfCanAdd {
                    slot, node, body, ..
                } => {
                    out.push_str(&format!(
                        "{pad}{:3} if slot {slot} can be added by f{node}:\n",
                        n.id
                    ));
                    Node::print(body, depth + 1, out);
                }
                Op::Each {
                    root,
                    flags,
                    dst,
                    body,
                    ..
                } => {
                    out.push_str(&format!(
                        "{pad}{:3} slot {dst} is each of {root:?}, flags {flags}:\n",
                        n.id
                    ));
                    Node::print(body, depth + 1, out);
                }
                op => {
                    let twin = if n.twin { " (twin)" } else { "" };
                    out.push_str(&format!("{pad}{:3} {op:?}{twin}\n", n.id));
                }
            }
        }
    }
}
