//! What the ledger must withstand: torn ends, changed bytes, several writers, erased records.

use super::*;
use serde_json::json;

fn keys() -> LedgerKeys {
    LedgerKeys {
        signing: [5; 32],
        records: [6; 32],
    }
}

fn open(folder: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(folder, &keys(), "ledger.example/test")
}

fn act(n: u64) -> Act {
    Act::Migrated(Migrated {
        applied: vec![format!("{n:04}")],
        tool_version: "0".to_owned(),
    })
}

fn at(n: u64) -> Timestamp {
    Timestamp::from_seconds(1_772_000_000 + i64::try_from(n).unwrap())
}

fn filled(folder: &Path, entries: u64) -> Ledger {
    let ledger = open(folder).unwrap();
    for n in 0..entries {
        assert_eq!(ledger.append(at(n), &act(n), None).unwrap(), n);
    }
    ledger
}

#[test]
fn what_was_entered_comes_back_and_is_proved() {
    let home = tempfile::tempdir().unwrap();
    let ledger = filled(home.path(), 9);
    let old = ledger.head();
    ledger.append(at(9), &act(9), None).unwrap();
    let again = open(home.path()).unwrap();
    let head = again.head();
    assert_eq!(head, ledger.head());
    assert_eq!(again.entries().unwrap().count(), 10);
    let checked = ledger.verify_key().open(&head.note).unwrap();
    assert_eq!((checked.size, checked.root), (10, head.root));
    for entry in again.entries().unwrap() {
        let leaf = Entry::leaf(entry.line().unwrap().as_bytes());
        let path = again.inclusion(entry.index, 10).unwrap();
        assert!(verify_inclusion(&leaf, entry.index, 10, &path, &head.root));
    }
    let proof = again.consistency(old.size, head.size).unwrap();
    assert!(verify_consistency(9, 10, &old.root, &head.root, &proof));
    assert_eq!(again.verify().unwrap().entries, 10);
    assert!(again.inclusion(10, 10).is_err());
    assert!(again.inclusion(0, 11).is_err());
}

#[test]
fn an_entry_cut_off_in_writing_is_taken_away_and_said() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path(), 3);
    let path = home.path().join("entries.jsonl");
    let whole = fs::read(&path).unwrap();
    let next = Entry {
        index: 3,
        time: at(3),
        act: act(3),
        private: None,
    };
    let line = format!("{}\n", next.line().unwrap());
    for cut in 1..line.len() {
        fs::write(&path, [whole.as_slice(), &line.as_bytes()[..cut]].concat()).unwrap();
        let ledger = open(home.path()).unwrap();
        assert_eq!(ledger.repaired(), cut as u64);
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(ledger.verify().unwrap().entries, 3);
    }
    // An entry that is whole was acknowledged perhaps, and stays, though its head was not yet written.
    fs::write(&path, [whole.as_slice(), line.as_bytes()].concat()).unwrap();
    assert_eq!(open(home.path()).unwrap().verify().unwrap().entries, 4);
}

#[test]
fn every_changed_byte_and_every_missing_entry_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let ledger = filled(home.path(), 3);
    let path = home.path().join("entries.jsonl");
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(open(home.path()).is_err(), "byte {place}");
        assert!(ledger.verify().is_err(), "byte {place}");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    fs::write(&path, lines[..2].concat()).unwrap();
    assert!(matches!(
        open(home.path()).unwrap_err(),
        LedgerError::NotAsSigned { size: 2, signed: 3 }
    ));
    assert!(ledger.append(at(3), &act(3), None).is_err());
}

#[test]
fn a_head_that_was_taken_away_or_put_back_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path(), 2);
    let (head, entries) = (home.path().join("head"), home.path().join("entries.jsonl"));
    let old = fs::read(&head).unwrap();
    filled_on(home.path(), 2, 5);
    let (whole, newest) = (fs::read(&entries).unwrap(), fs::read(&head).unwrap());
    // Without its head a ledger could be cut short and would be signed again.
    fs::remove_file(&head).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for kept in [2, 5] {
        fs::write(&entries, lines[..kept].concat()).unwrap();
        assert!(open(home.path()).is_err(), "{kept} entries");
        assert!(!head.exists());
    }
    // An older head: three entries beyond it have no signature of their own.
    fs::write(&head, &old).unwrap();
    assert!(matches!(
        open(home.path()),
        Err(LedgerError::NotAsSigned { size: 5, signed: 2 })
    ));
    fs::write(&head, newest).unwrap();
    assert_eq!(open(home.path()).unwrap().verify().unwrap().entries, 5);
}

fn filled_on(folder: &Path, from: u64, to: u64) {
    let ledger = open(folder).unwrap();
    for n in from..to {
        assert_eq!(ledger.append(at(n), &act(n), None).unwrap(), n);
    }
}

