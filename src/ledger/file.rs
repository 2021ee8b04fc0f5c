//! The file of entries: one line each, only ever added to, read back with its torn end recognised.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::act::{Act, moment};
use super::canonical::to_canonical;
use super::digest::Digest;
use super::{LedgerError, tree};
use crate::record::Timestamp;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// When it was made.
    #[serde(with = "moment")]
    pub time: Timestamp,
    /// What was done.
    pub act: Act,
    /// What commits to the private record, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Digest>,
}

impl Entry {
    /// The line as it stands in the file, without its end: what is hashed and what proofs carry.
    pub fn line(&self) -> Result<String, LedgerError> {
        to_canonical(self)
    }

    /// Reads a line; only the canonical spelling is an entry.
    pub fn parse(line: &[u8]) -> Option<Entry> {
        let entry: Entry = serde_json::from_slice(line).ok()?;
        (entry.line().ok()?.as_bytes() == line).then_some(entry)
    }

    /// The hash of an entry's line as a leaf of the ledger.
    pub fn leaf(line: &[u8]) -> Digest {
        tree::leaf_hash(line)
    }
}

/// What was read from some place in the file to its end.
pub(crate) struct Tail {
    /// The hashes of the entries.
    pub(crate) leaves: Vec<Digest>,
    /// The entries, if they were wanted.
    pub(crate) entries: Vec<Entry>,
    /// Where the last whole entry ends.
    pub(crate) end: u64,
    /// Bytes after that: an entry whose writing was cut off.
    pub(crate) torn: u64,
}

/// Reads the entries from `offset`, of which the first has the index `next`.
///
/// Entries below `signed` stand under a signed head: those must be whole. A line after them that is
/// not an entry may only be the last, and counts as torn.
pub(crate) fn read_tail(
    path: &Path,
    file: &mut File,
    offset: u64,
    next: u64,
    signed: u64,
) -> Result<Tail, LedgerError> {
    let fault = |source| LedgerError::file(path, source);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(fault)?;
    file.read_to_end(&mut bytes).map_err(fault)?;
    let mut tail = Tail {
        leaves: Vec::new(),
        entries: Vec::new(),
        end: offset,
        torn: 0,
    };
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let index = next + tail.leaves.len() as u64;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let entry = end
            .and_then(|end| rest.get(..end))
            .and_then(|line| Entry::parse(line).map(|entry| (entry, line)))
            .filter(|(entry, _)| entry.index == index);
        let after = end.and_then(|end| rest.get(end + 1..)).unwrap_or_default();
        let Some((entry, line)) = entry else {
            if index < signed || !after.is_empty() {
                return Err(LedgerError::Damaged { index });
            }
            tail.torn = rest.len() as u64;
            break;
        };
        tail.leaves.push(Entry::leaf(line));
        tail.entries.push(entry);
        tail.end += line.len() as u64 + 1;
        rest = after;
    }
    Ok(tail)
}
