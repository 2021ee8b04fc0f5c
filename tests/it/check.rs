//! `invigil store check`: what is wrong is named, what can be mended is, and the ledger says that it was.

use std::sync::{Mutex, MutexGuard, PoisonError};

use invigil::keys::{KeyRing, Purpose};
use invigil::record::{Place, RowBinary, SourceId, Timestamp, Tokens, WebHit, table};
use invigil::store::{Params, Sql, Store, StoreSettings};

use crate::home::Home;
use crate::kills::{exactly_once, write_log};
use crate::once::{ledger_of, originals_are_what_the_ledger_says};

struct NoTokens;
impl Tokens for NoTokens {
    fn token(&mut self, _: &invigil::record::AccountText) -> invigil::record::AccountToken {
        invigil::record::AccountToken([0; 16])
    }
}

/// A store in this process, which can have one at a time.
pub(crate) struct Here {
    store: Store,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl std::ops::Deref for Here {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// The store of a home, in this process: for what no command would do.
pub(crate) fn store_of(home: &Home) -> Here {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let engine = home.engine().unwrap();
    let settings = StoreSettings::embedded(
        &home.data(),
        engine,
        keys.key(Purpose::Store),
        Timestamp::from_seconds(0),
    );
    Here {
        store: Store::open(&settings).unwrap(),
        _turn: turn,
    }
}

/// What the check says: exit code, then the words of its faults.
pub(crate) fn faults(home: &Home, arguments: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let output = home.run(&[&["--json", "store", "check"], arguments].concat());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let words = |list: &str| {
        let list = said[list].as_array().unwrap().iter();
        list.map(|fault| {
            format!(
                "{} {}",
                fault["fault"].as_str().unwrap(),
                fault["table"].as_str().unwrap()
            )
        })
        .collect()
    };
    (output.status.code(), words("faults"), words("mended"))
}

pub(crate) const SPOIL: &[Sql] = &[
    Sql::embedded(
        "test/lost",
        "ALTER TABLE web_hits DELETE WHERE frame % 7 = 3 SETTINGS mutations_sync = 2",
    ),
    Sql::embedded(
        "test/all",
        "ALTER TABLE web_hits DELETE WHERE 1 SETTINGS mutations_sync = 2",
    ),
    Sql::embedded(
        "test/twice",
        "INSERT INTO web_hits SELECT * FROM web_hits WHERE frame BETWEEN 100 AND 200 SETTINGS insert_deduplicate = 0",
    ),
    Sql::embedded(
        "test/gone",
        "ALTER TABLE web_hits DELETE WHERE frame = 6 SETTINGS mutations_sync = 2",
    ),
    Sql::embedded(
        "test/moved",
        "INSERT INTO web_hits SELECT * FROM web_hits WHERE frame = 5 SETTINGS insert_deduplicate = 0",
    ),
    Sql::embedded(
        "test/rejects",
        "ALTER TABLE rejects DELETE WHERE 1 SETTINGS mutations_sync = 2",
    ),
    Sql::embedded(
        "test/source",
        "ALTER TABLE sources DELETE WHERE 1 SETTINGS mutations_sync = 2",
    ),
];

#[test]
fn what_does_not_agree_is_named_and_mended_from_the_originals() {
    let Some(home) = Home::with_engine("store check") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, 5_000);
    home.ingest(&log);
    let rows = exactly_once(&home, "web_hits", 5_000);
    assert_eq!(faults(&home, &[]), (Some(0), vec![], vec![]));
    for spoil in SPOIL {
        store_of(&home).run(*spoil, &Params::new()).unwrap();
        if spoil.id() == "test/gone" {
            // With the next, as many rows as there should be, and not the right ones.
            continue;
        }
        let (code, found, _) = faults(&home, &[]);
        assert_eq!(
            (code, found.len()),
            (Some(3), 1),
            "{} {found:?}",
            spoil.id()
        );
        let (code, left, mended) = faults(&home, &["--mend"]);
        assert_eq!((code, left), (Some(0), vec![]), "{}", spoil.id());
        assert_eq!(mended, found, "{}", spoil.id());
        let entries: Vec<_> = ledger_of(&home).entries().unwrap().collect();
        let noted = entries
            .iter()
            .rev()
            .find(|entry| entry.act.word() == "mended");
        assert!(noted.is_some(), "{}", spoil.id());
    }
    assert_eq!(exactly_once(&home, "web_hits", 5_000), rows);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn rows_and_originals_of_nobody_go_and_a_lost_original_is_told() {
    let Some(home) = Home::with_engine("store check of strangers") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, 2_000);
    home.ingest(&log);
    let mut tokens = NoTokens;
    let mut rows = RowBinary::new(&mut tokens);
    for (source, frame) in [
        (SourceId([1; 16]), 1),
        (ledger_of(&home).batches(None).unwrap()[0].1.source, 99_999),
    ] {
        let place = Place {
            source,
            frame,
            ordinal: 0,
        };
        rows.row(place, &WebHit::at(Timestamp::from_seconds(1_772_440_000)));
    }
    store_of(&home)
        .insert(table("web_hits").unwrap(), rows.into_bytes(), None)
        .unwrap();
    let folder = std::fs::read_dir(home.data().join("originals"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::copy(
        &file,
        folder.join("0000000000000005-0000000000000006.sealed"),
    )
    .unwrap();

    let (code, mut found, _) = faults(&home, &[]);
    found.sort();
    assert_eq!(code, Some(3));
    assert_eq!(
        found,
        [
            "originals_surplus ",
            "rows_surplus web_hits",
            "source_unknown web_hits"
        ]
    );
    let (code, left, _) = faults(&home, &["--mend"]);
    assert_eq!((code, left), (Some(0), vec![]));
    exactly_once(&home, "web_hits", 2_000);

    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let (code, left, _) = faults(&home, &["--mend"]);
    assert_eq!(
        (code, left),
        (Some(3), vec!["originals_changed ".to_owned()])
    );
    std::fs::remove_file(&file).unwrap();
    let (code, left, _) = faults(&home, &["--mend"]);
    assert_eq!(
        (code, left),
        (Some(3), vec!["originals_missing ".to_owned()])
    );
}
