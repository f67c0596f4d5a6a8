// SPDX-License-Identifier: GPL-2.0
// A linked node is published under the lock it was linked under.
// error: E0505
fn case(claim: Claim<K>, lock: &Lock) {
    let guard = Guard(lock);
    // SAFETY: Nothing here is run.
    let linked = unsafe { claim.link(guard.root(), link) };
    drop(guard);
    linked.publish();
}
