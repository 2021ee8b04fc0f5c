//! The weekly digest of one establishment.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::record::calendar::{Zone, add_days, print_day, print_week};
use crate::record::{Timestamp, Verdict};
use crate::store::Store;

use super::data::{self, Day, Found, Span};
use super::document::{percent, thousands};
use super::{Chart, Document, Figure, Form, Part, ReportError, Section, Series, Table};

/// What a weekly digest is asked.
#[derive(Clone, Debug)]
pub struct Weekly<'a> {
    /// The establishment.
    pub establishment: &'a str,
    /// The Monday of its week.
    pub monday: Date,
    /// The zone of its days.
    pub zone: &'a Zone,
    /// Who provides it.
    pub provider: &'a str,
    /// When it is made.
    pub made: Timestamp,
    /// Requests by what can be said of who made them; only whoever may attribute can count them.
    pub identified: BTreeMap<Verdict, u64>,
}

/// Makes it.
pub fn weekly(store: &Store, asked: &Weekly<'_>) -> Result<Document, ReportError> {
    let store = &store.in_background();
    let names = data::establishments(store)?;
    let name = names
        .get(asked.establishment)
        .ok_or_else(|| ReportError::NoEstablishment(asked.establishment.to_owned()))?;
    let zone = asked.zone;
    let span = Span {
        establishment: Some(asked.establishment),
        since: zone.start_of_day(asked.monday),
        until: zone.start_of_day(add_days(asked.monday, 7)),
        zone: zone.name(),
    };
    let before = Span {
        since: zone.start_of_day(add_days(asked.monday, -7)),
        until: span.since,
        ..span
    };
    let days = data::days(store, &span)?;
    let earlier = data::days(store, &before)?;
    let found = data::findings(store, &span)?;
    let sections = vec![
        happened(&days, &earlier, &found, name),
        findings(&found, zone),
        filter(store, &span, &days, asked.monday)?,
        identification(&asked.identified),
        line(store, &span)?,
        unseen(store, &span, &days, asked.monday)?,
    ];
    Ok(Document {
        report: "weekly",
        title: format!("Weekly digest: {name}"),
        subtitle: format!(
            "Week {}, {} to {}",
            print_week(asked.monday),
            print_day(asked.monday),
            print_day(add_days(asked.monday, 6))
        ),
        made: made(asked.provider, asked.made, zone),
        sections,
    })
}

/// Who made a report, and in which zone its times are.
pub(super) fn made(provider: &str, time: Timestamp, zone: &Zone) -> String {
    format!(
        "Made by {provider} with Invigil {} on {}. Times are local ({}).",
        env!("CARGO_PKG_VERSION"),
        zone.print(time),
        zone.name()
    )
}

/// Sums over days.
fn total(days: &[Day]) -> Day {
    days.iter().fold(Day::default(), |sum, day| Day {
        requests: sum.requests.saturating_add(day.requests),
        refused: sum.refused.saturating_add(day.refused),
        listed: sum.listed.saturating_add(day.listed),
        bytes: sum.bytes.saturating_add(day.bytes),
        ..sum
    })
}

fn happened(days: &[Day], earlier: &[Day], found: &[Found], name: &str) -> Section {
    let (now, then) = (total(days), total(earlier));
    let high = found
        .iter()
        .filter(|one| matches!(one.level.as_str(), "high" | "critical"))
        .count();
    let told = match found.len() {
        0 => "The rules found nothing to look at.".to_owned(),
        1 => format!(
            "The rules found one thing to look at{}.",
            if high == 1 { " now" } else { "" }
        ),
        many => format!("The rules found {many} things to look at, {high} of them now."),
    };
    let text = format!(
        "{name} made {} requests to the web this week; the filter refused {} of them ({}). {told}",
        thousands(now.requests),
        thousands(now.refused),
        percent(now.refused, now.requests),
    );
    let against = |before: u64| {
        if earlier.is_empty() {
            "nothing is stored of the week before".to_owned()
        } else {
            format!("{} the week before", thousands(before))
        }
    };
    let busiest = days.iter().map(|day| day.addresses).max().unwrap_or(0);
    Section {
        heading: "What happened".to_owned(),
        parts: vec![
            Part::Text(text),
            Part::Figures(vec![
                figure("Requests", thousands(now.requests), against(then.requests)),
                figure(
                    "Refused by the filter",
                    thousands(now.refused),
                    against(then.refused),
                ),
                figure(
                    "Met one of our lists",
                    thousands(now.listed),
                    against(then.listed),
                ),
                figure(
                    "Moved, as the filter counted",
                    bytes(now.bytes),
                    against_bytes(then.bytes, earlier),
                ),
                figure("Findings", found.len().to_string(), String::new()),
                figure(
                    "Addresses on the busiest day",
                    thousands(busiest),
                    "an address is not a person".to_owned(),
                ),
            ]),
        ],
    }
}

