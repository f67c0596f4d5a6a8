// SPDX-License-Identifier: GPL-2.0
// Nobody but the states themselves reaches the word.
// error: E0624
fn case(node: Node<'_, K>) {
    node.word()
        .store(core::ptr::null_mut(), kernel::sync::atomic::Relaxed);
}
