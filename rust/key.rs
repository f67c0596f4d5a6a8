// SPDX-License-Identifier: GPL-2.0

//! Keys that a root declares: integers in its objects by which its nodes are in order, so that no
//! function of the program has to be called to compare two of them.
//!
//! Where a program can see an object it can write to it, so a key may change under whoever reads
//! it, or between two readings, as an order by a callback may contradict itself. What comes of it
//! is a tree in some order. Each integer is read whole.

use kernel::sync::atomic::{Atomic, Relaxed};

use crate::rbtree::TreeNode;

pub(crate) mod declared;

/// The integers that can be a key, or a part of one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Int {
    U32 = 1,
    S32 = 2,
    U64 = 3,
    S64 = 4,
}

impl Int {
    /// How many bytes it is long, and aligned to.
    pub(crate) fn size(self) -> u32 {
        match self {
            Int::U32 | Int::S32 => 4,
            Int::U64 | Int::S64 => 8,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Int::U32, Int::S32, Int::U64, Int::S64]
            .into_iter()
            .find(|&int| int as u8 == code)
    }
}

/// An integer of an object.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Its offset.
    pub(crate) at: u16,
    pub(crate) int: Int,
}

/// A key: one integer, or two of which the second decides where the first are equal.
///
/// The kernel's C has it as a word: see [`to_word()`](Self::to_word).
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) first: Part,
    pub(crate) second: Option<Part>,
}

/// The bit that makes the order of signed integers that of unsigned ones.
const SIGN: u64 = 1 << 63;

impl Key {
    /// The key as a word, which is positive as a signed number: from the lowest bits 16 for the
    /// offset of the node in the object, which is not set here, 16 for each part's offset, and 8
    /// for each part's type.
    pub(crate) fn to_word(self) -> u64 {
        let (at, code) = self.second.map_or((0, 0), |p| (p.at, p.int as u8));
        u64::from(self.first.at) << 16
            | u64::from(at) << 32
            | u64::from(self.first.int as u8) << 48
            | u64::from(code) << 56
    }

    /// The key that `word` is; `None` if it is none.
    #[inline(always)]
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        let part = |at: u64, code: u64| {
            Some(Part {
                at: at as u16,
                int: Int::from_code(code as u8)?,
            })
        };
        Some(Self {
            first: part(word >> 16, word >> 48)?,
            second: part(word >> 32, word >> 56),
        })
    }
}

/// The offset of the node in an object with the key `word`.
#[inline(always)]
pub(crate) fn node_offset(word: u64) -> u16 {
    word as u16
}

/// A value that a program passes, as [`Part`]s of `int` are compared.
#[inline(always)]
pub(crate) fn value(int: Int, value: u64) -> u64 {
    match int {
        Int::U32 | Int::U64 => value,
        Int::S32 | Int::S64 => value ^ SIGN,
    }
}

/// The nodes' part of a key, read from where the node is.
///
/// # Invariants
///
/// `offset` bytes from each node that is read there is an integer of type `int`, aligned.
#[derive(Clone, Copy)]
pub(crate) struct PartOfNode {
    offset: isize,
    int: Int,
}

impl PartOfNode {
    /// `part` of the objects that have their nodes at `node`.
    ///
    /// # Safety
    ///
    /// It is used with nodes at `node` of objects that have such an integer, aligned.
    #[inline(always)]
    pub(crate) unsafe fn new(part: Part, node: u16) -> Self {
        // INVARIANT: By this function's contract.
        Self {
            offset: part.at as isize - node as isize,
            int: part.int,
        }
    }

    /// A value that orders nodes as the integer does, as an unsigned number.
    #[inline(always)]
    pub(crate) fn of(self, node: TreeNode<'_>) -> u64 {
        match self.int {
            Int::U64 => self.wide(node),
            Int::S64 => self.wide(node) ^ SIGN,
            Int::U32 => u64::from(self.narrow(node)),
            Int::S32 => i64::from(self.narrow(node) as i32) as u64 ^ SIGN,
        }
    }

    /// Relaxed, as the file says.
    #[inline(always)]
    fn wide(self, node: TreeNode<'_>) -> u64 {
        // SAFETY: A node is live, and so is its object; by the type invariant the integer is there.
        unsafe { Atomic::from_ptr(self.at(node).cast::<u64>()) }.load(Relaxed)
    }

    #[inline(always)]
    fn narrow(self, node: TreeNode<'_>) -> u32 {
        // SAFETY: As in `wide()`.
        unsafe { Atomic::from_ptr(self.at(node).cast::<u32>()) }.load(Relaxed)
    }

    #[inline(always)]
    fn at(self, node: TreeNode<'_>) -> *mut u8 {
        node.as_ptr().cast::<u8>().wrapping_offset(self.offset)
    }
}

/// Evaluates `$body` with `$of`, a function from nodes to what their keys order them by, and `$to`,
/// one from the two words of a program to the same: once for each type of a single integer, so that
/// a walk need not look at each node which it is, and once for all pairs.
///
/// # Safety
///
/// The nodes that `$of` is used with are those of objects with the key.
macro_rules! with_key {
    ($key:expr, $node:expr, |$of:ident, $to:ident| $body:expr) => {{
        let (key, node): ($crate::key::Key, u16) = ($key, $node);
        macro_rules! one {
            ($int:ident) => {{
                let part = $crate::key::Part {
                    at: key.first.at,
                    int: $crate::key::Int::$int,
                };
                let part = $crate::key::PartOfNode::new(part, node);
                let $of = |n| part.of(n);
                #[allow(unused_variables)]
                let $to = |a, _: u64| $crate::key::value($crate::key::Int::$int, a);
                $body
            }};
        }
        match (key.first.int, key.second) {
            (first, Some(second)) => {
                let parts = (
                    $crate::key::PartOfNode::new(key.first, node),
                    $crate::key::PartOfNode::new(second, node),
                );
                let $of = |n| (parts.0.of(n), parts.1.of(n));
                #[allow(unused_variables)]
                let $to = |a, b| {
                    (
                        $crate::key::value(first, a),
                        $crate::key::value(second.int, b),
                    )
                };
                $body
            }
            ($crate::key::Int::U32, None) => one!(U32),
            ($crate::key::Int::S32, None) => one!(S32),
            ($crate::key::Int::U64, None) => one!(U64),
            ($crate::key::Int::S64, None) => one!(S64),
        }
    }};
}
pub(crate) use with_key;
