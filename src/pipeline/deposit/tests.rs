//! Batches whose way was broken off anywhere, and a store that is away.

use super::super::way::{of_item, to_item};
use super::*;
use crate::ledger::LedgerKeys;
use crate::record::{AccountText, WebHit};
use crate::store::places::placed_rows;
use crate::store::scratch::{Scratch, settings, turn};
use crate::store::spool::SpoolError;
use crate::store::{Params, Server, Store, StoreSettings, query};

const SOURCE: SourceId = SourceId([5; 16]);

fn now() -> Timestamp {
    Timestamp::from_seconds(1_772_446_500)
}

/// All that a deposit needs, in one folder.
struct Bench {
    ledger: Ledger,
    originals: Originals,
    spool: Spool,
    memory: Memory,
    names: Names,
}

impl Bench {
    fn new(data: &std::path::Path, spool_bytes: u64) -> Bench {
        let keys = LedgerKeys {
            signing: [1; 32],
            records: [2; 32],
        };
        Bench {
            ledger: Ledger::open(&data.join("ledger"), &keys, "test.example").unwrap(),
            originals: Originals::open(data, &[3; 32]).unwrap(),
            spool: Spool::open(data, &[4; 32], spool_bytes),
            memory: Memory::default(),
            names: Names::open(data, &[5; 32], &[6; 32]).unwrap(),
        }
    }

    fn deposit<'a>(&'a self, store: &'a Door) -> Deposit<'a> {
        Deposit {
            store,
            ledger: &self.ledger,
            originals: &self.originals,
            spool: &self.spool,
            memory: &self.memory,
            now,
        }
    }

    fn prepared(&mut self, kind: SourceKind, first: u64, last: u64) -> Prepared {
        let mut batch = Prepared::of(&source(kind));
        for frame in first..=last {
            let hit = WebHit {
                host: "planted.example".into(),
                account_token: AccountText::new("planted"),
                ..WebHit::at(now())
            };
            let place = Place {
                source: SOURCE,
                frame,
                ordinal: 0,
            };
            batch.add(place, &Event::WebHit(hit), &mut self.names);
        }
        batch.entry.first_frame = first;
        batch.entry.last_frame = last;
        batch.entry.frames = last - first + 1;
        batch.count(Counts {
            read: last - first + 1,
            stored: last - first + 1,
            ..Counts::default()
        });
        batch
    }
}

fn source(kind: SourceKind) -> OpenSource {
    OpenSource {
        id: SOURCE,
        kind,
        format: "squid_native".to_owned(),
        past: None,
        may_wait: false,
    }
}

mod moods;

/// A store that nobody answers for.
fn away() -> Door {
    Door::open(StoreSettings::Server(Server::at(
        "http://127.0.0.1:1",
        None,
        None,
        None,
    )))
    .unwrap()
}

fn rows(store: &Store) -> u64 {
    let tables: Vec<serde_json::Value> = store
        .rows(query("store/tables").unwrap(), &Params::new())
        .unwrap();
    let of_hits = tables.iter().find(|row| row["table"] == "web_hits");
    of_hits.and_then(|row| row["rows"].as_u64()).unwrap_or(0)
}

fn words(ledger: &Ledger) -> Vec<&'static str> {
    ledger
        .entries()
        .unwrap()
        .map(|entry| entry.act.word())
        .collect()
}

/// Where a crash can come: before the rows, after all or some of them, between the ledger and the taking away; and
/// the rows may be there under a token that the store has forgotten.
#[test]
fn a_batch_that_a_crash_broke_off_is_finished_once_wherever_that_was() {
    for crash in [
        "before the rows",
        "after the rows",
        "after the rows, long ago",
        "after some rows, long ago",
        "after the ledger",
    ] {
        let Some((_turn, library)) = turn() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let door = Door::open(settings(folder.path(), &library)).unwrap();
        let store = door.store().unwrap();
        let mut bench = Bench::new(folder.path(), 1 << 20);
        let batch = bench.prepared(SourceKind::LogFile, 1, 3);
        let (table, hits) = batch.rows["web_hits"].clone();
        let deposit = bench.deposit(&door);
        let since = bench.ledger.head().size;
        let item = to_item(&Thing::Batch { batch, since }).unwrap();
        let mut queue = bench.spool.queue(SOURCE).unwrap();
        queue.put(&item).unwrap();
        drop(queue);
        let second = placed_rows(table, &hits).unwrap()[1].bytes.clone();
        match crash {
            "after the rows" => {
                let token = format!("{SOURCE}:1:3:web_hits");
                store.insert(table, hits, Some(&token)).unwrap();
            }
            "after the rows, long ago" => store.insert(table, hits, Some("forgotten")).unwrap(),
            "after some rows, long ago" => {
                store
                    .insert(table, hits[second].to_vec(), Some("some"))
                    .unwrap();
            }
            "after the ledger" => {
                deposit.enter(of_item(&item).unwrap(), None).unwrap();
            }
            _ => {}
        }
        for _ in 0..2 {
            assert_eq!(deposit.finish().unwrap().batches, 0);
        }
        assert_eq!(rows(&store), 3, "{crash}");
        let entered = bench.ledger.batches(Some(SOURCE)).unwrap();
        assert_eq!(entered.len(), 1, "{crash}");
        assert_eq!(entered[0].1.last_frame, 3, "{crash}");
        assert_eq!(bench.spool.bytes().unwrap(), 0, "{crash}");
    }
}

