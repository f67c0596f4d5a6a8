// SPDX-License-Identifier: GPL-2.0

// What each case begins with: the real rust/owner.rs, a kind of node, and a lock.

#![allow(dead_code, unused_imports, unused_variables)]

#[path = "../../../rust/owner.rs"]
mod owner;

use core::{ffi::c_void, ptr::NonNull};
use owner::*;

struct K;

// SAFETY: Nothing here is run.
unsafe impl Kind for K {
    type Raw = [*mut c_void; 3];
    unsafe fn owner(node: NonNull<Self::Raw>) -> *mut *mut c_void {
        node.as_ptr().cast()
    }
    unsafe fn spare(node: NonNull<Self::Raw>) -> *mut *mut Self::Raw {
        node.as_ptr().cast()
    }
}

struct Lock;
struct Guard<'a>(&'a Lock, Held);

impl Drop for Guard<'_> {
    fn drop(&mut self) {}
}

impl Lock {
    fn lock(&self) -> Guard<'_> {
        // SAFETY: Nothing here is run.
        Guard(self, unsafe { Held::new() })
    }
}

impl Guard<'_> {
    fn root(&self) -> Root<'_> {
        // SAFETY: Nothing here is run.
        unsafe { Root::locked(NonNull::dangling(), &self.1) }
    }

    fn node(&self) -> Node<'_, K> {
        // SAFETY: Nothing here is run.
        unsafe { Node::from_raw(NonNull::dangling(), &self.1) }
    }
}

fn link(_: *mut [*mut c_void; 3]) {}

fn main() {}
