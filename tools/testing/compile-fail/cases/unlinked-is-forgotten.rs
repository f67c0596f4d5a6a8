// SPDX-License-Identifier: GPL-2.0
// A node that is unlinked and not released is taken for linked: a warning, as an error.
// error: unused_must_use
#![deny(unused_must_use)]
fn case(member: Member<'_, K>) {
    // SAFETY: Nothing here is run.
    unsafe { member.unlink(link) };
}
