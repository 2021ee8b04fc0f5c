//! A store that somebody has changed says what is different and what to do.

use super::*;

fn told(store: &Store) -> Vec<String> {
    store
        .drift()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn changed(scratch: &Scratch, statement: &'static str) {
    scratch
        .store
        .run(Sql::embedded("test/change", statement), &Params::new())
        .unwrap();
}

/// The store as the next command opens it.
fn opened(scratch: &Scratch) -> Store {
    let settings = match &scratch.server {
        Some(server) => StoreSettings::Server(server.settings()),
        None => settings(
            scratch.folder.path(),
            &crate::store::scratch::library().unwrap(),
        ),
    };
    Store::open(&settings).unwrap()
}

#[test]
fn a_store_as_it_was_made_differs_in_nothing() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    assert_eq!(told(&scratch.store), [] as [&str; 0]);
    let again = opened(&scratch);
    assert_eq!(again.notices(), &[] as &[String]);
    again.must_take_rows().unwrap();
}

#[test]
fn columns_that_are_gone_or_of_another_type_stop_every_row() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    changed(&scratch, "ALTER TABLE web_hits DROP COLUMN user_agent");
    changed(&scratch, "ALTER TABLE rejects MODIFY COLUMN length UInt64");
    changed(&scratch, "ALTER TABLE leases ADD COLUMN note String");
    let all = told(&scratch.store);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(
        all.iter()
            .any(|word| word.contains("web_hits lacks the column user_agent")
                && word.contains("ADD COLUMN `user_agent` String")),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|word| word.contains("is UInt64 and should be UInt32")),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|word| word.contains("leases has a column that is not ours, note")),
        "{all:?}"
    );
    let again = opened(&scratch);
    assert_eq!(again.notices().len(), 3);
    let error = again
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap_err();
    assert!(matches!(error, StoreError::Drifted(_)), "{error}");
    assert!(again.must_take_rows().is_err());
    // The remedy is the statement that the word names.
    changed(
        &scratch,
        "ALTER TABLE web_hits ADD COLUMN user_agent LowCardinality(String) AFTER duration_ms",
    );
    changed(
        &scratch,
        "ALTER TABLE web_hits MODIFY COLUMN user_agent String",
    );
    changed(&scratch, "ALTER TABLE rejects MODIFY COLUMN length UInt32");
    let left = told(&scratch.store);
    assert!(
        left.iter()
            .all(|word| word.contains("leases") || word.contains("user_agent")),
        "{left:?}"
    );
}

#[test]
fn tables_and_views_that_are_gone_or_changed_are_made_again_when_asked() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    changed(&scratch, "DROP TABLE leases SYNC");
    changed(&scratch, "DROP VIEW v_flows");
    changed(
        &scratch,
        "CREATE OR REPLACE VIEW v_links AS SELECT link, establishment FROM links WHERE link != 'x'",
    );
    let all = told(&scratch.store);
    assert_eq!(all.len(), 3, "{all:?}");
    let again = opened(&scratch);
    assert!(
        again
            .must_take_rows()
            .unwrap_err()
            .to_string()
            .contains("the table leases is gone")
    );
    assert!(!again.migrate().unwrap().is_empty());
    assert_eq!(told(&again), [] as [&str; 0]);
    again.must_take_rows().unwrap();
    again
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
}

#[test]
fn what_a_newer_program_made_is_not_written_to_and_not_made_older() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    changed(
        &scratch,
        "INSERT INTO schema_migrations SELECT 'schema/9999_of_tomorrow', 'x', now64(6, 'UTC')",
    );
    changed(
        &scratch,
        "INSERT INTO schema_migrations SELECT 'views/v_flows', 'another', now64(6, 'UTC')",
    );
    let again = opened(&scratch);
    assert!(
        again.notices()[0].contains("schema/9999_of_tomorrow"),
        "{:?}",
        again.notices()
    );
    for error in [
        again
            .insert(web_hits(), hits(&["a.example"]), None)
            .unwrap_err(),
        again.migrate().unwrap_err(),
        again.must_take_rows().unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("use that version to write"),
            "{error}"
        );
        assert!(!error.is_away());
    }
    const COUNT: Sql = Sql::embedded("test/count", "SELECT count() FROM v_flows");
    assert_eq!(again.bytes(COUNT, &Params::new(), "TSV").unwrap(), b"0\n");
}
