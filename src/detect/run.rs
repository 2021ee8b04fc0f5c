//! Runs the rules over a window and keeps what they find.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
    audit.findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.severity, f.score);
        key(b).cmp(&key(a)).then_with(|| {
            let key = |f: &Finding| (f.window_from, f.rule.clone(), f.finding_id);
            key(a).cmp(&key(b))
        })
    });
    Ok(audit)
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
