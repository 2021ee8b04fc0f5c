//! The report for people: what was asked, what was found, how it is known, and what can not be said.
//!
//! Every table says from which file of the package it is and what that file's digest is. Long tables are cut, and say so:
//! the files hold every row.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::EvidenceError;
use super::super::export::table_of;
use super::super::figures::FIGURES;
use super::Set;
use super::contents::{Contents, Rows, members, named, records_of, text};
use super::told::{self, Told};
use super::typeset;
use crate::casework::Wanted;

/// So many rows of a kind of record stand in the report.
const MOST_ROWS: usize = 400;
/// So many lines of a figure, the largest first.
const MOST_LINES: usize = 20;

/// Sets it.
pub(crate) fn report(contents: &Contents<'_>) -> Result<Set, EvidenceError> {
    let data = data(contents)?;
    typeset::set(include_str!("report.typ"), &data, contents.made())
}

fn data(contents: &Contents<'_>) -> Result<Value, EvidenceError> {
    let told = Told::of(contents);
    let mut kinds = Vec::new();
    for kind in contents.kinds() {
        kinds.push(of_kind(contents, &told, kind)?);
    }
    Ok(json!({
        "title": format!("Evidence report: {}", contents.request.urn),
        "urn": contents.request.urn,
        "organisation": contents.organisation(),
        "marking": text(&contents.operating, "marking"),
        "made": told.moment(contents.made()),
        "program": contents.program(),
        "zone": told.zone(),
        "asked": asked(contents, &told),
        "identifiers": contents.request.identifiers.iter()
            .map(|one| json!([told::identifier(one.kind), one.value.trim(), one.source_document]))
            .collect::<Vec<_>>(),
        "gates": members_of(&contents.gates).map(|gate| json!([told::words_of(gate, "gate"), text(gate, "source"), gate.get("entry")])).collect::<Vec<_>>(),
        "answer": contents.kinds().into_iter().map(|kind| json!([
            capital(told::kind(kind)),
            contents.figure(kind, "rows"),
            moment_or_none(&told, contents.figure(kind, "first")),
            moment_or_none(&told, contents.figure(kind, "last")),
        ])).collect::<Vec<_>>(),
        "withheld": withheld(contents),
        "kinds": kinds,
        "accounts": contents.names().into_iter().map(|(token, name)| json!([token, name])).collect::<Vec<_>>(),
        "verdicts": verdicts(contents),
        "gaps": told.gaps(),
        "sources": sources(contents),
        "lists": named(&contents.operating, "lists").map(|(list, state)| json!([list, text(state, "version"), told.moment(text(state, "loaded"))])).collect::<Vec<_>>(),
        "files": contents.files().map(|file| json!([file.path, file.bytes, file.sha256])).collect::<Vec<_>>(),
        "head": contents.text("data/proofs/head.txt")?.lines().take(3).collect::<Vec<_>>(),
        "log_key": contents.text("data/proofs/ledger.vkey")?.trim(),
        "commitment": contents.commitment,
    }))
}

/// What was asked, as pairs.
fn asked(contents: &Contents<'_>, told: &Told<'_, '_>) -> Vec<Value> {
    let request = &contents.request;
    let written = format!(
        "{} up to {}{}",
        request.window.from,
        request.window.to,
        request
            .window
            .zone
            .as_deref()
            .map(|zone| format!(" ({zone})"))
            .unwrap_or_default()
    );
    let moment = |moment: crate::record::Timestamp| told.moment(&moment.to_string());
    let mut pairs = vec![
        ("Reference", request.urn.clone()),
        ("Operation", request.operation.clone()),
        (
            "Authority",
            format!(
                "{} ({})",
                request.authority.name,
                told::words(request.authority.kind.as_str())
            ),
        ),
        (
            "Applicant",
            [
                &request.applicant.name,
                &request.applicant.rank,
                &request.applicant.office,
            ]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(", "),
        ),
        ("Under", told::regime(request.regime).to_owned()),
        (
            "Condition of section 62",
            request
                .icr_condition
                .map(|one| one.as_str().to_ascii_uppercase())
                .unwrap_or_default(),
        ),
        ("Purpose", told::purpose(request.purpose).to_owned()),
        ("Class of data", told::class(request.data_class).to_owned()),
        ("Data wanted", told.wanted()),
        ("Granted", moment(request.authoriser.granted.0)),
        ("Served", moment(request.authoriser.served.0)),
        ("Window as it was written", written),
        ("Window, first moment", moment(contents.window.from)),
        ("Window, first moment after it", moment(contents.window.to)),
        ("Subject", told::role(request.subject.role).to_owned()),
        (
            "Sensitive profession",
            if request.subject.sensitive_profession {
                "yes: handle as the Code of Practice asks".to_owned()
            } else {
                "not flagged".to_owned()
            },
        ),
        ("For", request.disclosure.recipient.name.clone()),
    ];
    pairs.retain(|(_, value)| !value.trim().is_empty());
    pairs
        .into_iter()
        .map(|(name, value)| json!([name, value]))
        .collect()
}

