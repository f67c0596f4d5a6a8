// SPDX-License-Identifier: GPL-2.0

//! Links of lists and trees, each access to which loom sees.
//!
//! The fields are behind `Deref`: `(*node).next` as in `rust/` is then a call that tells loom of
//! the access before it is made. A `&raw mut` to a field counts as a write of it.

#![allow(non_camel_case_types, non_snake_case)]

use core::ops::{Deref, DerefMut};

use crate::memory;

macro_rules! watched {
    ($name:ident($fields:ident) { $($field:ident: $type:ty),* }) => {
        #[repr(transparent)]
        pub struct $name($fields);

        #[repr(C)]
        pub struct $fields {
            $(pub $field: $type,)*
        }

        impl Deref for $name {
            type Target = $fields;

            fn deref(&self) -> &$fields {
                memory::read(self);
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $fields {
                memory::write(self);
                &mut self.0
            }
        }
    };
}

watched!(list_head(list_head_fields) { next: *mut list_head, prev: *mut list_head });
watched!(rb_node(rb_node_fields) {
    __rb_parent_color: usize,
    rb_right: *mut rb_node,
    rb_left: *mut rb_node
});
watched!(rb_root_cached(rb_root_cached_fields) { rb_root: rb_root, rb_leftmost: *mut rb_node });

#[repr(C)]
pub struct rb_root {
    pub rb_node: *mut rb_node,
}

/// # Safety
///
/// `list` points to memory that is nobody else's.
pub unsafe fn INIT_LIST_HEAD(list: *mut list_head) {
    // SAFETY: This function's contract.
    unsafe {
        (*list).next = list;
        (*list).prev = list;
    }
}

/// # Safety
///
/// `head` is in a list whose lock is held; `new` is in none and the caller's.
pub unsafe fn list_add(new: *mut list_head, head: *mut list_head) {
    // SAFETY: This function's contract.
    unsafe {
        let next = (*head).next;
        assert!((*next).prev == head, "list_add: the list is broken");
        assert!(new != head && new != next, "list_add: twice in one list");
        (*next).prev = new;
        (*new).next = next;
        (*new).prev = head;
        (*head).next = new;
    }
}

/// # Safety
///
/// `entry` is in a list whose lock is held.
pub unsafe fn list_del_init(entry: *mut list_head) {
    // SAFETY: This function's contract.
    unsafe {
        let (prev, next) = ((*entry).prev, (*entry).next);
        assert!(
            !prev.is_null() && (*prev).next == entry,
            "list_del: the list is broken"
        );
        assert!((*next).prev == entry, "list_del: the list is broken");
        (*prev).next = next;
        (*next).prev = prev;
        INIT_LIST_HEAD(entry);
    }
}
