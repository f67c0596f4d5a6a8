// SPDX-License-Identifier: GPL-2.0

//! Stands in for the kernel crate: the few items that `rust/owner.rs` uses, as the host's compiler
//! needs them to check types. Nothing of this is run.

pub mod bindings {
    pub const BPF_PTR_POISON: isize = 0xeb9f;
}

pub mod sync {
    pub mod atomic {
        pub struct Full;
        pub struct Relaxed;
        pub struct Release;

        pub struct Atomic<T>(core::cell::Cell<T>);

        impl<T: Copy> Atomic<T> {
            /// # Safety
            ///
            /// `ptr` is valid for `'a`.
            pub unsafe fn from_ptr<'a>(ptr: *mut T) -> &'a Self {
                // SAFETY: This function's contract.
                unsafe { &*ptr.cast() }
            }

            pub fn load(&self, _: Relaxed) -> T {
                self.0.get()
            }

            pub fn store<Ordering>(&self, value: T, _: Ordering) {
                self.0.set(value)
            }

            pub fn cmpxchg(&self, _: T, new: T, _: Full) -> Result<T, T> {
                Ok(self.0.replace(new))
            }
        }
    }
}
