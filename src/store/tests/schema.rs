//! The schema is what the records declare, and applying it twice does no harm.

use serde::Deserialize;

use super::*;
use crate::record::{EVENT_TABLES, PLACELESS_TABLES, REGISTER_TABLES};

#[test]
fn the_schema_has_the_columns_that_the_records_declare() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    has_the_columns_of_the_records(&scratch.store);
}

pub(super) fn has_the_columns_of_the_records(store: &Store) {
    const COLUMNS: Sql = Sql::embedded(
        "test/columns",
        "SELECT name, type FROM system.columns
         WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
    );
    #[derive(Deserialize)]
    struct Found {
        name: String,
        #[serde(rename = "type")]
        kind: String,
    }
    for table in EVENT_TABLES
        .iter()
        .chain(REGISTER_TABLES)
        .chain(PLACELESS_TABLES)
    {
        let params = Params::new().text("table", table.name);
        let found: Vec<Found> = store.rows(COLUMNS, &params).unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|column| (column.name, column.kind))
            .collect();
        let place = [
            ("source_id", "FixedString(16)"),
            ("frame", "UInt64"),
            ("ordinal", "UInt32"),
        ];
        let declared: Vec<_> = place
            .into_iter()
            .filter(|_| table.has_place())
            .chain(
                table
                    .columns
                    .iter()
                    .map(|column| (column.name, column.store_type)),
            )
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect();
        assert_eq!(found, declared, "{}", table.name);
    }
}

#[test]
fn every_table_is_encrypted_and_every_event_table_knows_repeated_batches() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const TABLES: Sql = Sql::embedded(
        "test/tables",
        "SELECT name, storage_policy AS policy, create_table_query LIKE '%non_replicated_deduplication_window = 10000%' AS deduplicated
         FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
    );
    #[derive(Deserialize)]
    struct Found {
        name: String,
        policy: String,
        deduplicated: u8,
    }
    let tables: Vec<Found> = scratch.store.rows(TABLES, &Params::new()).unwrap();
    assert_eq!(
        tables.len(),
        EVENT_TABLES.len() + REGISTER_TABLES.len() + PLACELESS_TABLES.len() + 1
    );
    for table in tables {
        // What a server does with its disks is its own matter; see `migrate` for what it is sent.
        if scratch.server.is_none() {
            assert_eq!(table.policy, "enc", "{}", table.name);
        }
        assert!(
            table.deduplicated == 1 || table.name == "sources",
            "{}",
            table.name
        );
    }
}

#[test]
fn the_schema_is_applied_once_and_again_after_an_interruption() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    assert_eq!(scratch.store.migrate().unwrap(), []);
    // As if the first file had been interrupted after its tables and before it was noted.
    const FORGET: Sql = Sql::embedded(
        "test/forget",
        "ALTER TABLE schema_migrations DELETE WHERE id = 'schema/0001_events' SETTINGS mutations_sync = 2",
    );
    const DROP: Sql = Sql::embedded("test/drop", "DROP TABLE leases SYNC");
    scratch
        .store
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
    scratch.store.run(FORGET, &Params::new()).unwrap();
    scratch.store.run(DROP, &Params::new()).unwrap();
    assert_eq!(
        scratch.store.migrate().unwrap(),
        [Applied {
            id: "schema/0001_events"
        }]
    );
    assert_eq!(scratch.store.migrate().unwrap(), []);
    const LEFT: Sql = Sql::embedded(
        "test/left",
        "SELECT host FROM web_hits UNION ALL SELECT mac FROM leases",
    );
    assert_eq!(
        scratch.store.bytes(LEFT, &Params::new(), "CSV").unwrap(),
        b"\"a.example\"\n"
    );
}
