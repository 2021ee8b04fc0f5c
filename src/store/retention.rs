//! Deleting what has had its time: what is due, by month; its deletion; and whether it is gone, from the disk too.
//!
//! The line is a moment that the caller gives; the store's own clock is never asked. A month that lies before the line as
//! a whole and that no hold touches is dropped; of any other the rows that are due are deleted, or their content emptied, by
//! a statement that is waited for. Deleting leaves the old parts on the disk for minutes; they are taken away at once here.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Call;
use super::cover::{Cover, holds_of_a_row, with_covers};
use super::error::StoreError;
use super::open::Store;
use super::sql::{Params, Sql};
use crate::record::{AccountToken, Class, REGISTER_TABLES, SourceId, Table, Timestamp};

/// What becomes of rows that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are deleted.
    Deleted,
    /// Their columns of class content are emptied.
    Emptied,
}

/// What is to go from one table.
#[derive(Clone, Debug)]
pub struct Due<'a> {
    /// The table.
    pub table: &'static Table,
    /// What becomes of it.
    pub fate: Fate,
    /// Everything before this moment.
    pub until: Timestamp,
    /// Only these sources; all if none is named. For tables whose rows have no time.
    pub sources: Option<&'a [SourceId]>,
    /// What holds cover.
    pub covers: &'a [Cover],
    /// What the digests are salted with, in hexadecimal digits.
    pub salt: &'a str,
}

/// What of one month is due.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DueMonth {
    /// The month, such as `202603`; `all` for a table that is not cut by month.
    pub partition: String,
    /// Rows that are due, those kept by a hold among them.
    pub rows: u64,
    /// Rows that a hold keeps.
    pub kept: u64,
    /// The digest over those that go.
    pub digest: String,
}

/// What of one batch is due.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DueOf {
    /// The source, by its digits.
    pub source: String,
    /// The batch's first frame.
    pub first: u64,
    /// Rows that go.
    pub gone: u64,
    /// The sum over their places.
    pub gone_places: u64,
    /// Rows that a hold keeps.
    pub kept: u64,
    /// The sum over theirs.
    pub kept_places: u64,
}

/// What a hold keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct HeldRows {
    /// The hold, by the index of its entry.
    pub hold: u64,
    /// Rows.
    pub rows: u64,
}

/// The column by whose time a row of this table is due; none for tables whose rows have none.
pub fn time_column(table: &Table) -> Option<&'static str> {
    match table.name {
        "flows" => Some("start"),
        "translations" => Some("from"),
        "findings" => Some("window_to"),
        "rejects" | "web_hits" | "dns_queries" | "mail_events" | "sign_ins" | "leases" => {
            Some("time")
        }
        // Of an account or a device, when it ended; see `queries/retention/ended_accounts.sql`.
        "accounts" | "devices" => Some("valid_to"),
        _ => None,
    }
}

/// Whether a table has columns of content.
pub fn holds_content(table: &Table) -> bool {
    content(table).next().is_some()
}

impl Store {
    /// What is due of a table, by month, in order.
    pub fn due(&self, due: &Due<'_>) -> Result<Vec<DueMonth>, StoreError> {
        self.rows_of(DUE, due, due.params().text("salt", due.salt))
    }

    /// What of a table is due by source; or of one source by its batches, which begin at these frames.
    pub fn due_by_batch(
        &self,
        due: &Due<'_>,
        of: Option<(SourceId, &[u64])>,
    ) -> Result<Vec<DueOf>, StoreError> {
        let (source, starts) = match of {
            Some((source, starts)) => (source.to_string(), starts),
            None => (String::new(), &[0][..]),
        };
        let params = due
            .params()
            .text("source", &source)
            .numbers("starts", starts.iter().copied());
        self.rows_of(DUE_BY_BATCH, due, params)
    }

