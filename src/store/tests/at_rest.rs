//! What lies on the disk: nothing that was stored, asked for or used as a key.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const WORD: &str = "plantedword";

/// Which files under a folder hold the word (or another text), however deep.
fn files_with(folder: &Path, needles: &[&[u8]], found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            files_with(&path, needles, found);
        } else if path.is_file() {
            // A file may go while we look.
            let bytes = std::fs::read(&path).unwrap_or_default();
            if needles
                .iter()
                .any(|needle| memchr::memmem::find(&bytes, needle).is_some())
            {
                found.push(path.display().to_string());
            }
        }
    }
}

/// Whether a word stands in any file under a folder.
pub(super) fn holds(folder: &Path, word: &str) -> bool {
    let mut found = Vec::new();
    files_with(folder, &[word.as_bytes()], &mut found);
    !found.is_empty()
}

fn search(folder: &Path) -> Vec<String> {
    let (key, key_text) = ([7u8; 32], "07".repeat(32));
    let mut found = Vec::new();
    files_with(
        folder,
        &[WORD.as_bytes(), &key, key_text.as_bytes()],
        &mut found,
    );
    found
}

fn planted() -> Vec<u8> {
    let paths: Vec<String> = (0..200_000).map(|row| format!("/{WORD}/{row}")).collect();
    let hits: Vec<WebHit<'_>> = paths
        .iter()
        .map(|path| WebHit {
            path: path.into(),
            host: WORD.into(),
            ..WebHit::at(NOW)
        })
        .collect();
    encoded((1..).map(place).zip(&hits))
}

#[test]
fn a_word_in_a_row_is_in_no_file_during_and_after() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = search(scratch.folder.path());
            while !over.load(Ordering::SeqCst) {
                seen.extend(search(scratch.folder.path()));
            }
            seen
        });
        let told = Told(&over);
        store
            .insert(web_hits(), planted(), Some("planted"))
            .unwrap();
        ask_what_would_spill(store);
        drop(told);
        watch.join().unwrap()
    });
    assert_eq!(seen, Vec::<String>::new());
    let Scratch { store, folder, .. } = scratch;
    drop(store);
    assert_eq!(search(folder.path()), Vec::<String>::new());
}

/// Tells that it is over when it goes, also where a question did not end as it must: the scope would wait for the watch for ever.
struct Told<'a>(&'a AtomicBool);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Queries that would go to disk if they could, whatever the number of threads, each with its own wish to do so, and one that fails.
fn ask_what_would_spill(store: &Store) {
    const TABLE: Sql = Sql::embedded(
        "test/table",
        "CREATE TABLE spilled (path String, n UInt64) ENGINE = MergeTree ORDER BY path SETTINGS storage_policy = 'enc'",
    );
    // Only what writes may change settings at all, so these write.
    const GROUP: Sql = Sql::embedded(
        "test/group",
        "INSERT INTO spilled SELECT path, count() FROM web_hits, numbers(5) GROUP BY path
         SETTINGS max_bytes_before_external_group_by = 1, max_bytes_ratio_before_external_group_by = 0,
             group_by_two_level_threshold = 1, group_by_two_level_threshold_bytes = 1",
    );
    const ORDER: Sql = Sql::embedded(
        "test/order",
        "INSERT INTO spilled SELECT path, 1 FROM web_hits, numbers(5) ORDER BY cityHash64(path)
         SETTINGS max_bytes_before_external_sort = 1, max_bytes_ratio_before_external_sort = 0, min_external_sort_block_bytes = 1,
             max_block_size = 4096",
    );
    const JOIN: Sql = Sql::embedded(
        "test/join",
        "INSERT INTO spilled SELECT a.path, 1 FROM web_hits AS a JOIN web_hits AS b ON a.path = b.path
         SETTINGS join_algorithm = 'grace_hash', grace_hash_join_initial_buckets = 8",
    );
    const PLAIN: Sql = Sql::embedded(
        "test/plain",
        "SELECT path, count() FROM web_hits GROUP BY path ORDER BY path",
    );
    const FAILS: Sql = Sql::embedded(
        "test/fails",
        "SELECT throwIf(host = {word:String}) FROM web_hits",
    );
    let none = Params::new();
    store.run(TABLE, &none).unwrap();
    for sql in [GROUP, ORDER, JOIN] {
        let refused = store.run(sql, &none).expect_err(sql.text());
        assert_ne!(refused.code(), Some(164), "{refused}");
    }
    assert!(!store.bytes(PLAIN, &none, "CSV").unwrap().is_empty());
    let error = store
        .bytes(FAILS, &Params::new().text("word", WORD), "CSV")
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(WORD));
}

#[test]
fn another_key_reads_nothing() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let StoreSettings::Embedded(mut embedded) = settings(folder.path(), &library) else {
        return;
    };
    let store = Store::open(&StoreSettings::Embedded(embedded.clone())).unwrap();
    store
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
    drop(store);
    embedded.key = zeroize::Zeroizing::new([8; 32]);
    let opened = Store::open(&StoreSettings::Embedded(embedded));
    const ALL: Sql = Sql::embedded("test/all", "SELECT host FROM web_hits");
    let read = opened.and_then(|store| store.bytes(ALL, &Params::new(), "CSV"));
    assert!(!matches!(&read, Ok(bytes) if !bytes.is_empty()), "{read:?}");
    assert!(read.is_err());
}