fn figure(label: &str, value: String, note: String) -> Figure {
    Figure {
        label: label.to_owned(),
        value,
        note,
    }
}

fn against_bytes(before: u64, earlier: &[Day]) -> String {
    if earlier.is_empty() {
        String::new()
    } else {
        format!("{} the week before", bytes(before))
    }
}

/// A size for people, in powers of a thousand.
pub(super) fn bytes(count: u64) -> String {
    let units = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
    ];
    for (unit, size) in units {
        if count >= size {
            return format!("{}.{} {unit}", count / size, count % size * 10 / size);
        }
    }
    format!("{count} B")
}

fn findings(found: &[Found], zone: &Zone) -> Section {
    let mut table = Table::new(
        "Findings of the week, most urgent first",
        &[
            "Severity", "Rule", "From", "Who", "#Score", "What", "Finding",
        ],
    );
    for one in found {
        let from = zone.local(Timestamp::from_micros(one.from_us));
        table.rows.push(vec![
            one.level.clone(),
            one.rule_id.replace('_', " "),
            moment(&from),
            who(one),
            one.score.to_string(),
            format!("{} ({})", one.summary, events(one.events)),
            one.finding_id.chars().take(12).collect(),
        ]);
    }
    let parts = if found.is_empty() {
        vec![Part::Text(
            "The rules found nothing at this establishment in this week.".to_owned(),
        )]
    } else {
        vec![
            Part::Text("A finding is a reason to look, not a judgement. Accounts stand here as tokens; a name is shown only for a reason that is recorded (the command “invigil who --reveal”). What else could explain a finding stands with it (“invigil findings show”).".to_owned()),
            Part::Table(table),
        ]
    };
    Section {
        heading: "Findings".to_owned(),
        parts,
    }
}

/// A moment; of a whole day or week its date alone.
fn moment(from: &jiff::Zoned) -> String {
    let form = if from.hour() == 0 && from.minute() == 0 {
        "%a %-d %b"
    } else {
        "%a %-d %b %H:%M"
    };
    from.strftime(form).to_string()
}

fn events(count: u64) -> String {
    if count == 1 {
        "1 event".to_owned()
    } else {
        format!("{} events", thousands(count))
    }
}

/// A token's beginning with its basis, or why there is none.
fn who(one: &Found) -> String {
    match one.subject.get(..12) {
        Some(token) => format!("{token} ({}, by {})", one.said, one.base),
        None => match one.said.as_str() {
            "not_attributable" => "nobody can be named".to_owned(),
            said => format!("nobody is named: {said}"),
        },
    }
}

fn filter(
    store: &Store,
    span: &Span<'_>,
    days: &[Day],
    monday: Date,
) -> Result<Section, ReportError> {
    let of_day = |offset: i64| {
        let date = add_days(monday, offset);
        days.iter().find(|day| day.date() == Some(date))
    };
    let labels = (0..7).map(|offset| add_days(monday, offset).strftime("%a").to_string());
    let refused: Vec<u64> = (0..7)
        .map(|offset| of_day(offset).map_or(0, |day| day.refused))
        .collect();
    let listed: Vec<u64> = (0..7)
        .map(|offset| of_day(offset).map_or(0, |day| day.listed))
        .collect();
    let most = refused.iter().max().copied().unwrap_or(0);
    let chart = Chart {
        title: "Refused requests and list hits by day".to_owned(),
        description: format!(
            "Bars for Monday to Sunday. The filter refused {} requests in all, {} on the day with most; {} met one of our lists.",
            thousands(refused.iter().sum()),
            thousands(most),
            thousands(listed.iter().sum())
        ),
        form: Form::Bars,
        unit: "requests".to_owned(),
        labels: labels.collect(),
        series: vec![
            Series {
                name: "refused by the filter".to_owned(),
                values: refused,
            },
            Series {
                name: "met one of our lists".to_owned(),
                values: listed,
            },
        ],
    };
    let mut table = Table::new(
        "Categories of what was refused or met a list, most refused first",
        &[
            "Category",
            "Named by",
            "#Refused",
            "#Let through",
            "#Addresses",
        ],
    );
    for one in data::categories(store, span)? {
        table.rows.push(vec![
            one.category.replace('_', " "),
            one.named_by,
            thousands(one.refused),
            thousands(one.let_through),
            thousands(one.addresses),
        ]);
    }
    let mut parts = vec![Part::Chart(chart)];
    if !table.rows.is_empty() {
        parts.push(Part::Table(table));
    }
    Ok(Section {
        heading: "The filter".to_owned(),
        parts,
    })
}

