// SPDX-License-Identifier: GPL-2.0

//! What a report is made of.

use std::collections::BTreeMap;

/// What was seen, for the report.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub cases: u64,
    pub programs: u64,
    pub rust_only: u64,
    pub closed: u64,
    pub runs: u64,
    pub calls: BTreeMap<&'static str, u64>,
    pub bent: u64,
    pub bent_accepted: u64,
    pub kinds: BTreeMap<&'static str, u64>,
    pub reasons: BTreeMap<String, u64>,
}

impl Seen {
    pub fn add(&mut self, o: Seen) {
        self.cases += o.cases;
        self.programs += o.programs;
        self.rust_only += o.rust_only;
        self.closed += o.closed;
        self.runs += o.runs;
        self.bent += o.bent;
        self.bent_accepted += o.bent_accepted;
        for (k, n) in o.calls {
            *self.calls.entry(k).or_default() += n;
        }
        for (k, n) in o.kinds {
            *self.kinds.entry(k).or_default() += n;
        }
        for (k, n) in o.reasons {
            *self.reasons.entry(k).or_default() += n;
        }
    }
}
