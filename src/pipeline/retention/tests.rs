//! Deletions that a crash broke off are finished by the next run, once.

use super::*;
use crate::config::RetentionConfig;
use crate::ledger::{Deletion, Digest, HoldPlaced, LedgerKeys};
use crate::pipeline::deposit::{OpenSource, Prepared};
use crate::record::{Event, Place, SourceKind, WebHit};
use crate::store::names::Names;
use crate::store::scratch::Scratch;
use crate::store::{Params, query};

const SOURCE: SourceId = SourceId([5; 16]);
const KEY: [u8; 32] = [1; 32];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2020-10-01T12:00:00Z")
}

struct Scene {
    scratch: Scratch,
    ledger: Ledger,
    originals: Originals,
    periods: Periods,
}

impl Scene {
    /// A store with a request on each of the first four days of January and one in September.
    fn filled() -> Option<Scene> {
        let scratch = Scratch::open()?;
        let data = scratch.folder.path().to_owned();
        let keys = LedgerKeys {
            signing: KEY,
            records: KEY,
        };
        let place = Scene {
            ledger: Ledger::open(&data.join("ledger"), &keys, "test.example/ledger").unwrap(),
            originals: Originals::open(&data, &KEY).unwrap(),
            periods: Periods::of(&RetentionConfig::default()).unwrap(),
            scratch,
        };
        let source = OpenSource {
            id: SOURCE,
            kind: SourceKind::LogFile,
            format: "squid_native".to_owned(),
            past: None,
        };
        let mut names = Names::open(&data, &KEY, &KEY).unwrap();
        let mut batch = Prepared::of(&source);
        let days = ["01-01", "01-02", "01-03", "01-04", "09-01"];
        for (frame, day) in (1..).zip(days) {
            let hit = WebHit {
                host: "planted.example".into(),
                ..WebHit::at(at(&format!("2020-{day}T12:00:00Z")))
            };
            let place = Place {
                source: SOURCE,
                frame,
                ordinal: 0,
            };
            batch.add(place, &Event::WebHit(hit), &mut names);
        }
        for (table, rows) in batch.rows.into_values() {
            place.scratch.store.insert(table, rows, None).unwrap();
        }
        Some(place)
    }

    fn keeper(&self) -> Keeper<'_> {
        Keeper {
            data: self.scratch.folder.path(),
            store: &self.scratch.store,
            ledger: &self.ledger,
            originals: &self.originals,
            names_key: &KEY,
            periods: &self.periods,
            at: now(),
            now,
        }
    }

    fn rows(&self) -> u64 {
        let sql = query("store/tables").unwrap();
        let tables: Vec<serde_json::Value> = self.scratch.store.rows(sql, &Params::new()).unwrap();
        let hits = tables.iter().find(|row| row["table"] == "web_hits");
        hits.and_then(|row| row["rows"].as_u64()).unwrap_or(0)
    }

    fn announce(&self) -> u64 {
        let deletion = Deletion {
            table: "web_hits".to_owned(),
            fate: "deleted".to_owned(),
            rule: "records".to_owned(),
            until: at("2020-01-04T00:00:00Z"),
            rows: 3,
            digest: Digest([7; 32]),
            months: Vec::new(),
            kept: Vec::new(),
        };
        let act = Act::DeletionBegun(deletion);
        self.ledger.append(now(), &act, None).unwrap()
    }
}

#[test]
fn a_deletion_that_was_announced_is_finished_as_announced_and_what_is_due_since_is_announced() {
    let Some(place) = Scene::filled() else { return };
    let begun = place.announce();
    let outcome = place.keeper().run(&mut |_| {}).unwrap();
    assert_eq!(place.rows(), 1);
    let resumed: Vec<_> = outcome.gone.iter().filter(|gone| gone.resumed).collect();
    assert_eq!(resumed.len(), 1);
    assert_eq!(
        (resumed[0].rows, resumed[0].deletion.digest),
        (3, Digest([7; 32]))
    );
    let since: Vec<_> = outcome.gone.iter().filter(|gone| !gone.resumed).collect();
    assert_eq!((since.len(), since[0].rows), (1, 1));
    let done = place.ledger.entry(resumed[0].entry).unwrap();
    assert!(matches!(done.act, Act::Deleted(deleted) if deleted.begun == begun));
    assert_eq!(place.keeper().run(&mut |_| {}).unwrap(), Outcome::default());
}

#[test]
fn a_deletion_that_was_done_and_not_entered_is_entered() {
    let Some(place) = Scene::filled() else { return };
    place.keeper().run(&mut |_| {}).unwrap();
    assert_eq!(place.rows(), 1);
    place.announce();
    let outcome = place.keeper().run(&mut |_| {}).unwrap();
    assert_eq!((outcome.gone.len(), outcome.gone[0].rows), (1, 3));
    assert_eq!(place.rows(), 1);
    place.ledger.verify().unwrap();
}

#[test]
fn a_hold_that_came_after_the_announcement_keeps_its_rows() {
    let Some(place) = Scene::filled() else { return };
    place.announce();
    let hold = Act::HoldPlaced(HoldPlaced {
        on: "source".to_owned(),
        whom: Some(SOURCE.to_string()),
        from: at("2020-01-02T00:00:00Z"),
        to: at("2020-01-03T00:00:00Z"),
        until: at("2021-01-01T00:00:00Z"),
    });
    let number = place.ledger.append(now(), &hold, None).unwrap();
    let outcome = place.keeper().run(&mut |_| {}).unwrap();
    assert_eq!(place.rows(), 2);
    assert_eq!(outcome.gone[0].rows, 2, "one less than announced");
    assert!(outcome.kept.iter().all(|(_, kept)| kept.hold == number));
}

#[test]
fn lines_are_those_of_deleted_events_alone() {
    let Some(place) = Scene::filled() else { return };
    place.announce();
    let lines = Lines::of(place.ledger.entries().unwrap());
    let table = |name: &str| crate::record::table(name).unwrap();
    let early = Some(at("2020-01-03T23:59:59Z"));
    assert!(lines.is_past(table("web_hits"), early));
    assert!(!lines.is_past(table("web_hits"), Some(at("2020-01-04T00:00:00Z"))));
    assert!(!lines.is_past(table("flows"), early));
    assert!(!lines.is_past(table("web_hits"), None));
}
