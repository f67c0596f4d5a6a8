// SPDX-License-Identifier: GPL-2.0
// A linked node is published under the lock it was linked under.
// error: E0505
fn case(lock: &Lock) {
    let guard = lock.lock();
    if let Some(claim) = guard.node().claim() {
        // SAFETY: Nothing here is run.
        let linked = unsafe { claim.link(guard.root(), link) };
        drop(guard);
        linked.publish();
    }
}
