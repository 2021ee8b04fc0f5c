//! The state of a source as the store keeps it: how far it was read, and what became of its frames.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::Call;
use super::error::StoreError;
use super::open::Store;
use super::sql::{Params, Sql};
use crate::record::{SourceId, Timestamp};

/// One row of `sources`. A later row of the same source replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// What kind of source it is: a word of `SourceKind`.
    pub kind: String,
    /// When it was opened first.
    pub opened: Timestamp,
    /// SHA-256 of what was read, in hexadecimal digits.
    pub digest: String,
    /// How many bytes were read, decompressed.
    pub bytes: u64,
    /// Time of its first record.
    pub first_time: Timestamp,
    /// Time of its last record.
    pub last_time: Timestamp,
    /// Frames read.
    pub read: u64,
    /// Frames stored.
    pub stored: u64,
    /// Frames rejected.
    pub rejected: u64,
    /// Frames ignored.
    pub ignored: u64,
    /// How many were rejected or ignored, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The version of the program that read it.
    pub tool_version: String,
}

impl Store {
    /// What is known of a source.
    pub fn source(&self, id: SourceId) -> Result<Option<SourceState>, StoreError> {
        let rows: Vec<Row> = self.rows(BY_ID, &Params::new().text("source", &id.to_string()))?;
        Ok(rows.into_iter().next().map(SourceState::from))
    }

    /// Notes what is known of a source.
    pub fn put_source(&self, id: SourceId, state: &SourceState) -> Result<(), StoreError> {
        let params = Params::new()
            .text("source", &id.to_string())
            .text("kind", &state.kind)
            .time("opened", state.opened)
            .text("digest", &state.digest)
            .number("bytes", state.bytes)
            .time("first_time", state.first_time)
            .time("last_time", state.last_time)
            .number("read", state.read)
            .number("stored", state.stored)
            .number("rejected", state.rejected)
            .number("ignored", state.ignored)
            .texts("reason_names", state.reasons.keys())
            .numbers("reason_counts", state.reasons.values().copied())
            .text("tool_version", &state.tool_version);
        let call = Call {
            what: PUT.id(),
            sql: PUT.text(),
            params: &params,
        };
        self.caller()?.ask(&call, "Null", &mut |_| Ok(()))
    }
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    opened: i64,
    digest: String,
    bytes: u64,
    first_time: i64,
    last_time: i64,
    read: u64,
    stored: u64,
    rejected: u64,
    ignored: u64,
    reasons: BTreeMap<String, u64>,
    tool_version: String,
}

impl From<Row> for SourceState {
    fn from(row: Row) -> SourceState {
        SourceState {
            kind: row.kind,
            opened: Timestamp::from_micros(row.opened),
            digest: row.digest,
            bytes: row.bytes,
            first_time: Timestamp::from_micros(row.first_time),
            last_time: Timestamp::from_micros(row.last_time),
            read: row.read,
            stored: row.stored,
            rejected: row.rejected,
            ignored: row.ignored,
            reasons: row.reasons,
            tool_version: row.tool_version,
        }
    }
}

const BY_ID: Sql = Sql::embedded(
    "store/source_by_id",
    include_str!("../../queries/store/source_by_id.sql"),
);
const PUT: Sql = Sql::embedded(
    "store/source_put",
    include_str!("../../queries/store/source_put.sql"),
);