/// What was withheld: of what, how many, why.
fn withheld(contents: &Contents<'_>) -> Vec<Value> {
    let mut lines = Vec::new();
    for (what, member) in [("rows", "rows"), ("original lines", "originals")] {
        for (reason, count) in named(&contents.withheld, member) {
            lines.push(json!([what, count, told::withheld(reason)]));
        }
    }
    for (table, columns) in named(&contents.withheld, "columns") {
        let columns: Vec<&str> = columns
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !columns.is_empty() {
            lines.push(json!([
                "columns",
                columns.len(),
                format!(
                    "of {}, which this class of data does not allow: {}",
                    told::words(table),
                    columns.join(", ")
                )
            ]));
        }
    }
    lines
}

/// What the attributions come to: verdict, on what basis, for how many rows.
fn verdicts(contents: &Contents<'_>) -> Vec<Value> {
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for row in members(&contents.attribution, "rows") {
        let judged = row.get("attribution").filter(|judged| !judged.is_null());
        let key = match judged {
            Some(judged) => (
                told::verdict(text(judged, "verdict")),
                told::basis(text(judged, "basis")),
            ),
            None => ("named in the row itself".to_owned(), told::basis("event")),
        };
        *counts.entry(key).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((verdict, basis), rows)| json!([verdict, basis, rows]))
        .collect()
}

fn sources(contents: &Contents<'_>) -> Vec<Value> {
    named(&contents.operating, "sources")
        .map(|(source, state)| {
            let count = |name: &str| state.get(name).map(ToString::to_string).unwrap_or_default();
            let lost = match state.get("dropped").and_then(Value::as_u64) {
                Some(lost) => lost.to_string(),
                None => "still open".to_owned(),
            };
            json!([
                source,
                text(state, "format"),
                count("read"),
                count("stored"),
                count("rejected"),
                count("ignored"),
                lost,
                Told::short(text(state, "first_time")),
                Told::short(text(state, "last_time")),
            ])
        })
        .collect()
}

/// One kind of record: its figures, its first rows, and how each column comes to be known.
fn of_kind(
    contents: &Contents<'_>,
    told: &Told<'_, '_>,
    kind: Wanted,
) -> Result<Value, EvidenceError> {
    let path = records_of(kind);
    let mut tables = Vec::new();
    for (name, title, heads) in GROUPED {
        let mut lines: Vec<(&str, &str)> = contents
            .figures_of(kind)
            .filter(|(figure, key, _)| figure == name && (!key.is_empty() || *figure != "rows"))
            .map(|(_, key, value)| (key, value))
            .collect();
        if lines.is_empty() {
            continue;
        }
        let all = lines.len();
        if *name != "rows_by_day" {
            // The largest first, and of equal ones in the order of their names.
            lines.sort_by_key(|(key, value)| {
                (
                    std::cmp::Reverse(value.parse::<u64>().unwrap_or_default()),
                    *key,
                )
            });
            lines.truncate(MOST_LINES);
        }
        tables.push(json!({
            "title": title,
            "heads": heads,
            "all": all,
            "lines": lines.iter().map(|(key, value)| json!([if key.is_empty() { "(none told)" } else { key }, value])).collect::<Vec<_>>(),
        }));
    }
    let totals: Vec<Value> = TOTALS
        .iter()
        .filter(|(name, _)| !contents.figure(kind, name).is_empty())
        .map(|(name, title)| json!([title, contents.figure(kind, name)]))
        .collect();
    let rows = contents.rows(kind, MOST_ROWS)?;
    let (heads, lines) = rows_as_told(contents, told, kind, &rows);
    let mut natures: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for column in table_of(kind).into_iter().flat_map(|table| table.columns) {
        if rows.names.iter().any(|name| name == column.name) {
            let columns = natures.entry(told::nature(column.nature)).or_default();
            columns.push(column.name);
        }
    }
    let natures: Vec<Value> = natures
        .into_iter()
        .map(|(nature, columns)| json!([nature, columns.join(", ")]))
        .collect();
    Ok(json!({
        "name": capital(told::kind(kind)),
        "file": path,
        "sha256": contents.sha256(&path),
        "figures_sha256": contents.sha256(FIGURES),
        "totals": totals,
        "tables": tables,
        "heads": heads,
        "rows": lines,
        "all": contents.figure(kind, "rows"),
        "natures": natures,
    }))
}

