//! Makes a package: selects, asks the store for the records, fetches originals, proves every line, and signs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::bag::{Bag, BagInfo, SIGNED};
use super::figures::{FIGURES, Figures};
use super::originals::{self, Disclosed, Frames};
use super::papers::papers;
use super::proof::{self, EntryProof, GateFile, RequestFile};
use super::select::{Holdings, RecordsWanted, Selection, Subject, select};
use super::{EvidenceError, Signer};
use crate::casework::{Authorised, DataClass, Decision, Request, Wanted};
use crate::ledger::{Act, Digest, Entry, Exported, Ledger, NameRevealed, to_canonical};
use crate::record::{AccountText, AccountToken, Place, SourceId, Table, Timestamp, table};

/// The number of the layout that packages have; one that is changed gets another, and `verify` knows them all.
pub(crate) const LAYOUT: u64 = 1;

/// What an export stands on.
pub struct Exporter<'a> {
    /// The store.
    pub holdings: &'a dyn Holdings,
    /// The originals.
    pub frames: &'a dyn Frames,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The key that signs.
    pub signer: &'a Signer,
    /// The key for nonces of frames.
    pub nonces_key: &'a [u8; 32],
    /// The token of a name.
    pub token: &'a mut dyn FnMut(&AccountText) -> AccountToken,
    /// The name of a token, for what the ledger is told beforehand.
    pub name: &'a dyn Fn(AccountToken) -> Option<String>,
    /// Who makes the package.
    pub organisation: &'a str,
    /// How the papers are marked for whoever handles them.
    pub marking: &'a str,
    /// The program and its version.
    pub agent: &'a str,
    /// To how many recipients it will be sealed.
    pub recipients: u64,
    /// The present moment.
    pub now: Timestamp,
}

/// What a package came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// A name for its folder or file.
    pub name: String,
    /// Rows given out.
    pub rows: u64,
    /// Rows withheld, by reason.
    pub rows_withheld: BTreeMap<&'static str, u64>,
    /// Original lines given out.
    pub originals: u64,
    /// Original lines withheld, by reason.
    pub originals_withheld: BTreeMap<&'static str, u64>,
    /// The digest of the signed tag manifest.
    pub package: Digest,
}

/// The rows that records and attributions rest on.
pub(crate) type Needed = BTreeMap<Place, Need>;

/// What a row is needed for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Need {
    /// The tables that were made of its frame.
    pub(crate) tables: BTreeSet<&'static str>,
    /// Whether it is the subject's own, or was asked for by itself. A line on which an attribution to
    /// somebody else rests is proved and not shown: it would name a person whom nobody asked about.
    pub(crate) asked: bool,
}

/// Makes the package that answers an authorised request. The export is entered in the ledger before anybody has the package.
pub fn export(
    exporter: &mut Exporter<'_>,
    text: &str,
    decision: &Decision,
    authorised: &Authorised<Request>,
) -> Result<(Bag, Summary), EvidenceError> {
    let request = authorised.get();
    let window = authorised.window();
    let wanted: BTreeSet<Wanted> = request.data_wanted.iter().copied().collect();
    let subject = Subject::of(&request.identifiers, exporter.token);
    if !subject.cards.is_empty() && wanted.iter().any(|kind| *kind != Wanted::SignIns) {
        return Err(EvidenceError::CardsForSignInsOnly);
    }
    if !subject.addresses.is_empty() && wanted == BTreeSet::from([Wanted::Subscriber]) {
        return Err(EvidenceError::SubscriberOfAddress);
    }
    let selection = select(exporter.holdings, &wanted, &subject, window)?;
    let accounts = accounts(&selection, &subject, &wanted);
    reveal(exporter, &accounts, &subject, decision)?;

    let mut bag = Bag::default();
    put_json(&mut bag, "request.json", &request_file(text, decision))?;
    put_json(&mut bag, "gates.json", &gates(decision))?;
    let lines = put_records(
        exporter, &mut bag, authorised, &selection, &accounts, decision,
    )?;
    let disclosed = originals::disclose(
        exporter.frames,
        exporter.ledger,
        exporter.nonces_key,
        &needed(&selection, &lines, &accounts),
        request.data_class == DataClass::Content,
    )?;
    put_json(
        &mut bag,
        "attribution.json",
        &attribution(exporter, &selection, &accounts, request),
    )?;
    put_json(
        &mut bag,
        "withheld.json",
        &withheld(&selection, &disclosed, request),
    )?;
    put_method(exporter, &mut bag, request, &subject, authorised)?;
    put_proofs(exporter, &mut bag, decision, &disclosed)?;
    for (name, bytes) in &disclosed.files {
        bag.put(&format!("originals/{name}"), bytes.clone());
    }
    for (path, bytes) in papers(bag.files())? {
        bag.put(path.trim_start_matches("data/"), bytes);
    }
    let rows = selection.rows.values().map(|rows| rows.len() as u64);
    let rows = rows.sum::<u64>() + lines.len() as u64;
    finish(
        exporter,
        bag,
        decision,
        request,
        (rows, &selection),
        &disclosed,
    )
}

