// SPDX-License-Identifier: GPL-2.0
// A claim that was not linked cannot be published.
// error: E0599
fn case(node: Node<'_, K>) {
    if let Some(claim) = node.claim() {
        claim.publish();
    }
}
