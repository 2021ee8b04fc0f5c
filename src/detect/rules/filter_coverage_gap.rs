//! `filter_coverage_gap`: web connections that the wire showed and that the filter's log does not know, by establishment and day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;

use crate::record::calendar::{add_days, print_day};
use crate::record::{Finding, Network, Verdict};
use crate::store::{Params, Sql};

use super::super::inside::with_inside;
use super::super::make::{Draft, Evidence, Score};
use super::super::rows::{address, row_ref};
use super::super::sight::Subject;
use super::super::{Case, DetectError, Rule};

/// The rule.
pub(super) struct FilterCoverageGap;

const SQL: Sql = Sql::embedded(
    "detect/filter_coverage_gap",
    include_str!("../../../queries/detect/filter_coverage_gap.sql"),
);

/// So many connections at least must be unknown, and so many in a hundred of all: both are ours.
const LEAST: u64 = 100;
const PERCENT: u64 = 20;

impl Rule for FilterCoverageGap {
    fn sql(&self) -> Sql {
        SQL
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let case = case.whole_days();
        let zone = &case.settings.zone;
        let known = &case.settings.known_proxies;
        // Only registers are asked here: whose network it was, never whose name.
        let facts = case.facts(&BTreeSet::new())?;
        let heading = self.heading();
        let mut found = Vec::new();
        let mut day = zone.day(case.since);
        // Day by day, so that what the engine must keep in memory does not grow with the window.
        while zone.start_of_day(day) < case.until {
            let asked = Params::new()
                .time("since", zone.start_of_day(day))
                .time("until", zone.end_of_day(day))
                .ips("known_first", known.iter().map(Network::first))
                .ips("known_last", known.iter().map(Network::last));
            let stored = case.store.rows::<StoredRange>(SQL, &with_inside(asked))?;
            let mut places: BTreeMap<&str, Cover> = BTreeMap::new();
            for row in &stored {
                let place = address(&row.address)
                    .and_then(|ip| facts.establishment(ip, zone.start_of_day(day)));
                if let Some(place) = place {
                    places.entry(place).or_default().add(row)?;
                }
            }
            for (place, cover) in places {
                let draft = cover.draft(place, day, &case);
                found.extend(draft.map(|draft| draft.finding(&heading, case.now)));
            }
            day = add_days(day, 1);
        }
        Ok(found)
    }
}

/// What was seen at an establishment on a day.
#[derive(Debug, Default)]
struct Cover {
    flows: u64,
    in_log: u64,
    of_devices_in_log: u64,
    no_line: u64,
    quic: u64,
    hidden: u64,
    evidence: Evidence,
}

impl Cover {
    fn add(&mut self, row: &StoredRange) -> Result<(), DetectError> {
        self.flows = self.flows.saturating_add(row.flows);
        self.in_log = self.in_log.saturating_add(row.in_log);
        self.of_devices_in_log = self.of_devices_in_log.saturating_add(row.of_devices_in_log);
        self.no_line = self.no_line.saturating_add(row.no_line);
        self.quic = self.quic.saturating_add(row.quic);
        self.hidden = self.hidden.saturating_add(row.hidden);
        for (table, source, frame, ordinal) in &row.places {
            let row = row_ref(table, source, *frame, *ordinal)?;
            self.evidence.add_context(Some(row));
        }
        Ok(())
    }

    /// None where the log knows enough, or nothing at all.
    fn draft(self, place: &str, day: Date, case: &Case<'_>) -> Option<Draft> {
        let unknown = self.flows.saturating_sub(self.in_log);
        let percent = unknown.saturating_mul(100) / self.flows.max(1);
        if self.of_devices_in_log == 0 || unknown < LEAST || percent < PERCENT {
            return None;
        }
        let rest = unknown
            .saturating_sub(self.no_line)
            .saturating_sub(self.quic)
            .saturating_sub(self.hidden);
        let mut score = Score::default();
        score.add(
            i64::try_from(percent.min(80)).unwrap_or(80),
            format!("{percent} % of {} web connections", self.flows),
        );
        let zone = &case.settings.zone;
        Some(Draft {
            subject: Subject {
                establishment: place.to_owned(),
                verdict: Verdict::NotAttributable,
                account: None,
                address: None,
            },
            basis: None,
            topic: String::new(),
            from: zone.start_of_day(day),
            to: zone.end_of_day(day),
            severity: FilterCoverageGap.heading().severity,
            count: unknown,
            score,
            summary: format!(
                "{unknown} of {} web connections at {place} on {} that the filter's log does not know: {} of devices without any line, {} over QUIC, {} with a hidden name, {rest} of another cause",
                self.flows,
                print_day(day),
                self.no_line,
                self.quic,
                self.hidden
            ),
            innocent_checks: vec![
                "the filter's log is not read in here: no, it has lines of addresses of this establishment".to_owned(),
                "a line that came at another hour: no, any line of the same day, address and domain counts".to_owned(),
                format!(
                    "connections to the filter itself: no, of {} registered proxies",
                    case.settings.known_proxies.len()
                ),
                "a filter that logs refusals alone, or sites left unfiltered by agreement: not known".to_owned(),
                "records that come late: the finding is taken back when they have come".to_owned(),
            ],
            evidence: self.evidence,
        })
    }
}

#[derive(Deserialize)]
struct StoredRange {
    address: String,
    flows: u64,
    in_log: u64,
    of_devices_in_log: u64,
    no_line: u64,
    quic: u64,
    hidden: u64,
    places: Vec<(String, String, u64, u32)>,
}
