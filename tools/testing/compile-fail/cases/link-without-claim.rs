// SPDX-License-Identifier: GPL-2.0
// A node that was not claimed cannot be linked.
// error: E0599
fn case(guard: &Guard<'_>) {
    // SAFETY: Nothing here is run.
    unsafe { guard.node().link(guard.root(), link) }.publish();
}
