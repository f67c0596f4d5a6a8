// SPDX-License-Identifier: GPL-2.0

//! Whether what was seen is what should be.

use super::{Case, Outcome, FOUND};

pub fn compare(
    who: &str,
    case: &Case,
    got: &Outcome,
    want: &[(Vec<u64>, i64)],
    order: &[u64],
) -> Result<(), String> {
    for (n, ((ret, found, live), (want_found, want_live))) in got.runs.iter().zip(want).enumerate()
    {
        let program = case.run(n).0;
        if *ret != 0 {
            return Err(format!(
                "{who}: run {n} of program {program} gave up: returned {ret}"
            ));
        }
        if let Some(id) = (0..FOUND).find(|i| found[*i] != want_found[*i]) {
            return Err(format!(
                "{who}: run {n} of program {program}, operation {id}: found {:#x}, should be {:#x}",
                found[id], want_found[id]
            ));
        }
        if live != want_live {
            return Err(format!(
                "{who}: run {n} of program {program}: {live} objects alive, should be {want_live}"
            ));
        }
    }
    if let Some(read) = &got.read {
        if read != order {
            return Err(format!(
                "{who}: the map held {read:x?}, should be {order:x?}"
            ));
        }
    }
    if got.left != 0 {
        return Err(format!("{who}: {} objects alive at the end", got.left));
    }
    Ok(())
}

pub type Verdict = Result<(), (i32, String)>;

/// Errno and the first line in which two verdicts are not the same.
fn differs(c: &Verdict, rust: &Verdict) -> String {
    let say = |v: &Verdict| {
        v.as_ref()
            .map_or_else(|e| format!("errno {}", e.0), |()| "accepted".into())
    };
    let lines = |v: &Verdict| v.as_ref().map_or_else(|e| e.1.clone(), |()| String::new());
    let (a, b) = (lines(c), lines(rust));
    let line = a.lines().zip(b.lines()).find(|(a, b)| a != b);
    format!("c: {}, rust: {}, first in {line:?}", say(c), say(rust))
}

pub fn verdicts(c: &Outcome, rust: &Outcome) -> Result<(), String> {
    for (n, (a, b)) in c.verdicts.iter().zip(&rust.verdicts).enumerate() {
        if a != b {
            return Err(format!("bent program {n}: {}", differs(a, b)));
        }
    }
    if c.verdicts.len() != rust.verdicts.len() {
        return Err("not as many bent programs with c as with rust".to_string());
    }
    Ok(())
}