/// Signs, and enters the export.
fn finish(
    exporter: &mut Exporter<'_>,
    mut bag: Bag,
    decision: &Decision,
    request: &Request,
    (rows, selection): (u64, &Selection),
    disclosed: &Disclosed,
) -> Result<(Bag, Summary), EvidenceError> {
    let now = exporter.now.to_string();
    let info = BagInfo {
        date: now.chars().take(10).collect(),
        urn: request.urn.clone(),
        organisation: exporter.organisation.to_owned(),
        agent: exporter.agent.to_owned(),
    };
    let comment = format!(
        "request {} signed {now} by {}",
        request.urn, exporter.organisation
    );
    bag.seal(&info, exporter.signer, &comment)?;
    let signed = bag.files().get(SIGNED).map(Vec::as_slice);
    let package = Digest::of(&[signed.unwrap_or_default()]);
    let summary = Summary {
        name: folder_name(&request.urn, &info.date, &package),
        rows,
        rows_withheld: selection.withheld.clone(),
        originals: disclosed.disclosed,
        originals_withheld: disclosed.withheld.clone(),
        package,
    };
    let act = Act::Exported(Exported {
        request: decision.commitment,
        package: summary.package,
        rows: summary.rows,
        originals: summary.originals,
        withheld: summary.originals_withheld.values().sum(),
        recipients: exporter.recipients,
    });
    exporter.ledger.append(exporter.now, &act, None)?;
    Ok((bag, summary))
}

/// A name for folder and file that no other package has, of what a reference number has of plain characters.
fn folder_name(urn: &str, date: &str, package: &Digest) -> String {
    let plain: String = urn
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let digest: String = package.to_string().chars().take(8).collect();
    format!("evidence-{}-{date}-{digest}", plain.trim_matches('-'))
}

/// The accounts that the package speaks of: those asked for, and, where the subscriber of an address is asked for, who it was.
fn accounts(
    selection: &Selection,
    subject: &Subject,
    wanted: &BTreeSet<Wanted>,
) -> BTreeSet<AccountToken> {
    let mut accounts = subject.accounts.clone();
    if wanted.contains(&Wanted::Subscriber) {
        let judged = selection
            .rows
            .values()
            .flatten()
            .filter_map(|(row, judgement)| {
                let of_address = row.ip.is_some_and(|ip| subject.addresses.contains(&ip));
                let account = judgement.as_ref()?.account.as_deref()?;
                AccountToken::parse(account).filter(|_| of_address)
            });
        accounts.extend(judged);
    }
    accounts
}

/// Names that the request did not bring itself are entered before they are shown.
fn reveal(
    exporter: &Exporter<'_>,
    accounts: &BTreeSet<AccountToken>,
    subject: &Subject,
    decision: &Decision,
) -> Result<(), EvidenceError> {
    let why = json!({"why": "subscriber asked for", "request": decision.commitment});
    for token in accounts.difference(&subject.accounts) {
        let act = Act::NameRevealed(NameRevealed {
            token: token.to_string(),
        });
        exporter.ledger.append(exporter.now, &act, Some(&why))?;
    }
    Ok(())
}

fn request_file(text: &str, decision: &Decision) -> RequestFile {
    RequestFile {
        commitment: decision.commitment,
        salt: decision.salt.clone(),
        text: text.to_owned(),
    }
}

fn gates(decision: &Decision) -> Vec<GateFile> {
    decision
        .answers
        .iter()
        .map(|(answer, entry)| GateFile {
            gate: answer.gate.to_owned(),
            passed: answer.passed,
            source: answer.source.to_owned(),
            entry: *entry,
        })
        .collect()
}

