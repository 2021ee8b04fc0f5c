//! The schema: numbered files that are applied once each, and views that are made again when their file changes.
//!
//! Every statement is safe to run twice, and a file counts as applied only after its last statement:
//! an interruption between two leaves nothing to repair.

use ring::digest;
use serde::Deserialize;

use super::client::{Call, Caller};
use super::drift::Drift;
use super::error::StoreError;
use super::queries::{SCHEMA, VIEWS};
use super::sql::{Params, Sql};
use crate::record::Table;

/// A file that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its id.
    pub id: &'static str,
}

/// Applies what is not applied yet.
pub(super) fn migrate(
    caller: &Caller,
    database: &str,
    encrypted: bool,
) -> Result<Vec<Applied>, StoreError> {
    caller.tell_server(
        "making the database",
        &format!(
            "CREATE DATABASE IF NOT EXISTS `{}`",
            database.replace(['`', '\\'], "")
        ),
    )?;
    tell(
        caller,
        MIGRATIONS.id(),
        &rendered(MIGRATIONS.text(), encrypted),
    )?;
    let known = known(caller)?;
    let mut applied = Vec::new();
    for (sql, views) in SCHEMA
        .iter()
        .map(|sql| (sql, false))
        .chain(VIEWS.iter().map(|sql| (sql, true)))
    {
        let digest = hex(digest::digest(&digest::SHA256, sql.text().as_bytes()).as_ref());
        let is_done = known
            .iter()
            .any(|file| file.id == sql.id() && (!views || file.digest == digest));
        if is_done {
            continue;
        }
        for statement in statements(sql.text()) {
            tell(caller, sql.id(), &rendered(&statement, encrypted))?;
        }
        let params = Params::new().text("id", sql.id()).text("digest", &digest);
        let call = Call {
            what: NOTED.id(),
            sql: NOTED.text(),
            params: &params,
        };
        caller.ask(&call, "Null", &mut |_| Ok(()))?;
        applied.push(Applied { id: sql.id() });
    }
    Ok(applied)
}

/// Makes tables and views again that are gone or were changed; what they held is not brought back.
pub(super) fn again(
    caller: &Caller,
    drift: &[Drift],
    encrypted: bool,
) -> Result<Vec<Applied>, StoreError> {
    let tables_are_gone = drift
        .iter()
        .any(|drift| matches!(drift, Drift::MissingTable(_)));
    let views_are_wrong = drift
        .iter()
        .any(|drift| matches!(drift, Drift::MissingView(_) | Drift::OtherView(_)));
    let schema = SCHEMA.iter().filter(|_| tables_are_gone);
    let views = VIEWS.iter().filter(|_| views_are_wrong);
    let mut applied = Vec::new();
    for sql in schema.chain(views) {
        for statement in statements(sql.text()) {
            tell(caller, sql.id(), &rendered(&statement, encrypted))?;
        }
        applied.push(Applied { id: sql.id() });
    }
    Ok(applied)
}

/// How rows of a table are announced. Names come from the declaration of the records alone.
pub(super) fn insert_statement(table: &Table) -> String {
    let place: &[&str] = if table.has_place() {
        &["source_id", "frame", "ordinal"]
    } else {
        &[]
    };
    let names = place
        .iter()
        .copied()
        .chain(table.columns.iter().map(|column| column.name));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    format!(
        "INSERT INTO `{}` ({}) FORMAT RowBinary",
        table.name,
        names.join(", ")
    )
}

#[derive(Deserialize)]
struct File {
    id: String,
    digest: String,
}

fn known(caller: &Caller) -> Result<Vec<File>, StoreError> {
    let mut answer = Vec::new();
    let call = Call {
        what: KNOWN.id(),
        sql: KNOWN.text(),
        params: &Params::new(),
    };
    caller.ask(&call, "JSONEachRow", &mut |piece| {
        answer.extend_from_slice(piece);
        Ok(())
    })?;
    serde_json::Deserializer::from_slice(&answer)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::Shape {
            what: KNOWN.id().to_owned(),
            reason: error.to_string(),
        })
}

fn tell(caller: &Caller, what: &str, sql: &str) -> Result<(), StoreError> {
    caller.ask(
        &Call {
            what,
            sql,
            params: &Params::new(),
        },
        "Null",
        &mut |_| Ok(()),
    )
}

/// The statements of a file: a line that ends with a semicolon ends one.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
    {
        match line.trim_end().strip_suffix(';') {
            Some(last) => {
                current.push_str(last);
                all.push(std::mem::take(&mut current));
            }
            None => {
                current.push_str(line);
                current.push('\n');
            }
        }
    }
    all.push(current);
    all.retain(|statement| !statement.trim().is_empty());
    all
}

/// In a data folder each table lies on the encrypted disk; a server keeps its own rules.
fn rendered(statement: &str, encrypted: bool) -> String {
    let policy = if encrypted {
        ", storage_policy = 'enc'"
    } else {
        ""
    };
    statement.replace("/* storage */", policy)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) const MIGRATIONS: Sql = Sql::embedded(
    "schema/migrations",
    include_str!("../../queries/store/schema_migrations.sql"),
);
const KNOWN: Sql = Sql::embedded(
    "store/migrations_known",
    include_str!("../../queries/store/migrations_known.sql"),
);
const NOTED: Sql = Sql::embedded(
    "store/migration_noted",
    include_str!("../../queries/store/migration_noted.sql"),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_into_its_statements() {
        let text = "-- id: x\nCREATE TABLE a\n(b UInt8);\n\nCREATE TABLE c (d UInt8);\n";
        assert_eq!(
            statements(text),
            ["CREATE TABLE a\n(b UInt8)", "\nCREATE TABLE c (d UInt8)"]
        );
    }

    #[test]
    fn only_a_data_folder_has_the_encrypted_disk() {
        assert_eq!(
            rendered("SETTINGS a = 1 /* storage */", true),
            "SETTINGS a = 1 , storage_policy = 'enc'"
        );
        assert_eq!(
            rendered("SETTINGS a = 1 /* storage */", false),
            "SETTINGS a = 1 "
        );
    }
}
