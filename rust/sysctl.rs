// SPDX-License-Identifier: GPL-2.0

//! The sysctls `kernel.bpf_graph_*`: for root, read and written, there as soon as the kernel has
//! started.

use kernel::{bindings, prelude::*, str::as_char_ptr_in_const_context};

#[cfg(CONFIG_BPF_GRAPH_AB)]
use crate::ab;
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
use crate::inline;

/// The sysctls' table, which C never changes.
struct Table<const N: usize>([bindings::ctl_table; N]);

// SAFETY: It is only read.
unsafe impl<const N: usize> Sync for Table<N> {}

const COUNT: usize = cfg!(CONFIG_BPF_GRAPH_AB) as usize + cfg!(CONFIG_BPF_GRAPH_INLINE) as usize;

/// Limits of a number that means no or yes.
#[cfg(CONFIG_BPF_GRAPH_INLINE)]
static NO_OR_YES: [c_int; 2] = [0, 1];

/// A sysctl of which nothing is said yet but who may use it.
const fn root_only() -> bindings::ctl_table {
    // SAFETY: A `ctl_table` of zeroes is a valid one, with nothing in it.
    let mut table: bindings::ctl_table = unsafe { core::mem::MaybeUninit::zeroed().assume_init() };
    table.mode = 0o600;
    table
}

static TABLE: Table<COUNT> = Table([
    #[cfg(CONFIG_BPF_GRAPH_AB)]
    bindings::ctl_table {
        procname: as_char_ptr_in_const_context(c"bpf_graph_impl"),
        proc_handler: Some(ab::proc_impl),
        ..root_only()
    },
    #[cfg(CONFIG_BPF_GRAPH_INLINE)]
    bindings::ctl_table {
        procname: as_char_ptr_in_const_context(c"bpf_graph_inline"),
        data: inline::SWITCH.as_ptr().cast(),
        maxlen: size_of::<c_int>() as c_int,
        proc_handler: Some(bindings::proc_dointvec_minmax),
        extra1: (&raw const NO_OR_YES[0]).cast_mut().cast(),
        extra2: (&raw const NO_OR_YES[1]).cast_mut().cast(),
        ..root_only()
    },
]);

/// Registers the sysctls when the kernel starts.
pub(crate) struct Sysctls;

impl kernel::Module for Sysctls {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: The table is static, and its handlers are those that sysctl expects.
        let header = unsafe {
            bindings::register_sysctl_sz(c"kernel".as_char_ptr(), TABLE.0.as_ptr(), TABLE.0.len())
        };
        if header.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self)
    }
}
