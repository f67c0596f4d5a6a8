// SPDX-License-Identifier: GPL-2.0
// A busy node that is not released can never be added again: a warning, as an error.
// error: unused_must_use
#![deny(unused_must_use)]
fn case(unlinked: Unlinked<'_, K>) {
    unlinked.park();
}
