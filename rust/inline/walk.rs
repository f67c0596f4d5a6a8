// SPDX-License-Identifier: GPL-2.0

//! The way down a tree, written out where the comparison is known.
//!
//! `bpf_rbtree_add()` and the searches call the program back at each level, by a pointer. The
//! program can as well go down itself, and call its own function as it calls others; where that is
//! short and needs nothing but its arguments it is copied. Of a search nothing is left to call. Of
//! an insertion it is what claims the node and links it at the end of the way (`rbtree_add_at()` in
//! `kfuncs/rbtree.rs`). So there the comparisons come before the claim, which they follow in the
//! function; a node that is not free is refused by both.

use core::mem::offset_of;

use kernel::bindings::{bpf_graph_walk, rb_node, rb_root_cached, BPF_GRAPH_WALK_MAX};

use crate::insn::*;

/// How many instructions a way can have, with the comparison in it.
pub(crate) const MAX: usize = BPF_GRAPH_WALK_MAX as usize;

const LEFT: usize = offset_of!(rb_node, rb_left);
const RIGHT: usize = offset_of!(rb_node, rb_right);
const TOP: usize = offset_of!(rb_root_cached, rb_root);

/// Three words of the program's stack, which are free from here on; counted from its end.
#[derive(Clone, Copy)]
pub(crate) struct Stack(pub(crate) i16);

impl Stack {
    /// For an argument of the call.
    const fn argument(self) -> i16 {
        self.0
    }

    const fn r6(self) -> i16 {
        self.0.wrapping_add(8)
    }

    const fn r7(self) -> i16 {
        self.0.wrapping_add(16)
    }
}

/// What is searched for.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// The place of a node: `bpf_rbtree_add()`.
    Place = 1,
    /// The first node that is equal to the key: `bpf_rbtree_find()`.
    Equal,
    /// The first that is not less than it: `bpf_rbtree_lower_bound()`.
    NotLess,
    /// The first that is greater: `bpf_rbtree_upper_bound()`.
    Greater,
}

impl Way {
    /// The way that the verifier knows by a number.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::Place, Self::Equal, Self::NotLess, Self::Greater]
            .into_iter()
            .find(|&way| way as u32 == number)
    }
}

/// From the arguments of `bpf_rbtree_add()` (root, node, comparison) to the comparison of the node
/// with the one at the top, over `to_end` instructions to the end if there is none.
const fn place_before(stack: Stack, to_end: i16) -> [Insn; 9] {
    [
        spill(stack.argument(), R1),
        spill(stack.r6(), R6),
        spill(stack.r7(), R7),
        mov(R6, R2),
        mov_k(R3, 1),
        ldx(R2, R1, TOP),
        jeq_k(R2, 0, to_end),
        // With a node of the tree in R2.
        mov(R7, R2),
        mov(R1, R6),
    ]
}

/// From a comparison, whose result is in R0, to the next one, and after the last to `call` with
/// root, node and the [`Place`](crate::rbtree::Place) as a word. A comparison is `body` long.
const fn place_behind(stack: Stack, body: i16, call: Insn) -> [Insn; 14] {
    [
        jne_k(R0, 0, 4),
        ldx(R2, R7, RIGHT),
        jne_k(R2, 0, (-5_i16).wrapping_sub(body)),
        mov(R3, R7),
        ja(4),
        ldx(R2, R7, LEFT),
        jne_k(R2, 0, (-9_i16).wrapping_sub(body)),
        mov(R3, R7),
        add_k(R3, 1),
        // With the place in R3.
        mov(R2, R6),
        fill(R1, stack.argument()),
        fill(R6, stack.r6()),
        fill(R7, stack.r7()),
        call,
    ]
}

/// From the arguments of a search (root, key, its size, comparison) to the comparison of the key
/// with the node at the top, over `to_end` instructions to the end if there is none. What was found
/// is in R7.
const fn search_before(stack: Stack, to_end: i16) -> [Insn; 8] {
    [
        spill(stack.argument(), R2),
        spill(stack.r6(), R6),
        spill(stack.r7(), R7),
        mov_k(R7, 0),
        ldx(R2, R1, TOP),
        jeq_k(R2, 0, to_end),
        // With a node of the tree in R2.
        mov(R6, R2),
        fill(R1, stack.argument()),
    ]
}

