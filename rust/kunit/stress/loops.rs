// SPDX-License-Identifier: GPL-2.0

//! Steps that go over a list or tree by an iterator, in either direction, and take out or move the
//! node that it is at: others can have that at once, and the loop has to go on where it was.

use core::{
    mem::zeroed,
    ptr::null_mut, //
};

use kernel::bindings::{
    bpf_graph_iter_flags_BPF_GRAPH_ITER_BACKWARD as BACKWARD, bpf_iter_list, bpf_iter_rbtree,
    bpf_list_head, bpf_list_node, bpf_rb_node, bpf_rb_root,
};

use super::{
    super::{
        counted::LIST,
        kfuncs::Kfuncs,
        list_item,
        list_node,
        place::Value,
        tree::BY_KEY,
        tree_item,
        tree_node, //
    },
    keys::set_key,
    steps::EINVAL,
    Checked, Outcome, Worker, World, KEYS, MADE, THREADS,
};
use crate::{
    bpf_iter_list_destroy, bpf_iter_list_new, bpf_iter_list_next, bpf_iter_rbtree_destroy,
    bpf_iter_rbtree_new, bpf_iter_rbtree_next, bpf_list_move_back, bpf_list_move_rbtree,
    bpf_rbtree_move, bpf_rbtree_move_list_front, bpf_rbtree_reposition,
};

/// How many items a loop takes out. They are dropped once the locks are.
const HAND: usize = 4;

/// A loop is left after so many nodes: it can meet those again that it moved.
const VISITS: usize = 2 * THREADS * MADE;

/// What is done with the node that a loop is at.
#[derive(Clone, Copy)]
enum Body {
    Nothing,
    TakeOut,
    /// To the other list or tree, or to another place in the same.
    Move,
    /// From the list to a tree, or back, if that is free.
    Across,
    /// Out of a list and into the other one, in two steps; in a tree to where another key belongs.
    Again,
    Leave,
}

impl Body {
    /// What comes next, where `taken` have been taken out and the loop has been at `visits` nodes.
    fn next(w: &mut Worker, taken: usize, visits: usize) -> Self {
        if visits == VISITS {
            return Self::Leave;
        }
        match w.random.below(16) {
            0 | 1 if taken < HAND => Self::TakeOut,
            2 | 3 => Self::Move,
            4 | 5 => Self::Across,
            6 | 7 => Self::Again,
            8 => Self::Leave,
            _ => Self::Nothing,
        }
    }

    /// Counts what was `done` at `node`, and keeps that as the next in `hand` if it was taken out;
    /// whether the loop goes on.
    fn goes_on<T>(
        self,
        w: &mut Worker,
        done: bool,
        node: *mut T,
        hand: &mut [*mut T; HAND],
        taken: &mut usize,
    ) -> bool {
        match self {
            Self::Leave => {
                w.count(Outcome::LoopLeft);
                return false;
            }
            Self::TakeOut => {
                hand[*taken] = node;
                *taken += 1;
                w.count(Outcome::LoopTookOut);
            }
            _ if done => w.count(Outcome::LoopMoved),
            _ => {}
        }
        true
    }
}

/// The rightmost node of `tree`.
///
/// # Safety
///
/// The lock of `tree` is held.
unsafe fn last(k: &Kfuncs, tree: *mut bpf_rb_root) -> *mut bpf_rb_node {
    // SAFETY: This function's contract, and what a root holds is alive.
    unsafe {
        let (mut last, mut at) = (null_mut(), (k.top)(tree));
        while !at.is_null() {
            (last, at) = (at, (k.right)(tree, at));
        }
        last
    }
}

/// What a list's loop does at `node`; whether anything was done. What is taken out is the caller's.
///
/// # Safety
///
/// The locks of both values are held, and `node` is in `list`, that of the first.
unsafe fn at_list_node(
    k: &Kfuncs,
    body: Body,
    [list, to]: [*mut bpf_list_head; 2],
    tree: *mut bpf_rb_root,
    node: *mut bpf_list_node,
    world: &World<'_>,
) -> Result<bool, &'static str> {
    // SAFETY: This function's contract. What is taken out is inserted here, or is the caller's.
    let done = unsafe {
        match body {
            Body::TakeOut => (k.del)(list, node) == node,
            Body::Move => bpf_list_move_back(list, node, to),
            Body::Across => {
                let other = tree_node(list_item(node));
                return Ok(bpf_list_move_rbtree(list, node, tree, other, Some(BY_KEY)));
            }
            Body::Again => {
                if (k.del)(list, node) != node {
                    return Err("list: what a loop is at is not in it");
                }
                // It was free between: somebody else can have it by now, and it is dropped.
                match (k.push_front)(to, node, world.items.meta(), LIST) {
                    0 => true,
                    EINVAL => return Ok(false),
                    _ => return Err("list: an insertion in a loop returned neither 0 nor -EINVAL"),
                }
            }
            Body::Nothing | Body::Leave => return Ok(false),
        }
    };
    match done {
        true => Ok(true),
        false => Err("list: what a loop is at is not in it"),
    }
}

