// SPDX-License-Identifier: GPL-2.0
// A node that was not claimed cannot be linked.
// error: E0599
fn case(node: Node<K>, lock: &Lock) {
    // SAFETY: Nothing here is run.
    unsafe { node.link(Guard(lock).root(), link) }.publish();
}
