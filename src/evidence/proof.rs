//! The proofs in a package, as they are written and as they are checked: every line to its batch, the batch to the ledger,
//! the ledger to its signed head.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bag::hex;
use crate::casework;
use crate::ledger::{
    Act, BatchIngested, Checkpoint, Digest, Entry, VerifyKey, frame_leaf, verify_inclusion,
};

/// Where the proofs lie.
pub(crate) const HEAD: &str = "data/proofs/head.txt";
pub(crate) const LOG_KEY: &str = "data/proofs/ledger.vkey";
pub(crate) const ENTRIES: &str = "data/proofs/entries.jsonl";
pub(crate) const FRAMES: &str = "data/proofs/frames.jsonl";
pub(crate) const REQUEST: &str = "data/request.json";
/// Why a line is withheld whose batch was not kept.
pub(crate) const NOT_KEPT: &str = "original_not_kept";
const GATES: &str = "data/gates.json";
const ORIGINALS: &str = "data/originals/";
const RECORDS: &str = "data/records/";

/// A line of `entries.jsonl`: an entry of the ledger and its path to the head.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryProof {
    /// The entry's line, as it stands in the ledger.
    pub(crate) entry: String,
    /// Its index.
    pub(crate) index: u64,
    /// Its path to the root of the head.
    pub(crate) path: Vec<Digest>,
}

/// A line of `frames.jsonl`: a frame that a record or an attribution rests on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrameProof {
    /// The index of the batch's entry.
    pub(crate) batch: u64,
    /// The frame's number in its source.
    pub(crate) frame: u64,
    /// Its leaf; none where the lines of its batch were not kept: then only the batch is proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leaf: Option<Digest>,
    /// Its nonce, if its line is disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// Where its line stands in the package, if it is disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original: Option<Slice>,
    /// Its path to the root of the batch.
    pub(crate) path: Vec<Digest>,
    /// Its place among the batch's frames, from 0.
    pub(crate) place: u64,
    /// Its source.
    pub(crate) source: String,
    /// Why its line is not disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) withheld: Option<String>,
}

/// A piece of a file of originals.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slice {
    /// The file, under `data/originals/`.
    pub(crate) file: String,
    /// Where it begins.
    pub(crate) offset: u64,
    /// How long it is.
    pub(crate) length: u64,
}

/// The request as the package holds it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestFile {
    /// What stands for it in the ledger.
    pub(crate) commitment: Digest,
    /// The salt of the commitment.
    pub(crate) salt: String,
    /// The text, as it came in.
    pub(crate) text: String,
    /// What was read from it.
    pub(crate) request: serde_json::Value,
}

/// A gate's answer as the package holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GateFile {
    /// The gate.
    pub(crate) gate: String,
    /// Whether it let the request pass.
    pub(crate) passed: bool,
    /// What it rests on.
    pub(crate) source: String,
    /// The index of its entry in the ledger.
    pub(crate) entry: u64,
}

/// A file that is not as it should be, and what is wrong with it.
pub(crate) type Fault = (String, String);

fn fault<T>(file: &str, reason: impl Into<String>) -> Result<T, Fault> {
    Err((file.to_owned(), reason.into()))
}

/// Checks all proofs of a package whose files are known to be the ones that its manifests list.
pub(crate) fn check(
    files: &BTreeMap<String, Vec<u8>>,
    log_key: Option<&VerifyKey>,
) -> Result<Checkpoint, Fault> {
    let head = head(files, log_key)?;
    let entries = entries(files, &head)?;
    let frames = frames(files, &entries)?;
    request(files, &entries)?;
    records(files, &frames)?;
    Ok(head)
}

fn head(
    files: &BTreeMap<String, Vec<u8>>,
    log_key: Option<&VerifyKey>,
) -> Result<Checkpoint, Fault> {
    let own = VerifyKey::parse(text(files, LOG_KEY)?);
    let Some(own) = own else {
        return fault(LOG_KEY, "it is not a key of a ledger");
    };
    if log_key.is_some_and(|known| *known != own) {
        return fault(LOG_KEY, "it is not the key of the ledger that was named");
    }
    own.open(text(files, HEAD)?)
        .or_else(|_| fault(HEAD, "it is not signed by the key of the ledger"))
}

fn entries(
    files: &BTreeMap<String, Vec<u8>>,
    head: &Checkpoint,
) -> Result<BTreeMap<u64, Entry>, Fault> {
    let mut entries = BTreeMap::new();
    for proof in lines::<EntryProof>(files, ENTRIES)? {
        let line = proof.entry.as_bytes();
        let leaf = Entry::leaf(line);
        if !verify_inclusion(&leaf, proof.index, head.size, &proof.path, &head.root) {
            return fault(
                ENTRIES,
                format!("entry {} is not in the ledger", proof.index),
            );
        }
        match Entry::parse(line) {
            Some(entry) if entry.index == proof.index => entries.insert(proof.index, entry),
            _ => return fault(ENTRIES, format!("entry {} is not an entry", proof.index)),
        };
    }
    Ok(entries)
}