#[test]
fn a_record_that_is_gone_while_its_key_is_there_is_damage() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).unwrap();
    ledger.append(at(0), &act(0), Some(&json!("x"))).unwrap();
    for file in fs::read_dir(home.path().join("private")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "record") {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(matches!(
        ledger.verify(),
        Err(LedgerError::PrivateRecord(_))
    ));
}

#[test]
fn two_writers_see_each_other_and_neither_loses_an_entry() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (open(home.path()).unwrap(), open(home.path()).unwrap());
    for n in 0..6 {
        let writer = if n % 2 == 0 { &one } else { &two };
        assert_eq!(writer.append(at(n), &act(n), None).unwrap(), n);
    }
    assert_eq!(open(home.path()).unwrap().verify().unwrap().entries, 6);
    assert_eq!(one.verify().unwrap().entries, 6);
    two.append(at(6), &act(6), None).unwrap();
    two.append(at(7), &act(7), None).unwrap();
    assert_eq!(one.verify().unwrap().entries, 8);
    // What was checked is what can be proved.
    assert_eq!(one.head(), two.head());
    assert!(one.inclusion(7, one.head().size).is_ok());
}

#[test]
fn a_private_record_is_not_in_clear_and_can_be_erased() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).unwrap();
    let told = json!({"why": "asked by pupil-word-zebra", "rows": 3});
    ledger.append(at(0), &act(0), Some(&told)).unwrap();
    let entry = ledger.entry(0).unwrap();
    assert_eq!(
        ledger.private(&entry).unwrap(),
        Some(PrivateRecord::Kept(told))
    );
    assert_eq!(ledger.verify().unwrap().private, 1);
    for file in fs::read_dir(home.path().join("private")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"zebra"));
    }
    assert!(ledger.erase_private(0).unwrap());
    assert!(!ledger.erase_private(0).unwrap());
    assert_eq!(ledger.private(&entry).unwrap(), Some(PrivateRecord::Erased));
    let verified = ledger.verify().unwrap();
    assert_eq!((verified.private, verified.erased), (0, 1));
}

#[test]
fn a_damaged_private_record_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).unwrap();
    ledger.append(at(0), &act(0), Some(&json!("x"))).unwrap();
    for file in fs::read_dir(home.path().join("private")).unwrap() {
        let path = file.unwrap().path();
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[3] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(matches!(
            ledger.verify(),
            Err(LedgerError::PrivateRecord(_))
        ));
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn another_key_does_not_open_the_ledger() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path(), 1);
    let other = LedgerKeys {
        signing: [8; 32],
        records: [6; 32],
    };
    assert!(matches!(
        Ledger::open(home.path(), &other, "ledger.example/test"),
        Err(LedgerError::BadHead)
    ));
}

#[test]
fn a_batch_is_found_by_its_source() {
    let home = tempfile::tempdir().unwrap();
    let ledger = filled(home.path(), 1);
    let batch = BatchIngested {
        last_frame: 4,
        frames: 4,
        first_time: Some(at(1)),
        ..BatchIngested::of(SourceId([1; 16]))
    };
    let index = ledger
        .append(at(1), &Act::BatchIngested(batch.clone()), None)
        .unwrap();
    assert_eq!(
        ledger.batches(Some(SourceId([1; 16]))).unwrap(),
        [(index, batch)]
    );
    assert_eq!(ledger.batches(Some(SourceId([2; 16]))).unwrap(), []);
}

#[test]
fn a_clock_that_was_put_back_is_an_entry_and_one_that_is_a_little_late_is_not() {
    let home = tempfile::tempdir().unwrap();
    let ledger = filled(home.path(), 0);
    ledger.append(at(1000), &act(0), None).unwrap();
    ledger.append(at(990), &act(1), None).unwrap();
    // Another process finds out as well.
    let ledger = open(home.path()).unwrap();
    ledger.append(at(500), &act(2), None).unwrap();
    ledger.append(at(501), &act(3), None).unwrap();
    ledger.append(at(2000), &act(4), None).unwrap();
    assert_eq!(ledger.latest(), at(2000));
    let entries: Vec<_> = ledger.entries().unwrap().collect();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.time, entry.act.word()))
        .collect();
    let migrated = "migrated";
    assert_eq!(
        told,
        [
            (at(1000), migrated),
            (at(1000), migrated),
            (at(500), "clock_put_back"),
            (at(500), migrated),
            (at(501), migrated),
            (at(2000), migrated),
        ]
    );
    assert_eq!(
        entries[2].act,
        Act::ClockPutBack(ClockPutBack {
            latest: at(1000),
            now: at(500)
        })
    );
    ledger.verify().unwrap();
}
