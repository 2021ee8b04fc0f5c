//! Whether the parts of a package say the same: the rows are those that the request is about, in its window and
//! class of data; each is attributed, and each attribution rests on lines that are proved.
//!
//! The signer vouches for what a row says; this finds a package whose own parts contradict each other, by a fault
//! of the program that made it or by the hand of somebody who holds its keys.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::export::{LAYOUT, table_of};
use super::figures::FIGURES;
use super::papers::PAPERS;
use super::proof::{Fault, Proved, fault, text};
use super::records::allowed;
use crate::casework::{DataClass, IdentifierKind, Request, Wanted};
use crate::record::{AccountText, Mac};

const RECORDS: &str = "data/records/";
const PARAMETERS: &str = "data/method/parameters.json";
const VERSIONS: &str = "data/method/versions.json";
const ATTRIBUTION: &str = "data/attribution.json";
const WITHHELD: &str = "data/withheld.json";
const KINDS: [Wanted; 4] = [
    Wanted::ConnectionRecords,
    Wanted::WebRecords,
    Wanted::SignIns,
    Wanted::Subscriber,
];

type Files = BTreeMap<String, Vec<u8>>;

/// What the package says that it was asked.
struct Asked {
    from: String,
    to: String,
    kinds: BTreeSet<String>,
    accounts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    cards: BTreeSet<Mac>,
}

/// A row of the records, with its columns by name.
type Row = BTreeMap<String, String>;

/// Checks the records, the attributions and what is said to be withheld against the request and against each other.
pub(crate) fn check(files: &Files, request: &Request, proved: &Proved) -> Result<(), Fault> {
    let asked = asked(files, request)?;
    payload(files, &asked)?;
    let attribution = json(files, ATTRIBUTION)?;
    let mut judged = judged(&attribution, proved)?;
    for kind in KINDS {
        if asked.kinds.contains(kind.as_str()) {
            records(files, kind, request.data_class, &asked, proved, &mut judged)?;
        }
    }
    if !judged.is_empty() {
        return fault(
            ATTRIBUTION,
            "it attributes a row that is not among the records",
        );
    }
    let identifiers = serde_json::to_value(&request.identifiers).ok();
    if attribution.get("identifiers") != identifiers.as_ref() {
        return fault(ATTRIBUTION, "its identifiers are not those of the request");
    }
    let counted = serde_json::to_value(&proved.withheld).ok();
    if json(files, WITHHELD)?.get("originals") != counted.as_ref() {
        return fault(WITHHELD, "it does not count the lines that were withheld");
    }
    Ok(())
}

/// The parameters, which must be what the request asks for.
fn asked(files: &Files, request: &Request) -> Result<Asked, Fault> {
    let parameters = json(files, PARAMETERS)?;
    let read = || {
        let word = |name| Some(parameters.get(name)?.as_str()?.to_owned());
        let addresses = texts(&parameters, "addresses")?;
        let cards = texts(&parameters, "cards")?;
        let asked = Asked {
            from: word("from")?,
            to: word("to")?,
            kinds: texts(&parameters, "data_wanted")?,
            accounts: texts(&parameters, "accounts")?,
            addresses: addresses
                .iter()
                .map(|one| address(one))
                .collect::<Option<_>>()?,
            cards: cards
                .iter()
                .map(|one| Mac::parse(one))
                .collect::<Option<_>>()?,
        };
        Some((asked, word("data_class")?))
    };
    let Some((asked, class)) = read() else {
        return fault(PARAMETERS, "they are not parameters");
    };
    let values = |kind| {
        request
            .identifiers
            .iter()
            .filter(move |one| one.kind == kind)
            .map(|one| one.value.trim())
    };
    let names: BTreeSet<String> = values(IdentifierKind::Account)
        .filter_map(|name| AccountText::new(name).map(|name| name.normal()))
        .collect();
    let window = request.window.resolve().ok();
    let same = window.is_some_and(|window| {
        window.from.to_string() == asked.from && window.to.to_string() == asked.to
    }) && class == request.data_class.as_str()
        && asked.kinds.iter().map(String::as_str).eq(request
            .data_wanted
            .iter()
            .map(|kind| kind.as_str())
            .collect::<BTreeSet<_>>())
        && asked.addresses
            == values(IdentifierKind::Address)
                .filter_map(address)
                .collect()
        && asked.cards == values(IdentifierKind::Mac).filter_map(Mac::parse).collect()
        && asked.accounts.len() == names.len();
    if !same {
        return fault(PARAMETERS, "they are not what the request asks for");
    }
    Ok(asked)
}