    /// Runs a statement that changes rows, and waits until they are changed.
    pub fn run_and_wait(&self, sql: Sql, params: &Params) -> Result<(), StoreError> {
        let text = format!("{}{WAITED_FOR}", sql.text());
        let call = Call {
            what: sql.id(),
            sql: &text,
            params,
        };
        self.caller()?.ask(&call, "Null", &mut |_| Ok(()))
    }

    /// How many of the rows that are due each hold keeps.
    pub fn held(&self, due: &Due<'_>) -> Result<Vec<HeldRows>, StoreError> {
        if due.covers.is_empty() {
            return Ok(Vec::new());
        }
        self.rows_of(HELD, due, due.params())
    }

    /// How many rows of a table are dated at or after this moment.
    pub fn rows_from(&self, table: &'static Table, moment: Timestamp) -> Result<u64, StoreError> {
        let due = Due {
            table,
            fate: Fate::Deleted,
            until: moment,
            sources: None,
            covers: &[],
            salt: "",
        };
        let found: Vec<Rows> = self.rows_of(LATER, &due, due.params())?;
        Ok(found.iter().map(|found| found.rows).sum())
    }

    /// Deletes or empties what is due of one month.
    pub fn discard(&self, due: &Due<'_>, month: &DueMonth) -> Result<(), StoreError> {
        let partition = |params: Params| params.text("partition", &month.partition);
        let whole = due.fate == Fate::Deleted
            && month.kept == 0
            && due.sources.is_none()
            && ends_before(&month.partition, due.until);
        let statement = match due.fate {
            _ if whole => DROP,
            Fate::Deleted => DELETE,
            Fate::Emptied => EMPTY,
        };
        self.tell(statement, due, partition(due.params()))
    }

    /// Takes the old parts of a table off the disk, and says whether that has been done: a question that is being
    /// answered may still hold some.
    pub fn sweep(&self, table: &'static Table) -> Result<bool, StoreError> {
        let due = Due {
            table,
            fate: Fate::Deleted,
            until: Timestamp::from_seconds(0),
            sources: None,
            covers: &[],
            salt: "",
        };
        for _ in 0..SWEEPS {
            self.tell(
                DROP,
                &due,
                Params::new()
                    .text("partition", NO_MONTH)
                    .text("table", table.name),
            )?;
            let left: Vec<Parts> =
                self.rows(OLD_PARTS, &Params::new().text("table", table.name))?;
            if left.iter().all(|left| left.parts == 0) {
                return Ok(true);
            }
            std::thread::sleep(BETWEEN_SWEEPS);
        }
        Ok(false)
    }

    /// The first and last frames of runs of this source in this table that a hold keeps.
    pub fn frames_held(
        &self,
        table: &'static Table,
        source: SourceId,
        covers: &[Cover],
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let due = Due {
            table,
            fate: Fate::Deleted,
            until: Timestamp::from_seconds(0),
            sources: None,
            covers,
            salt: "",
        };
        let params = due.params().text("source", &source.to_string());
        let found: Vec<Frames> = self.rows_of(FRAMES_HELD, &due, params)?;
        Ok(found.iter().map(|run| (run.first, run.last)).collect())
    }

    /// The sources whose lines hold no content.
    pub fn sources_without_content(&self) -> Result<Vec<SourceId>, StoreError> {
        let found: Vec<Source> = self.rows(CONTENT_SOURCES, &Params::new())?;
        Ok(found
            .iter()
            .filter_map(|one| SourceId::parse(&one.source))
            .collect())
    }

    /// Every account that the store speaks of.
    pub fn accounts_spoken_of(&self) -> Result<Vec<AccountToken>, StoreError> {
        let found: Vec<Token> = self.rows(TOKENS, &Params::new())?;
        Ok(found
            .iter()
            .filter_map(|one| AccountToken::parse(&one.token))
            .collect())
    }

