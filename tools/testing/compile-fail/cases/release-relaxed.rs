// SPDX-License-Identifier: GPL-2.0
// Upstream released tree nodes by a plain store: there is no release with another ordering.
// error: E0061
fn case(unlinked: Unlinked<'_, K>) {
    unlinked.release(kernel::sync::atomic::Relaxed);
}
