// SPDX-License-Identifier: GPL-2.0

//! What the BPF program shows to user space: `tasktop.h`, in Rust.

use std::{error::Error, fmt, ptr};

pub const MAX_ROWS: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Id {
    pub pid: u64,
    start_ns: u64,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Row {
    pub id: Id,
    pub cpu_ns: u64,
    pub ran_ns: u64,
    comm: [u8; 16],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Counts {
    pub switches: u64,
    pub in_tree: u64,
    pub in_list: u64,
    pub exited: u64,
    pub allocated: u64,
    pub dropped: u64,
    pub refs_got: u64,
    pub refs_put: u64,
    pub lost: u64,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct View {
    pub counts: Counts,
    pub now_ns: u64,
    pub walked: u32,
    pub depth: u32,
    pub empty: u64,
    pub longest_ago: Row,
    rows: [Row; MAX_ROWS],
}

impl Row {
    pub fn comm(&self) -> String {
        let len = self.comm.iter().position(|&c| c == 0).unwrap_or(16);
        String::from_utf8_lossy(&self.comm[..len]).into_owned()
    }
}

impl View {
    /// The rows that are filled, most CPU time first.
    pub fn rows(&self) -> &[Row] {
        &self.rows[..MAX_ROWS.min(self.walked as usize)]
    }

    /// Whether the tree is as shallow as a red-black tree has to be.
    pub fn is_balanced(&self) -> bool {
        f64::from(self.depth) <= 2.0 * f64::from(self.walked + 1).log2()
    }

    /// Whether tree and list hold the same tasks, and the walk met each.
    pub fn is_consistent(&self) -> bool {
        let c = &self.counts;
        c.in_tree == c.in_list + c.exited && c.in_tree == u64::from(self.walked)
    }

    /// After the drain: what is left that should not be, in words.
    pub fn leaks(&self) -> Vec<String> {
        let c = &self.counts;
        let mut leaks = Vec::new();
        if self.empty == 0 {
            leaks.push("tree or list not empty".into());
        }
        if c.in_tree + c.in_list + c.exited != 0 {
            leaks.push(format!(
                "{} in the tree, {} in the lists",
                c.in_tree,
                c.in_list + c.exited
            ));
        }
        if c.allocated != c.dropped {
            leaks.push(format!(
                "{} objects allocated, {} dropped",
                c.allocated, c.dropped
            ));
        }
        if c.refs_got != c.refs_put {
            leaks.push(format!(
                "{} references taken, {} given back",
                c.refs_got, c.refs_put
            ));
        }
        leaks
    }
}

impl TryFrom<Vec<u8>> for View {
    type Error = Box<dyn Error>;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        if bytes.len() != size_of::<View>() {
            return Err("tasktop.h and view.rs differ".into());
        }
        // SAFETY: the size is right, and any bytes are a valid `View`.
        Ok(unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) })
    }
}

/// Nanoseconds, as a person reads them.
pub struct Age(pub u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            ns @ ..1_000_000 => format!("{} us", ns / 1_000),
            ns @ ..1_000_000_000 => format!("{} ms", ns / 1_000_000),
            ns => format!("{:.1} s", ns as f64 / 1e9),
        };
        f.pad(&text)
    }
}