/// [`at_list_node()`] for a tree; `key` is another key for the node.
///
/// # Safety
///
/// As for [`at_list_node()`].
unsafe fn at_tree_node(
    k: &Kfuncs,
    body: Body,
    [tree, to]: [*mut bpf_rb_root; 2],
    list: *mut bpf_list_head,
    node: *mut bpf_rb_node,
    key: u64,
) -> Result<bool, &'static str> {
    // SAFETY: This function's contract; what is taken out is the caller's.
    let done = unsafe {
        match body {
            Body::TakeOut => (k.remove)(tree, node) == node,
            Body::Move => bpf_rbtree_move(tree, node, to, Some(BY_KEY)),
            Body::Across => {
                let other = list_node(tree_item(node));
                return Ok(bpf_rbtree_move_list_front(tree, node, list, other));
            }
            Body::Again => {
                set_key(node, key);
                bpf_rbtree_reposition(tree, node, Some(BY_KEY))
            }
            Body::Nothing | Body::Leave => return Ok(false),
        }
    };
    match done {
        true => Ok(true),
        false => Err("tree: what a loop is at is not in it"),
    }
}

impl World<'_> {
    /// Goes over a list; the nodes must be those that a walk would find.
    pub(super) fn loop_over_list(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let flags = if w.random.below(2) == 0 { 0 } else { BACKWARD };
        let Some((values, two)) = self.two(w) else {
            return Ok(());
        };
        let mut hand = [null_mut(); HAND];
        // SAFETY: Both locks are held until the loop has ended.
        unsafe { self.list_loop(k, w, flags, values, &mut hand)? };
        drop(two);
        hand.into_iter()
            .filter(|node| !node.is_null())
            .try_for_each(|node| self.out_of_list(k, w, node))
    }

    /// The loop over the list of the first of `values`.
    ///
    /// # Safety
    ///
    /// The locks of both values are held. Who gets a node in `hand` gets its reference.
    unsafe fn list_loop(
        &self,
        k: &Kfuncs,
        w: &mut Worker,
        flags: u32,
        values: [*mut Value; 2],
        hand: &mut [*mut bpf_list_node; HAND],
    ) -> Checked {
        let (mut taken, mut visits) = (0, 0);
        // SAFETY: By this function's contract. An iterator is words; what a root holds is alive.
        unsafe {
            let (lists, tree) = (
                values.map(|value| &raw mut (*value).list),
                &raw mut (*values[1]).tree,
            );
            let (end, beside) = match flags {
                BACKWARD => (k.back, k.prev),
                _ => (k.front, k.next),
            };
            let mut want = end(lists[0]);
            let mut it: bpf_iter_list = zeroed();
            if bpf_iter_list_new(&mut it, lists[0], flags) != 0 {
                return Err("list: there is no iterator");
            }
            loop {
                let node = bpf_iter_list_next(&mut it);
                if node != want {
                    return Err("list: a loop is not where a walk would be");
                }
                if node.is_null() {
                    w.count(Outcome::LoopedList);
                    break;
                }
                // Where it goes next is known before the body runs, whatever that does.
                want = beside(lists[0], node);
                visits += 1;
                let body = Body::next(w, taken, visits);
                let done = at_list_node(k, body, lists, tree, node, self)?;
                if !body.goes_on(w, done, node, hand, &mut taken) {
                    break;
                }
            }
            bpf_iter_list_destroy(&mut it);
        }
        w.calls += 3 + 2 * visits as u64;
        Ok(())
    }

    /// [`loop_over_list()`](Self::loop_over_list) for a tree.
    pub(super) fn loop_over_tree(&self, k: &Kfuncs, w: &mut Worker) -> Checked {
        let flags = if w.random.below(2) == 0 { 0 } else { BACKWARD };
        let Some((values, two)) = self.two(w) else {
            return Ok(());
        };
        let mut hand = [null_mut(); HAND];
        // SAFETY: Both locks are held until the loop has ended.
        unsafe { self.tree_loop(k, w, flags, values, &mut hand)? };
        drop(two);
        hand.into_iter()
            .filter(|node| !node.is_null())
            .try_for_each(|node| self.out_of_tree(k, w, node))
    }

    /// [`list_loop()`](Self::list_loop) for a tree.
    ///
    /// # Safety
    ///
    /// As for [`list_loop()`](Self::list_loop).
    unsafe fn tree_loop(
        &self,
        k: &Kfuncs,
        w: &mut Worker,
        flags: u32,
        values: [*mut Value; 2],
        hand: &mut [*mut bpf_rb_node; HAND],
    ) -> Checked {
        let (mut taken, mut visits) = (0, 0);
        // SAFETY: As in `list_loop()`.
        unsafe {
            let (trees, list) = (
                values.map(|value| &raw mut (*value).tree),
                &raw mut (*values[1]).list,
            );
            let (mut want, beside) = match flags {
                BACKWARD => (last(k, trees[0]), k.tree_prev),
                _ => ((k.first)(trees[0]), k.tree_next),
            };
            let mut it: bpf_iter_rbtree = zeroed();
            if bpf_iter_rbtree_new(&mut it, trees[0], flags) != 0 {
                return Err("tree: there is no iterator");
            }
            loop {
                let node = bpf_iter_rbtree_next(&mut it);
                if node != want {
                    return Err("tree: a loop is not where a walk would be");
                }
                if node.is_null() {
                    w.count(Outcome::LoopedTree);
                    break;
                }
                want = beside(trees[0], node);
                visits += 1;
                let body = Body::next(w, taken, visits);
                let key = w.random.below(KEYS) as u64;
                let done = at_tree_node(k, body, trees, list, node, key)?;
                if !body.goes_on(w, done, node, hand, &mut taken) {
                    break;
                }
            }
            bpf_iter_rbtree_destroy(&mut it);
        }
        w.calls += 3 + 2 * visits as u64;
        Ok(())
    }
}