/// Writes the records; gives the places of the lines of the register that are among them.
fn put_records(
    exporter: &Exporter<'_>,
    bag: &mut Bag,
    authorised: &Authorised<Request>,
    selection: &Selection,
    accounts: &BTreeSet<AccountToken>,
    decision: &Decision,
) -> Result<BTreeSet<Place>, EvidenceError> {
    let request = authorised.get();
    let kinds: BTreeSet<Wanted> = request.data_wanted.iter().copied().collect();
    let (mut lines, mut figures) = (BTreeSet::new(), Figures::new());
    for wanted in kinds {
        let rows = selection
            .rows
            .get(&wanted)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let places = rows.iter().map(|(row, _)| row.place).collect();
        let ask = RecordsWanted {
            wanted,
            class: request.data_class,
            places: &places,
            accounts,
            window: authorised.window(),
            export: &decision.commitment.to_string(),
        };
        let records = exporter.holdings.records(&ask)?;
        figures.insert(wanted.as_str().to_owned(), records.figures);
        for (ending, bytes) in records.files {
            if wanted == Wanted::Subscriber && ending == "csv" {
                lines = places_in(&bytes)?;
            }
            bag.put(&format!("records/{}.{ending}", wanted.as_str()), bytes);
        }
    }
    put_json(bag, FIGURES.trim_start_matches("data/"), &figures)?;
    Ok(lines)
}

/// The places of the rows of a CSV file, which begin with source, frame and ordinal.
fn places_in(csv: &[u8]) -> Result<BTreeSet<Place>, EvidenceError> {
    let place = |row: csv::StringRecord| {
        Some(Place {
            source: SourceId::parse(row.get(0)?)?,
            frame: row.get(1)?.parse().ok()?,
            ordinal: row.get(2)?.parse().ok()?,
        })
    };
    csv::Reader::from_reader(csv)
        .into_records()
        .map(|row| row.ok().and_then(place).ok_or(EvidenceError::Shape))
        .collect()
}

/// The frames that records and attributions rest on, with the tables that were made of them.
fn needed(
    selection: &Selection,
    lines: &BTreeSet<Place>,
    accounts: &BTreeSet<AccountToken>,
) -> Needed {
    let mut needed = Needed::new();
    let mut need = |place: Place, table: &'static str, asked: bool| {
        let need = needed.entry(place).or_default();
        need.tables.insert(table);
        need.asked |= asked;
    };
    for place in lines {
        need(*place, "accounts", true);
    }
    for (kind, rows) in &selection.rows {
        let Some(table) = table_of(*kind) else {
            continue;
        };
        for (row, judgement) in rows {
            need(row.place, table.name, true);
            let Some(judgement) = judgement else { continue };
            let account = judgement.account.as_deref().and_then(AccountToken::parse);
            let asked = account.is_some_and(|token| accounts.contains(&token));
            for (table, place) in judgement.rests_on.iter().filter_map(|row| parse_row(row)) {
                need(place, table, asked);
            }
        }
    }
    needed
}

/// A row that something rests on.
fn parse_row(row: &str) -> Option<(&'static str, Place)> {
    let mut parts = row.split(':');
    let name = parts.next()?;
    let table = originals::WITHOUT_CONTENT
        .into_iter()
        .find(|known| *known == name)?;
    let place = Place {
        source: SourceId::parse(parts.next()?)?,
        frame: parts.next()?.parse().ok()?,
        ordinal: parts.next()?.parse().ok()?,
    };
    Some((table, place))
}

pub(crate) fn table_of(wanted: Wanted) -> Option<&'static Table> {
    table(match wanted {
        Wanted::ConnectionRecords => "flows",
        Wanted::WebRecords => "web_hits",
        Wanted::SignIns => "sign_ins",
        Wanted::Subscriber => "accounts",
    })
}

fn attribution(
    exporter: &Exporter<'_>,
    selection: &Selection,
    accounts: &BTreeSet<AccountToken>,
    request: &Request,
) -> Value {
    let names: Vec<Value> = accounts
        .iter()
        .map(|token| json!({"account": token.to_string(), "name": (exporter.name)(*token)}))
        .collect();
    let mut rows = Vec::new();
    for (kind, chosen) in &selection.rows {
        for (row, judgement) in chosen {
            let Place {
                source,
                frame,
                ordinal,
            } = row.place;
            rows.push(json!({
                "records": kind.as_str(),
                "row": format!("{source}:{frame}:{ordinal}"),
                "time": row.time.to_string(),
                "named_in_the_row": row.named.map(|token| token.to_string()),
                "attribution": judgement,
            }));
        }
    }
    json!({
        "accounts": names,
        "identifiers": request.identifiers,
        "rows": rows,
    })
}

