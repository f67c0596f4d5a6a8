// SPDX-License-Identifier: GPL-2.0
// The first of the defects upstream had: owner cleared while the node is still linked.
// error: E0599
fn case(node: Node<K>, guard: &Guard<'_>) {
    if let Some(member) = node.member_of(guard.root()) {
        member.release();
    }
}
