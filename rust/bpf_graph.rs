// SPDX-License-Identifier: GPL-2.0

//! BPF's graph objects: typed allocation, lists, red-black trees and reference counts for the
//! objects of BPF programs.
//!
//! This is the crate's root: the functions that C and programs call, each a few lines over the
//! modules below. Their prototypes come from `include/bpf_graph.h`; what they do for a program is
//! said at their C bodies in `kernel/bpf/helpers.c`, and how this is built in
//! `kernel/bpf/graph/Documentation`.

use kernel::prelude::*;

#[cfg(CONFIG_BPF_GRAPH_AB)]
mod ab;
mod drain;
mod free;
mod kfuncs;
mod list;
mod lock;
mod object;
mod owner;
mod rbtree;
mod record;
mod refcount;

#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
mod kunit;

pub use self::{free::*, kfuncs::*};

#[cfg(CONFIG_BPF_GRAPH_AB)]
module! {
    type: ab::Switch,
    name: "bpf_graph",
    authors: ["bpf-graph developers"],
    description: "BPF graph objects in Rust",
    license: "GPL",
}

/// What `pr_warn!()` and its like put in front; where there is a module, it brings its own.
#[cfg(not(CONFIG_BPF_GRAPH_AB))]
const __LOG_PREFIX: &[u8] = b"bpf_graph\0";
