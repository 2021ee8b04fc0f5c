//! Whether the store still is what this program made: its tables and views against what the records declare and the files say.
//!
//! Looked at when a store is opened (two small questions) and by `invigil store status` (with the views' text). What would
//! lose rows or put them in the wrong place stops every write, as a batch that is stored in part is worse than one that waits.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use serde::Deserialize;

use super::client::{Call, Caller};
use super::error::StoreError;
use super::queries::{SCHEMA, VIEWS};
use super::sql::{Params, Sql};
use super::{migrate, shape};
use crate::record::{EVENT_TABLES, PLACELESS_TABLES, REGISTER_TABLES, Table};

/// One thing in which the store is not what this program needs, in words and with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Drift {
    /// A newer program has changed the schema.
    #[error(
        "a newer version of this program has changed the schema ({0}): use that version to write; this one may only ask"
    )]
    Newer(String),
    /// A file of the schema is not applied.
    #[error(
        "{0} is not applied yet: run `invigil store migrate` as a user who may change the schema"
    )]
    Unapplied(&'static str),
    /// A table is gone.
    #[error(
        "the table {0} is gone though it was made: restore it from a backup, or make it anew, empty, by `invigil store migrate`"
    )]
    MissingTable(&'static str),
    /// A column is gone.
    #[error(
        "the table {table} lacks the column {column}: restore it from a backup, or ALTER TABLE {table} ADD COLUMN `{column}` {declared}"
    )]
    MissingColumn {
        /// Of which table.
        table: &'static str,
        /// Which.
        column: &'static str,
        /// The type it should have.
        declared: &'static str,
    },
    /// A column has another type.
    #[error(
        "the column {column} of the table {table} is {found} and should be {declared}: ALTER TABLE {table} MODIFY COLUMN `{column}` {declared}"
    )]
    OtherType {
        /// Of which table.
        table: &'static str,
        /// Which.
        column: &'static str,
        /// The type it has.
        found: String,
        /// The type it should have.
        declared: &'static str,
    },
    /// A column that this program does not know. It does no harm.
    #[error(
        "the table {table} has a column that is not ours, {column}: rows are stored without it"
    )]
    ExtraColumn {
        /// Of which table.
        table: &'static str,
        /// Which.
        column: String,
    },
    /// A view is gone.
    #[error("the view {0} is gone: `invigil store migrate` makes it again")]
    MissingView(&'static str),
    /// A view was changed by hand.
    #[error("the view {0} is not as this program made it: `invigil store migrate` makes it again")]
    OtherView(&'static str),
}

impl Drift {
    /// Whether rows would be lost or refused.
    pub fn stops_writing(&self) -> bool {
        match self {
            Drift::Newer(_)
            | Drift::Unapplied(_)
            | Drift::MissingTable(_)
            | Drift::MissingColumn { .. }
            | Drift::OtherType { .. } => true,
            Drift::ExtraColumn { .. } | Drift::MissingView(_) | Drift::OtherView(_) => false,
        }
    }
}

/// What stands in the store's database.
pub(super) struct Found {
    /// Types by table and column.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    /// Files that are applied, with the digest of each.
    applied: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ColumnRow {
    table: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct AppliedRow {
    id: String,
    digest: String,
}

#[derive(Deserialize)]
struct ViewRow {
    name: String,
    text: String,
}

impl Found {
    /// Looks.
    pub(super) fn look(caller: &Caller, database: &str) -> Result<Found, StoreError> {
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let params = Params::new().text("database", database);
        for row in rows::<ColumnRow>(caller, COLUMNS, &params)? {
            tables
                .entry(row.table)
                .or_default()
                .insert(row.name, row.kind);
        }
        let mut applied = BTreeMap::new();
        if tables.contains_key("schema_migrations") {
            let mut answer = Vec::new();
            caller.ask(&call(KNOWN, &Params::new()), "JSONEachRow", &mut |piece| {
                answer.extend_from_slice(piece);
                Ok(())
            })?;
            for row in parsed::<AppliedRow>(KNOWN, &answer)? {
                applied.insert(row.id, row.digest);
            }
        }
        Ok(Found { tables, applied })
    }

    /// Whether nothing stands there at all.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Files that are applied and that this program does not have.
    pub(super) fn newer(&self) -> Option<Drift> {
        let ours: BTreeSet<&str> = SCHEMA.iter().chain(VIEWS).map(Sql::id).collect();
        let theirs: Vec<&str> = self
            .applied
            .keys()
            .map(String::as_str)
            .filter(|id| !ours.contains(id))
            .collect();
        (!theirs.is_empty()).then(|| Drift::Newer(theirs.join(", ")))
    }

    /// Files that have to be applied.
    pub(super) fn unapplied(&self) -> impl Iterator<Item = Sql> {
        let schema = SCHEMA
            .iter()
            .filter(|sql| !self.applied.contains_key(sql.id()));
        let views = VIEWS
            .iter()
            .filter(|sql| self.applied.get(sql.id()) != Some(&digest_of(sql)));
        schema.chain(views).copied()
    }

    /// In what the tables and the presence of views differ.
    pub(super) fn drift(&self) -> Vec<Drift> {
        let mut all: Vec<Drift> = self.newer().into_iter().collect();
        if all.is_empty() {
            all.extend(self.unapplied().map(|sql| Drift::Unapplied(sql.id())));
        }
        // What is not made yet can not be gone.
        if SCHEMA.iter().all(|sql| self.applied.contains_key(sql.id())) {
            let tables = EVENT_TABLES
                .iter()
                .chain(REGISTER_TABLES)
                .chain(PLACELESS_TABLES);
            tables.for_each(|table| self.compare(table, &mut all));
        }
        for view in VIEWS
            .iter()
            .filter(|sql| self.applied.contains_key(sql.id()))
        {
            if !self.tables.contains_key(name_of(view)) {
                all.push(Drift::MissingView(name_of(view)));
            }
        }
        all
    }

    fn compare(&self, table: &'static Table, all: &mut Vec<Drift>) {
        let Some(found) = self.tables.get(table.name) else {
            all.push(Drift::MissingTable(table.name));
            return;
        };
        let place = PLACE.iter().filter(|_| table.has_place()).copied();
        let columns = table
            .columns
            .iter()
            .map(|column| (column.name, column.store_type));
        let declared: BTreeMap<&str, &str> = place.clone().chain(columns.clone()).collect();
        for (column, kind) in place.chain(columns) {
            match found.get(column) {
                Some(found) if found == kind => {}
                Some(found) => all.push(Drift::OtherType {
                    table: table.name,
                    column,
                    found: found.clone(),
                    declared: kind,
                }),
                None => all.push(Drift::MissingColumn {
                    table: table.name,
                    column,
                    declared: kind,
                }),
            }
        }
        let extra = found
            .keys()
            .filter(|name| !declared.contains_key(name.as_str()));
        all.extend(extra.map(|column| Drift::ExtraColumn {
            table: table.name,
            column: column.clone(),
        }));
    }
}

/// Views that are not as this program made them: the engine writes both texts in its own hand, and they are compared.
pub(super) fn changed_views(caller: &Caller, database: &str) -> Result<Vec<Drift>, StoreError> {
    let params = Params::new().text("database", database);
    let found: BTreeMap<String, String> = rows::<ViewRow>(caller, VIEWS_THERE, &params)?
        .into_iter()
        .map(|row| (row.name, row.text))
        .collect();
    let mut changed = Vec::new();
    for view in VIEWS {
        let statements = migrate::statements(view.text());
        let body = statements
            .first()
            .and_then(|text| text.split_once(" AS\n"))
            .map_or("", |(_, body)| body);
        let params = Params::new().text("sql", body);
        let text = caller.ask_anywhere(&call(WRITTEN_BACK, &params), "TabSeparatedRaw")?;
        let ours = plain(&String::from_utf8_lossy(&text), database);
        let theirs = found.get(name_of(view));
        if theirs.is_some_and(|theirs| plain(theirs, database) != ours) {
            changed.push(Drift::OtherView(name_of(view)));
        }
    }
    Ok(changed)
}

/// Without what the engine adds when it stores a view: the database's name before each table's.
fn plain(text: &str, database: &str) -> String {
    let text = text.replace('`', "").replace(&format!("{database}."), "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The view that a file makes is called as the file.
fn name_of(view: &Sql) -> &'static str {
    view.id().trim_start_matches("views/")
}

fn digest_of(sql: &Sql) -> String {
    let digest = digest::digest(&digest::SHA256, sql.text().as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn call<'a>(sql: Sql, params: &'a Params) -> Call<'a> {
    Call {
        what: sql.id(),
        sql: sql.text(),
        params,
    }
}

fn rows<T: for<'de> Deserialize<'de>>(
    caller: &Caller,
    sql: Sql,
    params: &Params,
) -> Result<Vec<T>, StoreError> {
    let answer = caller.ask_anywhere(&call(sql, params), "JSONEachRow")?;
    parsed(sql, &answer)
}

fn parsed<T: for<'de> Deserialize<'de>>(sql: Sql, answer: &[u8]) -> Result<Vec<T>, StoreError> {
    serde_json::Deserializer::from_slice(answer)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::Shape {
            what: sql.id().to_owned(),
            reason: shape(&error),
        })
}

/// The columns that say where a row comes from.
const PLACE: &[(&str, &str)] = &[
    ("source_id", "FixedString(16)"),
    ("frame", "UInt64"),
    ("ordinal", "UInt32"),
];
const COLUMNS: Sql = Sql::embedded(
    "store/columns",
    include_str!("../../queries/store/columns.sql"),
);
const VIEWS_THERE: Sql =
    Sql::embedded("store/views", include_str!("../../queries/store/views.sql"));
const KNOWN: Sql = Sql::embedded(
    "store/migrations_known",
    include_str!("../../queries/store/migrations_known.sql"),
);
const WRITTEN_BACK: Sql = Sql::embedded("store/written_back", super::allow::WRITE_BACK);
