//! Stores of earlier schemas are brought up to date, and a schema file that went out is never edited.
//!
//! `fixtures/store/SCHEMA.tsv` has each schema file's digest and the release that it went out with. `fixtures/store/N` is
//! a saved state: the schema files as they were, and a row of each kind. At a release: write its number into the lines
//! of the files that are new in it; if any is, keep the next saved state and name it in `STATES`.

use std::collections::BTreeMap;

use ring::digest;

use super::*;
use crate::record::{EVENT_TABLES, PLACELESS_TABLES, REGISTER_TABLES};
use crate::store::client::Call;
use crate::store::migrate::statements;
use crate::store::queries::SCHEMA;

/// A saved state: its schema files with their ids, and its rows.
struct State {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    rows: &'static str,
}

const STATES: &[State] = &[State {
    name: "1",
    files: &[
        (
            "schema/0001_events",
            include_str!("../../../fixtures/store/1/0001_events.sql"),
        ),
        (
            "schema/0002_registers",
            include_str!("../../../fixtures/store/1/0002_registers.sql"),
        ),
        (
            "schema/0003_findings",
            include_str!("../../../fixtures/store/1/0003_findings.sql"),
        ),
    ],
    rows: include_str!("../../../fixtures/store/1/rows.sql"),
}];

const DIGESTS: &str = include_str!("../../../fixtures/store/SCHEMA.tsv");

fn digest_of(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_schema_file_that_went_out_is_never_edited() {
    let known: BTreeMap<&str, (&str, &str)> = DIGESTS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('\t');
            let mut field = || fields.next().expect("three fields");
            (field(), (field(), field()))
        })
        .collect();
    let ids: Vec<&str> = SCHEMA.iter().map(|sql| sql.id()).collect();
    assert_eq!(known.keys().copied().collect::<Vec<_>>(), ids);
    for sql in SCHEMA {
        let (digest, release) = known[sql.id()];
        let now = digest_of(sql.text());
        assert!(
            digest == now || release == "-",
            "{} went out with {release}: take the change back and write a new file",
            sql.id()
        );
        assert_eq!(
            digest,
            now,
            "{} has not gone out yet: write this digest into fixtures/store/SCHEMA.tsv, and copy the file into the last saved state",
            sql.id()
        );
    }
    let last = STATES.last().expect("a saved state");
    for (id, text) in last.files {
        assert_eq!(
            digest_of(text),
            known[id].0,
            "the saved state {} has another {id}",
            last.name
        );
    }
}

#[test]
fn a_store_of_an_earlier_schema_keeps_its_rows_and_gets_what_is_new() {
    for state in STATES {
        let Some(scratch) = Scratch::open() else {
            return;
        };
        let store = &scratch.store;
        go_back_to(store, state);
        let rows_before = rows_of(store);
        assert!(
            rows_before.iter().filter(|(_, rows)| *rows > 0).count() > 8,
            "{rows_before:?}"
        );

        let applied: Vec<&str> = store
            .migrate()
            .unwrap()
            .into_iter()
            .map(|file| file.id)
            .collect();
        let known = |id: &str| state.files.iter().any(|(file, _)| *file == id);
        for sql in SCHEMA {
            assert_eq!(
                applied.contains(&sql.id()),
                !known(sql.id()),
                "{}",
                sql.id()
            );
        }
        assert!(applied.contains(&"views/v_web_hits"));
        super::schema::has_the_columns_of_the_records(store);
        for (table, rows) in rows_before {
            assert!(rows_of(store).contains(&(table.clone(), rows)), "{table}");
        }
        const SEEN: Sql = Sql::embedded(
            "test/seen",
            "SELECT concat(client_ip, ' ', host, ' ', path, ' ', establishment) FROM v_web_hits
             UNION ALL SELECT concat(src_ip, ' ', server_name, ' ', toString(dst_bytes), ' ', establishment) FROM v_flows",
        );
        let seen = store.bytes(SEEN, &Params::new(), "TSV").unwrap();
        let mut seen: Vec<&str> = std::str::from_utf8(&seen).unwrap().lines().collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                "10.1.0.5 maths.example /a oakfield",
                "10.1.0.5 maths.example 1234 oakfield"
            ],
            "{}",
            state.name
        );
        assert_eq!(store.migrate().unwrap(), []);
    }
}

/// Makes of a new store one that an earlier release left behind.
fn go_back_to(store: &Store, state: &State) {
    const GONE: Sql = Sql::embedded(
        "test/gone",
        "SELECT concat(if(engine = 'View', 'VIEW ', 'TABLE '), name) FROM system.tables WHERE database = currentDatabase() AND name != 'schema_migrations'",
    );
    let all = store.bytes(GONE, &Params::new(), "TSV").unwrap();
    for one in std::str::from_utf8(&all).unwrap().lines() {
        tell(store, &format!("DROP {one} SYNC"));
    }
    tell(store, "TRUNCATE TABLE schema_migrations");
    for (id, text) in state.files {
        for statement in statements(text) {
            tell(
                store,
                &statement.replace("/* storage */", ", storage_policy = 'enc'"),
            );
        }
        let digest = digest_of(text);
        tell(
            store,
            &format!(
                "INSERT INTO schema_migrations (id, digest, applied) SELECT '{id}', '{digest}', now64(6, 'UTC')"
            ),
        );
    }
    statements(state.rows)
        .iter()
        .for_each(|statement| tell(store, statement));
}

fn tell(store: &Store, sql: &str) {
    let params = Params::new();
    let call = Call {
        what: "a saved state",
        sql,
        params: &params,
    };
    let caller = store.caller().unwrap();
    caller.ask(&call, "Null", &mut |_| Ok(())).unwrap();
}

fn rows_of(store: &Store) -> Vec<(String, u64)> {
    EVENT_TABLES
        .iter()
        .chain(REGISTER_TABLES)
        .chain(PLACELESS_TABLES)
        .map(|table| {
            const COUNT: Sql =
                Sql::embedded("test/count", "SELECT count() FROM {table:Identifier}");
            let params = Params::new().text("table", table.name);
            let count = store.bytes(COUNT, &params, "TSV").unwrap();
            let count = std::str::from_utf8(&count).unwrap().trim().parse().unwrap();
            (table.name.to_owned(), count)
        })
        .collect()
}
