// SPDX-License-Identifier: GPL-2.0

//! Stands in for the kernel crate: the items that the modelled files of `rust/` use, over loom.
//!
//! What is left out is said in README.rst.

pub mod atomic;
pub mod bindings;
mod count;
mod links;
mod lock;
pub mod memory;
mod tree;

pub mod sync {
    pub use crate::atomic;
}

pub mod error {
    /// An error of the kernel, by its number.
    #[derive(Debug)]
    pub struct Error(pub core::ffi::c_int);

    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// 0 or a negative number from C.
    pub fn to_result(err: core::ffi::c_int) -> Result {
        if err < 0 {
            Err(Error(err))
        } else {
            Ok(())
        }
    }
}

pub mod prelude {
    pub use crate::error::{Error, Result};
}

/// Says that something was warned of, for the test to ask.
#[macro_export]
macro_rules! pr_warn_once {
    ($($arg:tt)*) => {
        $crate::memory::warned(::std::format!($($arg)*))
    };
}
