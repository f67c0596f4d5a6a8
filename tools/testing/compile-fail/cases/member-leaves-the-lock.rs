// SPDX-License-Identifier: GPL-2.0
// What is known of a node under a lock is not known behind it.
// error: E0505
fn case(lock: &Lock) {
    let guard = lock.lock();
    let member = guard.node().member_of(guard.root());
    drop(guard);
    member.map(|m| m.as_ptr());
}