/// What follows the decision about the node in R6: to its left, which may have others that are
/// searched for, or, entered at the fifth instruction, to its right. From there to the next
/// comparison, which is `compared` instructions long with the decision, and after the last to the
/// result.
const fn search_behind(stack: Stack, compared: i16) -> [Insn; 9] {
    [
        mov(R7, R6),
        ldx(R2, R6, LEFT),
        jne_k(R2, 0, (-5_i16).wrapping_sub(compared)),
        ja(2),
        ldx(R2, R6, RIGHT),
        jne_k(R2, 0, (-8_i16).wrapping_sub(compared)),
        // With what was found in R7.
        mov(R0, R7),
        fill(R6, stack.r6()),
        fill(R7, stack.r7()),
    ]
}

/// Whether an instruction of a function does the same elsewhere: it computes from the arguments, or
/// reads what they point to, and has no other registers and no stack.
fn can_copy(insn: Insn) -> bool {
    insn.is_plain() && insn.dst().0 <= 5 && insn.src().0 <= 5
}

/// How many instructions of a comparison are copied at most.
const COPIED: usize =
    MAX - place_before(Stack(0), 0).len() - place_behind(Stack(0), 0, exit()).len();

/// The instructions of `callback`, a whole function, before its last return; `None` if it must be
/// called.
fn body(callback: &[Insn]) -> Option<&[Insn]> {
    let (last, body) = callback.split_last()?;
    let whole = *last == exit() && !body.is_empty() && body.len() <= COPIED;
    (whole && body.iter().all(|&insn| insn == exit() || can_copy(insn))).then_some(body)
}

/// Where instructions are written, one behind the other.
struct Room<'a> {
    left: core::slice::IterMut<'a, Insn>,
    len: u32,
}

impl Room<'_> {
    fn put(&mut self, code: &[Insn]) {
        for (from, to) in code.iter().zip(self.left.by_ref()) {
            *to = *from;
            self.len = self.len.wrapping_add(1);
        }
    }
}

/// Writes the `way` to `room`. `call` is what was called before.
pub(crate) fn write(
    way: Way,
    stack: Stack,
    callback: &[Insn],
    call: Insn,
    room: &mut [Insn; MAX],
) -> bpf_graph_walk {
    let body = body(callback);
    let copied = body.map_or(0, <[Insn]>::len) as u32;
    // How long a comparison is, at most `COPIED`.
    let length = body.map_or(1, <[Insn]>::len) as i16;
    let mut room = Room {
        left: room.iter_mut(),
        len: 0,
    };
    // The same with what decides where to go on, in a search.
    let compared = length.wrapping_add(if matches!(way, Way::Equal) { 2 } else { 1 });
    match way {
        Way::Place => room.put(&place_before(stack, length.wrapping_add(11))),
        _ => room.put(&search_before(stack, compared.wrapping_add(8))),
    }
    let at = room.len;
    let mut left = body.unwrap_or(&[]);
    if left.is_empty() {
        room.put(&[call_subprog()]);
    }
    while let [insn, rest @ ..] = left {
        // A return is a jump to the end.
        let last = ja(rest.len() as i16);
        room.put(&[if *insn == exit() { last } else { *insn }]);
        left = rest;
    }
    match way {
        Way::Place => room.put(&place_behind(stack, length, call)),
        // Greater keys are on the right. An equal node is kept, others are not.
        Way::Equal => room.put(&[jsgt32_k(R0, 0, 5), jne32_k(R0, 0, 1)]),
        Way::NotLess => room.put(&[jsgt32_k(R0, 0, 4)]),
        Way::Greater => room.put(&[jsge32_k(R0, 0, 4)]),
    }
    if !matches!(way, Way::Place) {
        room.put(&search_behind(stack, compared));
    }
    bpf_graph_walk {
        len: room.len,
        body: at,
        copied,
    }
}