    /// The addresses that an account had in a window, each with the days on which it had it and those beside them.
    pub fn addresses_of(
        &self,
        account: AccountToken,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<AddressDays>, StoreError> {
        let params = Params::new()
            .text("token", &account.to_string())
            .time("since", from)
            .time("until", to);
        let found: Vec<Days> = self.rows(ACCOUNT_ADDRESSES, &params)?;
        let read = |days: &Days| {
            Some(AddressDays {
                address: days.address.parse().ok()?,
                from: Timestamp::from_micros(days.since),
                to: Timestamp::from_micros(days.until),
            })
        };
        Ok(found.iter().filter_map(read).collect())
    }

    /// First and last address of each network that the register has ever given to an establishment.
    pub fn networks_of(&self, establishment: &str) -> Result<Vec<(IpAddr, IpAddr)>, StoreError> {
        let params = Params::new().text("establishment", establishment);
        let found: Vec<Range> = self.rows(ESTABLISHMENT_NETWORKS, &params)?;
        let read = |range: &Range| Some((range.first.parse().ok()?, range.last.parse().ok()?));
        Ok(found.iter().filter_map(read).collect())
    }

    fn rows_of<T: DeserializeOwned>(
        &self,
        sql: Sql,
        due: &Due<'_>,
        params: Params,
    ) -> Result<Vec<T>, StoreError> {
        let rendered = due.rendered(sql);
        let mut answer = Vec::new();
        let call = Call {
            what: sql.id(),
            sql: &rendered,
            params: &params,
        };
        self.caller()?.ask(&call, "JSONEachRow", &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        serde_json::Deserializer::from_slice(&answer)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| StoreError::Shape {
                what: sql.id().to_owned(),
                reason: super::shape(&error),
            })
    }

    fn tell(&self, sql: Sql, due: &Due<'_>, params: Params) -> Result<(), StoreError> {
        let rendered = due.rendered(sql);
        let call = Call {
            what: sql.id(),
            sql: &rendered,
            params: &params,
        };
        self.caller()?.ask(&call, "Null", &mut |_| Ok(()))
    }
}

impl Due<'_> {
    fn params(&self) -> Params {
        let time = time_column(self.table).unwrap_or_default();
        let mut params = Params::new()
            .text("table", self.table.name)
            .text("time", time)
            .time("until", self.until);
        if let Some(sources) = self.sources {
            params = params.texts("sources", sources.iter().map(SourceId::to_string));
        }
        if self.covers.is_empty() {
            return params;
        }
        with_covers(params, self.covers)
    }

    /// The statement with what the table's declaration puts in the place of its marks.
    fn rendered(&self, sql: Sql) -> String {
        let is_register = REGISTER_TABLES
            .iter()
            .any(|one| one.name == self.table.name);
        let time = time_column(self.table).filter(|_| !is_register);
        let holds = holds_of_a_row(self.table, time);
        let filled: Vec<String> = content(self.table)
            .map(|name| format!("`{name}` != ''"))
            .collect();
        let emptied: Vec<String> = content(self.table)
            .map(|name| format!("`{name}` = ''"))
            .collect();
        let which = match (self.table.name, self.sources, self.fate) {
            (_, Some(_), _) => "has({sources:Array(String)}, lower(hex(source_id)))".to_owned(),
            (_, None, Fate::Emptied) => filled.join(" OR "),
            ("accounts", None, _) => format!("account_token IN (\n{})", ENDED_ACCOUNTS.text()),
            ("devices", None, _) => format!("mac IN (\n{})", ENDED_DEVICES.text()),
            (_, None, Fate::Deleted) => "1".to_owned(),
        };
        let mut text = sql.text().replace("1 /* which */", &which);
        text = text.replace("path = '' /* emptied */", &emptied.join(", "));
        if sql == DELETE || sql == EMPTY {
            text.push_str(WAITED_FOR);
        }
        if !is_register {
            // Of a line that was imported again, the newest alone counts; of anything else, each row.
            text = text.replace("{table:Identifier} FINAL", "{table:Identifier}");
        }
        if !self.covers.is_empty() {
            text = text.replace("0 /* held */", &format!("notEmpty({holds})"));
            text = text.replace("[toUInt64(0)] /* covers */", &holds);
        }
        text
    }
}