/// Nothing lies in a package but what belongs there, and nothing of it is missing.
fn payload(files: &Files, asked: &Asked) -> Result<(), Fault> {
    let wanted: BTreeSet<String> = asked
        .kinds
        .iter()
        .flat_map(|kind| ["csv", "parquet"].map(|ending| format!("{RECORDS}{kind}.{ending}")))
        .collect();
    let layout = json(files, VERSIONS)?;
    if layout.get("layout").and_then(Value::as_u64) != Some(LAYOUT) {
        return fault(VERSIONS, "this program does not know its layout");
    }
    let always = PAPERS.into_iter().chain([FIGURES]);
    let needed = wanted.iter().map(String::as_str).chain(always);
    if let Some(path) = needed.into_iter().find(|path| !files.contains_key(*path)) {
        return fault(path, "it is missing");
    }
    let belongs = |path: &str| match path.rsplit_once('/') {
        Some(("data", name)) => {
            [
                "request.json",
                "gates.json",
                "attribution.json",
                "withheld.json",
                "operating.json",
                "figures.json",
            ]
            .contains(&name)
                || PAPERS.contains(&path)
        }
        Some(("data/proofs", name)) => {
            ["head.txt", "ledger.vkey", "entries.jsonl", "frames.jsonl"].contains(&name)
        }
        Some(("data/method", name)) => name.ends_with(".sql") || name.ends_with(".json"),
        Some(("data/records", _)) => wanted.contains(path),
        // Every byte of those is covered by a proof.
        Some(("data/originals", _)) => true,
        // The root has a check of its own.
        Some(_) => !path.starts_with("data/"),
        None => true,
    };
    match files.keys().find(|path| !belongs(path)) {
        Some(path) => fault(path, "it does not belong in a package"),
        None => Ok(()),
    }
}

/// The attributions by kind and row; each rests on lines that are proved.
fn judged<'a>(
    attribution: &'a Value,
    proved: &Proved,
) -> Result<BTreeMap<(String, String), &'a Value>, Fault> {
    let mut judged = BTreeMap::new();
    let Some(rows) = attribution.get("rows").and_then(Value::as_array) else {
        return fault(ATTRIBUTION, "it holds no attributions");
    };
    for row in rows {
        let word = |name| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(kind), Some(place)) = (word("records"), word("row")) else {
            return fault(ATTRIBUTION, "it names a row that can not be read");
        };
        for one in rests_on(row) {
            if !one.as_str().is_some_and(|one| stands(one, proved)) {
                return fault(
                    ATTRIBUTION,
                    format!("what the row {place} rests on is not proved"),
                );
            }
        }
        if judged.insert((kind, place.clone()), row).is_some() {
            return fault(ATTRIBUTION, format!("the row {place} is attributed twice"));
        }
    }
    Ok(judged)
}

