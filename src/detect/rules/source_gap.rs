//! `source_gap`: records of one kind that stopped at an establishment while others went on.
//!
//! A quiet hour says nothing: schools close. An hour is a gap only if the same hour of the same weekday was busy in each of
//! the weeks before, and if records of another kind show that somebody was there in this very hour.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::attribute::Facts;
use crate::record::{Finding, Severity, Timestamp, Verdict};
use crate::store::{Params, Sql};

use super::super::make::{Draft, Evidence, Score, counted};
use super::super::rows::address;
use super::super::sight::Subject;
use super::super::{Case, DetectError, Rule};

/// The rule.
pub(super) struct SourceGap;

const SQL: Sql = Sql::embedded(
    "detect/source_gap",
    include_str!("../../../queries/detect/source_gap.sql"),
);

/// So many weeks before must have been busy at that hour.
const WEEKS_BACK: i64 = 3;
/// From so many records on an hour is busy.
const BUSY: u64 = 50;
const HOUR: i64 = 3600;
const WEEK: i64 = 7 * 24 * HOUR;
/// What comes later than this is late: until then an hour may still be filled.
const GRACE: i64 = HOUR;

impl Rule for SourceGap {
    fn sql(&self) -> Sql {
        SQL
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let judged = case.whole_days();
        let seen = Case {
            since: judged.since.plus_seconds(-WEEKS_BACK * WEEK),
            ..judged
        };
        let window = Params::new()
            .time("since", seen.since)
            .time("until", seen.until);
        let stored = seen.store.rows::<StoredHour>(SQL, &window)?;
        // Only registers are asked here: whose network it was, never whose name.
        let facts = seen.facts(&BTreeSet::new())?;
        let hours = hours(&stored, &facts);
        let heading = self.heading();
        Ok(judge(&hours, &judged, heading.severity)
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// Records by establishment, kind and the second at which the hour begins.
type Hours = BTreeMap<String, BTreeMap<String, BTreeMap<i64, u64>>>;

/// Adds addresses up to establishments. What no register places is left out.
fn hours(stored: &[StoredHour], facts: &Facts) -> Hours {
    let mut hours = Hours::new();
    for row in stored {
        let time = Timestamp::from_seconds(row.moment);
        let Some(place) = address(&row.address).and_then(|ip| facts.establishment(ip, time)) else {
            continue;
        };
        let kinds = hours.entry(place.to_owned()).or_default();
        let of_kind = kinds.entry(row.kind.clone()).or_default();
        let sum = of_kind.entry(row.moment).or_default();
        *sum = sum.saturating_add(row.n);
    }
    hours
}

/// Joins the hours of a gap that follow each other. Pure.
fn judge(hours: &Hours, case: &Case<'_>, severity: Severity) -> Vec<Draft> {
    let first = case.since.seconds().div_euclid(HOUR) * HOUR;
    let last = case.until.seconds().min(case.now.seconds() - GRACE);
    let mut drafts = Vec::new();
    for (place, kinds) in hours {
        for kind in kinds.keys() {
            let mut gap: Vec<(i64, Vec<&str>)> = Vec::new();
            let mut hour = first;
            while hour + HOUR <= last {
                match others_at_work(kinds, kind, hour) {
                    Some(others) => gap.push((hour, others)),
                    None => drafts.extend(draft(place, kind, &std::mem::take(&mut gap), severity)),
                }
                hour += HOUR;
            }
            drafts.extend(draft(place, kind, &gap, severity));
        }
    }
    drafts
}

/// The kinds of record that went on in an hour of a gap; none if it is no gap.
fn others_at_work<'h>(
    kinds: &'h BTreeMap<String, BTreeMap<i64, u64>>,
    kind: &str,
    hour: i64,
) -> Option<Vec<&'h str>> {
    let at = |kind: &str, hour: i64| {
        let of_kind = kinds.get(kind);
        of_kind
            .and_then(|hours| hours.get(&hour))
            .copied()
            .unwrap_or(0)
    };
    let usual = (1..=WEEKS_BACK).all(|weeks| at(kind, hour - weeks * WEEK) >= BUSY);
    if at(kind, hour) > 0 || !usual {
        return None;
    }
    let others: Vec<&str> = kinds
        .keys()
        .map(String::as_str)
        .filter(|other| *other != kind && at(other, hour) >= BUSY)
        .collect();
    (!others.is_empty()).then_some(others)
}

fn draft(place: &str, kind: &str, gap: &[(i64, Vec<&str>)], severity: Severity) -> Option<Draft> {
    let (from, _) = gap.first()?;
    let (until, _) = gap.last()?;
    let hours = u64::try_from(gap.len()).unwrap_or(u64::MAX);
    let others: BTreeSet<&str> = gap.iter().flat_map(|(_, others)| others).copied().collect();
    let others = others.into_iter().collect::<Vec<_>>().join(" and ");
    let mut score = Score::default();
    score.add(
        50,
        format!(
            "none in {}, busy in each of {WEEKS_BACK} weeks before",
            counted(hours, "hour")
        ),
    );
    if hours >= 3 {
        score.add(20, "three hours or longer");
    }
    Some(Draft {
        subject: Subject {
            establishment: place.to_owned(),
            verdict: Verdict::NotAttributable,
            account: None,
            address: None,
        },
        basis: None,
        topic: kind.to_owned(),
        from: Timestamp::from_seconds(*from),
        to: Timestamp::from_seconds(until + HOUR),
        severity,
        count: hours,
        score,
        summary: format!(
            "no {kind} for {} at {place}, while {others} went on",
            counted(hours, "hour")
        ),
        innocent_checks: vec![
            format!("the establishment was closed: no, {others} went on"),
            "an hour that is always quiet: no".to_owned(),
            format!("records that come late: not within {} minutes", GRACE / 60),
        ],
        evidence: Evidence::default(),
    })
}

#[derive(Deserialize)]
struct StoredHour {
    address: String,
    kind: String,
    /// In seconds.
    moment: i64,
    n: u64,
}
