//! Makes findings: their names, their scores with the sum shown, their evidence.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::attribute::RowRef;
use crate::record::{AccountToken, Basis, Finding, FindingId, Severity, Timestamp, Word};

use super::Heading;
use super::sight::{Sighting, Subject};

/// How many rows a finding names at most; its count has them all.
const MOST_EVIDENCE: usize = 1000;

/// A score and how it came about.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    parts: Vec<(i64, String)>,
}

impl Score {
    /// Adds points for a reason; none for nought.
    pub(super) fn add(&mut self, points: i64, reason: impl Into<String>) {
        if points != 0 {
            self.parts.push((points, reason.into()));
        }
    }

    /// The sum, from 0 to 100.
    pub(super) fn total(&self) -> u32 {
        let sum: i64 = self.parts.iter().map(|(points, _)| points).sum();
        u32::try_from(sum.clamp(0, 100)).unwrap_or(0)
    }

    /// The sum as people add it up.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("Score {} of 100:", self.total());
        for (points, reason) in &self.parts {
            text.push_str(&format!(" {points:+} {reason};"));
        }
        let sum: i64 = self.parts.iter().map(|(points, _)| points).sum();
        if sum > 100 {
            text.push_str(&format!(" the sum of {sum} is cut to 100;"));
        }
        text.trim_end_matches(';').to_owned() + "."
    }
}

/// The part of a finding that a rule decides.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) subject: Subject,
    pub(super) basis: Option<Basis>,
    /// What tells two findings of one subject and window apart, such as the category.
    pub(super) topic: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) severity: Severity,
    pub(super) count: u64,
    pub(super) score: Score,
    pub(super) summary: String,
    pub(super) innocent_checks: Vec<String>,
    pub(super) evidence: Evidence,
}

/// The rows that a finding rests on: events first, then those that its attribution rests on.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    events: BTreeSet<RowRef>,
    attribution: BTreeSet<RowRef>,
}

impl Evidence {
    /// Adds an event and who it was attributed to.
    pub(super) fn add(&mut self, event: RowRef, sighting: &Sighting) {
        self.events.insert(event);
        self.attribution.extend(sighting.rests_on.iter().copied());
    }

    /// Adds a row that speaks of an event's circumstances.
    pub(super) fn add_context(&mut self, row: Option<RowRef>) {
        self.events.extend(row);
    }

    /// Adds all of another's.
    pub(super) fn join(&mut self, other: Evidence) {
        self.events.extend(other.events);
        self.attribution.extend(other.attribution);
    }

    fn rows(&self) -> Vec<String> {
        let room = MOST_EVIDENCE.saturating_sub(self.attribution.len().min(MOST_EVIDENCE / 4));
        self.events
            .iter()
            .take(room)
            .chain(&self.attribution)
            .take(MOST_EVIDENCE)
            .map(RowRef::to_string)
            .collect()
    }
}

impl Draft {
    /// The finding, with its name for good.
    pub(super) fn finding(self, heading: &Heading, now: Timestamp) -> Finding {
        let Subject {
            establishment,
            verdict,
            account,
            ..
        } = self.subject;
        let subject =
            account.map_or_else(|| verdict.as_str().to_owned(), |token| token.to_string());
        let finding_id = name(
            &[heading.id, &establishment, &subject, &self.topic],
            self.from,
            self.to,
        );
        Finding {
            finding_id,
            rule: Word(Cow::Borrowed(heading.id)),
            severity: self.severity,
            establishment: Word(Cow::Owned(establishment)),
            verdict,
            basis: self.basis,
            subject_token: Word(Cow::Owned(
                account
                    .as_ref()
                    .map(AccountToken::to_string)
                    .unwrap_or_default(),
            )),
            window_from: self.from,
            window_to: self.to,
            count: self.count,
            score: self.score.total(),
            summary: self.summary,
            explanation: format!("{} {}", heading.means, self.score.shown()),
            innocent_checks: self.innocent_checks,
            evidence: self.evidence.rows(),
            first_seen: now,
        }
    }
}

/// The first 16 bytes of the SHA-256 over the parts, each with its length before it.
fn name(parts: &[&str], from: Timestamp, to: Timestamp) -> FindingId {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.update(&from.micros().to_be_bytes());
    context.update(&to.micros().to_be_bytes());
    let digest = context.finish();
    let first = digest.as_ref().first_chunk::<16>().copied();
    FindingId(first.unwrap_or_default())
}

/// Joins findings of addresses that nobody can be named for: one for an establishment, a verdict, a topic and a window.
pub(super) fn join_nameless(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut named = Vec::new();
    let mut nameless: Vec<(Draft, u64)> = Vec::new();
    for draft in drafts {
        if draft.subject.account.is_some() {
            named.push(draft);
            continue;
        }
        let same = nameless.iter_mut().find(|(known, _)| {
            known.subject.establishment == draft.subject.establishment
                && known.subject.verdict == draft.subject.verdict
                && (&known.topic, known.from, known.to) == (&draft.topic, draft.from, draft.to)
        });
        match same {
            None => nameless.push((draft, 1)),
            Some((known, addresses)) => {
                let total = known.count.saturating_add(draft.count);
                let mut evidence = std::mem::take(&mut known.evidence);
                evidence.join(draft.evidence.clone());
                // The stronger of the two speaks for both.
                if draft.score.total() > known.score.total() {
                    *known = draft;
                }
                known.count = total;
                known.evidence = evidence;
                *addresses += 1;
            }
        }
    }
    for (mut draft, addresses) in nameless {
        if addresses > 1 {
            let note =
                format!("; the strongest of {addresses} addresses that nobody can be named for");
            draft.summary.push_str(&note);
        }
        named.push(draft);
    }
    named
}

/// A count with its noun: `1 page`, `3 pages`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
