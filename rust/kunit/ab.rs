// SPDX-License-Identifier: GPL-2.0

//! The switch: which address a call gets.

use kernel::prelude::*;

#[kunit_tests(bpf_graph_ab)]
mod tests {
    use crate::ab::{choose, chosen, kfunc_addr, Implementation, KFUNCS};

    #[test]
    fn rust_leaves_addresses_alone() {
        let before = chosen();
        choose(Implementation::Rust);
        let same = KFUNCS
            .iter()
            .all(|(rust, _)| kfunc_addr(rust.get()) == rust.get());
        choose(before);
        assert!(same);
    }

    #[test]
    fn c_replaces_each_kfunc_and_nothing_else() {
        let before = chosen();
        choose(Implementation::C);
        let replaced = KFUNCS
            .iter()
            .all(|(rust, c)| kfunc_addr(rust.get()) == c.get());
        let other = kfunc_addr(0x1234);
        choose(before);
        assert!(replaced);
        assert_eq!(other, 0x1234);
    }

    #[test]
    fn functions_that_share_code_share_their_c_body() {
        // The compiler may give functions of equal code one address; the table is read by it.
        for (rust, c) in KFUNCS {
            for (other, other_c) in KFUNCS {
                assert!(rust.get() != other.get() || c.get() == other_c.get());
            }
        }
    }

    #[test]
    fn no_c_body_is_a_rust_function() {
        for (_, c) in KFUNCS {
            assert!(KFUNCS.iter().all(|(rust, _)| rust.get() != c.get()));
        }
    }
}