fn rests_on(row: &Value) -> impl Iterator<Item = &Value> {
    row.pointer("/attribution/rests_on")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether `table:source:frame:ordinal` is a line that is proved.
fn stands(row: &str, proved: &Proved) -> bool {
    let mut parts = row.split(':').skip(1);
    parts
        .next()
        .zip(parts.next())
        .is_some_and(|(source, frame)| proved.holds(source, frame))
}

/// The records of one kind; takes the attributions of its rows away.
fn records(
    files: &Files,
    kind: Wanted,
    class: DataClass,
    asked: &Asked,
    proved: &Proved,
    judged: &mut BTreeMap<(String, String), &Value>,
) -> Result<(), Fault> {
    let path = format!("{RECORDS}{}.csv", kind.as_str());
    let mut last = String::new();
    for row in rows(files, &path, kind, class)? {
        let cell = |name: &str| row.get(name).map(String::as_str).unwrap_or_default();
        let place = format!("{}:{}:{}", cell("source"), cell("frame"), cell("ordinal"));
        if !proved.holds(cell("source"), cell("frame")) {
            return fault(&path, "it holds a row whose frame is not proved");
        }
        if !in_window(&row, kind, asked) {
            return fault(&path, format!("the row {place} lies outside the window"));
        }
        if class != DataClass::Content
            && !(ends_at_the_first_slash(cell("url")) && is_host(cell("host")))
        {
            return fault(&path, format!("the row {place} holds content"));
        }
        if kind == Wanted::Subscriber {
            continue;
        }
        let Some(judgement) = judged.remove(&(kind.as_str().to_owned(), place.clone())) else {
            return fault(
                &path,
                format!("the row {place} is not attributed, or stands there twice"),
            );
        };
        let word = |name| {
            judgement
                .pointer(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let time = cell(if kind == Wanted::ConnectionRecords {
            "start"
        } else {
            "time"
        });
        if time < last.as_str() {
            return fault(&path, format!("the row {place} is not in its place"));
        }
        last = time.to_owned();
        if word("/time") != time || word("/named_in_the_row") != cell("account_token") {
            return fault(ATTRIBUTION, format!("the row {place} says something else"));
        }
        let its_own = word("/attribution/verdict") == "attributed"
            && asked.accounts.contains(word("/attribution/account"))
            && word("/named_in_the_row").is_empty();
        let by_address = ["client_ip", "src_ip", "dst_ip", "ip"]
            .iter()
            .filter_map(|name| address(cell(name)))
            .any(|ip| asked.addresses.contains(&ip));
        let by_card = Mac::parse(cell("mac")).is_some_and(|mac| asked.cards.contains(&mac));
        if !its_own && !by_address && !by_card && !asked.accounts.contains(cell("account_token")) {
            return fault(
                &path,
                format!("the row {place} is not of those whom the request is about"),
            );
        }
    }
    Ok(())
}

/// Reads a file of records; a column that the class of data does not allow is a fault.
fn rows(files: &Files, path: &str, kind: Wanted, class: DataClass) -> Result<Vec<Row>, Fault> {
    let mut reader = csv::Reader::from_reader(text(files, path)?.as_bytes());
    let Ok(names) = reader.headers().cloned() else {
        return fault(path, "it has no header");
    };
    let columns = table_of(kind)
        .map(|table| table.columns)
        .unwrap_or_default();
    let beyond = names.iter().find(|name| {
        columns
            .iter()
            .any(|column| column.name == *name && !allowed(column.class, class))
    });
    if let Some(name) = beyond {
        return fault(
            path,
            format!("the class of data does not allow the column {name}"),
        );
    }
    if !names.is_empty() && !names.iter().any(|name| name == "source") {
        return fault(path, "it has no header");
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let Ok(row) = row else {
            return fault(path, "it holds a row that can not be read");
        };
        let named = names.iter().map(str::to_owned);
        rows.push(named.zip(row.iter().map(str::to_owned)).collect());
    }
    Ok(rows)
}

/// Moments are compared as texts: all have the one form that this program writes.
fn in_window(row: &Row, kind: Wanted, asked: &Asked) -> bool {
    let (from, to) = match kind {
        Wanted::ConnectionRecords => ("start", "end"),
        Wanted::Subscriber => ("valid_from", "valid_to"),
        Wanted::WebRecords | Wanted::SignIns => ("time", "time"),
    };
    let (Some(from), Some(to)) = (row.get(from), row.get(to)) else {
        return false;
    };
    let open = kind == Wanted::Subscriber;
    let sound = |text: &String| (open && text.is_empty()) || text.len() == asked.from.len();
    sound(from) && sound(to) && *from < asked.to && (*to >= asked.from || (open && to.is_empty()))
}

/// Whether nothing of an address of the web stands beyond the host.
fn ends_at_the_first_slash(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').is_none_or(|at| at + 1 == rest.len()) && !rest.contains(['?', '#'])
}

/// Whether nothing stands in it with which a URL would go on.
fn is_host(host: &str) -> bool {
    !host.contains(['/', '?', '#', '\\'])
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim()
        .parse::<IpAddr>()
        .ok()
        .map(|ip| ip.to_canonical())
}

fn texts(value: &Value, name: &str) -> Option<BTreeSet<String>> {
    let list = value.get(name)?.as_array()?;
    list.iter()
        .map(|one| Some(one.as_str()?.to_owned()))
        .collect()
}

fn json(files: &Files, path: &str) -> Result<Value, Fault> {
    serde_json::from_str(text(files, path)?).or_else(|_| fault(path, "it is not JSON"))
}
