// SPDX-License-Identifier: GPL-2.0

//! Items whose end can be seen: each holds, in a list of its own, one reference to a token that
//! outlives it. A token with one reference left says that its item was freed, with all it owned.

use core::{
    cell::UnsafeCell,
    mem::offset_of,
    ptr::null_mut, //
};

use kernel::{bindings, prelude::*};

use super::{
    field, item_fields, kfuncs::Kfuncs, list, list_node, patiently, refs, root_field,
    threads::Program, Item, Items, RecordOf,
};

/// What a program would declare as an [`Item`] with `struct bpf_spin_lock lock; struct
/// bpf_list_head cargo __contains(token, list);` behind it.
#[repr(C)]
struct Counted {
    item: Item,
    lock: u32,
    cargo: bindings::bpf_list_head,
}

/// The type of counted items, and a fixed number of tokens: there are never more items than that.
pub(super) struct CountedItems {
    tokens: Items,
    all: KVec<*mut Item>,
    record: KBox<RecordOf<5>>,
    meta: UnsafeCell<bindings::btf_struct_meta>,
}

// SAFETY: What is in it is not changed but by the kfuncs, which are for many threads.
unsafe impl Sync for CountedItems {}

/// The offset of an item's list node, as kfuncs want it.
pub(super) const LIST: u64 = offset_of!(Item, list) as u64;

/// The offset of an item's tree node.
pub(super) const TREE: u64 = offset_of!(Item, tree) as u64;

impl CountedItems {
    /// A type whose items `count` tokens count.
    pub(super) fn new(count: usize) -> Result<Self> {
        let tokens = Items::shared()?;
        let mut all = KVec::with_capacity(count, GFP_KERNEL)?;
        for key in 0..count {
            let token = tokens.make(key as u64);
            if token.is_null() {
                return Err(ENOMEM);
            }
            all.push(token, GFP_KERNEL)?;
        }
        let cargo = root_field(
            bindings::btf_field_type_BPF_LIST_HEAD,
            offset_of!(Counted, cargo),
            LIST as usize,
            tokens.record(),
        );
        let lock = field(
            bindings::btf_field_type_BPF_SPIN_LOCK,
            offset_of!(Counted, lock),
            4,
        );
        let [list, tree, count] = item_fields();
        let record = KBox::new(RecordOf::new([list, tree, count, lock, cargo]), GFP_KERNEL)?;
        Ok(Self {
            tokens,
            all,
            meta: UnsafeCell::new(record.meta()),
            record,
        })
    }

    /// The record, for roots of such items.
    pub(super) fn record(&self) -> *mut bindings::btf_record {
        self.record.as_ptr()
    }

    /// The metadata for kfuncs.
    pub(super) fn meta(&self) -> *mut bindings::btf_struct_meta {
        self.meta.get()
    }

    /// The size of an item.
    pub(super) fn size(&self) -> usize {
        size_of::<Counted>()
    }

    /// How many tokens there are.
    pub(super) fn limit(&self) -> usize {
        self.all.len()
    }

    /// Makes an item that one of the tokens `which` counts. Null if all are in use, or if there is
    /// no memory at the moment.
    ///
    /// Each range of tokens is for one thread.
    pub(super) fn make(&self, k: &Kfuncs, which: core::ops::Range<usize>, key: u64) -> *mut Item {
        let free = |&&token: &&*mut Item| refs(token) == 1;
        let Some(&token) = self.all.get(which).and_then(|some| some.iter().find(free)) else {
            return null_mut();
        };
        let _program = Program::new(false);
        // SAFETY: The metadata is that of the type.
        let item = unsafe { (k.new)(size_of::<Counted>() as u64, self.meta()) };
        let item: *mut Counted = item.cast();
        if item.is_null() {
            return null_mut();
        }
        // SAFETY: The item is new, so that its lock need not be taken, and the token is free: the
        // only reference to it is ours.
        unsafe {
            (*item).item.key = key;
            (k.acquire)(token.cast(), self.tokens.meta());
            (k.push_back)(
                &raw mut (*item).cargo,
                list_node(token),
                self.tokens.meta(),
                LIST,
            );
        }
        item.cast()
    }

    /// Makes an item, and waits for memory if it must.
    pub(super) fn make_patiently(&self, k: &Kfuncs) -> Result<*mut Item> {
        let item = patiently(|| self.make(k, 0..self.limit(), 1).cast());
        if item.is_null() {
            return Err(ENOMEM);
        }
        Ok(item.cast())
    }

    /// Whether `item` still owns just its token.
    pub(super) fn is_whole(&self, item: *mut Item) -> bool {
        let mut tokens = 0;
        // SAFETY: The item is one of ours, and nobody else looks at it.
        let cargo = unsafe { &raw mut (*item.cast::<Counted>()).cargo };
        let walked = list::walk(cargo, &mut |token| {
            tokens += 1;
            if refs(token) == 2 && tokens == 1 {
                Ok(())
            } else {
                Err("not its token")
            }
        });
        walked.is_ok() && tokens == 1
    }

    /// How many items there are at the moment.
    pub(super) fn alive(&self) -> usize {
        self.all.iter().filter(|&&token| refs(token) != 1).count()
    }
}

impl Drop for CountedItems {
    fn drop(&mut self) {
        for &token in &self.all {
            self.tokens.drop(token);
        }
    }
}
