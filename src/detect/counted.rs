//! Rules on how often something happened: the engine counts by address and stretch of time, and what it counts is put together
//! for a person and a day.
//!
//! A rule of this kind is a [`Counted`] and its SQL, each row of which is one stretch: when it began and ended, whose address,
//! how many rows (`n`), how many different things (`wide`), and the first of the rows as evidence. Millions of rows
//! stay in the engine; a finding's count has them all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::civil::Date;
use serde::Deserialize;

use crate::attribute::{Facts, RowRef};
use crate::record::calendar::print_day;
use crate::record::{AccountToken, Finding, Network, Severity, Timestamp};
use crate::store::{Params, Sql};

use super::inside::with_inside;
use super::make::{Draft, Evidence, Score, join_nameless};
use super::rows::{account, address, row_ref};
use super::sight::{self, Subject};
use super::{Case, DetectError, DetectSettings, Rule};

/// A rule of this kind.
pub(super) struct Counted {
    /// The stretches.
    pub(super) sql: Sql,
    /// How much a subject's day weighs; a rule's bounds stand here.
    pub(super) score: fn(&Sum) -> Score,
    /// From which score on a finding is made.
    pub(super) enough: u32,
    /// What happened, in one phrase; place and day are added.
    pub(super) summary: fn(&Sum) -> String,
    /// What else could explain it, and what can be said to that.
    pub(super) innocent: fn(&Sum) -> Vec<String>,
}

/// What a subject's day comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Rows of all stretches.
    pub(super) rows: u64,
    /// The most different things of one stretch: those of two stretches may be the same.
    pub(super) widest: u64,
    /// How many stretches.
    pub(super) stretches: u64,
}

/// One stretch of one address.
#[derive(Clone, Debug)]
struct Stretch {
    start: Timestamp,
    /// From when on the same person must have been there.
    same_since: Timestamp,
    end: Timestamp,
    ip: IpAddr,
    account: Option<AccountToken>,
    rows: u64,
    wide: u64,
    places: Vec<RowRef>,
}

impl Rule for Counted {
    fn sql(&self) -> Sql {
        self.sql
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let case = case.whole_days();
        let asked = Params::new()
            .time("since", case.since)
            .time("until", case.until)
            .text("zone", case.settings.zone.name())
            .ips(
                "known_first",
                known_peers(case.settings).map(Network::first),
            )
            .ips("known_last", known_peers(case.settings).map(Network::last));
        let asked = with_inside(asked);
        let stored = case.store.rows::<StoredStretch>(self.sql, &asked)?;
        let stretches = stored
            .into_iter()
            .filter_map(|row| row.stretch().transpose());
        let stretches = stretches.collect::<Result<Vec<Stretch>, DetectError>>()?;
        let addresses: BTreeSet<IpAddr> = stretches.iter().map(|one| one.ip).collect();
        let facts = case.facts(&addresses)?;
        let heading = self.heading();
        let drafts = self.judge(&stretches, &facts, case.settings, heading.severity);
        Ok(drafts
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// Far ends that are registered for support, backup or a tunnel.
fn known_peers(settings: &DetectSettings) -> impl Iterator<Item = &Network> {
    let DetectSettings {
        known_support_peers,
        known_backup_peers,
        known_vpn_peers,
        ..
    } = settings;
    [known_support_peers, known_backup_peers, known_vpn_peers]
        .into_iter()
        .flatten()
}

impl Counted {
    /// Puts stretches of one subject and day together, and weighs them. Pure.
    fn judge(
        &self,
        stretches: &[Stretch],
        facts: &Facts,
        settings: &DetectSettings,
        severity: Severity,
    ) -> Vec<Draft> {
        let mut groups: BTreeMap<(Subject, Date), Vec<(&Stretch, sight::Sighting)>> =
            BTreeMap::new();
        for one in stretches {
            let sighting = sight::over(facts, one.ip, one.same_since, one.end, one.account);
            // Whoever is in no registered network is a stranger on the internet: nobody here did it.
            if sighting.subject.establishment.is_empty() && one.account.is_none() {
                continue;
            }
            let key = (sighting.subject.clone(), settings.zone.day(one.start));
            groups.entry(key).or_default().push((one, sighting));
        }
        let mut drafts = Vec::new();
        for ((subject, day), group) in groups {
            let mut sum = Sum::default();
            let mut evidence = Evidence::default();
            for (one, sighting) in &group {
                sum.rows = sum.rows.saturating_add(one.rows);
                sum.widest = sum.widest.max(one.wide);
                sum.stretches += 1;
                one.places
                    .iter()
                    .for_each(|place| evidence.add(*place, sighting));
            }
            let score = (self.score)(&sum);
            if score.total() < self.enough {
                continue;
            }
            drafts.push(Draft {
                basis: group
                    .iter()
                    .filter_map(|(_, sighting)| sighting.basis)
                    .max(),
                topic: String::new(),
                from: settings.zone.start_of_day(day),
                to: settings.zone.end_of_day(day),
                severity,
                count: sum.rows,
                summary: format!(
                    "{} at {} on {}",
                    (self.summary)(&sum),
                    subject.place(),
                    print_day(day)
                ),
                innocent_checks: (self.innocent)(&sum),
                score,
                evidence,
                subject,
            });
        }
        join_nameless(drafts)
    }
}

/// A row that was counted, as the engine names it: table, source, frame, ordinal.
type StoredPlace = (String, String, u64, u32);

#[derive(Deserialize)]
struct StoredStretch {
    moment: i64,
    ended: i64,
    /// Where what came before belongs to it; else it begins at its moment.
    #[serde(default)]
    since_when: Option<i64>,
    address: String,
    account: String,
    n: u64,
    wide: u64,
    places: Vec<StoredPlace>,
}

impl StoredStretch {
    /// None for one whose address is not known.
    fn stretch(self) -> Result<Option<Stretch>, DetectError> {
        let Some(ip) = address(&self.address) else {
            return Ok(None);
        };
        let places = self
            .places
            .iter()
            .map(|(table, source, frame, ordinal)| row_ref(table, source, *frame, *ordinal));
        Ok(Some(Stretch {
            start: Timestamp::from_micros(self.moment),
            same_since: Timestamp::from_micros(self.since_when.unwrap_or(self.moment)),
            end: Timestamp::from_micros(self.ended),
            ip,
            account: account(&self.account),
            rows: self.n,
            wide: self.wide,
            places: places.collect::<Result<_, _>>()?,
        }))
    }
}