/// Gives the frames that are proved, each by source and number.
fn frames(
    files: &BTreeMap<String, Vec<u8>>,
    entries: &BTreeMap<u64, Entry>,
) -> Result<BTreeSet<(String, u64)>, Fault> {
    let mut proved = BTreeSet::new();
    let mut covered: BTreeMap<&str, u64> = files
        .keys()
        .filter_map(|path| path.strip_prefix(ORIGINALS))
        .map(|name| (name, 0))
        .collect();
    for proof in lines::<FrameProof>(files, FRAMES)? {
        let name = format!("frame {} of source {}", proof.frame, proof.source);
        let batch = entries.get(&proof.batch).and_then(batch);
        let Some(batch) = batch.filter(|batch| batch.source.to_string() == proof.source) else {
            return fault(FRAMES, format!("{name} has no batch"));
        };
        let held = match &proof.leaf {
            Some(leaf) => {
                verify_inclusion(leaf, proof.place, batch.frames, &proof.path, &batch.root)
            }
            None => proof.withheld.as_deref() == Some(NOT_KEPT) && proof.original.is_none(),
        };
        if !held || !(batch.first_frame..=batch.last_frame).contains(&proof.frame) {
            return fault(FRAMES, format!("{name} is not in its batch"));
        }
        if let (Some(nonce), Some(slice)) = (&proof.nonce, &proof.original) {
            let path = format!("{ORIGINALS}{}", slice.file);
            let Some(end) = covered.get_mut(slice.file.as_str()) else {
                return fault(FRAMES, format!("the original of {name} is missing"));
            };
            // Pieces follow each other without gap, so that no line stands there unproved.
            let bytes = (*end == slice.offset)
                .then(|| piece(files, &path, slice))
                .flatten();
            let same = bytes
                .zip(parse_nonce(nonce))
                .is_some_and(|(bytes, nonce)| Some(frame_leaf(&nonce, bytes)) == proof.leaf);
            if !same {
                return fault(&path, format!("{name} is not the line that was collected"));
            }
            *end += slice.length;
        } else if proof.withheld.is_none() {
            return fault(FRAMES, format!("{name} is neither disclosed nor withheld"));
        }
        proved.insert((proof.source, proof.frame));
    }
    for (name, end) in covered {
        let path = format!("{ORIGINALS}{name}");
        if files.get(&path).map(|bytes| bytes.len() as u64) != Some(end) {
            return fault(&path, "it holds lines that no proof covers");
        }
    }
    Ok(proved)
}

/// The request is the one that stands in the ledger, and every gate let it pass.
fn request(files: &BTreeMap<String, Vec<u8>>, entries: &BTreeMap<u64, Entry>) -> Result<(), Fault> {
    let Ok(file) = serde_json::from_str::<RequestFile>(text(files, REQUEST)?) else {
        return fault(REQUEST, "it is not a request");
    };
    let commitment = casework::commitment(&file.salt, &file.text);
    let parsed = casework::Request::parse(&file.text)
        .ok()
        .and_then(|request| serde_json::to_value(request).ok());
    if commitment != file.commitment || parsed.as_ref() != Some(&file.request) {
        return fault(REQUEST, "it is not the request that was answered");
    }
    let received = entries
        .values()
        .any(|entry| matches!(&entry.act, Act::RequestReceived(act) if act.request == commitment));
    if !received {
        return fault(REQUEST, "it does not stand in the ledger");
    }
    let Ok(gates) = serde_json::from_str::<Vec<GateFile>>(text(files, GATES)?) else {
        return fault(GATES, "it does not hold the answers of the gates");
    };
    for gate in &gates {
        let answered = entries.get(&gate.entry).is_some_and(|entry| {
            matches!(&entry.act, Act::GateAnswered(act)
                if act.request == commitment && act.gate == gate.gate && act.passed && gate.passed)
        });
        if !answered {
            return fault(GATES, format!("the gate {} did not let it pass", gate.gate));
        }
    }
    if gates.is_empty() {
        return fault(GATES, "no gate answered");
    }
    Ok(())
}

/// Every record comes from a frame that is proved.
fn records(
    files: &BTreeMap<String, Vec<u8>>,
    proved: &BTreeSet<(String, u64)>,
) -> Result<(), Fault> {
    for (path, bytes) in files {
        let Some(name) = path.strip_prefix(RECORDS) else {
            continue;
        };
        if !name.ends_with(".csv") {
            continue;
        }
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        for row in reader.records() {
            let known = row.ok().and_then(|row| {
                let source = row.get(0)?.to_owned();
                Some((source, row.get(1)?.parse().ok()?))
            });
            if !known.is_some_and(|place| proved.contains(&place)) {
                return fault(path, "it holds a row whose frame is not proved");
            }
        }
    }
    Ok(())
}

/// The nonce of a frame as it is written.
pub(crate) fn nonce_text(nonce: &[u8; 16]) -> String {
    hex(nonce)
}

fn parse_nonce(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
        .map(u128::to_be_bytes)
}

fn batch(entry: &Entry) -> Option<&BatchIngested> {
    match &entry.act {
        Act::BatchIngested(batch) => Some(batch),
        _ => None,
    }
}

fn piece<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str, slice: &Slice) -> Option<&'f [u8]> {
    let from = usize::try_from(slice.offset).ok()?;
    let to = usize::try_from(slice.offset.checked_add(slice.length)?).ok()?;
    files.get(path)?.get(from..to)
}

fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'f str, Fault> {
    let Some(bytes) = files.get(path) else {
        return fault(path, "it is missing");
    };
    std::str::from_utf8(bytes).or_else(|_| fault(path, "it is not a text"))
}

fn lines<T: serde::de::DeserializeOwned>(
    files: &BTreeMap<String, Vec<u8>>,
    path: &str,
) -> Result<Vec<T>, Fault> {
    text(files, path)?
        .lines()
        .map(|line| serde_json::from_str(line).or_else(|_| fault(path, "a line is not a proof")))
        .collect()
}