fn withheld(selection: &Selection, disclosed: &Disclosed, request: &Request) -> Value {
    let columns: BTreeMap<&str, Vec<&str>> = request
        .data_wanted
        .iter()
        .filter_map(|wanted| table_of(*wanted))
        .map(|table| {
            let kept_back = table
                .columns
                .iter()
                .filter(|column| !super::records::allowed(column.class, request.data_class))
                .map(|column| column.name);
            (table.name, kept_back.collect())
        })
        .collect();
    json!({
        "rows": selection.withheld,
        "originals": disclosed.withheld,
        "columns": columns,
    })
}

fn put_method(
    exporter: &Exporter<'_>,
    bag: &mut Bag,
    request: &Request,
    subject: &Subject,
    authorised: &Authorised<Request>,
) -> Result<(), EvidenceError> {
    let wanted = request.data_wanted.iter().copied().collect();
    for (id, text) in exporter.holdings.statements(&wanted, request.data_class) {
        bag.put(
            &format!("method/{}.sql", id.replace('/', "_")),
            text.into_bytes(),
        );
    }
    let texts = |values: &mut dyn Iterator<Item = String>| -> Vec<String> { values.collect() };
    let parameters = json!({
        "from": authorised.window().from.to_string(),
        "to": authorised.window().to.to_string(),
        "data_class": request.data_class.as_str(),
        "data_wanted": request.data_wanted,
        "accounts": texts(&mut subject.accounts.iter().map(ToString::to_string)),
        "addresses": texts(&mut subject.addresses.iter().map(ToString::to_string)),
        "cards": texts(&mut subject.cards.iter().map(ToString::to_string)),
    });
    put_json(bag, "method/parameters.json", &parameters)?;
    put_json(
        bag,
        "method/versions.json",
        &json!({"program": exporter.agent, "layout": LAYOUT}),
    )
}

/// The proofs, and beside them whether the system was working properly, which the same entries tell.
fn put_proofs(
    exporter: &Exporter<'_>,
    bag: &mut Bag,
    decision: &Decision,
    disclosed: &Disclosed,
) -> Result<(), EvidenceError> {
    let ledger = exporter.ledger;
    let verified = ledger.verify()?;
    let head = ledger.head();
    let entries: Vec<Entry> = ledger.entries()?.collect();
    let asked = decision.answers.iter().map(|(_, index)| *index);
    let indices: BTreeSet<u64> = std::iter::once(decision.entry)
        .chain(asked)
        .chain(disclosed.proofs.iter().map(|proof| proof.batch))
        .collect();
    let indices: Vec<u64> = indices.into_iter().collect();
    let mut lines = String::new();
    for (index, path) in indices.iter().zip(ledger.inclusions(&indices, head.size)?) {
        let entry = entries.iter().find(|entry| entry.index == *index);
        let entry = entry.ok_or(crate::ledger::LedgerError::NoEntry(*index))?;
        let proof = EntryProof {
            entry: entry.line()?,
            index: *index,
            path,
        };
        lines.push_str(&to_canonical(&proof)?);
        lines.push('\n');
    }
    let mut frames = String::new();
    for proof in &disclosed.proofs {
        frames.push_str(&to_canonical(proof)?);
        frames.push('\n');
    }
    for (path, text) in [
        (proof::HEAD, head.note),
        (proof::LOG_KEY, format!("{}\n", ledger.verify_key())),
        (proof::ENTRIES, lines),
        (proof::FRAMES, frames),
    ] {
        bag.put(path.trim_start_matches("data/"), text.into_bytes());
    }
    let mut operating = super::operating::operating(&entries, disclosed);
    if let Some(members) = operating.as_object_mut() {
        let whole = json!({"entries": verified.entries, "whole": true, "private_records_erased": verified.erased});
        members.insert("ledger".to_owned(), whole);
        members.insert("made".to_owned(), exporter.now.to_string().into());
        members.insert("organisation".to_owned(), exporter.organisation.into());
        members.insert("marking".to_owned(), exporter.marking.into());
    }
    put_json(bag, "operating.json", &operating)
}

fn put_json<T: Serialize>(bag: &mut Bag, path: &str, value: &T) -> Result<(), EvidenceError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|_| EvidenceError::Shape)?;
    bytes.push(b'\n');
    bag.put(path, bytes);
    Ok(())
}
