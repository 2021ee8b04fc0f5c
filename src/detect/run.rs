//! Runs the rules over a window and keeps what they find.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::record::{
    AccountText, AccountToken, Basis, Finding, FindingId, RowBinary, Severity, Tabled, Timestamp,
    Tokens, Verdict, Word,
};
use crate::store::{Params, Sql, Store};

use super::{Case, DetectError, DetectSettings, RULES, Rule};

const KNOWN: Sql = Sql::embedded(
    "detect/findings_known",
    include_str!("../../queries/detect/findings_known.sql"),
);

const STORED: Sql = Sql::embedded(
    "detect/evidence_stored",
    include_str!("../../queries/detect/evidence_stored.sql"),
);

/// What an audit is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The first moment.
    pub since: Timestamp,
    /// The first moment that is not looked at.
    pub until: Timestamp,
    /// Only findings of this establishment.
    pub establishment: Option<String>,
    /// Only these rules; all if there is none.
    pub rules: Vec<String>,
}

/// What an audit found.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The findings, most severe first.
    pub findings: Vec<Finding>,
    /// Earlier findings that what is known now does not support any more: without a name, and with a count of nought.
    pub withdrawn: Vec<Finding>,
    /// The rules that ran.
    pub rules: Vec<&'static str>,
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.heading().id == id)
}

/// Runs the rules. What was found before keeps the moment of its first sight.
pub fn audit(
    store: &Store,
    asked: &Asked,
    now: Timestamp,
    settings: &DetectSettings,
) -> Result<Audit, DetectError> {
    if let Some(unknown) = asked.rules.iter().find(|id| rule(id).is_none()) {
        return Err(DetectError::NoRule(unknown.clone()));
    }
    let store = &store.in_background();
    let case = Case {
        store,
        since: asked.since,
        until: asked.until,
        now,
        settings,
    };
    let wanted = |id: &str| asked.rules.is_empty() || asked.rules.iter().any(|rule| rule == id);
    let mut audit = Audit {
        findings: Vec::new(),
        withdrawn: Vec::new(),
        rules: Vec::new(),
    };
    for rule in RULES.iter().filter(|rule| wanted(rule.heading().id)) {
        audit.rules.push(rule.heading().id);
        audit
            .findings
            .extend(rule.find(&case)?.into_iter().filter(|finding| {
                asked
                    .establishment
                    .as_ref()
                    .is_none_or(|place| *place == finding.establishment.0)
            }));
    }
    let known = known(store, &audit.findings)?;
    for finding in &mut audit.findings {
        if let Some(before) = known.get(&finding.finding_id) {
            finding.first_seen = before.first_seen;
        }
    }
    audit.withdrawn = withdrawn(&case, asked, &audit)?;
    audit.findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.severity, f.score);
        key(b).cmp(&key(a)).then_with(|| {
            let key = |f: &Finding| (f.window_from, f.rule.clone(), f.finding_id);
            key(a).cmp(&key(b))
        })
    });
    Ok(audit)
}

/// Findings of the same rules and window that are stored but were not found again, though their events are
/// still there: later records have named somebody else, or nobody. They are kept, and name nobody any more.
fn withdrawn(case: &Case<'_>, asked: &Asked, audit: &Audit) -> Result<Vec<Finding>, DetectError> {
    let judged = case.whole_days();
    let place = asked.establishment.as_deref();
    let mut gone = known_findings(case.store, judged.since, judged.until, place, None)?;
    gone.retain(|old| {
        old.count > 0
            && judged.since <= old.window_from
            && old.window_from < judged.until
            && audit.rules.iter().any(|rule| *rule == old.rule.0)
            && audit
                .findings
                .iter()
                .all(|new| new.finding_id != old.finding_id)
    });
    let (Some(since), Some(until)) = (
        gone.iter().map(|old| old.window_from).min(),
        gone.iter().map(|old| old.window_to).max(),
    ) else {
        return Ok(Vec::new());
    };
    let events = gone.iter().filter_map(|old| old.evidence.first());
    let params = Params::new()
        .time("since", since)
        .time("until", until)
        .texts("events", events);
    let stored: BTreeSet<String> = case
        .store
        .rows::<StoredEvent>(STORED, &params)?
        .into_iter()
        .map(|row| row.event)
        .collect();
    gone.retain(|old| old.evidence.first().is_some_and(|row| stored.contains(row)));
    for old in &mut gone {
        old.severity = Severity::Information;
        old.verdict = Verdict::NotAttributable;
        old.basis = None;
        old.subject_token = Word(Cow::Borrowed(""));
        old.count = 0;
        old.score = 0;
        old.summary = "withdrawn: what is known now does not support this finding".to_owned();
        old.explanation = format!(
            "When the rule {} judged the same events again, it did not find this any more. Score 0 of 100.",
            old.rule.0
        );
        old.innocent_checks = Vec::new();
    }
    Ok(gone)
}

