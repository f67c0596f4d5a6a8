// SPDX-License-Identifier: GPL-2.0
// A node that was found under a lock need not be there behind it.
// error: E0505
fn case(lock: &Lock) {
    let guard = lock.lock();
    let node = guard.node();
    drop(guard);
    node.claim();
}
