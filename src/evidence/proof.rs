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
/// The gates that every request has been asked since the first version; a gate that is added later does not belong here.
pub(crate) const ALWAYS_ASKED: [&str; 14] = [
    "reference_given",
    "route_fits_authority",
    "authenticity_checked",
    "local_authority_without_connection_records",
    "connection_record_condition",
    "content_needs_warrant",
    "class_covers_what_is_wanted",
    "purpose_fits_class",
    "zone_given",
    "window_lawful",
    "still_valid",
    "identifiers_present",
    "human_resources_told",
    "recipient_named",
];

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
}

/// A gate's answer as the package holds it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// The lines that are proved, and what of them was not shown.
#[derive(Debug, Default)]
pub(crate) struct Proved {
    frames: BTreeSet<(String, String)>,
    /// How many lines were withheld, by reason.
    pub(crate) withheld: BTreeMap<String, u64>,
}

impl Proved {
    /// Whether the frame of this number, as it is written, is proved.
    pub(crate) fn holds(&self, source: &str, frame: &str) -> bool {
        self.frames.contains(&(source.to_owned(), frame.to_owned()))
    }

    /// Of how many lines nothing but the batch is proved, as they were not kept.
    pub(crate) fn not_kept(&self) -> u64 {
        self.withheld.get(NOT_KEPT).copied().unwrap_or_default()
    }
}

pub(crate) fn fault<T>(file: &str, reason: impl Into<String>) -> Result<T, Fault> {
    Err((file.to_owned(), reason.into()))
}

/// Checks all proofs of a package whose files are known to be the ones that its manifests list. Gives the head they
/// lead to, and of how many lines nothing but the batch is proved.
pub(crate) fn check(
    files: &BTreeMap<String, Vec<u8>>,
    log_key: Option<&VerifyKey>,
) -> Result<(Checkpoint, u64), Fault> {
    let head = head(files, log_key)?;
    let entries = entries(files, &head)?;
    let proved = frames(files, &entries)?;
    let request = request(files, &entries)?;
    super::agreement::check(files, &request, &proved)?;
    Ok((head, proved.not_kept()))
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
    let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
    for proof in lines::<EntryProof>(files, ENTRIES)? {
        let last = entries.last_key_value().map(|(index, _)| *index);
        if last.is_some_and(|last| proof.index <= last) {
            return fault(
                ENTRIES,
                format!("entry {} is not in its place", proof.index),
            );
        }
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

/// Gives the frames that are proved.
fn frames(
    files: &BTreeMap<String, Vec<u8>>,
    entries: &BTreeMap<u64, Entry>,
) -> Result<Proved, Fault> {
    let mut proved = Proved::default();
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
        if !in_batch(&proof, batch) {
            return fault(FRAMES, format!("{name} is not in its batch"));
        }
        match (&proof.nonce, &proof.original, &proof.withheld) {
            (Some(nonce), Some(slice), None) => {
                let Some(end) = covered.get_mut(slice.file.as_str()) else {
                    return fault(FRAMES, format!("the original of {name} is missing"));
                };
                let path = format!("{ORIGINALS}{}", slice.file);
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
            }
            (None, None, Some(reason)) => {
                *proved.withheld.entry(reason.clone()).or_default() += 1;
            }
            _ => return fault(FRAMES, format!("{name} is neither disclosed nor withheld")),
        }
        if !proved
            .frames
            .insert((proof.source, proof.frame.to_string()))
        {
            return fault(FRAMES, format!("{name} is proved twice"));
        }
    }
    for (name, end) in covered {
        let path = format!("{ORIGINALS}{name}");
        if files.get(&path).map(|bytes| bytes.len() as u64) != Some(end) {
            return fault(&path, "it holds lines that no proof covers");
        }
    }
    Ok(proved)
}

/// Whether the leaf is in the batch, at a place that a frame of this number can have.
///
/// A leaf does not say its number. But numbers rise within a batch: so many frames before it and behind it must find
/// numbers of their own. Where each line is a frame, that leaves one place only.
fn in_batch(proof: &FrameProof, batch: &BatchIngested) -> bool {
    let (Some(before), Some(behind)) = (
        proof.frame.checked_sub(batch.first_frame),
        batch.last_frame.checked_sub(proof.frame),
    ) else {
        return false;
    };
    let Some(leaf) = &proof.leaf else {
        // The lines of the batch were not kept: nobody can say more than that it covers the number.
        return proof.withheld.as_deref() == Some(NOT_KEPT) && proof.path.is_empty();
    };
    verify_inclusion(leaf, proof.place, batch.frames, &proof.path, &batch.root)
        && proof.withheld.as_deref() != Some(NOT_KEPT)
        && proof.place <= before
        && batch.frames - 1 - proof.place <= behind
}

/// The request is the one that stands in the ledger, and every gate let it pass.
fn request(
    files: &BTreeMap<String, Vec<u8>>,
    entries: &BTreeMap<u64, Entry>,
) -> Result<casework::Request, Fault> {
    let Ok(file) = serde_json::from_str::<RequestFile>(text(files, REQUEST)?) else {
        return fault(REQUEST, "it is not a request");
    };
    let commitment = casework::commitment(&file.salt, &file.text);
    let Ok(request) = casework::Request::parse(&file.text) else {
        return fault(REQUEST, "it is not a request");
    };
    let received = entries.values().any(|entry| {
        matches!(&entry.act, Act::RequestReceived(act) if act.request == commitment
            && act.regime == request.regime.as_str()
            && act.data_class == request.data_class.as_str())
    });
    if commitment != file.commitment || !received {
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
    let missing = ALWAYS_ASKED
        .iter()
        .find(|id| !gates.iter().any(|gate| gate.gate == **id));
    if let Some(id) = missing {
        return fault(GATES, format!("the gate {id} was not asked"));
    }
    Ok(request)
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

pub(crate) fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'f str, Fault> {
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
        .split_terminator('\n')
        .map(|line| serde_json::from_str(line).or_else(|_| fault(path, "a line is not a proof")))
        .collect()
}