/// The heads and the first rows of a kind of record: accounts by the names that the package tells, moments in UTC and
/// beside it in the zone of the request.
fn rows_as_told(
    contents: &Contents<'_>,
    told: &Told<'_, '_>,
    kind: Wanted,
    rows: &Rows,
) -> (Vec<String>, Vec<Vec<String>>) {
    let names = contents.names();
    let shown = shown(kind);
    let is_moment = |name: &str| ["time", "start", "valid_from", "valid_to"].contains(&name);
    let mut heads = Vec::new();
    for (name, head) in shown {
        let moment = is_moment(name);
        heads.push(if moment {
            format!("{head} (UTC)")
        } else {
            (*head).to_owned()
        });
        if let Some(zone) = told.zone().filter(|_| moment) {
            heads.push(format!("({zone})"));
        }
    }
    let lines = rows.rows.iter().map(|row| {
        let mut line = Vec::new();
        for (name, _) in shown {
            let cell = rows.cell(row, name);
            if is_moment(name) {
                line.push(Told::short(cell));
                if told.zone().is_some() {
                    line.push(told.local(cell).unwrap_or_default());
                }
            } else {
                let known = names.get(cell).filter(|_| *name == "account_token");
                line.push(known.map_or(cell, |name| name).to_owned());
            }
        }
        line
    });
    let lines = lines.collect();
    (heads, lines)
}

/// The figures of a whole, and what they are called.
const TOTALS: &[(&str, &str)] = &[
    ("rows", "rows"),
    ("accounts", "accounts"),
    ("packets", "packets, both ways"),
    ("src_bytes", "octets sent by the initiator"),
    ("dst_bytes", "octets sent by the responder"),
    ("bytes_received", "octets received"),
];

/// The figures by day, host and the like: what they are called, and the heads of their columns.
const GROUPED: &[(&str, &str, [&str; 2])] = &[
    ("rows_by_day", "Rows by day (UTC)", ["day", "rows"]),
    ("rows_by_event", "Rows by event", ["event", "rows"]),
    ("rows_by_role", "Rows by role", ["role", "rows"]),
    (
        "rows_by_action",
        "Rows by what the filter did",
        ["action", "rows"],
    ),
    ("rows_by_host", "Rows by host", ["host", "rows"]),
    (
        "bytes_received_by_host",
        "Octets received by host",
        ["host", "octets"],
    ),
    (
        "rows_by_application",
        "Rows by application",
        ["application", "rows"],
    ),
    (
        "rows_by_server_name",
        "Rows by server name",
        ["server name", "rows"],
    ),
    (
        "bytes_by_server_name",
        "Octets by server name, both ways",
        ["server name", "octets"],
    ),
];

/// The columns that stand in the report, and their heads.
const fn shown(kind: Wanted) -> &'static [(&'static str, &'static str)] {
    match kind {
        Wanted::ConnectionRecords => &[
            ("start", "start"),
            ("src_ip", "from address"),
            ("src_port", "port"),
            ("dst_ip", "to address"),
            ("dst_port", "port"),
            ("application", "application"),
            ("server_name", "server name"),
            ("src_bytes", "octets sent"),
            ("dst_bytes", "octets received"),
        ],
        Wanted::WebRecords => &[
            ("time", "time"),
            ("client_ip", "client address"),
            ("account_token", "account"),
            ("url", "address asked for"),
            ("action", "action"),
            ("bytes_received", "octets"),
        ],
        Wanted::SignIns => &[
            ("time", "time"),
            ("event", "event"),
            ("account_token", "account"),
            ("ip", "address"),
            ("mac", "network card"),
        ],
        Wanted::Subscriber => &[
            ("account_token", "account"),
            ("establishment", "establishment"),
            ("role", "role"),
            ("year_group", "year"),
            ("valid_from", "from"),
            ("valid_to", "until"),
        ],
    }
}

fn moment_or_none(told: &Told<'_, '_>, moment: &str) -> String {
    if moment.is_empty() {
        "none".to_owned()
    } else {
        told.moment(moment)
    }
}

fn members_of(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