#[test]
fn what_a_store_that_is_away_does_not_take_waits_in_order_and_is_stored_when_it_is_back() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path(), 1 << 20);
    let batches = [(1, 3), (4, 9), (10, 10)]
        .map(|(first, last)| bench.prepared(SourceKind::LogFile, first, last));
    let of_it = source(SourceKind::LogFile);
    let door = away();
    let deposit = bench.deposit(&door);
    let mut lane = deposit.lane(&of_it).unwrap();
    for batch in batches {
        lane.batch(batch).unwrap();
    }
    lane.close(&of_it, 100, [9; 32], 0).unwrap();
    let left = lane.end().unwrap();
    assert_eq!((left.batches, left.frames), (3, 10));
    assert!(left.reason.contains("does not answer"), "{}", left.reason);
    assert_eq!(
        words(&bench.ledger),
        ["batch_spooled"; 3],
        "nothing is said to be stored"
    );
    let history = deposit.history().unwrap();
    assert!(
        history.source(SOURCE).unwrap().is_at_an_end(),
        "and it is not read again"
    );

    let door = Door::of(scratch.store.clone());
    let deposit = bench.deposit(&door);
    assert_eq!(deposit.finish().unwrap().batches, 0);
    let entered: Vec<u64> = bench
        .ledger
        .batches(None)
        .unwrap()
        .iter()
        .map(|(_, batch)| batch.last_frame)
        .collect();
    assert_eq!(entered, [3, 9, 10]);
    assert_eq!(words(&bench.ledger).last(), Some(&"source_closed"));
    assert_eq!(rows(&scratch.store), 10);
    assert_eq!(bench.spool.bytes().unwrap(), 0);
}

#[test]
fn what_ends_after_the_same_packet_at_different_times_is_stored_all() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path(), 1 << 20);
    // Flows that end on a quiet link: batches without a packet of their own, one behind the other.
    let batches = [(1, 2), (3, 3)].map(|(first, last)| {
        let mut batch = bench.prepared(SourceKind::CaptureDevice, first, last);
        batch.entry.frames = 0;
        (batch.entry.first_frame, batch.entry.last_frame) = (11, 10);
        batch
    });
    let door = Door::of(scratch.store.clone());
    let deposit = bench.deposit(&door);
    let [first, second] = batches;
    for batch in [first.clone(), second, first] {
        deposit.rows(batch, false).unwrap();
    }
    assert_eq!(rows(&scratch.store), 3, "the first came twice");
}

#[test]
fn at_the_bound_a_file_stops_and_a_stream_says_what_it_lost() {
    for kind in [SourceKind::LogFile, SourceKind::Stream] {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Bench::new(folder.path(), 2_000);
        let batches: Vec<Prepared> = (0..8)
            .map(|n| bench.prepared(kind, n * 5 + 1, n * 5 + 5))
            .collect();
        let of_it = source(kind);
        let door = away();
        let deposit = bench.deposit(&door);
        let mut lane = deposit.lane(&of_it).unwrap();
        let refused = batches
            .into_iter()
            .find_map(|batch| lane.batch(batch).err());
        let left = lane.end().unwrap();
        if kind == SourceKind::LogFile {
            let error = refused.unwrap();
            assert!(
                matches!(error, PipelineError::Spool(SpoolError::Full { .. })),
                "{error}"
            );
            assert_eq!(left.dropped.batches, 0);
            continue;
        }
        assert!(refused.is_none());
        assert!(left.batches > 0 && left.dropped.batches > 0, "{left:?}");
        assert_eq!(
            left.frames + left.dropped.counts.read,
            40,
            "each line waits or is said to be lost"
        );
        let lost: u64 = bench
            .ledger
            .entries()
            .unwrap()
            .filter_map(|entry| match entry.act {
                Act::BatchDropped(dropped) => Some(dropped.read),
                _ => None,
            })
            .sum();
        assert_eq!(lost, left.dropped.counts.read);
    }
}
