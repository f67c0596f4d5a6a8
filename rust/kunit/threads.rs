// SPDX-License-Identifier: GPL-2.0

//! Kernel threads for suites: as many as asked for, at once, on all CPUs.

use core::ffi::{c_int, c_void};

use kernel::{
    bindings,
    cpu::{nr_cpu_ids, CpuId},
    cpumask::Cpumask,
    error::from_err_ptr,
    prelude::*,
    sync::{
        atomic::{Acquire, Atomic, Full, Relaxed, Release},
        rcu,
    },
    time::{delay::fsleep, Delta}, //
};

/// What one thread runs, and where it says that it is done.
struct Part<'a> {
    body: &'a (dyn Fn(usize) + Sync),
    index: usize,
    running: &'a Atomic<usize>,
}

/// # Safety
///
/// `part` points to a [`Part`] that stays until its `running` was decremented.
unsafe extern "C" fn main(part: *mut c_void) -> c_int {
    // SAFETY: This function's contract.
    let part = unsafe { &*part.cast::<Part<'_>>() };
    (part.body)(part.index);
    // Release: what was done here comes before what the waiter does.
    part.running.fetch_sub(1, Release);
    0
}

/// A thread that was made and has not been waited for.
///
/// # Invariants
///
/// `0` is a kernel thread of ours, to which we have a reference.
struct Thread(*mut bindings::task_struct);

impl Drop for Thread {
    /// Waits for the thread's end. One that was never woken up does not run at all.
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kthread_stop_put(self.0) };
    }
}

/// The CPUs that are online.
pub(super) fn cpus() -> Result<KVec<u32>> {
    // SAFETY: The mask is always there, and CPUs do not come and go while KUnit runs at boot.
    let online = unsafe { Cpumask::from_raw(&raw const bindings::__cpu_online_mask) };
    let mut cpus = KVec::new();
    for cpu in 0..nr_cpu_ids() {
        if CpuId::from_u32(cpu).is_some_and(|cpu| online.test(cpu)) {
            cpus.push(cpu, GFP_KERNEL)?;
        }
    }
    Ok(cpus)
}

/// Runs `body` with 0, 1, .. in `count` threads at once, and returns when all have returned.
///
/// The first threads are bound to a CPU each; those that come after go where the scheduler wants.
pub(super) fn together(count: usize, body: &(dyn Fn(usize) + Sync)) -> Result {
    let cpus = cpus()?;
    let running = Atomic::new(count);
    let mut parts = KVec::with_capacity(count, GFP_KERNEL)?;
    for index in 0..count {
        parts.push(
            Part {
                body,
                index,
                running: &running,
            },
            GFP_KERNEL,
        )?;
    }
    let mut threads = KVec::with_capacity(count, GFP_KERNEL)?;
    for part in &parts {
        let part: *const Part<'_> = part;
        // SAFETY: The name is a format that takes no arguments. The part stays: all threads have
        // ended when this function returns, by `Thread::drop()`.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(main),
                part.cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"bpf_graph".as_char_ptr(),
            )
        })?;
        // SAFETY: The thread was just made, and waits.
        unsafe { bindings::get_task_struct(task) };
        // INVARIANT: It is ours, and the reference was just taken.
        threads.push(Thread(task), GFP_KERNEL)?;
    }
    for (thread, &cpu) in threads.iter().zip(&cpus) {
        // SAFETY: The thread has not been woken up yet, and the CPU is online.
        unsafe { bindings::kthread_bind(thread.0, cpu) };
    }
    for thread in &threads {
        // SAFETY: By the invariant of `Thread`.
        unsafe { bindings::wake_up_process(thread.0) };
    }
    while running.load(Acquire) != 0 {
        fsleep(Delta::from_millis(1));
    }
    Ok(())
}

/// What programs run under: no migration, as BPF's allocator wants it, and where `_rcu` is there,
/// RCU. It nests.
pub(super) struct Program {
    _rcu: Option<rcu::Guard>,
}

impl Program {
    /// Begins as a program does that sleeps, or under RCU as one that does not.
    pub(super) fn new(rcu: bool) -> Self {
        // SAFETY: It is enabled again by `drop()`.
        unsafe { bindings::migrate_disable() };
        Self {
            _rcu: rcu.then(rcu::read_lock),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: It was disabled by `new()`.
        unsafe { bindings::migrate_enable() };
    }
}

/// Lets others run on this CPU: those that are waited for may be bound to it.
pub(super) fn give_way() {
    // SAFETY: Callers are threads, and hold no lock.
    unsafe { bindings::schedule() };
}

/// Waits until `done`.
pub(super) fn wait_until(done: impl Fn() -> bool) {
    const SPINS: usize = 1 << 10;
    loop {
        for _ in 0..SPINS {
            if done() {
                return;
            }
            core::hint::spin_loop();
        }
        give_way();
    }
}

/// Where threads wait for one another, again and again.
pub(super) struct Barrier {
    count: usize,
    arrived: Atomic<usize>,
    round: Atomic<usize>,
}

impl Barrier {
    /// A barrier for `count` threads.
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            arrived: Atomic::new(0),
            round: Atomic::new(0),
        }
    }

    /// Waits for all threads. The one that comes last does `then`, and then all go on.
    pub(super) fn wait(&self, then: impl FnOnce()) {
        let round = self.round.load(Relaxed);
        // Full, and release and acquire below: what all did before comes before what `then` does,
        // and that before what all do after.
        if self.arrived.fetch_add(1, Full) + 1 == self.count {
            then();
            self.arrived.store(0, Relaxed);
            self.round.store(round + 1, Release);
        } else {
            wait_until(|| self.round.load(Acquire) != round);
        }
    }
}
