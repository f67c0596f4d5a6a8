// SPDX-License-Identifier: GPL-2.0

//! KUnit suites, and what they share: an object type with all that a node can have, made and
//! dropped by the kfuncs themselves, and walks that check a collection's structure.
//!
//! The suites call the kfuncs as programs do. Where C is reachable under a second name the same
//! suites can be read as a specification of both.

use core::{
    cell::UnsafeCell,
    mem::{offset_of, zeroed},
    ptr::null_mut, //
};

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{Acquire, Atomic},
    time::{delay::fsleep, Delta}, //
};

#[cfg(CONFIG_BPF_GRAPH_AB)]
mod ab;
mod across;
mod addrs;
mod array;
#[cfg(CONFIG_BPF_GRAPH_BENCH)]
mod bench;
mod counted;
mod drain;
mod drops;
mod faults;
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
mod inline;
mod iter;
mod key;
mod kfuncs;
mod list;
mod locks;
// The templates need all of it, drops some.
#[cfg_attr(not(CONFIG_BPF_GRAPH_INLINE), allow(dead_code))]
mod machine;
mod moves;
mod object;
mod owner;
mod place;
mod races;
mod section;
mod stress;
mod threads;
mod tree;
mod walk;

use self::threads::Program;

/// The object that the suites use: what a program would declare as
/// `struct item { u64 key; struct bpf_list_node list; struct bpf_rb_node tree; struct bpf_refcount
/// refs; }`.
#[repr(C)]
pub(crate) struct Item {
    pub(crate) key: u64,
    pub(crate) list: bindings::bpf_list_node_kern,
    pub(crate) tree: bindings::bpf_rb_node_kern,
    pub(crate) refs: bindings::bpf_refcount,
}

/// A record and its fields, as the flexible array has them.
#[repr(C)]
pub(crate) struct RecordOf<const N: usize> {
    head: bindings::btf_record,
    fields: [bindings::btf_field; N],
}

const _: () = assert!(
    offset_of!(RecordOf<1>, fields) == size_of::<bindings::btf_record>()
        && offset_of!(bindings::btf_record, fields) == size_of::<bindings::btf_record>()
);

/// A field of `kind` at `offset`.
pub(crate) fn field(kind: u32, offset: usize, size: usize) -> bindings::btf_field {
    // SAFETY: A field of zeroes is a valid one, with nothing in it.
    let mut field: bindings::btf_field = unsafe { zeroed() };
    field.type_ = kind;
    field.offset = offset as u32;
    field.size = size as u32;
    field
}

/// A head or root of `kind` at `offset`, for objects with `record` that have their nodes at `node`.
pub(crate) fn root_field(
    kind: u32,
    offset: usize,
    node: usize,
    record: *mut bindings::btf_record,
) -> bindings::btf_field {
    let size = match kind {
        bindings::btf_field_type_BPF_LIST_HEAD => size_of::<bindings::bpf_list_head>(),
        _ => size_of::<bindings::bpf_rb_root>(),
    };
    let mut root = field(kind, offset, size);
    root.__bindgen_anon_1.graph_root = bindings::btf_field_graph_root {
        btf: null_mut(),
        value_btf_id: 0,
        node_offset: node as u32,
        value_rec: record,
        key: 0,
    };
    root
}

impl<const N: usize> RecordOf<N> {
    /// A record of `fields`, with the offsets that C caches.
    pub(crate) fn new(fields: [bindings::btf_field; N]) -> Self {
        // SAFETY: A record of zeroes is a valid one, with nothing in it.
        let mut head: bindings::btf_record = unsafe { zeroed() };
        let offset_of_type = |kind| {
            fields
                .iter()
                .find(|f| f.type_ == kind)
                .map_or(-(EINVAL_ERRNO), |f| f.offset as i32)
        };
        head.cnt = N as u32;
        head.field_mask = fields.iter().fold(0, |mask, f| mask | f.type_);
        head.spin_lock_off = offset_of_type(bindings::btf_field_type_BPF_SPIN_LOCK);
        head.res_spin_lock_off = offset_of_type(bindings::btf_field_type_BPF_RES_SPIN_LOCK);
        head.refcount_off = offset_of_type(bindings::btf_field_type_BPF_REFCOUNT);
        head.timer_off = -EINVAL_ERRNO;
        head.wq_off = -EINVAL_ERRNO;
        head.task_work_off = -EINVAL_ERRNO;
        Self { head, fields }
    }

    /// The record as C has it.
    pub(crate) fn as_ptr(&self) -> *mut bindings::btf_record {
        (&raw const self.head).cast_mut()
    }

    /// The fields.
    pub(crate) fn fields(&self) -> &[bindings::btf_field; N] {
        &self.fields
    }

    /// The metadata that the verifier would pass to a kfunc. It must not outlive `self`.
    pub(crate) fn meta(&self) -> bindings::btf_struct_meta {
        bindings::btf_struct_meta {
            btf_id: 0,
            rcu_read: false,
            record: self.as_ptr(),
        }
    }
}

const EINVAL_ERRNO: i32 = bindings::EINVAL as i32;

/// The record of a shared [`Item`], or of one with a single owner.
pub(crate) fn item_fields() -> [bindings::btf_field; 3] {
    [
        field(
            bindings::btf_field_type_BPF_LIST_NODE,
            offset_of!(Item, list),
            size_of::<bindings::bpf_list_node_kern>(),
        ),
        field(
            bindings::btf_field_type_BPF_RB_NODE,
            offset_of!(Item, tree),
            size_of::<bindings::bpf_rb_node_kern>(),
        ),
        field(
            bindings::btf_field_type_BPF_REFCOUNT,
            offset_of!(Item, refs),
            size_of::<bindings::bpf_refcount>(),
        ),
    ]
}

