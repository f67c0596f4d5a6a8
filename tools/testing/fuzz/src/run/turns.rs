// SPDX-License-Identifier: GPL-2.0

//! Which implementation serves.

use crate::sys::Switch;
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Impl {
    C,
    Rust,
}

/// The switch is for the whole machine: threads go through it side by side.
pub struct Turns {
    switch: Switch,
    now: Mutex<(Impl, usize)>,
    changed: Condvar,
}

impl Turns {
    pub fn new() -> Result<Self, String> {
        let switch = Switch::open()?;
        switch.set("rust");
        Ok(Self {
            switch,
            now: Mutex::new((Impl::Rust, 0)),
            changed: Condvar::new(),
        })
    }

    pub fn with<T>(&self, want: Impl, f: impl FnOnce() -> T) -> T {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        while now.0 != want && now.1 > 0 {
            now = self
                .changed
                .wait(now)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if now.0 != want {
            self.switch.set(if want == Impl::C { "c" } else { "rust" });
            now.0 = want;
        }
        now.1 += 1;
        drop(now);
        let t = f();
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.1 -= 1;
        self.changed.notify_all();
        t
    }
}
