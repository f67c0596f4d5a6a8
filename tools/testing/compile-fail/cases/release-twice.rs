// SPDX-License-Identifier: GPL-2.0
// A node is released once.
// error: E0382
fn case(unlinked: Unlinked<'_, K>) {
    unlinked.release();
    unlinked.release();
}
