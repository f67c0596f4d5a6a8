// SPDX-License-Identifier: GPL-2.0
// A claim links once.
// error: E0382
fn case<'l>(claim: Claim<'l, K>, guard: &'l Guard<'_>) {
    // SAFETY: Nothing here is run.
    unsafe { claim.link(guard.root(), link) }.publish();
    // SAFETY: Nothing here is run.
    unsafe { claim.link(guard.root(), link) }.publish();
}
