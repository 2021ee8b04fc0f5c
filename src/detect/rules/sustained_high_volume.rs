//! `sustained_high_volume`: one user who takes a large part of an establishment's line for long.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;

use crate::attribute::{Facts, RowRef};
use crate::record::calendar::Zone;
use crate::record::{AccountToken, Finding, Severity, Timestamp};
use crate::store::{Params, Sql};

use super::super::make::{Draft, Evidence, Score, join_nameless};
use super::super::rows::{account, address, row_ref};
use super::super::sight::{self, Sighting};
use super::super::{Case, DetectError, DetectSettings, Rule};

/// The rule.
pub(super) struct SustainedHighVolume;

const SQL: Sql = Sql::embedded(
    "detect/sustained_high_volume",
    include_str!("../../../queries/detect/sustained_high_volume.sql"),
);
/// What the lines can carry.
pub(super) const LINKS: Sql = Sql::embedded(
    "detect/links",
    include_str!("../../../queries/detect/links.sql"),
);

/// The bins in which use is added up.
const BIN_US: i64 = 300_000_000;

impl Rule for SustainedHighVolume {
    fn sql(&self) -> Sql {
        SQL
    }

    fn more_sql(&self) -> &'static [Sql] {
        &[LINKS]
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let case = case.whole_days();
        let links = case.store.rows::<Link>(LINKS, &Params::new())?;
        let settings = case.settings;
        // An address is read only if it passes what is high on the smallest of the lines.
        let least = |of: fn(&Link) -> u64| {
            let lines = links.iter().map(of).filter(|bits| *bits > 0).min();
            let bits = lines.map_or(settings.volume_bits_per_second, |bits| {
                (bits / 100)
                    .saturating_mul(settings.volume_percent)
                    .min(settings.volume_bits_per_second)
            });
            bytes_of_bits(bits)
        };
        let asked = Params::new()
            .time("since", case.since)
            .time("until", case.until)
            .number("down_bytes", least(|link| link.down))
            .number("up_bytes", least(|link| link.up));
        let stored = case.store.rows::<StoredUse>(SQL, &asked)?;
        let uses = stored.into_iter().map(StoredUse::volume);
        let uses = uses.collect::<Result<Vec<Volume>, DetectError>>()?;
        let addresses: BTreeSet<IpAddr> = uses.iter().map(|used| used.ip).collect();
        let facts = case.facts(&addresses)?;
        let heading = self.heading();
        let mut drafts = judge(&uses, &links, &facts, settings, heading.severity);
        // A run belongs to the window in which it began, so that two windows do not both have it.
        drafts.retain(|draft| case.since <= draft.from && draft.from < case.until);
        Ok(drafts
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// The bytes that so many bits a second are in one bin.
fn bytes_of_bits(bits_per_second: u64) -> u64 {
    bits_per_second.saturating_mul(300) / 8
}

/// What one flow moved for one address inside.
#[derive(Clone, Debug)]
struct Volume {
    row: RowRef,
    ip: IpAddr,
    far: Option<IpAddr>,
    start: Timestamp,
    end: Timestamp,
    down: u64,
    up: u64,
    account: Option<AccountToken>,
}

/// A bin of one address, or the part of it that lies on one side of a change of user.
#[derive(Debug, Default)]
struct Bin {
    down: u64,
    up: u64,
    rows: BTreeSet<RowRef>,
}

/// A run of bins in which use was high.
#[derive(Debug)]
struct Run {
    from: Timestamp,
    to: Timestamp,
    sighting: Sighting,
    bytes: u64,
    capacity: Option<u64>,
    downwards: bool,
    rows: BTreeSet<RowRef>,
}

/// Adds up by address and bin, and finds the runs. Pure.
fn judge(
    uses: &[Volume],
    links: &[Link],
    facts: &Facts,
    settings: &DetectSettings,
    severity: Severity,
) -> Vec<Draft> {
    let mut by_address: BTreeMap<IpAddr, Vec<&Volume>> = BTreeMap::new();
    for used in uses {
        let backup = |far| {
            settings
                .known_backup_peers
                .iter()
                .any(|network| network.contains(far))
        };
        let local = used.far.is_some_and(|far| {
            let place = facts.establishment(far, used.start);
            place.is_some() && place == facts.establishment(used.ip, used.start)
        });
        if !local && !used.far.is_some_and(backup) {
            by_address.entry(used.ip).or_default().push(used);
        }
    }
    let mut drafts = Vec::new();
    for (ip, used) in by_address {
        let bins = bins(ip, &used, facts);
        for run in runs(ip, &used, &bins, links, facts, settings) {
            drafts.push(draft(run, settings, severity));
        }
    }
    join_nameless(drafts)
}

/// Shares each flow out evenly over the bins that it spans, cut where the user of the address changes.
fn bins(ip: IpAddr, used: &[&Volume], facts: &Facts) -> BTreeMap<(Timestamp, Timestamp), Bin> {
    let mut bins: BTreeMap<(Timestamp, Timestamp), Bin> = BTreeMap::new();
    for flow in used {
        let length = flow.end.micros_since(flow.start).max(1);
        let end = flow.start.plus_micros(length);
        let mut at = flow.start;
        while at < end {
            let first = Timestamp::from_micros(at.micros().div_euclid(BIN_US) * BIN_US);
            let (mut from, mut to) = (first, first.plus_micros(BIN_US));
            for change in facts.changes(ip, from, to) {
                if change <= at {
                    from = change;
                } else {
                    to = to.min(change);
                }
            }
            let part = end.min(to).micros_since(at);
            let share = |bytes: u64| {
                let product = u128::from(bytes) * u128::from(part.unsigned_abs());
                u64::try_from(product / u128::from(length.unsigned_abs())).unwrap_or(u64::MAX)
            };
            let bin = bins.entry((from, to)).or_default();
            bin.down = bin.down.saturating_add(share(flow.down));
            bin.up = bin.up.saturating_add(share(flow.up));
            bin.rows.insert(flow.row);
            at = to;
        }
    }
    bins
}

fn runs(
    ip: IpAddr,
    used: &[&Volume],
    bins: &BTreeMap<(Timestamp, Timestamp), Bin>,
    links: &[Link],
    facts: &Facts,
    settings: &DetectSettings,
) -> Vec<Run> {
    // A name in the events themselves counts only if all of the address's flows carry the same.
    let mut named = used.iter().map(|flow| flow.account);
    let first = named.next().flatten();
    let named = first.filter(|_| named.all(|other| other == first));
    let mut runs: Vec<Run> = Vec::new();
    for ((from, to), bin) in bins {
        let sighting = sight::at(facts, ip, *from, named);
        let place = &sighting.subject.establishment;
        for downwards in [true, false] {
            let bytes = if downwards { bin.down } else { bin.up };
            let capacity = capacity(links, place, *from, downwards);
            let limit = capacity.map_or(settings.volume_bits_per_second, |bits| {
                (bits / 100).saturating_mul(settings.volume_percent)
            });
            if !is_high(bytes, limit, to.micros_since(*from)) {
                continue;
            }
            let open = runs.iter_mut().rev().find(|run| {
                run.downwards == downwards
                    && run.to == *from
                    // Runs end at midnight, so that a window of a day and one of a week find the same.
                    && settings.zone.day(run.from) == settings.zone.day(*from)
                    && run.sighting.subject == sighting.subject
            });
            match open {
                Some(run) => {
                    run.to = *to;
                    run.bytes = run.bytes.saturating_add(bytes);
                    run.rows.extend(&bin.rows);
                }
                None => runs.push(Run {
                    from: *from,
                    to: *to,
                    sighting: sighting.clone(),
                    bytes,
                    capacity,
                    downwards,
                    rows: bin.rows.clone(),
                }),
            }
        }
    }
    runs.retain(|run| run.to.micros_since(run.from) >= settings.volume_minutes * 60_000_000);
    runs
}

fn is_high(bytes: u64, bits_per_second: u64, micros: i64) -> bool {
    let used = u128::from(bytes) * 8 * 1_000_000;
    used >= u128::from(bits_per_second) * u128::from(micros.unsigned_abs().max(1))
}

/// What the lines of an establishment can carry together at a moment; none if no line is registered.
pub(super) fn capacity(
    links: &[Link],
    place: &str,
    time: Timestamp,
    downwards: bool,
) -> Option<u64> {
    let held = links.iter().filter(|link| {
        link.place == place
            && link.from_us <= time.micros()
            && (link.to_us == 0 || time.micros() < link.to_us)
    });
    let sum: u64 = held
        .map(|link| if downwards { link.down } else { link.up })
        .sum();
    (sum > 0).then_some(sum)
}

fn draft(run: Run, settings: &DetectSettings, severity: Severity) -> Draft {
    let micros = run.to.micros_since(run.from).max(1);
    let minutes = micros / 60_000_000;
    let rate = u128::from(run.bytes) * 8 * 1_000_000 / u128::from(micros.unsigned_abs());
    let mbit = rate as f64 / 1e6;
    let way = if run.downwards { "towards" } else { "from" };
    let mut score = Score::default();
    let night = is_night(&settings.zone, run.from) && is_night(&settings.zone, run.to);
    let share = run
        .capacity
        .map(|bits| i64::try_from(rate * 100 / u128::from(bits)).unwrap_or(100));
    let line = match (share, run.capacity) {
        (Some(share), Some(bits)) => {
            score.add(
                share.min(60),
                format!("{share} % of a line of {} Mbit/s", bits / 1_000_000),
            );
            format!("{share} % of the line")
        }
        _ => {
            score.add(30, "more than the limit where no line is registered");
            "no line is registered".to_owned()
        }
    };
    score.add((minutes / 2).min(30), format!("{minutes} minutes"));
    if night {
        score.add(-20, "in the night, when backups and updates run");
    }
    let subject = run.sighting.subject.clone();
    let place = subject.place();
    let mut evidence = Evidence::default();
    run.rows
        .iter()
        .for_each(|row| evidence.add(*row, &run.sighting));
    Draft {
        basis: run.sighting.basis,
        topic: if run.downwards { "down" } else { "up" }.to_owned(),
        from: run.from,
        to: run.to,
        severity: if night { Severity::Low } else { severity },
        count: u64::try_from(run.rows.len()).unwrap_or(u64::MAX),
        summary: format!(
            "{mbit:.1} Mbit/s {way} one user at {place} for {minutes} minutes ({line}), from {}",
            settings.zone.print(run.from)
        ),
        innocent_checks: vec![
            format!(
                "a registered backup: no, of {} registered far ends",
                settings.known_backup_peers.len()
            ),
            format!(
                "night hours (22:00 to 06:00): {}",
                if night { "yes" } else { "no" }
            ),
            "a transfer within the establishment: no, such flows are not counted".to_owned(),
            format!(
                "a short burst such as an update: no, it lasted {minutes} minutes; {} are asked for",
                settings.volume_minutes
            ),
            "harm to others: not measured by this rule".to_owned(),
        ],
        score,
        evidence,
        subject,
    }
}

fn is_night(zone: &Zone, time: Timestamp) -> bool {
    let hour = zone.hour(time);
    !(6..22).contains(&hour)
}

/// A line of the register and when it was.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    place: String,
    down: u64,
    up: u64,
    from_us: i64,
    to_us: i64,
}

#[derive(Deserialize)]
struct StoredUse {
    tab: String,
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    ended: i64,
    inside_address: String,
    far_address: String,
    down: u64,
    up: u64,
    account: String,
}

impl StoredUse {
    fn volume(self) -> Result<Volume, DetectError> {
        Ok(Volume {
            row: row_ref(&self.tab, &self.source, self.frame, self.ordinal)?,
            ip: address(&self.inside_address).ok_or(DetectError::Row("flows"))?,
            far: address(&self.far_address),
            start: Timestamp::from_micros(self.moment),
            end: Timestamp::from_micros(self.ended),
            down: self.down,
            up: self.up,
            account: account(&self.account),
        })
    }
}
