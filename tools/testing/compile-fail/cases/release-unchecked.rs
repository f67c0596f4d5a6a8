// SPDX-License-Identifier: GPL-2.0
// A node whose owner was not checked cannot be unlinked.
// error: E0599
fn case(node: Node<'_, K>) {
    // SAFETY: Nothing here is run.
    unsafe { node.unlink(link) }.release();
}
