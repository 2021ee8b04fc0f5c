//! One client of ClickHouse's HTTP interface; schema, inserts, queries; the embedded engine.
//!
//! Everything that is read comes here before it is judged. The same client speaks to the engine on a
//! data folder (in this process or another, over a Unix socket) and to a ClickHouse server. Its calls
//! wait for the answer: they are for plain threads, not for tasks of an async runtime.
//!
//! A question is answered on a connection that may only read. It may end with `SETTINGS` of plain values,
//! but for those that bound memory and keep rows off the disk; within it, the engine refuses them.
//!
//! Statements of others (on the socket, at an address, typed in) may only ask: `allow` judges them by what the
//! engine's own parser makes of them. The program's own requests say a word that comes from the folder's key.
//!
//! The engine resets signal handlers when it starts: install ours after [`Store::open`].

mod allow;
pub mod backup;
mod client;
mod cluster;
mod cover;
mod drift;
mod engine;
mod error;
mod measure;
mod migrate;
/// Tokens of accounts, and the sealed table back to names.
pub mod names;
mod open;
mod outside;
mod own;
/// Originals, packed and sealed by batch.
pub mod originals;
/// What is stored already of a batch.
pub mod places;
mod queries;
pub mod retention;
/// Sealing of what lies beside the engine.
pub mod sealed;
/// Sealing of files of any length.
pub mod sealed_stream;
mod settings;
pub mod spool;
mod sql;
mod unix;
mod version;
mod wire;

#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

pub use allow::{Content, Refused};
pub use cluster::{for_cluster, for_server};
pub use cover::{Cover, Covered, meets};
pub use drift::Drift;
pub use engine::{EngineError, LIBRARY_VERSION};
pub use error::{Refusal, StoreError};
pub use migrate::Applied;
pub use open::{Serving, Store};
pub use outside::{Limits, Outside, Question, Role, StoreKey, TlsFiles, Witness};
pub use queries::{QUERIES, check, query};
pub use settings::{Embedded, Patience, Server, StoreSettings};
pub use sql::{Params, Sql};

use crate::record::{SourceId, Table};
use client::{Call, onto};
use places::Presence;

impl Store {
    /// Adds rows to a table: RowBinary, as [`crate::record::RowBinary`] writes them. Rows with a token
    /// that was stored before are not stored again.
    pub fn insert(
        &self,
        table: &'static Table,
        rows: Vec<u8>,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        self.insert_whole(table, Bytes::from(rows), token)
    }

    /// Adds a part of a batch (`places::parts`) under its token. `tried` is the source where it may have been stored before, wholly
    /// or in part: then only what is not there is stored.
    pub fn insert_part(
        &self,
        table: &'static Table,
        rows: Bytes,
        token: &str,
        tried: Option<SourceId>,
    ) -> Result<(), StoreError> {
        let presence = match tried {
            Some(source) => self.presence(table, source, &rows, token)?,
            None => Presence::None,
        };
        match presence {
            Presence::Whole => Ok(()),
            Presence::None => self.insert_whole(table, rows, Some(token)),
            // The token stands for all of the rows: under it the others would be taken for stored.
            Presence::Part(others) => {
                let token = places::token_of_part(token, rows.len() - others.len());
                self.insert(table, others, Some(&token))
            }
        }
    }

    fn insert_whole(
        &self,
        table: &'static Table,
        rows: Bytes,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        // Without a token nobody could tell whether a broken-off try has stored them.
        let pauses = if token.is_some() { PAUSES } else { &[] };
        again(pauses, || {
            self.insert_pieces(table, std::iter::once(rows.clone()), token)
        })
    }

    /// Adds rows that come in pieces, wherever they are cut, in bounded memory.
    pub fn insert_streamed(
        &self,
        table: &'static Table,
        pieces: impl Iterator<Item = Vec<u8>>,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        self.insert_pieces(table, pieces.map(Bytes::from), token)
    }

    fn insert_pieces(
        &self,
        table: &'static Table,
        rows: impl Iterator<Item = Bytes>,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        let what = format!("rows for {}", table.name);
        let mut settings = vec![("max_partitions_per_insert_block", "0")];
        settings.extend(token.map(|token| ("insert_deduplication_token", token)));
        let id = token.map(places::name_of);
        settings.extend(id.as_deref().map(|id| ("query_id", id)));
        self.must_be_whole()?;
        self.caller()?
            .insert(&what, migrate::insert_statement(table), rows, &settings)
    }