/// The type [`Item`] with and without a reference count, and how to make and drop items of it.
pub(crate) struct Items {
    meta: UnsafeCell<bindings::btf_struct_meta>,
    record: KBox<RecordOf<3>>,
}

impl Items {
    /// Items that are shared: with a reference count.
    pub(crate) fn shared() -> Result<Self> {
        let record = KBox::new(RecordOf::new(item_fields()), GFP_KERNEL)?;
        Ok(Self {
            meta: UnsafeCell::new(record.meta()),
            record,
        })
    }

    /// Items that have a single owner: without a reference count.
    pub(crate) fn single() -> Result<Self> {
        let mut record = RecordOf::new(item_fields());
        record.head.cnt = 2;
        record.head.field_mask &= !bindings::btf_field_type_BPF_REFCOUNT;
        record.head.refcount_off = -EINVAL_ERRNO;
        let record = KBox::new(record, GFP_KERNEL)?;
        Ok(Self {
            meta: UnsafeCell::new(record.meta()),
            record,
        })
    }

    /// Items that have a single owner, which can be a kptr.
    pub(crate) fn kept() -> Result<Self> {
        let mut items = Self::single()?;
        items.meta.get_mut().rcu_read = true;
        Ok(items)
    }

    /// The record.
    pub(crate) fn record(&self) -> *mut bindings::btf_record {
        self.record.as_ptr()
    }

    /// The metadata for kfuncs.
    pub(crate) fn meta(&self) -> *mut bindings::btf_struct_meta {
        self.meta.get()
    }

    /// Makes an item by `bpf_obj_new()`.
    pub(crate) fn make(&self, key: u64) -> *mut Item {
        let size = size_of::<Item>() as u64;
        let item = patiently(|| {
            let _program = Program::new(false);
            // SAFETY: The metadata is that of `Item`.
            unsafe { crate::bpf_obj_new(size, self.meta()) }
        });
        let item: *mut Item = item.cast();
        if !item.is_null() {
            // SAFETY: The item is new.
            unsafe { (*item).key = key };
        }
        item
    }

    /// Takes one more reference to `item`.
    pub(crate) fn acquire(&self, item: *mut Item) -> bool {
        // SAFETY: Callers have a reference to a shared item.
        !unsafe { crate::bpf_refcount_acquire(item.cast(), self.meta()) }.is_null()
    }

    /// Drops a reference to `item`.
    pub(crate) fn drop(&self, item: *mut Item) {
        let _program = Program::new(false);
        // SAFETY: Callers have a reference to the item.
        unsafe { crate::bpf_obj_drop(item.cast(), self.meta()) }
    }
}

/// Allocates again and again for a second: BPF's allocator fails where its cache has run dry, and
/// is refilled by others.
pub(crate) fn patiently(allocate: impl Fn() -> *mut c_void) -> *mut c_void {
    for _ in 0..1000 {
        let obj = allocate();
        if !obj.is_null() {
            return obj;
        }
        fsleep(Delta::from_millis(1));
    }
    null_mut()
}

/// How many references there are to a shared `item` at the moment. Acquire: where it says that
/// others have given theirs back, what they did before that is seen.
pub(crate) fn refs(item: *mut Item) -> i32 {
    // SAFETY: Callers know that the item is there. C and Rust access its count atomically only.
    unsafe {
        let count = (&raw mut (*item).refs).cast::<bindings::refcount_t>();
        Atomic::from_ptr(&raw mut (*count).refs.counter).load(Acquire)
    }
}

/// Whether interrupts are enabled.
pub(crate) fn interrupts_enabled() -> bool {
    let mut probe = bindings::bpf_spin_lock { val: 0 };
    let probe = &raw mut probe;
    // SAFETY: The lock is nobody else's.
    let flags = unsafe { bindings::bpf_graph_spin_lock(probe) };
    // SAFETY: It was locked with these flags.
    unsafe { bindings::bpf_graph_spin_unlock(probe, flags) };
    // Under User-mode Linux the flags are 1 or 0, on x86 it is one bit of them.
    flags & if cfg!(CONFIG_UML) { 1 } else { 0x200 } != 0
}

/// The item's list node, for kfuncs.
pub(crate) fn list_node(item: *mut Item) -> *mut bindings::bpf_list_node {
    item.cast::<u8>()
        .wrapping_add(offset_of!(Item, list))
        .cast()
}

/// The item's tree node, for kfuncs.
pub(crate) fn tree_node(item: *mut Item) -> *mut bindings::bpf_rb_node {
    item.cast::<u8>()
        .wrapping_add(offset_of!(Item, tree))
        .cast()
}

/// The item of a list node.
pub(crate) fn list_item(node: *mut bindings::bpf_list_node) -> *mut Item {
    if node.is_null() {
        return null_mut();
    }
    node.cast::<u8>()
        .wrapping_sub(offset_of!(Item, list))
        .cast()
}

/// The item of a tree node.
pub(crate) fn tree_item(node: *mut bindings::bpf_rb_node) -> *mut Item {
    if node.is_null() {
        return null_mut();
    }
    node.cast::<u8>()
        .wrapping_sub(offset_of!(Item, tree))
        .cast()
}

/// Puts `item` at `at` in `to`, which is what a collection should hold.
pub(crate) fn insert(to: &mut KVec<*mut Item>, at: usize, item: *mut Item) -> Result {
    to.reserve(1, GFP_KERNEL)?;
    to.insert_within_capacity(at, item).map_err(|_| ENOMEM)
}

/// Numbers that look random and are the same in each run (xorshift64).
pub(crate) struct Random(u64);

impl Random {
    /// Numbers from `seed`, which is not 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
