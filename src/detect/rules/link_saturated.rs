//! `link_saturated`: an establishment's line that is full, for long on end, or in pieces that come to a twentieth of the working day.
//!
//! The register of links says what the lines of an establishment carry together: flows do not say which of several lines
//! they took. The 95th percentile is how lines are sold; that 90 parts in a hundred are full is ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;

use crate::attribute::Facts;
use crate::record::calendar::{Zone, print_day};
use crate::record::{Finding, Network, Severity, Timestamp, Verdict};
use crate::store::{Params, Sql};

use super::super::make::{Draft, Evidence, Score};
use super::super::rows::{address, row_ref};
use super::super::sight::Subject;
use super::super::{Case, DetectError, Rule};
use super::sustained_high_volume::{LINKS, Link, capacity};

/// The rule.
pub(super) struct LinkSaturated;

const SQL: Sql = Sql::embedded(
    "detect/link_saturated",
    include_str!("../../../queries/detect/link_saturated.sql"),
);
const SHARES: Sql = Sql::embedded(
    "detect/link_shares",
    include_str!("../../../queries/detect/link_shares.sql"),
);

/// The bins in which use is added up.
const BIN_US: i64 = 300_000_000;
/// From so many percent on a bin is full, and the 95th percentile a finding.
const FULL: u64 = 90;
/// So many full bins on end are a finding.
const LONG: usize = 3;
/// Of the 96 bins of the working day, from 08:00 to 16:00, the 92nd from below is the 95th percentile: the fifth from above.
const ABOVE_PERCENTILE: usize = 4;

impl Rule for LinkSaturated {
    fn sql(&self) -> Sql {
        SQL
    }

    fn more_sql(&self) -> &'static [Sql] {
        &[LINKS, SHARES]
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let case = case.whole_days();
        let links = case.store.rows::<Link>(LINKS, &Params::new())?;
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let window = Params::new()
            .time("since", case.since)
            .time("until", case.until);
        let stored = case.store.rows::<StoredBin>(SQL, &window)?;
        // Only registers are asked here: whose network it was, never whose name.
        let facts = case.facts(&BTreeSet::new())?;
        let zone = &case.settings.zone;
        let heading = self.heading();
        let backups = &case.settings.known_backup_peers;
        let mut found = Vec::new();
        for full in judge(&use_of(&stored, &facts), &links, zone) {
            let asked = Params::new()
                .time("since", full.from)
                .time("until", full.to)
                .text("establishment", &full.place)
                .number("downwards", u8::from(full.downwards))
                .ips("known_first", backups.iter().map(Network::first))
                .ips("known_last", backups.iter().map(Network::last));
            let shares = case.store.rows::<StoredShare>(SHARES, &asked)?;
            let draft = full.draft(&shares, zone, heading.severity)?;
            found.push(draft.finding(&heading, case.now));
        }
        Ok(found)
    }
}

/// Bytes by establishment, direction (downwards or not) and bin.
type Use = BTreeMap<(String, bool), BTreeMap<i64, u64>>;