    /// Runs a statement that has no answer.
    pub fn run(&self, sql: Sql, params: &Params) -> Result<(), StoreError> {
        self.ask(sql, params, "Null", &mut |_| Ok(()))
    }

    /// The rows of an answer. Field names are the names of its columns; 64-bit integers are numbers.
    pub fn rows<T: DeserializeOwned>(
        &self,
        sql: Sql,
        params: &Params,
    ) -> Result<Vec<T>, StoreError> {
        let answer = self.bytes(sql, params, "JSONEachRow")?;
        answer
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line).map_err(|error| StoreError::Shape {
                    what: sql.id().to_owned(),
                    reason: shape(&error),
                })
            })
            .collect()
    }

    /// An answer as one piece, in any format of the engine.
    pub fn bytes(&self, sql: Sql, params: &Params, format: &str) -> Result<Vec<u8>, StoreError> {
        let mut answer = Vec::new();
        self.ask(sql, params, format, &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(answer)
    }

    /// An answer as it comes, in bounded memory for formats that go row by row.
    pub fn stream(
        &self,
        sql: Sql,
        params: &Params,
        format: &str,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        self.ask(sql, params, format, &mut onto(sql.id(), out))
    }

    /// Answers a statement that somebody typed in, if it only asks and shows no content that is masked.
    /// The engine's parser decides what it is; what runs is the text that the parser writes back.
    pub fn answer(
        &self,
        statement: &str,
        content: Content,
        format: &str,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        let question = Params::new().text("sql", statement);
        let canonical = self.text_of(allow::WRITE_BACK, &question)?;
        let canonical = canonical.trim_end_matches('\n');
        let tree = self.text_of(&allow::ask_tree(canonical), &Params::new())?;
        allow::judge(canonical, &tree, content)?;
        let params = Params::new();
        let call = Call {
            what: TYPED_IN,
            sql: canonical,
            params: &params,
        };
        self.caller()?.ask(&call, format, &mut onto(TYPED_IN, out))
    }

    fn text_of(&self, sql: &str, params: &Params) -> Result<String, StoreError> {
        let mut answer = Vec::new();
        let call = Call {
            what: TYPED_IN,
            sql,
            params,
        };
        self.caller()?.ask(&call, "TabSeparatedRaw", &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        String::from_utf8(answer).map_err(|_| Refused::Unclear.into())
    }

    fn ask(
        &self,
        sql: Sql,
        params: &Params,
        format: &str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let call = Call {
            what: sql.id(),
            sql: sql.text(),
            params,
        };
        let pauses = if sql.only_asks() { PAUSES } else { &[] };
        // A question that was answered in part can not be asked again: its first rows are passed on.
        let mut begun = false;
        let mut broken = None;
        again(pauses, || {
            let mut passed = |bytes: &[u8]| {
                begun = true;
                piece(bytes)
            };
            let caller = self.caller()?;
            match caller.ask_in(self.manner, &call, format, &mut passed) {
                Err(error) if begun => {
                    broken = Some(error);
                    Ok(())
                }
                done => done,
            }
        })?;
        broken.map_or(Ok(()), Err)
    }
}

/// Tries once more after each pause, as long as that may help. What took long is not tried again here, nor what was
/// waited for already.
fn again<T>(
    pauses: &[Duration],
    mut work: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for pause in pauses {
        match work() {
            Err(StoreError::Slow { within, what }) => {
                return Err(StoreError::Slow { within, what });
            }
            Err(StoreError::Held { data, holder }) => {
                return Err(StoreError::Held { data, holder });
            }
            Err(error) if error.is_worth_another_try() => std::thread::sleep(*pause),
            done => return done,
        }
    }
    work()
}

/// Between the tries: nearly four seconds in all, in which a server restarts or a crowd passes.
const PAUSES: &[Duration] = &[
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How errors name a statement that is not ours.
const TYPED_IN: &str = "the statement";

/// What does not fit, without the value that does not: `serde_json` puts values into its messages.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once('`').map(|(_, rest)| rest.split_once('`')) {
        Some(Some((field, _)))
            if text.starts_with("missing field") || text.starts_with("unknown field") =>
        {
            format!("field `{field}` is missing or unknown")
        }
        _ => format!(
            "a value has another type, at column {} of its line",
            error.column()
        ),
    }
}
