//! A package's own files, read once for all papers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::EvidenceError;
use super::super::bag::sha256_hex;
use super::super::figures::{self, FIGURES, Figures};
use super::super::proof::{self, EntryProof, RequestFile};
use super::{Files, PAPERS};
use crate::casework::{Request, Wanted, Window};
use crate::ledger::Entry;

/// What the papers tell of.
pub(crate) struct Contents<'f> {
    files: &'f Files,
    /// The request, and what stands for it in the ledger.
    pub(crate) request: Request,
    pub(crate) commitment: String,
    /// The window as two moments.
    pub(crate) window: Window,
    /// The entries of the ledger that the package proves.
    pub(crate) entries: Vec<Entry>,
    /// The figures by kind of record.
    pub(crate) figures: Figures,
    pub(crate) gates: Value,
    pub(crate) attribution: Value,
    pub(crate) withheld: Value,
    pub(crate) operating: Value,
    pub(crate) versions: Value,
}

/// A file of the package as the papers name it.
pub(crate) struct Named<'f> {
    pub(crate) path: &'f str,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The rows of a table of records.
pub(crate) struct Rows {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<csv::StringRecord>,
}

impl<'f> Contents<'f> {
    /// Reads them.
    pub(crate) fn of(files: &'f Files) -> Result<Self, EvidenceError> {
        let file: RequestFile = serde_json::from_slice(bytes(files, proof::REQUEST)?)
            .map_err(|_| EvidenceError::Shape)?;
        let request = Request::parse(&file.text).map_err(|_| EvidenceError::Shape)?;
        let window = request.window.resolve().map_err(|_| EvidenceError::Shape)?;
        let entries = bytes(files, proof::ENTRIES)?
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let proof: EntryProof = serde_json::from_slice(line).ok()?;
                Entry::parse(proof.entry.as_bytes())
            })
            .collect::<Option<Vec<Entry>>>()
            .ok_or(EvidenceError::Shape)?;
        Ok(Contents {
            request,
            commitment: file.commitment.to_string(),
            window,
            entries,
            figures: figures::read(bytes(files, FIGURES)?)?,
            gates: json(files, "data/gates.json")?,
            attribution: json(files, "data/attribution.json")?,
            withheld: json(files, "data/withheld.json")?,
            operating: json(files, "data/operating.json")?,
            versions: json(files, "data/method/versions.json")?,
            files,
        })
    }

    /// When the package was made, as RFC 3339.
    pub(crate) fn made(&self) -> &str {
        text(&self.operating, "made")
    }

    /// Who made it.
    pub(crate) fn organisation(&self) -> &str {
        text(&self.operating, "organisation")
    }

    /// The program and its version.
    pub(crate) fn program(&self) -> &str {
        text(&self.versions, "program")
    }

    /// The kinds of record that were asked for, each once, in their order.
    pub(crate) fn kinds(&self) -> Vec<Wanted> {
        let mut kinds = self.request.data_wanted.clone();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// A figure of the whole of a kind of record; empty where there is none.
    pub(crate) fn figure(&self, kind: Wanted, name: &str) -> &str {
        self.figures_of(kind)
            .find(|(figure, key, _)| *figure == name && key.is_empty())
            .map_or("", |(_, _, value)| value)
    }

    /// The figures of a kind of record: figure, key and value.
    pub(crate) fn figures_of(&self, kind: Wanted) -> impl Iterator<Item = (&str, &str, &str)> {
        self.figures
            .get(kind.as_str())
            .into_iter()
            .flatten()
            .map(|one| (one.figure.as_str(), one.key.as_str(), one.value.as_str()))
    }

    /// The files that are no papers, in their order, each with its digest.
    pub(crate) fn files(&self) -> impl Iterator<Item = Named<'f>> {
        self.files
            .iter()
            .filter(|(path, _)| path.starts_with("data/") && !PAPERS.contains(&path.as_str()))
            .map(|(path, bytes)| Named {
                path,
                bytes: bytes.len() as u64,
                sha256: sha256_hex(bytes),
            })
    }

    /// The digest of one file.
    pub(crate) fn sha256(&self, path: &str) -> String {
        self.files
            .get(path)
            .map(|bytes| sha256_hex(bytes))
            .unwrap_or_default()
    }

    /// The bytes of one file, as text.
    pub(crate) fn text(&self, path: &str) -> Result<&'f str, EvidenceError> {
        std::str::from_utf8(bytes(self.files, path)?).map_err(|_| EvidenceError::Shape)
    }

    /// The first rows of a kind of record.
    pub(crate) fn rows(&self, kind: Wanted, most: usize) -> Result<Rows, EvidenceError> {
        let csv = bytes(self.files, &records_of(kind))?;
        let mut reader = csv::Reader::from_reader(csv);
        let names = reader
            .headers()
            .map_err(|_| EvidenceError::Shape)?
            .iter()
            .map(str::to_owned)
            .collect();
        let rows = reader
            .records()
            .take(most)
            .collect::<Result<_, _>>()
            .map_err(|_| EvidenceError::Shape)?;
        Ok(Rows { names, rows })
    }

    /// The names that accounts have, by token.
    pub(crate) fn names(&self) -> BTreeMap<&str, &str> {
        members(&self.attribution, "accounts")
            .filter_map(|one| Some((one.get("account")?.as_str()?, one.get("name")?.as_str()?)))
            .collect()
    }
}

impl Rows {
    /// A cell of a row by the column's name; empty where there is none.
    pub(crate) fn cell<'r>(&self, row: &'r csv::StringRecord, name: &str) -> &'r str {
        let column = self.names.iter().position(|known| known == name);
        column
            .and_then(|column| row.get(column))
            .unwrap_or_default()
    }
}

/// Where the records of a kind lie.
pub(crate) fn records_of(kind: Wanted) -> String {
    format!("data/records/{}.csv", kind.as_str())
}

/// A word of an object; empty where there is none.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list in an object.
pub(crate) fn members<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The members of an object in an object, by name.
pub(crate) fn named<'v>(
    value: &'v Value,
    name: &str,
) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn bytes<'f>(files: &'f Files, path: &str) -> Result<&'f [u8], EvidenceError> {
    files
        .get(path)
        .map(Vec::as_slice)
        .ok_or(EvidenceError::Shape)
}

fn json(files: &Files, path: &str) -> Result<Value, EvidenceError> {
    serde_json::from_slice(bytes(files, path)?).map_err(|_| EvidenceError::Shape)
}