fn identification(identified: &BTreeMap<Verdict, u64>) -> Section {
    let sum: u64 = identified.values().sum();
    let mut table = Table::new(
        "Requests by what can be said of who made them",
        &["What can be said", "#Requests", "#Share"],
    );
    for (verdict, count) in identified {
        let meaning = match verdict {
            Verdict::Attributed => "one account, without a rival",
            Verdict::Disputed => "more than one account could have been it",
            Verdict::Shared => "a device or login that several people use",
            Verdict::NotAttributable => "nobody can be named",
        };
        table.rows.push(vec![
            meaning.to_owned(),
            thousands(*count),
            percent(*count, sum),
        ]);
    }
    let known = identified.get(&Verdict::Attributed).copied().unwrap_or(0);
    Section {
        heading: "How far users can be told apart".to_owned(),
        parts: vec![
            Part::Text(format!(
                "{} of the requests can be laid at one account's door. The rest is counted, not guessed. Requests without a name are judged at the middle of their minute.",
                percent(known, sum)
            )),
            Part::Table(table),
        ],
    }
}

fn line(store: &Store, span: &Span<'_>) -> Result<Section, ReportError> {
    let use_of = data::link_use(store, span)?;
    let capacity = data::capacity(store, span)?;
    let mut parts = Vec::new();
    let carries = match (capacity.down, capacity.up) {
        (0, 0) => "No line is registered for this establishment.".to_owned(),
        (down, up) => format!(
            "The registered lines carry {} towards the establishment and {} from it.",
            rate(down),
            rate(up)
        ),
    };
    if use_of.is_empty() {
        parts.push(Part::Text(format!(
            "{carries} No packets were captured in this week: how full the line was is not known."
        )));
    } else {
        parts.push(Part::Text(format!("{carries} The table holds only what the capture point saw, in flows that the establishment began.")));
        let mut table = Table::new(
            "Use of the line by day, as far as it was captured",
            &[
                "Day",
                "#Received",
                "#Sent",
                "#Fullest five minutes, in",
                "#Share of the line, in",
                "#Fullest five minutes, out",
                "#Share of the line, out",
            ],
        );
        for day in use_of {
            let (down, up) = (day.peak_down * 8 / 300, day.peak_up * 8 / 300);
            let date: Option<Date> = day.day.parse().ok();
            table.rows.push(vec![
                date.map_or(day.day, |date| date.strftime("%a %-d %b").to_string()),
                bytes(day.sum_down),
                bytes(day.sum_up),
                rate(down),
                percent(down, capacity.down),
                rate(up),
                percent(up, capacity.up),
            ]);
        }
        parts.push(Part::Table(table));
    }
    Ok(Section {
        heading: "The line".to_owned(),
        parts,
    })
}

/// Bits a second for people.
fn rate(bits: u64) -> String {
    format!("{}.{} Mbit/s", bits / 1_000_000, bits % 1_000_000 / 100_000)
}

fn unseen(
    store: &Store,
    span: &Span<'_>,
    days: &[Day],
    monday: Date,
) -> Result<Section, ReportError> {
    let silent: Vec<String> = (0..7)
        .map(|offset| add_days(monday, offset))
        .filter(|date| !days.iter().any(|day| day.date() == Some(*date)))
        .map(|date| date.strftime("%A").to_string())
        .collect();
    let rejects = data::rejects(store, span)?;
    let lost: u64 = rejects.iter().map(|one| one.frames).sum();
    let mut points = vec![
        "What is said or shown inside encrypted connections: only the names of servers are known.".to_owned(),
        "Devices on mobile networks, and use outside the establishment's network.".to_owned(),
        "Which person sat at a shared device or used a shared login.".to_owned(),
        "Lessons that were planned with such sites, and reports that users made themselves: those registers are not kept here yet.".to_owned(),
    ];
    points.push(match silent.as_slice() {
        [] => "No day of this week is without log lines; single hours may be.".to_owned(),
        silent => format!(
            "Nothing at all was logged on {}: nobody was there, or a log is missing.",
            silent.join(", ")
        ),
    });
    points.push(if lost == 0 {
        "No line of this week's logs was unreadable, of those that carry a time.".to_owned()
    } else {
        let why = rejects
            .iter()
            .map(|one| format!("{} {}", one.frames, one.why.replace('_', " ")));
        format!(
            "{} lines or packets of all establishments in this week could not be read: {}.",
            thousands(lost),
            why.collect::<Vec<_>>().join(", ")
        )
    });
    Ok(Section {
        heading: "What this report cannot see".to_owned(),
        parts: vec![Part::Points(points)],
    })
}
