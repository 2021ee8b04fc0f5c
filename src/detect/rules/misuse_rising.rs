//! `misuse_rising`: more refused requests and list hits at an establishment than in earlier weeks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::civil::Date;
use serde::Deserialize;

use crate::attribute::Facts;
use crate::record::calendar::{add_days, monday, print_week};
use crate::record::{Finding, Severity, Timestamp, Verdict};
use crate::store::{Params, Sql};

use super::super::make::{Draft, Evidence, Score, counted};
use super::super::rows::address;
use super::super::sight::Subject;
use super::super::{Case, DetectError, DetectSettings, Rule};

/// The rule.
pub(super) struct MisuseRising;

const SQL: Sql = Sql::embedded(
    "detect/misuse_rising",
    include_str!("../../../queries/detect/misuse_rising.sql"),
);

/// With how many earlier weeks a day is compared at most.
const WEEKS_BACK: i64 = 8;

impl Rule for MisuseRising {
    fn sql(&self) -> Sql {
        SQL
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let zone = &case.settings.zone;
        let first = monday(zone.day(case.since));
        let last = monday(zone.day(case.until.plus_micros(-1)));
        let case = Case {
            since: zone.start_of_day(add_days(first, -7 * WEEKS_BACK)),
            until: zone.start_of_day(add_days(last, 7)),
            ..*case
        };
        let window = Params::new()
            .time("since", case.since)
            .time("until", case.until);
        let stored = case.store.rows::<StoredBin>(SQL, &window)?;
        // Only registers are asked here: whose network it was, never whose name.
        let facts = case.facts(&BTreeSet::new())?;
        let days = days(&stored, &facts, case.settings);
        let heading = self.heading();
        let mut drafts = Vec::new();
        let mut week = first;
        while week <= last {
            drafts.extend(judge(&days, week, case.settings, heading.severity));
            week = add_days(week, 7);
        }
        Ok(drafts
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// What was asked for at one establishment on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    requests: u64,
    misuse: u64,
}

type Days = BTreeMap<String, BTreeMap<Date, Day>>;

/// Adds the bins of addresses up to days of establishments. What no register places is left out.
fn days(stored: &[StoredBin], facts: &Facts, settings: &DetectSettings) -> Days {
    let mut days = Days::new();
    for bin in stored {
        let time = Timestamp::from_micros(bin.moment);
        let ip: Option<IpAddr> = address(&bin.address);
        let Some(place) = ip.and_then(|ip| facts.establishment(ip, time)) else {
            continue;
        };
        let of_place = days.entry(place.to_owned()).or_default();
        let day = of_place.entry(settings.zone.day(time)).or_default();
        day.requests = day.requests.saturating_add(bin.requests);
        day.misuse = day.misuse.saturating_add(bin.misuse);
    }
    days
}

/// How one day stands against the same weekday of earlier weeks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Compared {
    day: Date,
    now: u64,
    usual: f64,
    weeks: usize,
    high: bool,
}

/// Judges one week of every establishment. Pure.
fn judge(days: &Days, week: Date, settings: &DetectSettings, severity: Severity) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (place, of_place) in days {
        let compared: Vec<Compared> = (0..7)
            .filter_map(|offset| compare(of_place, add_days(week, offset)))
            .collect();
        let high = compared.iter().filter(|day| day.high).count();
        let weeks = compared.iter().map(|day| day.weeks).max().unwrap_or(0);
        // With one earlier week there is no spread to measure: more days must agree.
        let enough = if weeks >= 2 { 2 } else { 3 };
        let now: u64 = compared.iter().map(|day| day.now).sum();
        let usual: f64 = compared.iter().map(|day| day.usual).sum();
        let rising_share = share_rises(of_place, week);
        if high < enough || (now as f64) < usual * 1.5 || !rising_share {
            continue;
        }
        let factor = now as f64 / usual.max(1.0);
        drafts.push(draft(
            place, week, &compared, high, weeks, factor, settings, severity,
        ));
    }
    drafts
}