/// Adds ranges of addresses up to establishments; what stays within one does not cross its line.
fn use_of(stored: &[StoredBin], facts: &Facts) -> Use {
    let mut sums = Use::new();
    for row in stored {
        let time = Timestamp::from_micros(row.bin.saturating_mul(BIN_US));
        let place = |text: &str| address(text).and_then(|ip| facts.establishment(ip, time));
        let (src, dst) = (place(&row.src), place(&row.dst));
        if src == dst {
            continue;
        }
        let ends = [
            (src, row.from_dst, row.from_src),
            (dst, row.from_src, row.from_dst),
        ];
        for (place, down, up) in ends {
            let Some(place) = place else { continue };
            for (downwards, bytes) in [(true, down), (false, up)] {
                let bins = sums.entry((place.to_owned(), downwards)).or_default();
                let sum = bins.entry(row.bin).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
    }
    sums
}

/// A day on which a line was full.
#[derive(Debug, PartialEq, Eq)]
struct Full {
    place: String,
    downwards: bool,
    day: Date,
    /// The longest stretch on end of full bins; where the percentile alone is high, from the first full bin to the last.
    from: Timestamp,
    to: Timestamp,
    /// How many bins that stretch has; nought where the percentile alone is high.
    on_end: usize,
    full_bins: usize,
    percentile: u64,
    capacity: u64,
}

/// The days on which a line was full. Pure.
fn judge(used: &Use, links: &[Link], zone: &Zone) -> Vec<Full> {
    let mut found = Vec::new();
    for ((place, downwards), bins) in used {
        let mut days: BTreeMap<Date, Vec<(i64, u64, u64)>> = BTreeMap::new();
        for (bin, bytes) in bins {
            let time = Timestamp::from_micros(bin.saturating_mul(BIN_US));
            if let Some(bits) = capacity(links, place, time, *downwards) {
                let percent = u128::from(*bytes) * 800 / (u128::from(bits) * 300);
                let percent = u64::try_from(percent).unwrap_or(u64::MAX);
                let day = days.entry(zone.day(time)).or_default();
                day.push((*bin, percent, bits));
            }
        }
        for (day, bins) in days {
            found.extend(of_day(place, *downwards, day, &bins, zone));
        }
    }
    found
}

fn of_day(
    place: &str,
    downwards: bool,
    day: Date,
    bins: &[(i64, u64, u64)],
    zone: &Zone,
) -> Option<Full> {
    let moment = |bin: i64| Timestamp::from_micros(bin.saturating_mul(BIN_US));
    let night = |bin: i64| !(6..22).contains(&zone.hour(moment(bin)));
    let on_end = |a: &(i64, u64, u64), b: &(i64, u64, u64)| {
        a.0 + 1 == b.0 && (a.1 >= FULL) == (b.1 >= FULL) && night(a.0) == night(b.0)
    };
    // A stretch by day speaks before a longer one of the night, which hinders few; of equals the first.
    let longest = bins
        .chunk_by(on_end)
        .filter(|run| run.len() >= LONG && run.iter().all(|(_, percent, _)| *percent >= FULL))
        .rev()
        .max_by_key(|run| (run.first().is_some_and(|one| !night(one.0)), run.len()))
        .unwrap_or_default();
    let mut working: Vec<u64> = bins
        .iter()
        .filter(|(bin, ..)| (8..16).contains(&zone.hour(moment(*bin))))
        .map(|(_, percent, _)| *percent)
        .collect();
    working.sort_unstable_by(|a, b| b.cmp(a));
    let percentile = working.get(ABOVE_PERCENTILE).copied().unwrap_or(0);
    let is_long = !longest.is_empty();
    if !is_long && percentile < FULL {
        return None;
    }
    let high: Vec<_> = bins.iter().filter(|(_, use_, _)| *use_ >= FULL).collect();
    let (first, last) = if is_long {
        (longest.first()?, longest.last()?)
    } else {
        (*high.first()?, *high.last()?)
    };
    Some(Full {
        place: place.to_owned(),
        downwards,
        day,
        from: moment(first.0),
        to: moment(last.0 + 1),
        on_end: if is_long { longest.len() } else { 0 },
        full_bins: bins.iter().filter(|(_, use_, _)| *use_ >= FULL).count(),
        percentile,
        capacity: first.2,
    })
}

impl Full {
    /// The finding's part: nobody is named, and the largest shares are its evidence.
    fn draft(
        self,
        shares: &[StoredShare],
        zone: &Zone,
        severity: Severity,
    ) -> Result<Draft, DetectError> {
        let minutes = self.on_end * 5;
        let night = self.on_end > 0 && !(6..22).contains(&zone.hour(self.from));
        let mut score = Score::default();
        if minutes > 0 {
            let reason = format!("{FULL} % or more for {minutes} minutes on end");
            score.add(50, reason);
        }
        if self.percentile >= FULL {
            let reason = format!(
                "{} % at the 95th percentile of 08:00 to 16:00",
                self.percentile
            );
            score.add(30, reason);
        }
        if night {
            score.add(-20, "in the night, when backups and updates run");
        }
        let mut evidence = Evidence::default();
        for (table, source, frame, ordinal) in shares.iter().flat_map(|share| &share.places) {
            evidence.add_context(Some(row_ref(table, source, *frame, *ordinal)?));
        }
        let all = shares.first();
        let percent = |of: fn(&StoredShare) -> i64| {
            all.map_or(0, |all| {
                i128::from(of(all)) * 100 / i128::from(all.total.max(1))
            })
        };
        let (largest, backed) = (percent(|share| share.bytes), percent(|share| share.backed));
        let who = match all.map_or(0, |all| all.devices) {
            0 => "it came from outside alone".to_owned(),
            1 => "1 address alone began it".to_owned(),
            several => format!("the largest of {several} addresses took {largest} %"),
        };
        let way = if self.downwards { "towards" } else { "from" };
        let how_long = match minutes {
            0 => "a twentieth of the working day or longer, in pieces".to_owned(),
            _ => format!("{minutes} minutes on end, from {}", zone.print(self.from)),
        };
        Ok(Draft {
            basis: None,
            topic: if self.downwards { "down" } else { "up" }.to_owned(),
            from: zone.start_of_day(self.day),
            to: zone.end_of_day(self.day),
            severity: if night { Severity::Low } else { severity },
            count: u64::try_from(self.full_bins).unwrap_or(u64::MAX),
            summary: format!(
                "the line of {} Mbit/s {way} {} was full for {how_long}, on {}; {who}",
                self.capacity / 1_000_000,
                self.place,
                print_day(self.day)
            ),
            innocent_checks: vec![
                format!("registered backups: {backed} % of it"),
                format!(
                    "night hours (22:00 to 06:00): {}",
                    if night { "yes" } else { "no" }
                ),
                "a short burst such as an update: no, a quarter of an hour on end or the 95th percentile is asked for".to_owned(),
                "traffic within the establishment: no, it is not counted".to_owned(),
                "a line that was made larger and not registered: not known".to_owned(),
                "harm to others: not measured by this rule".to_owned(),
            ],
            score,
            evidence,
            subject: Subject {
                establishment: self.place,
                verdict: Verdict::NotAttributable,
                account: None,
                address: None,
            },
        })
    }
}

#[derive(Deserialize)]
struct StoredBin {
    src: String,
    dst: String,
    /// In bins since 1970.
    bin: i64,
    from_src: u64,
    from_dst: u64,
}

#[derive(Deserialize)]
struct StoredShare {
    bytes: i64,
    total: i64,
    backed: i64,
    devices: u64,
    places: Vec<(String, String, u64, u32)>,
}