/// The columns that hold content: all of them are texts.
fn content(table: &Table) -> impl Iterator<Item = &'static str> {
    let is_content = |column: &&crate::record::Column| column.class == Class::Content;
    table
        .columns
        .iter()
        .filter(is_content)
        .map(|column| column.name)
}

/// Whether a month lies before this moment as a whole.
fn ends_before(partition: &str, until: Timestamp) -> bool {
    let next = |month: u32| match month % 100 {
        12 => month + 89,
        _ => month + 1,
    };
    let Ok(month) = partition.parse::<u32>() else {
        return false;
    };
    let next = next(month);
    let first = format!("{:04}-{:02}-01T00:00:00Z", next / 100, next % 100);
    Timestamp::parse(&first).is_ok_and(|first| first <= until)
}

/// An address, and when somebody had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressDays {
    /// The address.
    pub address: IpAddr,
    /// The start of the first day.
    pub from: Timestamp,
    /// The end of the last.
    pub to: Timestamp,
}

#[derive(Deserialize)]
struct Days {
    address: String,
    since: i64,
    until: i64,
}

#[derive(Deserialize)]
struct Range {
    first: String,
    last: String,
}

#[derive(Deserialize)]
struct Rows {
    rows: u64,
}

#[derive(Deserialize)]
struct Parts {
    parts: u64,
}

#[derive(Deserialize)]
struct Frames {
    first: u64,
    last: u64,
}

#[derive(Deserialize)]
struct Source {
    source: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// The statement returns when its work is done. It stands here and not in the files, since who may only read may not even parse it.
const WAITED_FOR: &str = "\nSETTINGS mutations_sync = 2";

/// A month in which there is nothing: dropping it takes old parts away, and nothing else.
const NO_MONTH: &str = "190001";
/// How often old parts are tried to be taken away: for half a minute.
const SWEEPS: u32 = 60;
const BETWEEN_SWEEPS: Duration = Duration::from_millis(500);

macro_rules! files {
    ($($name:ident $id:literal)*) => {
        $( const $name: Sql = Sql::embedded($id, include_str!(concat!("../../queries/", $id, ".sql"))); )*
    };
}

files! {
    DUE "retention/due"
    DUE_BY_BATCH "retention/due_by_batch"
    HELD "retention/held"
    DELETE "retention/delete"
    EMPTY "retention/empty"
    DROP "retention/drop"
    OLD_PARTS "retention/old_parts"
    LATER "retention/later"
    FRAMES_HELD "retention/frames_held"
    CONTENT_SOURCES "retention/content_sources"
    TOKENS "retention/tokens"
    ENDED_ACCOUNTS "retention/ended_accounts"
    ENDED_DEVICES "retention/ended_devices"
    ACCOUNT_ADDRESSES "retention/account_addresses"
    ESTABLISHMENT_NETWORKS "retention/establishment_networks"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_dropped_only_if_all_of_it_is_past() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert!(ends_before("202512", at("2026-01-01T00:00:00Z")));
        assert!(!ends_before("202512", at("2025-12-31T23:59:59Z")));
        assert!(!ends_before("all", at("2026-01-01T00:00:00Z")));
        assert!(!ends_before("202603", at("2026-03-16T00:00:00Z")));
    }

    #[test]
    fn every_column_of_content_can_be_emptied_with_an_empty_text() {
        let tables = crate::record::EVENT_TABLES.iter();
        for column in tables.flat_map(|table| table.columns) {
            let is_text = matches!(column.store_type, "String" | "LowCardinality(String)");
            assert!(column.class != Class::Content || is_text, "{}", column.name);
        }
    }
}
