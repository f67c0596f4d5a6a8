// SPDX-License-Identifier: GPL-2.0
// An unlinked node still has the root in its word: it cannot leave the lock.
// error: E0505
fn case(lock: &Lock) {
    let guard = lock.lock();
    if let Some(member) = guard.node().member_of(guard.root()) {
        // SAFETY: Nothing here is run.
        let unlinked = unsafe { member.unlink(link) };
        drop(guard);
        unlinked.release();
    }
}
