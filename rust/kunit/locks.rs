// SPDX-License-Identifier: GPL-2.0

//! Two locks at once.

use kernel::{
    prelude::*,
    sync::atomic::{Atomic, Relaxed}, //
};

#[kunit_tests(bpf_graph_locks)]
mod tests {
    use core::{cell::UnsafeCell, ptr::NonNull};

    use kernel::bindings::{bpf_res_spin_lock, bpf_spin_lock};

    use super::{
        super::{interrupts_enabled, threads::together},
        *,
    };
    use crate::{
        bpf_res_spin_lock_double, bpf_res_spin_unlock_double, bpf_spin_lock_double,
        bpf_spin_unlock_double, lock::Lock,
    };

    const ROUNDS: usize = 20000;

    /// Two locks, and what both guard: as often as it was changed, twice.
    struct Two {
        locks: UnsafeCell<[u32; 2]>,
        changed: UnsafeCell<[usize; 2]>,
    }

    // SAFETY: The locks are for many threads, and guard the rest.
    unsafe impl Sync for Two {}

    impl Two {
        const fn new() -> Self {
            Self {
                locks: UnsafeCell::new([0; 2]),
                changed: UnsafeCell::new([0; 2]),
            }
        }

        fn lock<T>(&self, which: usize) -> *mut T {
            self.locks.get().cast::<u32>().wrapping_add(which).cast()
        }

        /// What is in the locks' words: 0 where one is free.
        fn held(&self) -> [bool; 2] {
            // SAFETY: Nobody else takes or releases them now.
            unsafe { [*self.lock::<u32>(0) != 0, *self.lock::<u32>(1) != 0] }
        }

        /// Counts one change, which nobody must see half done.
        ///
        /// # Safety
        ///
        /// Both locks are held.
        unsafe fn change(&self) -> bool {
            // SAFETY: This function's contract.
            let changed = unsafe { &mut *self.changed.get() };
            let whole = changed[0] == changed[1];
            changed[0] += 1;
            changed[1] += 1;
            whole
        }
    }

    #[test]
    fn both_are_held_with_interrupts_off() {
        let two = Two::new();
        for (a, b) in [(0, 1), (1, 0), (0, 0)] {
            for (c, d) in [(a, b), (b, a)] {
                assert!(interrupts_enabled());
                // SAFETY: The locks are the test's own.
                let (held, inside) = unsafe {
                    bpf_spin_lock_double(two.lock(a), two.lock(b));
                    let seen = (two.held(), interrupts_enabled());
                    bpf_spin_unlock_double(two.lock(c), two.lock(d));
                    seen
                };
                assert!(!inside && interrupts_enabled());
                assert_eq!(held, [true, a != b]);
                assert_eq!(two.held(), [false; 2]);
            }
        }
    }

    #[test]
    fn resilient_ones_are_held_or_neither_is() -> Result {
        let two = Two::new();
        for (a, b) in [(0, 1), (1, 0), (0, 0)] {
            // SAFETY: The locks are the test's own.
            unsafe {
                assert_eq!(bpf_res_spin_lock_double(two.lock(a), two.lock(b)), 0);
                let held = two.held();
                bpf_res_spin_unlock_double(two.lock(b), two.lock(a));
                assert_eq!(held, [true, a != b]);
            }
            assert_eq!(two.held(), [false; 2]);
        }
        for own in [0, 1] {
            let lock = NonNull::new(two.lock::<bpf_res_spin_lock>(own)).ok_or(EINVAL)?;
            // SAFETY: The lock is the test's own.
            let guard = unsafe { Lock::resilient(lock) }.lock()?;
            // SAFETY: As above. This CPU has one of them.
            let ret = unsafe { bpf_res_spin_lock_double(two.lock(0), two.lock(1)) };
            let held = two.held();
            drop(guard);
            assert!(ret < 0);
            assert_eq!(held, [own == 0, own == 1]);
            assert_eq!(two.held(), [false; 2]);
        }
        Ok(())
    }

    #[test]
    fn nobody_waits_for_who_waits() -> Result {
        let (spin, resilient) = (Two::new(), Two::new());
        let [half_done, refused] = [Atomic::<usize>::new(0), Atomic::new(0)];
        together(2, &|thread| {
            let (a, b) = (thread % 2, 1 - thread % 2);
            for _ in 0..ROUNDS {
                // SAFETY: Both locks are held while what they guard is changed.
                let whole = unsafe {
                    let (a, b): (*mut bpf_spin_lock, *mut bpf_spin_lock) =
                        (spin.lock(a), spin.lock(b));
                    bpf_spin_lock_double(a, b);
                    let whole = spin.change();
                    bpf_spin_unlock_double(a, b);
                    whole
                };
                half_done.fetch_add(usize::from(!whole), Relaxed);
                // SAFETY: As above.
                let whole = unsafe {
                    let (a, b) = (resilient.lock(a), resilient.lock(b));
                    if bpf_res_spin_lock_double(a, b) != 0 {
                        refused.fetch_add(1, Relaxed);
                        continue;
                    }
                    let whole = resilient.change();
                    bpf_res_spin_unlock_double(a, b);
                    whole
                };
                half_done.fetch_add(usize::from(!whole), Relaxed);
            }
        })?;
        assert_eq!(half_done.load(Relaxed) + refused.load(Relaxed), 0);
        for two in [&spin, &resilient] {
            // SAFETY: The threads have ended.
            assert_eq!(unsafe { *two.changed.get() }, [2 * ROUNDS; 2]);
            assert_eq!(two.held(), [false; 2]);
        }
        Ok(())
    }
}
