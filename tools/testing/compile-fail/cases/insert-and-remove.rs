// SPDX-License-Identifier: GPL-2.0
// The right order, for both directions: if this fails, so does every case for a wrong reason.
// error: none
fn case(lock: &Lock) {
    let guard = lock.lock();
    if let Some(claim) = guard.node().claim() {
        // SAFETY: Nothing here is run.
        unsafe { claim.link(guard.root(), link) }.publish();
    }
    if let Some(member) = guard.node().member_of(guard.root()) {
        // SAFETY: Nothing here is run.
        unsafe { member.unlink(link) }.release();
    }
}
