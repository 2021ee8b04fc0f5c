//! Deletions that a crash broke off are finished by the next run, once.

use super::*;
use crate::config::RetentionConfig;
use crate::ledger::{Deletion, Digest, HoldPlaced, LedgerKeys};
use crate::pipeline::deposit::{OpenSource, Prepared};
use crate::record::{
    AccountLine, AccountText, Basis, DeviceLine, Event, Lease, LeaseEvent, Mac, Place, SignIn,
    SignInEvent, SourceKind, Tokens, WebHit,
};
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
            may_wait: false,
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
            of: Vec::new(),
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

/// Rows of each table, those before 2020 due by any rule.
fn of_every_table(place: &Scene) {
    let day = |text: &str| at(&format!("{text}T12:00:00Z"));
    let mut names = Names::open(place.scratch.folder.path(), &KEY, &KEY).unwrap();
    let account = |name: &str| AccountText::new(name);
    let (gone, stays) = (day("2019-01-05"), day("2020-09-05"));
    let mut batch = Prepared::of(&OpenSource {
        id: SourceId([6; 16]),
        kind: SourceKind::LogFile,
        format: "mixed".to_owned(),
        past: None,
        may_wait: false,
    });
    let mut number = 0;
    let mut next = || {
        number += 1;
        Place {
            source: SourceId([6; 16]),
            frame: number,
            ordinal: 0,
        }
    };
    for time in [gone, stays] {
        let ip: std::net::IpAddr = "10.21.0.9".parse().unwrap();
        let lease = Lease {
            time,
            event: LeaseEvent::Assign,
            ip,
            mac: None,
            hostname: "planted".into(),
            expires: None,
        };
        batch.add(next(), &Event::Lease(lease), &mut names);
        let sign_in = SignIn {
            time,
            event: SignInEvent::Start,
            account_token: account("pupil"),
            ip: Some(ip),
            client_port: None,
            mac: None,
            session: "".into(),
            nas: "".into(),
            realm: "".into(),
            basis: Basis::Radius,
        };
        batch.add(next(), &Event::SignIn(sign_in), &mut names);
        let hit = WebHit {
            client_ip: Some(ip),
            ..WebHit::at(time)
        };
        batch.add(next(), &Event::WebHit(hit), &mut names);
    }
    for (name, valid_to) in [
        ("gone", Some(gone)),
        ("current", None),
        ("pupil", Some(gone)),
    ] {
        let line = AccountLine {
            account_token: account(name),
            establishment: "hawthorn".to_owned(),
            role: "pupil".to_owned(),
            year_group: String::new(),
            valid_from: None,
            valid_to,
        };
        batch.add_row(next(), &line, &mut names);
    }
    let device = DeviceLine {
        mac: Mac::parse("02:00:00:00:00:01"),
        owner_token: account("gone"),
        shared: false,
        establishment: "hawthorn".to_owned(),
        description: String::new(),
        valid_from: None,
        valid_to: Some(gone),
    };
    batch.add_row(next(), &device, &mut names);
    names.keep().unwrap();
    for (table, rows) in batch.rows.into_values() {
        place.scratch.store.insert(table, rows, None).unwrap();
    }
}

fn by_table(outcome: &Outcome) -> Vec<(&str, &str, u64)> {
    outcome
        .gone
        .iter()
        .map(|gone| {
            let what = &gone.deletion;
            (what.table.as_str(), what.fate.as_str(), gone.rows)
        })
        .collect()
}

#[test]
fn every_kind_goes_by_its_own_line_and_registers_stay_while_records_speak_of_them() {
    let Some(place) = Scene::filled() else { return };
    of_every_table(&place);
    let outcome = place.keeper().run(&mut |_| {}).unwrap();
    assert_eq!(
        by_table(&outcome),
        [
            ("web_hits", "deleted", 5),
            ("sign_ins", "deleted", 1),
            ("leases", "deleted", 1),
            // The account of the sign-in that stays has ended too, and stays with it.
            ("accounts", "deleted", 1),
            ("devices", "deleted", 1),
            ("names", "deleted", 1),
        ]
    );
    assert_eq!(place.keeper().run(&mut |_| {}).unwrap(), Outcome::default());
}

#[test]
fn a_hold_on_an_account_keeps_what_its_addresses_did_and_its_line_in_the_register() {
    let Some(place) = Scene::filled() else { return };
    of_every_table(&place);
    let token = Names::open(place.scratch.folder.path(), &KEY, &KEY)
        .unwrap()
        .token(&AccountText::new("pupil").unwrap());
    let hold = Act::HoldPlaced(HoldPlaced {
        on: "account".to_owned(),
        whom: Some(token.to_string()),
        from: at("2019-01-01T00:00:00Z"),
        to: at("2019-02-01T00:00:00Z"),
        until: at("2021-01-01T00:00:00Z"),
    });
    place.ledger.append(now(), &hold, None).unwrap();
    let outcome = place.keeper().run(&mut |_| {}).unwrap();
    let gone = by_table(&outcome);
    assert!(gone.contains(&("web_hits", "deleted", 4)), "{gone:?}");
    for table in ["sign_ins", "leases"] {
        assert!(!gone.iter().any(|(of, ..)| *of == table), "{gone:?}");
    }
}