/// None where the day, or every earlier one like it, has no traffic at all: then nothing can be said.
fn compare(days: &BTreeMap<Date, Day>, day: Date) -> Option<Compared> {
    let now = days.get(&day)?.misuse;
    let mut earlier: Vec<f64> = (1..=WEEKS_BACK)
        .filter_map(|weeks| days.get(&add_days(day, -7 * weeks)))
        .map(|day| day.misuse as f64)
        .collect();
    let usual = median(&mut earlier)?;
    let mut away: Vec<f64> = earlier.iter().map(|count| (count - usual).abs()).collect();
    let spread = 1.4826 * median(&mut away)?;
    let count = now as f64;
    let high = if earlier.len() >= 2 {
        // Counts scatter by their root even if the few earlier weeks happen to agree.
        let least = usual.max(1.0).sqrt().max(usual * 0.1);
        count > usual + 3.0 * spread.max(least) && count >= usual * 1.5 && count - usual >= 10.0
    } else {
        count >= usual * 2.0 && count - usual >= 20.0
    };
    Some(Compared {
        day,
        now,
        usual,
        weeks: earlier.len(),
        high,
    })
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values.get(middle.checked_sub(1)?)? + upper) / 2.0)
}

/// Whether misuse rises more than requests in all: else there are only more users.
fn share_rises(days: &BTreeMap<Date, Day>, week: Date) -> bool {
    let sum = |from: Date, to: Date| {
        days.range(from..to)
            .fold(Day::default(), |sum, (_, day)| Day {
                requests: sum.requests.saturating_add(day.requests),
                misuse: sum.misuse.saturating_add(day.misuse),
            })
    };
    let now = sum(week, add_days(week, 7));
    let before = sum(add_days(week, -7 * WEEKS_BACK), week);
    let share = |day: Day| day.misuse as f64 / day.requests.max(1) as f64;
    share(now) >= share(before) * 1.3
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a figure that is printed"
)]
fn draft(
    place: &str,
    week: Date,
    compared: &[Compared],
    high: usize,
    weeks: usize,
    factor: f64,
    settings: &DetectSettings,
    severity: Severity,
) -> Draft {
    let mut score = Score::default();
    score.add(30, format!("{factor:.1} times as many as in earlier weeks"));
    let points = i64::try_from(high).unwrap_or(7) * 8;
    score.add(
        points,
        format!("{} clearly above the same weekday", counted_days(high)),
    );
    if factor >= 3.0 {
        score.add(10, "three times or more");
    }
    if weeks < 2 {
        score.add(-10, "only one earlier week to compare with");
    }
    let now: u64 = compared.iter().map(|day| day.now).sum();
    let days = compared
        .iter()
        .map(|day| {
            format!(
                "{} {} against {:.0}",
                day.day.strftime("%a"),
                day.now,
                day.usual
            )
        })
        .collect::<Vec<_>>()
        .join(", ");
    let method = if weeks >= 2 {
        format!("compared with the median of up to {weeks} earlier weeks, and their spread")
    } else {
        "compared with the one earlier week there is: a day counts from twice as many and 20 more, and three such days are needed".to_owned()
    };
    Draft {
        subject: Subject {
            establishment: place.to_owned(),
            verdict: Verdict::NotAttributable,
            account: None,
            address: None,
        },
        basis: None,
        topic: String::new(),
        from: settings.zone.start_of_day(week),
        to: settings.zone.start_of_day(add_days(week, 7)),
        severity,
        count: now,
        summary: format!(
            "{} refused or on a list at {place} in week {}, {factor:.1} times as many as before",
            counted(now, "request"),
            print_week(week)
        ),
        innocent_checks: vec![
            format!("by day: {days}"),
            format!("history: {method}"),
            "more traffic in all: no, the share of such requests rose too".to_owned(),
            "a new or wider list, or another policy of the filter: not checked".to_owned(),
        ],
        score,
        // Counts of a whole establishment rest on more rows than can be named; the question is in the method.
        evidence: Evidence::default(),
    }
}

fn counted_days(days: usize) -> String {
    counted(u64::try_from(days).unwrap_or(u64::MAX), "day")
}

#[derive(Deserialize)]
struct StoredBin {
    address: String,
    moment: i64,
    requests: u64,
    misuse: u64,
}
