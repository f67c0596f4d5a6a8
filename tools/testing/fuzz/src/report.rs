// SPDX-License-Identifier: GPL-2.0

//! KTAP: what was seen, and what failed.

use crate::op::KFUNCS;
use crate::run::Seen;
use crate::{Failure, Options};

/// So many programs call everything.
const ENOUGH: usize = 1000;

fn comment(text: &str, out: &mut String) {
    for line in text.lines() {
        out.push_str(&format!("#   {line}\n"));
    }
}

/// Gives whether all is well.
pub fn write(
    o: &Options,
    seen: &Seen,
    failures: &[Failure],
    blind: &[(String, Option<String>)],
    seconds: f64,
) -> Result<bool, String> {
    let mut out = String::new();
    let mut results: Vec<(bool, String, String)> = Vec::new();
    let missing: Vec<&str> = KFUNCS
        .into_iter()
        .filter(|k| seen.calls.get(k).copied().unwrap_or(0) == 0)
        .collect();
    let mut why = String::new();
    for f in failures {
        why.push_str(&format!(
            "again: SEED={} and chunk {}, of {}\n{}\n{}",
            o.seed, f.chunk, o.programs, f.why, f.case
        ));
    }
    results.push((
        failures.is_empty(),
        "c, rust and the model agree".into(),
        why,
    ));
    if o.programs < ENOUGH {
        let name = format!("every kfunc was called # SKIP with less than {ENOUGH} programs");
        results.push((true, name, String::new()));
    } else if o.chunk.is_none() && failures.is_empty() {
        results.push((
            missing.is_empty(),
            "every kfunc was called".into(),
            missing.join("\n"),
        ));
    }
    for (name, wrong) in blind {
        results.push((
            wrong.is_none(),
            format!("a defect is found: {name}"),
            wrong.clone().unwrap_or_default(),
        ));
    }
    out.push_str(&format!("KTAP version 1\n1..{}\n", results.len()));
    let valid = seen.programs;
    let mut text = format!(
        "{valid} valid programs in {} cases, seed {}: {}, run {} times, {:.0} s, {:.1} programs/s\n",
        seen.cases,
        o.seed,
        if failures.is_empty() {
            "all loaded"
        } else {
            "up to what failed"
        },
        seen.runs,
        seconds,
        valid as f64 / seconds
    );
    text.push_str(&format!(
        "cases with rust and the model alone: {}; ended by closing the map: {}\n",
        seen.rust_only, seen.closed
    ));
    for k in KFUNCS {
        text.push_str(&format!(
            "{:9} {k}\n",
            seen.calls.get(k).copied().unwrap_or(0)
        ));
    }
    text.push_str(&format!(
        "{} bent programs, {} of them accepted and run; bent by:\n",
        seen.bent, seen.bent_accepted
    ));
    for (k, n) in &seen.kinds {
        text.push_str(&format!("{n:9} {k}\n"));
    }
    let mut reasons: Vec<(&String, &u64)> = seen.reasons.iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    text.push_str(&format!(
        "refused for {} reasons, most often:\n",
        reasons.len()
    ));
    for (reason, n) in reasons.into_iter().take(30) {
        text.push_str(&format!("{n:9} {reason}\n"));
    }
    comment(&text, &mut out);
    for (i, (ok, name, why)) in results.iter().enumerate() {
        out.push_str(&format!(
            "{} {} fuzz: {name}\n",
            if *ok { "ok" } else { "not ok" },
            i + 1
        ));
        if !ok {
            comment(why, &mut out);
        }
    }
    match &o.ktap {
        Some(path) => std::fs::write(path, &out).map_err(|e| format!("{path}: {e}"))?,
        None => print!("{out}"),
    }
    eprint!("{out}");
    Ok(results.iter().all(|r| r.0))
}