/// Stores the findings that are new or have changed; the answer, how many.
pub fn keep(store: &Store, findings: &[Finding]) -> Result<u64, DetectError> {
    let known = known(store, findings)?;
    let mut nobody = Nobody;
    let mut rows = RowBinary::new(&mut nobody);
    let mut kept = 0;
    for finding in findings {
        if known.get(&finding.finding_id) != Some(finding) {
            rows.placeless(finding);
            kept += 1;
        }
    }
    store.insert(Finding::TABLE, rows.into_bytes(), None)?;
    Ok(kept)
}

/// Findings that are stored: those whose window touches the one named, of one establishment or all, or whose name begins so.
pub fn known_findings(
    store: &Store,
    since: Timestamp,
    until: Timestamp,
    establishment: Option<&str>,
    id: Option<&str>,
) -> Result<Vec<Finding>, DetectError> {
    let params = Params::new()
        .time("since", since)
        .time("until", until)
        .text("establishment", establishment.unwrap_or_default())
        .text("finding", id.unwrap_or_default());
    store
        .rows::<Stored>(KNOWN, &params)?
        .into_iter()
        .map(|row| row.finding().ok_or(DetectError::Row("findings")))
        .collect()
}

/// Those of the findings that are stored already.
fn known(store: &Store, findings: &[Finding]) -> Result<BTreeMap<FindingId, Finding>, DetectError> {
    let since = findings.iter().map(|finding| finding.window_from).min();
    let until = findings.iter().map(|finding| finding.window_to).max();
    let (Some(since), Some(until)) = (since, until) else {
        return Ok(BTreeMap::new());
    };
    let known = known_findings(store, since, until, None, None)?;
    Ok(known
        .into_iter()
        .map(|finding| (finding.finding_id, finding))
        .collect())
}

/// Findings hold tokens already; no name comes this way.
struct Nobody;

impl Tokens for Nobody {
    fn token(&mut self, _: &AccountText) -> AccountToken {
        AccountToken([0; 16])
    }
}

#[derive(Deserialize)]
struct StoredEvent {
    event: String,
}

#[derive(Deserialize)]
struct Stored {
    finding_id: String,
    rule_id: String,
    level: String,
    place: String,
    said: String,
    base: String,
    subject: String,
    from_us: i64,
    to_us: i64,
    events: u64,
    score: u32,
    summary: String,
    explanation: String,
    innocent_checks: Vec<String>,
    evidence: Vec<String>,
    first_us: i64,
}

impl Stored {
    fn finding(self) -> Option<Finding> {
        let id = u128::from_str_radix(&self.finding_id, 16).ok()?;
        Some(Finding {
            finding_id: FindingId(id.to_be_bytes()),
            rule: Word(Cow::Owned(self.rule_id)),
            severity: Severity::parse(&self.level)?,
            establishment: Word(Cow::Owned(self.place)),
            verdict: Verdict::parse(&self.said)?,
            basis: Basis::parse(&self.base),
            subject_token: Word(Cow::Owned(self.subject)),
            window_from: Timestamp::from_micros(self.from_us),
            window_to: Timestamp::from_micros(self.to_us),
            count: self.events,
            score: self.score,
            summary: self.summary,
            explanation: self.explanation,
            innocent_checks: self.innocent_checks,
            evidence: self.evidence,
            first_seen: Timestamp::from_micros(self.first_us),
        })
    }
}
