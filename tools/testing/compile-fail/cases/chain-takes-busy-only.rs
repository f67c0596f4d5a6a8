// SPDX-License-Identifier: GPL-2.0
// What is chained behind the lock must be busy.
// error: E0308
fn case(chain: &mut Chain<K>, unlinked: Unlinked<'_, K>) {
    chain.push(unlinked);
}
