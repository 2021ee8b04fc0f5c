//! What a rule says of itself, in the comment at the head of its SQL file.

use crate::record::Severity;
use crate::store::Sql;

/// The heading of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Its id: the name of its file.
    pub id: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// What a finding of it means.
    pub means: &'static str,
    /// Who is told.
    pub told: &'static str,
    /// How much its findings matter at first sight.
    pub severity: Severity,
    /// Over what stretch of time it looks.
    pub window: &'static str,
    /// The clause of the acceptable use policy that it serves.
    pub policy: &'static str,
    /// Why it is lawful and useful.
    pub why: &'static str,
    /// What is known to raise it wrongly.
    pub false_alarms: &'static str,
}

impl Heading {
    /// Reads it; a word that is missing is empty, and a test sees to it that none is.
    pub fn of(sql: Sql) -> Heading {
        let word = |key| sql.heading(key).unwrap_or_default();
        Heading {
            id: word("id").rsplit('/').next().unwrap_or_default(),
            title: word("title"),
            means: word("means"),
            told: word("reader"),
            severity: Severity::parse(word("severity")).unwrap_or(Severity::Information),
            window: word("window"),
            policy: word("policy"),
            why: word("why"),
            false_alarms: word("false alarms"),
        }
    }
}
