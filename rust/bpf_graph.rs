// SPDX-License-Identifier: GPL-2.0

//! BPF's graph objects: typed allocation, lists, red-black trees and reference counts for the
//! objects of BPF programs.
//!
//! `kfuncs` has the functions that programs call, `free` those that C calls, each a few lines over
//! the other modules. How all of it is built is said in `kernel/bpf/graph/Documentation`.

#[cfg(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE))]
use kernel::prelude::*;

#[cfg(CONFIG_BPF_GRAPH_AB)]
mod ab;
mod addrs;
mod array;
mod btf;
mod drain;
mod drops;
mod explain;
mod free;
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
mod inline;
// Drops of several types need a few.
#[cfg_attr(not(CONFIG_BPF_GRAPH_INLINE), allow(dead_code))]
mod insn;
mod key;
mod kfuncs;
mod list;
mod lock;
mod object;
mod owner;
mod rbtree;
mod record;
mod refcount;
mod section;
#[cfg(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE))]
mod sysctl;

#[cfg(CONFIG_BPF_GRAPH_KUNIT_TEST)]
mod kunit;

#[cfg(CONFIG_BPF_GRAPH_AB)]
pub use self::ab::bpf_graph_kfunc_addr;
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
pub use self::inline::{bpf_graph_callee, bpf_graph_inline, bpf_graph_walk, bpf_graph_walks};
pub use self::{
    addrs::*, array::*, drops::*, explain::*, free::*, key::declared::*, kfuncs::*, section::*,
};

#[cfg(all(
    any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE),
    not(CONFIG_BPF_GRAPH_STRESS)
))]
module! {
    type: sysctl::Sysctls,
    name: "bpf_graph",
    authors: ["bpf-graph developers"],
    description: "BPF graph objects in Rust",
    license: "GPL",
}

#[cfg(CONFIG_BPF_GRAPH_STRESS)]
module! {
    type: sysctl::Sysctls,
    name: "bpf_graph",
    authors: ["bpf-graph developers"],
    description: "BPF graph objects in Rust",
    license: "GPL",
    params: {
        stress_ops: u64 {
            default: 100_000_000,
            description: "How many calls the KUnit suite stress_bpf_graph makes",
        },
        stress_seed: u64 {
            default: 1,
            description: "Where its random numbers begin",
        },
    },
}

/// What `pr_warn!()` and its like put in front; where there is a module, it brings its own.
#[cfg(not(any(CONFIG_BPF_GRAPH_AB, CONFIG_BPF_GRAPH_INLINE)))]
const __LOG_PREFIX: &[u8] = b"bpf_graph\0";
