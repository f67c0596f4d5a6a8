// SPDX-License-Identifier: GPL-2.0
// Owner cleared while the node is still linked, as in a version of the 2026 series.
// error: E0599
fn case(guard: &Guard<'_>) {
    if let Some(member) = guard.node().member_of(guard.root()) {
        member.release();
    }
}
