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

fn translation(span: (&str, &str), inside: (&str, u16), outside: (&str, u16)) -> String {
    let to = match span.1 {
        "" => String::new(),
        to => format!(",\"to\":\"2026-03-02T{to}Z\""),
    };
    let (inside_ip, inside_port) = inside;
    let (outside_ip, port) = outside;
    format!(
        "{{\"from\":\"2026-03-02T{}Z\"{to},\"protocol\":6,\"inside_ip\":\"{inside_ip}\",\"inside_port\":{inside_port},\"outside_ip\":\"{outside_ip}\",\"outside_port_first\":{port},\"outside_port_last\":{port}}}\n",
        span.0
    )
}

fn follow(scratch: &Scratch, ip: &str, port: Option<u16>, time: &str) -> (Trace, Sensitivity) {
    let end = OutsideEnd {
        ip: ip.parse().unwrap(),
        port,
        protocol: Some(6),
    };
    let time = Timestamp::parse(&format!("2026-03-02T{time}Z")).unwrap();
    let settings = AttributeSettings::default();
    let reach = Sensitivity::REACH_US;
    let (trace, facts) = Trace::load(&scratch.store, end, time, reach, settings).unwrap();
    let near = trace
        .sensitivity(&scratch.store, end, time, &facts)
        .unwrap();
    (trace, near)
}

#[test]
fn an_outside_end_is_followed_through_two_translators_to_whoever_sat_behind() {
    let school = translation(
        ("09:00:00", "09:10:00"),
        ("10.1.0.5", 50001),
        ("100.64.0.9", 50000),
    );
    let carrier = translation(
        ("09:00:00", "09:05:00"),
        ("100.64.0.9", 50000),
        ("203.0.113.5", 40001),
    );
    let next = translation(
        ("09:20:00", "09:30:00"),
        ("10.1.0.6", 50002),
        ("203.0.113.5", 40001),
    );
    let Some(scratch) = filled(&[
        ("translations", school + &carrier + &next),
        (
            "sign_ins",
            record("08:30:00", "start", A, "10.1.0.5")
                + &record("08:30:00", "start", B, "203.0.113.5").replace("s1", "s2"),
        ),
    ]) else {
        return;
    };
    let (trace, near) = follow(&scratch, "203.0.113.5", Some(40001), "09:04:00");
    let passed: Vec<String> = trace
        .steps
        .iter()
        .map(|inside| inside.ip.to_string())
        .collect();
    assert_eq!(passed, ["100.64.0.9", "10.1.0.5"]);
    let answer = &trace.answer;
    assert_eq!(
        answer.account.map(|token| token.to_string()).as_deref(),
        Some(A)
    );
    assert_eq!(answer.verdict, Verdict::Attributed);
    assert_eq!(
        answer.margin_us,
        Some(61_000_000),
        "to the end of the carrier's translation"
    );
    let tables: Vec<&str> = answer.rests_on.iter().map(|row| row.table).collect();
    assert_eq!(tables, ["sign_ins", "translations", "translations"]);
    // The carrier's translation ends first; what stood there before and after is nobody's.
    assert_eq!(
        near.before.map(|(_, other)| other.verdict),
        Some(Verdict::NotAttributable)
    );
    assert_eq!(
        near.after.map(|(_, other)| other.verdict),
        Some(Verdict::NotAttributable)
    );
    assert_eq!(near.an_hour_later.verdict, Verdict::NotAttributable);
    let (_, near) = follow(&scratch, "203.0.113.5", Some(40001), "09:15:00");
    let (moment, other) = near.before.unwrap();
    assert_eq!(moment.to_string(), "2026-03-02T09:05:01.000000Z");
    assert_eq!(other.account, answer.account);
    assert_eq!(near.after, None, "nobody signed in with 10.1.0.6");
    // Whoever signed in with the translator's own address is not who is meant.
    let (trace, _) = follow(&scratch, "203.0.113.5", None, "09:04:00");
    assert_eq!(
        (trace.answer.verdict, trace.answer.account),
        (Verdict::NotAttributable, None)
    );
    assert_eq!(trace.could_be.len(), 1);
    assert_eq!(trace.answer.reasons, [Reason::PortNotSaid]);
    let (trace, _) = follow(&scratch, "203.0.113.5", Some(40002), "09:04:00");
    assert_eq!(trace.answer.reasons, [Reason::NoTranslation]);
    assert_eq!(
        (trace.answer.verdict, trace.answer.account),
        (Verdict::NotAttributable, None)
    );
    // Nor is it where the address alone is known, as to a rule over flows.
    let alone = ask(&scratch, "203.0.113.5", "09:45:00");
    assert_eq!(
        (alone.verdict, alone.account),
        (Verdict::NotAttributable, None)
    );
    assert_eq!(alone.reasons, [Reason::NoNetwork, Reason::PortNotSaid]);
    assert_eq!(alone.rivals, []);
    // An address of which no translator says anything is its own, whatever the port.
    let (trace, _) = follow(&scratch, "10.1.0.5", Some(40001), "09:04:00");
    assert_eq!(trace.answer.verdict, Verdict::Attributed);
    assert!(trace.steps.is_empty());
}

#[test]
fn translators_that_lead_in_a_circle_end_with_nobody() {
    let there = translation(
        ("09:00:00", "09:10:00"),
        ("100.64.0.9", 1),
        ("203.0.113.5", 1),
    );
    let back = translation(
        ("09:00:00", "09:10:00"),
        ("203.0.113.5", 1),
        ("100.64.0.9", 1),
    );
    let Some(scratch) = filled(&[
        ("translations", there + &back),
        ("sign_ins", record("08:30:00", "start", A, "203.0.113.5")),
    ]) else {
        return;
    };
    let (trace, _) = follow(&scratch, "203.0.113.5", Some(1), "09:05:00");
    assert_eq!(
        (trace.answer.verdict, trace.answer.account),
        (Verdict::NotAttributable, None)
    );
    assert!(
        trace
            .answer
            .reasons
            .contains(&Reason::TranslatorsWithoutEnd)
    );
}
