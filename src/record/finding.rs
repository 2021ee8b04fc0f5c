//! What a rule has found, and all that a person needs to judge it.

use std::fmt;

use super::columns::{ColumnValue, Encoder, Word, record};
use super::words::words;
use super::{Basis, Timestamp, Verdict};

words! {
    /// How much a finding matters, least first.
    Severity {
        /// Worth knowing.
        Information = "information",
        /// To be looked at in the week.
        Low = "low",
        /// To be looked at today.
        Medium = "medium",
        /// To be looked at now.
        High = "high",
        /// Somebody must be told at once.
        Critical = "critical",
    }
}

/// What names a finding for good: made of its rule, its subject and its window, so that a second run makes the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub [u8; 16]);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindingId({self})")
    }
}

impl ColumnValue for FindingId {
    const STORE_TYPE: &'static str = "String";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.text(&self.to_string());
    }
    fn is_empty(&self) -> bool {
        false
    }
}

record! {
    /// One finding of one rule.
    Finding, "findings", "finding" {
        /// Its name for good.
        finding_id: FindingId, Local, Derived;
        /// The rule.
        rule: Word<'static>, Local, Derived;
        /// How much it matters.
        severity: Severity, Local, Inferred;
        /// Where; empty if it can not be said.
        establishment: Word<'static>, Entity, Inferred;
        /// What can be said of who it was.
        verdict: Verdict, Local, Inferred;
        /// On what the subject rests, where there is one.
        basis: Option<Basis>, Local, Derived;
        /// The account's token; empty unless the verdict is `attributed` or `shared`.
        subject_token: Word<'static>, Entity, Inferred;
        /// Start of the window.
        window_from: Timestamp, Events, Derived;
        /// End of the window.
        window_to: Timestamp, Events, Derived;
        /// How many events it rests on.
        count: u64, Local, Derived;
        /// How strong it is, 0 to 100, as the explanation adds it up.
        score: u32, Local, Inferred;
        /// One sentence for people.
        summary: String, Local, Inferred;
        /// How the score came about and what it means.
        explanation: String, Local, Inferred;
        /// What else could explain it, each `name: result`.
        innocent_checks: Vec<String>, Local, Inferred;
        /// The rows it rests on, each `table:source_id:frame:ordinal`, at most 1000; `count` has them all.
        evidence: Vec<String>, Local, Derived;
        /// When it was first found.
        first_seen: Timestamp, Local, Derived;
    }
}
