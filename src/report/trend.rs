//! Trends: every establishment by week.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::record::Timestamp;
use crate::record::calendar::{Zone, add_days, monday, print_day, print_week};
use crate::store::Store;

use super::data::{self, Span};
use super::document::{percent, thousands};
use super::weekly::made;
use super::{Chart, Document, Form, Part, ReportError, Section, Series, Table};

/// What is added up of one week.
#[derive(Clone, Copy, Debug, Default)]
struct Week {
    requests: u64,
    refused: u64,
    listed: u64,
    findings: u64,
}

/// Makes the report of so many weeks up to and with the week of `last`.
pub fn trend(
    store: &Store,
    last: Date,
    weeks: u8,
    zone: &Zone,
    provider: &str,
    now: Timestamp,
) -> Result<Document, ReportError> {
    let store = &store.in_background();
    let last = monday(last);
    let first = add_days(last, -7 * (i64::from(weeks.max(1)) - 1));
    let span = Span {
        establishment: None,
        since: zone.start_of_day(first),
        until: zone.start_of_day(add_days(last, 7)),
        zone: zone.name(),
    };
    let mondays: Vec<Date> = (0..i64::from(weeks.max(1)))
        .map(|week| add_days(first, 7 * week))
        .collect();
    let mut places: BTreeMap<String, BTreeMap<Date, Week>> = BTreeMap::new();
    for place in data::establishments(store)?.into_keys() {
        places.entry(place).or_default();
    }
    for day in data::days(store, &span)? {
        let Some(date) = day.date() else { continue };
        let week = places
            .entry(day.place.clone())
            .or_default()
            .entry(monday(date))
            .or_default();
        week.requests = week.requests.saturating_add(day.requests);
        week.refused = week.refused.saturating_add(day.refused);
        week.listed = week.listed.saturating_add(day.listed);
    }
    for found in data::findings(store, &span)? {
        let date = zone.day(Timestamp::from_micros(found.from_us));
        let week = places
            .entry(found.place)
            .or_default()
            .entry(monday(date))
            .or_default();
        week.findings = week.findings.saturating_add(1);
    }
    let names = data::establishments(store)?;
    let named = |place: &str| match (names.get(place), place) {
        (Some(name), _) => name.clone(),
        (None, "") => "Not placed by any register".to_owned(),
        (None, place) => place.to_owned(),
    };
    let mut sections = vec![Section {
        heading: "All establishments".to_owned(),
        parts: vec![
            Part::Text("Counts by week, from Monday to Sunday. A week without a figure has no log lines: that is not the same as nought. Nobody is named in this report.".to_owned()),
            Part::Table(overview(&places, &mondays, &named)),
        ],
    }];
    for (place, of_place) in places.iter().filter(|(_, of_place)| !of_place.is_empty()) {
        sections.push(Section {
            heading: named(place),
            parts: vec![Part::Chart(chart(&named(place), of_place, &mondays))],
        });
    }
    sections.push(Section {
        heading: "How to read it".to_owned(),
        parts: vec![Part::Points(vec![
            "A rise can come from a new list, another policy of the filter, more users or a broken program as well as from misuse.".to_owned(),
            "What passes through tunnels and mobile networks is in none of these counts.".to_owned(),
            "The last week may not be over when the report is made.".to_owned(),
        ])],
    });
    Ok(Document {
        report: "trend",
        title: "Trends by week".to_owned(),
        subtitle: format!("{} to {}", print_day(first), print_day(add_days(last, 6))),
        made: made(provider, now, zone),
        sections,
    })
}

fn overview(
    places: &BTreeMap<String, BTreeMap<Date, Week>>,
    mondays: &[Date],
    named: &impl Fn(&str) -> String,
) -> Table {
    let mut table = Table::new(
        "Requests, refusals, list hits and findings by establishment and week",
        &[
            "Establishment",
            "Week",
            "#Requests",
            "#Refused",
            "#Share refused",
            "#Met a list",
            "#Findings",
        ],
    );
    for (place, of_place) in places {
        for monday in mondays {
            let Some(week) = of_place.get(monday) else {
                continue;
            };
            table.rows.push(vec![
                named(place),
                print_week(*monday),
                thousands(week.requests),
                thousands(week.refused),
                percent(week.refused, week.requests),
                thousands(week.listed),
                thousands(week.findings),
            ]);
        }
    }
    table
}

fn chart(name: &str, of_place: &BTreeMap<Date, Week>, mondays: &[Date]) -> Chart {
    // Weeks before the first that has log lines are left out, so that a line does not begin with noughts that nobody counted.
    let known: Vec<&Date> = mondays
        .iter()
        .skip_while(|monday| !of_place.contains_key(monday))
        .collect();
    let of = |pick: fn(&Week) -> u64| -> Vec<u64> {
        known
            .iter()
            .map(|monday| of_place.get(monday).map_or(0, pick))
            .collect()
    };
    let refused = of(|week| week.refused);
    let ends = match (refused.first(), refused.last()) {
        (Some(first), Some(last)) => format!("from {} to {}", thousands(*first), thousands(*last)),
        _ => "no weeks".to_owned(),
    };
    Chart {
        title: format!("{name}: refused requests and list hits by week"),
        description: format!(
            "Lines over {} weeks; requests refused by the filter went {ends}.",
            known.len()
        ),
        form: Form::Lines,
        unit: "requests".to_owned(),
        labels: known
            .iter()
            .map(|monday| {
                print_week(**monday)
                    .split_once('-')
                    .map_or_else(String::new, |(_, week)| week.to_owned())
            })
            .collect(),
        series: vec![
            Series {
                name: "refused by the filter".to_owned(),
                values: refused,
            },
            Series {
                name: "met one of our lists".to_owned(),
                values: of(|week| week.listed),
            },
        ],
    }
}
