// SPDX-License-Identifier: GPL-2.0

//! What a call becomes: the same steps on the same memory as the function that was to be called,
//! in BPF instructions.
//!
//! Arguments are in `R1` and `R2`, the result is in `R0`; `R1` to `R5` may be overwritten, as by a
//! call. After the last instruction the program goes on.
//!
//! The lock is held around each of these but [`acquire()`], so that plain loads and stores do, but
//! for the ownership word (`owner.rs`): *check* is one load, *release* is a store-release. *Claim*
//! is left out where a [`Template::Sole`] says so, and *publish* is a plain store.
//!
//! The links of a node that is taken out are reset, as the functions do: memory is the same after
//! a template as after the call, which is what KUnit compares.

use core::mem::offset_of;

use kernel::bindings::{
    self, bpf_list_node_kern as ListNode, bpf_rb_node_kern as TreeNode, btf_field, list_head,
    rb_node, rb_root_cached,
};

use crate::{insn::*, record::Record};

/// How a call is written out.
#[derive(Clone, Copy)]
pub(crate) enum Template {
    /// Whatever the type.
    Any(&'static [Insn]),
    /// Where an object has one owner: its type has no `bpf_refcount`.
    ///
    /// Such a node is free where it is inserted. The program has the owning reference, of which
    /// there is one, so the object is in no collection by this node; it left the last one by
    /// *release*, before the reference came to the program, or has just been made. Nobody else
    /// writes to it: to claim takes the owning reference. Who loaded it from a kptr, under RCU,
    /// can check it meanwhile, under the lock of another head, and finds that it is not there:
    /// the ownership word becomes the address of a head under that head's lock only.
    Sole(&'static [Insn]),
    /// `bpf_refcount_acquire()`, see [`acquire()`].
    Acquire,
    /// `bpf_obj_new()`, see [`new_object()`].
    New,
}

const NEXT: usize = offset_of!(list_head, next);
const PREV: usize = offset_of!(list_head, prev);
const LIST_OWNER: usize = offset_of!(ListNode, owner);
const TREE_OWNER: usize = offset_of!(TreeNode, owner);

// A head is a `list_head`, a root an `rb_root_cached`, and a node begins with its links.
const _: () = assert!(offset_of!(ListNode, list_head) == 0 && offset_of!(TreeNode, rb_node) == 0);

/// `bpf_list_push_front()` (`first` is `NEXT`) and `bpf_list_push_back()`: always 0.
const fn push(first: usize, last: usize) -> [Insn; 9] {
    [
        ldx(R3, R1, first),
        // A head of zeroes: it is its own neighbour, and the stores below say so of its other end.
        jne_k(R3, 0, 1),
        mov(R3, R1),
        stx(R2, first, R3),
        stx(R2, last, R1),
        stx(R3, last, R2),
        stx(R1, first, R2),
        stx(R2, LIST_OWNER, R1),
        mov_k(R0, 0),
    ]
}

/// `bpf_list_pop_front()` (`first` is `NEXT`) and `bpf_list_pop_back()`.
const fn pop(first: usize, last: usize) -> [Insn; 11] {
    [
        ldx(R2, R1, first),
        mov_k(R0, 0),
        jeq_k(R2, 0, 8),
        jeq(R2, R1, 7),
        ldx(R3, R2, first),
        stx(R1, first, R3),
        stx(R3, last, R1),
        stx(R2, NEXT, R2),
        stx(R2, PREV, R2),
        store_release(R2, LIST_OWNER, R0),
        mov(R0, R2),
    ]
}

/// `bpf_list_del()`.
const DEL: [Insn; 11] = [
    ldx(R3, R2, LIST_OWNER),
    mov_k(R0, 0),
    jne(R3, R1, 8),
    ldx(R3, R2, NEXT),
    ldx(R4, R2, PREV),
    stx(R3, PREV, R4),
    stx(R4, NEXT, R3),
    stx(R2, NEXT, R2),
    stx(R2, PREV, R2),
    store_release(R2, LIST_OWNER, R0),
    mov(R0, R2),
];

/// `bpf_list_front()` and `bpf_list_back()`.
const fn end(first: usize) -> [Insn; 3] {
    [ldx(R0, R1, first), jne(R0, R1, 1), mov_k(R0, 0)]
}

/// `bpf_list_is_first()` and `bpf_list_is_last()`.
const fn is_end(first: usize) -> [Insn; 6] {
    [
        mov_k(R0, 0),
        ldx(R3, R2, LIST_OWNER),
        jne(R3, R1, 3),
        ldx(R3, R1, first),
        jne(R3, R2, 1),
        mov_k(R0, 1),
    ]
}

/// `bpf_list_next()` (`at` is `NEXT`) and `bpf_list_prev()`.
const fn neighbour(at: usize) -> [Insn; 6] {
    [
        ldx(R3, R2, LIST_OWNER),
        mov_k(R0, 0),
        jne(R3, R1, 3),
        ldx(R0, R2, at),
        jne(R0, R1, 1),
        mov_k(R0, 0),
    ]
}

/// `bpf_list_empty()`, which initialises a head of zeroes.
const EMPTY: [Insn; 8] = [
    mov_k(R0, 1),
    ldx(R3, R1, NEXT),
    jeq(R3, R1, 5),
    jne_k(R3, 0, 3),
    stx(R1, NEXT, R1),
    stx(R1, PREV, R1),
    ja(1),
    mov_k(R0, 0),
];

/// `bpf_rbtree_first()` and `bpf_rbtree_root()`.
const fn of_tree(off: usize) -> [Insn; 1] {
    [ldx(R0, R1, off)]
}

/// `bpf_rbtree_left()` and `bpf_rbtree_right()`.
const fn child(off: usize) -> [Insn; 4] {
    [
        ldx(R3, R2, TREE_OWNER),
        mov_k(R0, 0),
        jne(R3, R1, 1),
        ldx(R0, R2, off),
    ]
}

pub(crate) static PUSH_FRONT: Template = Template::Sole(&push(NEXT, PREV));
pub(crate) static PUSH_BACK: Template = Template::Sole(&push(PREV, NEXT));
pub(crate) static POP_FRONT: Template = Template::Any(&pop(NEXT, PREV));
pub(crate) static POP_BACK: Template = Template::Any(&pop(PREV, NEXT));
pub(crate) static DELETE: Template = Template::Any(&DEL);
pub(crate) static FRONT: Template = Template::Any(&end(NEXT));
pub(crate) static BACK: Template = Template::Any(&end(PREV));
pub(crate) static AFTER: Template = Template::Any(&neighbour(NEXT));
pub(crate) static BEFORE: Template = Template::Any(&neighbour(PREV));
pub(crate) static IS_FIRST: Template = Template::Any(&is_end(NEXT));
pub(crate) static IS_LAST: Template = Template::Any(&is_end(PREV));
pub(crate) static IS_EMPTY: Template = Template::Any(&EMPTY);
pub(crate) static FIRST: Template =
    Template::Any(&of_tree(offset_of!(rb_root_cached, rb_leftmost)));
pub(crate) static TOP: Template = Template::Any(&of_tree(offset_of!(rb_root_cached, rb_root)));
pub(crate) static LEFT: Template = Template::Any(&child(offset_of!(rb_node, rb_left)));
pub(crate) static RIGHT: Template = Template::Any(&child(offset_of!(rb_node, rb_right)));
pub(crate) static ACQUIRE: Template = Template::Acquire;
pub(crate) static NEW: Template = Template::New;

/// How many instructions [`acquire()`] makes.
pub(crate) const ACQUIRE_LEN: usize = 14;

/// `bpf_refcount_acquire()` of an object with `record` and `meta`: one try to count up by one. It
/// calls the function where the count is 0 or will saturate, and where another CPU was faster.
/// `None` where the type has no count, or no instruction can reach it.
///
/// Fully ordered; the function is relaxed.
pub(crate) fn acquire(record: Record, meta: u64, call: Insn) -> Option<[Insn; ACQUIRE_LEN]> {
    let off = i16::try_from(record.refcount_off()?).ok()?;
    let [meta_low, meta_high] = ld_imm64(R2, meta);
    Some([
        ldx32(R0, R1, off),
        mov(R3, R0),
        add32_k(R3, -1),
        // From 1 to the last but one positive number.
        jgt32_k(R3, i32::MAX - 2, 7),
        mov(R3, R0),
        mov(R4, R0),
        add32_k(R4, 1),
        cmpxchg32(R1, off, R4),
        jne32(R0, R3, 2),
        mov(R0, R1),
        ja(3),
        meta_low,
        meta_high,
        call,
    ])
}

impl Code<'_> {
    /// What `field` of the object at `R0` holds at first, as `object.rs` writes it; `None` if no
    /// instruction can, or there is no room.
    fn init(&mut self, field: &btf_field) -> Option<()> {
        const LEFT: usize = offset_of!(rb_node, rb_left);
        const RIGHT: usize = offset_of!(rb_node, rb_right);
        const PARENT: usize = offset_of!(rb_node, __rb_parent_color);

        let at = i16::try_from(field.offset).ok()?;
        let end = i16::try_from(field.offset.checked_add(field.size)?).ok()?;
        // To the field itself, which some begin with.
        let own = [mov(R1, R0), add_k(R1, at.into())];
        match field.type_ {
            bindings::btf_field_type_BPF_LIST_NODE => {
                self.push(&own)?;
                self.push(&[stx(R1, NEXT, R1), stx(R1, PREV, R1)])?;
                self.push(&[st_k(R1, LIST_OWNER as i16, 0)])
            }
            bindings::btf_field_type_BPF_RB_NODE => {
                self.push(&own)?;
                self.push(&[stx(R1, PARENT, R1), st_k(R1, LEFT as i16, 0)])?;
                self.push(&[st_k(R1, RIGHT as i16, 0), st_k(R1, TREE_OWNER as i16, 0)])
            }
            bindings::btf_field_type_BPF_LIST_HEAD => {
                self.push(&own)?;
                self.push(&[stx(R1, NEXT, R1), stx(R1, PREV, R1)])
            }
            bindings::btf_field_type_BPF_REFCOUNT => self.push(&[st32_k(R0, at, 1)]),
            // All others begin as zeroes.
            _ => {
                let mut at = at;
                while at < end {
                    let (insn, size) = match end.checked_sub(at)? {
                        8.. if at % 8 == 0 => (st_k(R0, at, 0), 8),
                        4.. if at % 4 == 0 => (st32_k(R0, at, 0), 4),
                        _ => return None,
                    };
                    self.push(&[insn])?;
                    at = at.checked_add(size)?;
                }
                Some(())
            }
        }
    }
}

/// `bpf_obj_new()` of an object of `size` bytes with `record`: a call of the function without a
/// type, for which it writes nothing, and behind that what each field holds at first. How many
/// instructions were written to `room`; `None` where an instruction cannot say it, or there is no
/// room for all.
pub(crate) fn new_object(
    record: Record,
    size: u64,
    call: Insn,
    room: &mut [Insn],
) -> Option<usize> {
    let size = i32::try_from(size).ok()?;
    let mut code = Code::new(room);
    code.push(&[mov_k(R1, size), mov_k(R2, 0), call])?;
    // Where there was no memory nothing is written.
    let check = code.len;
    code.push(&[jeq_k(R0, 0, 0)])?;
    for field in record.fields() {
        code.init(field)?;
    }
    let skip = i16::try_from(code.len.checked_sub(check)?.checked_sub(1)?).ok()?;
    *code.room.get_mut(check)? = jeq_k(R0, 0, skip);
    Some(code.len)
}
