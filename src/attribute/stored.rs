//! What the store gives back must be as much as the judging needs: stories that were put into a store first.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::fill::fill;
use super::*;
use crate::record::{Timestamp, Verdict};
use crate::store::scratch::Scratch;

const A: &str = "41414141414141414141414141414141";
const B: &str = "42424242424242424242424242424242";

/// Fills a store with the rows of some tables, in the order in which they are named.
fn filled(tables: &[(&str, String)]) -> Option<Scratch> {
    let scratch = Scratch::open()?;
    for (table, rows) in tables {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(format!("{table}.jsonl")), rows).unwrap();
        fill(&scratch.store, folder.path());
    }
    Some(scratch)
}

fn ask(scratch: &Scratch, ip: &str, time: &str) -> Answer {
    let ip: IpAddr = ip.parse().unwrap();
    let time = Timestamp::parse(&format!("2026-03-02T{time}Z")).unwrap();
    let settings = AttributeSettings::default();
    let asked = BTreeSet::from([ip]);
    Facts::load(&scratch.store, &asked, time, time.plus_micros(1), settings)
        .unwrap()
        .who(ip, time, None)
}

/// A record of a server that sends no interim records.
fn record(time: &str, event: &str, account: &str, ip: &str) -> String {
    format!(
        "{{\"time\":\"2026-03-02T{time}Z\",\"event\":\"{event}\",\"account_token\":\"{account}\",\"ip\":\"{ip}\",\"session\":\"s1\",\"nas\":\"n\",\"basis\":\"radius\"}}\n"
    )
}

#[test]
fn a_session_is_read_whole_whatever_addresses_its_records_bear() {
    let rows = [
        record("09:00:00", "start", A, "10.1.0.5"),
        record("09:10:00", "interim", A, "10.1.0.6"),
        record("09:20:00", "stop", A, ""),
    ];
    let Some(scratch) = filled(&[("sign_ins", rows.concat())]) else {
        return;
    };
    let verdict = |ip, time| ask(&scratch, ip, time).verdict;
    assert_eq!(verdict("10.1.0.5", "09:05:00"), Verdict::Attributed);
    assert_eq!(verdict("10.1.0.5", "09:15:00"), Verdict::NotAttributable);
    assert_eq!(verdict("::ffff:10.1.0.6", "09:15:00"), Verdict::Attributed);
    assert_eq!(verdict("10.1.0.6", "09:25:00"), Verdict::NotAttributable);
}

#[test]
fn a_card_with_two_owners_in_one_register_names_neither() {
    let device =
        |owner: &str| format!("{{\"mac\":\"02:00:00:00:00:01\",\"owner_token\":\"{owner}\"}}\n");
    let lease = "{\"time\":\"2026-03-02T09:00:00Z\",\"event\":\"assign\",\"ip\":\"10.1.0.5\",\"mac\":\"02:00:00:00:00:01\"}\n";
    let Some(scratch) = filled(&[
        ("devices", device(A) + &device(B)),
        ("leases", lease.to_owned()),
    ]) else {
        return;
    };
    let answer = ask(&scratch, "10.1.0.5", "09:30:00");
    assert_eq!(answer.verdict, Verdict::Disputed, "{answer:#?}");
    assert_eq!(answer.account, None);
}

#[test]
fn an_account_that_one_line_calls_shared_and_another_a_pupils_is_nobodys() {
    let role = |role: &str| {
        format!(
            "{{\"account_token\":\"{A}\",\"establishment\":\"oakfield\",\"role\":\"{role}\"}}\n"
        )
    };
    let Some(scratch) = filled(&[
        ("accounts", role("shared") + &role("pupil")),
        ("sign_ins", record("09:00:00", "start", A, "10.1.0.5")),
    ]) else {
        return;
    };
    assert_eq!(
        ask(&scratch, "10.1.0.5", "09:30:00").verdict,
        Verdict::Shared
    );
}

#[test]
fn networks_that_contradict_each_other_place_nothing() {
    let line = |place: &str| {
        format!(
            "{{\"first_ip\":\"10.1.0.0\",\"last_ip\":\"10.1.255.255\",\"bits\":112,\"establishment\":\"{place}\"}}\n"
        )
    };
    let Some(scratch) = filled(&[("networks", line("oakfield") + &line("elmtree"))]) else {
        return;
    };
    let answer = ask(&scratch, "10.1.0.5", "09:30:00");
    assert_eq!(answer.establishment, None);
    assert_eq!(
        answer.reasons,
        [Reason::NoClaimant, Reason::NetworksDisagree]
    );
}
