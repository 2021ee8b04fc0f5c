//! Each rule on its two folders of fixtures: one in which it must find what is expected, one in which nothing.

use std::path::{Path, PathBuf};

use super::*;
use crate::attribute::AttributeSettings;
use crate::attribute::fill::{fill, fill_backwards};
use crate::record::calendar::Zone;
use crate::record::{EVENT_TABLES, Network, PLACELESS_TABLES, REGISTER_TABLES, Timestamp};
use crate::store::scratch::Scratch;

#[test]
fn each_rule_finds_what_it_must_and_nothing_in_its_quiet_twin() {
    // One store for all, emptied between two folders: to make one takes far longer than to judge a folder.
    let Some(scratch) = Scratch::open() else {
        return;
    };
    for rule in RULES {
        let id = rule.heading().id;
        let folder = fixtures().join(id);
        let quiet = found_in(&scratch, id, &folder.join("quiet"));
        assert_eq!(
            told(&quiet),
            "",
            "{id} must find nothing in its quiet folder"
        );
        let found = found_in(&scratch, id, &folder.join("finds"));
        golden(&folder.join("finds/expected.txt"), &told(&found));
    }
}

/// What a rule finds in a folder's rows alone; the store is empty before and after.
fn found_in(scratch: &Scratch, id: &str, folder: &Path) -> Vec<crate::record::Finding> {
    let filled = fill(&scratch.store, folder);
    let found = audit(&scratch.store, &asked(id), now(0), &settings()).unwrap();
    // Were rows of one folder left, or taken for a repetition of those of another, the next would prove nothing.
    let emptied = [EVENT_TABLES, REGISTER_TABLES, PLACELESS_TABLES]
        .into_iter()
        .flatten()
        .map(|table| scratch.store.emptied(table).unwrap());
    assert_eq!(emptied.sum::<u64>(), filled, "{}", folder.display());
    found.findings
}

/// A log that comes late, or piece by piece, ends in the same findings: ids, evidence, words.
#[test]
fn the_order_of_ingest_does_not_change_a_byte() {
    for id in [
        "category_hit",
        "vpn_tunnel",
        "scanning",
        "bypass_after_block",
        "beaconing",
        "fronted_request",
        "link_saturated",
        "filter_coverage_gap",
    ] {
        let folder = fixtures().join(id).join("finds");
        let mut found = Vec::new();
        for backwards in [false, true] {
            let Some(scratch) = Scratch::open() else {
                return;
            };
            match backwards {
                true => fill_backwards(&scratch.store, &folder),
                false => {
                    fill(&scratch.store, &folder);
                }
            }
            found.push(audit(&scratch.store, &asked(id), now(0), &settings()).unwrap());
        }
        let [forwards, backwards] = found.as_slice() else {
            unreachable!()
        };
        assert!(!forwards.findings.is_empty(), "{id}");
        assert_eq!(forwards.findings, backwards.findings, "{id}");
    }
}

#[test]
fn a_second_run_changes_nothing_and_keeps_the_first_sight() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    fill(&scratch.store, &fixtures().join("category_hit/finds"));
    let all = Asked {
        rules: Vec::new(),
        ..asked("")
    };
    let first = audit(&scratch.store, &all, now(0), &settings()).unwrap();
    assert_eq!(
        keep(&scratch.store, &first.findings).unwrap(),
        first.findings.len() as u64
    );
    let second = audit(&scratch.store, &all, now(3600), &settings()).unwrap();
    assert_eq!(second.findings, first.findings);
    assert_eq!(keep(&scratch.store, &second.findings).unwrap(), 0);
    // A window of some hours judges the same whole day.
    let hours = Asked {
        since: at("2026-03-11T12:00:00Z"),
        until: at("2026-03-11T13:00:00Z"),
        ..all
    };
    let third = audit(&scratch.store, &hours, now(7200), &settings()).unwrap();
    assert_eq!(third.findings, first.findings);
    let mut stored = known_findings(&scratch.store, all.since, all.until, None, None).unwrap();
    stored.sort_by_key(|finding| finding.finding_id);
    let mut made = first.findings;
    made.sort_by_key(|finding| finding.finding_id);
    assert_eq!(stored, made);
}

#[test]
fn a_name_that_late_records_contradict_does_not_stand() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    fill(store, &fixtures().join("vpn_tunnel/finds"));
    let run = |later| {
        let found = audit(store, &asked("vpn_tunnel"), now(later), &settings()).unwrap();
        keep(store, &found.findings).unwrap();
        keep(store, &found.withdrawn).unwrap();
        found
    };
    let named = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
    let names = |findings: &[crate::record::Finding]| {
        findings.iter().any(|one| one.subject_token.0 == named)
    };
    assert!(names(&run(0).findings));
    // An hour late comes the log that says that the first had left long before.
    let late = tempfile::tempdir().unwrap();
    let record = |event: &str, account: &str, time: &str, session: &str| {
        format!(
            "{{\"time\":\"2026-03-11T{time}Z\",\"event\":\"{event}\",\"account_token\":\"{account}\",\"ip\":\"10.1.0.5\",\"session\":\"{session}\",\"nas\":\"wifi-1\",\"basis\":\"radius\"}}\n"
        )
    };
    let other = "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4";
    let rows = record("stop", named, "13:05:00", "s1")
        + &record("start", other, "13:06:00", "s9")
        + &record("stop", other, "14:30:00", "s9");
    std::fs::write(late.path().join("sign_ins.jsonl"), rows).unwrap();
    fill(store, late.path());
    let second = run(3600);
    assert!(!names(&second.findings));
    assert_eq!(second.withdrawn.len(), 1);
    let all = asked("");
    let stored = known_findings(store, all.since, all.until, None, None).unwrap();
    assert!(!names(&stored), "the name still stands: {}", told(&stored));
    assert!(stored.iter().all(|one| one.first_seen <= now(3600)));
    let third = run(7200);
    assert_eq!(third.findings, second.findings);
    assert!(third.withdrawn.is_empty());
}

/// They come out of the very connections that the rule compares with the log.
#[test]
fn requests_that_were_heard_on_the_wire_are_no_log_of_a_filter() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    fill(store, &fixtures().join("filter_coverage_gap/finds"));
    let hits: String = ["10.1.0.5", "10.1.0.6"]
        .into_iter()
        .flat_map(|ip| ["unknown.example", "other.test"].map(|host| (ip, host)))
        .map(|(ip, host)| {
            format!(
                "{{\"time\":\"2026-03-11T10:00:00Z\",\"client_ip\":\"{ip}\",\"method\":\"GET\",\"host\":\"{host}\"}}\n"
            )
        })
        .collect();
    let more = tempfile::tempdir().unwrap();
    std::fs::write(more.path().join("web_hits.jsonl"), hits).unwrap();
    fill(store, more.path());
    let found = || {
        let asked = asked("filter_coverage_gap");
        audit(store, &asked, now(0), &settings()).unwrap().findings
    };
    assert_eq!(told(&found()), "", "a log knows all but ten connections");
    let heard = crate::store::Sql::embedded(
        "test/heard",
        "INSERT INTO sources (source_id, kind, format) SELECT unhex('01010101010101010101010101010101'), 'capture_file', 'capture'",
    );
    store.run(heard, &crate::store::Params::new()).unwrap();
    assert_eq!(found().first().map(|one| one.count), Some(120));
}

#[test]
fn findings_of_one_establishment_are_those_of_all_with_the_others_left_out() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    fill(&scratch.store, &fixtures().join("category_hit/finds"));
    let one = Asked {
        establishment: Some("elmtree".to_owned()),
        ..asked("category_hit")
    };
    let found = audit(&scratch.store, &one, now(0), &settings())
        .unwrap()
        .findings;
    assert_eq!(found.len(), 1);
    assert!(
        found
            .iter()
            .all(|finding| finding.establishment.0 == "elmtree")
    );
}

#[test]
fn an_unknown_rule_is_refused() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let error = audit(&scratch.store, &asked("no_such_rule"), now(0), &settings()).unwrap_err();
    assert_eq!(error.to_string(), "there is no rule \"no_such_rule\"");
}

#[test]
fn every_rule_says_all_that_its_heading_must() {
    for rule in RULES {
        let heading = rule.heading();
        let Heading {
            id,
            title,
            means,
            told,
            window,
            policy,
            why,
            false_alarms,
            ..
        } = heading;
        for (word, text) in [
            ("title", title),
            ("means", means),
            ("reader", told),
            ("window", window),
            ("policy", policy),
            ("why", why),
            ("false alarms", false_alarms),
        ] {
            assert!(!text.is_empty(), "the rule {id} does not say its {word}");
        }
        assert_eq!(rule.sql().id(), format!("detect/{id}"));
        assert!(rule.sql().heading("severity").is_some());
        for kind in ["finds", "quiet"] {
            assert!(
                fixtures().join(id).join(kind).is_dir(),
                "{id} has no {kind} fixture"
            );
        }
    }
}

fn settings() -> DetectSettings {
    let zone = Zone::named("Europe/London").unwrap();
    DetectSettings {
        known_vpn_peers: vec![Network::parse("192.0.2.1").unwrap()],
        known_backup_peers: vec![Network::parse("192.0.2.9").unwrap()],
        known_resolvers: vec![Network::parse("192.0.2.53").unwrap()],
        known_proxies: vec![Network::parse("192.0.2.80").unwrap()],
        known_support_peers: vec![Network::parse("192.0.2.22").unwrap()],
        ..DetectSettings::new(zone, AttributeSettings::default())
    }
}

fn asked(rule: &str) -> Asked {
    Asked {
        since: at("2026-03-09T00:00:00Z"),
        until: at("2026-03-16T00:00:00Z"),
        establishment: None,
        rules: vec![rule.to_owned()],
    }
}

fn now(later: i64) -> Timestamp {
    at("2026-03-16T06:00:00Z").plus_seconds(later)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/detect")
}

/// Findings as a person would check them.
fn told(findings: &[crate::record::Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let basis = finding.basis.map_or("-", crate::record::Basis::as_str);
        text.push_str(&format!(
            "{} {} {} at {:?}: {} by {basis}, subject {:?}\n  {} .. {}, {} rows, {} named as evidence\n  {}\n  {}\n",
            finding.finding_id,
            finding.rule.0,
            finding.severity,
            finding.establishment.0,
            finding.verdict,
            finding.subject_token.0,
            finding.window_from,
            finding.window_to,
            finding.count,
            finding.evidence.len(),
            finding.summary,
            finding.explanation,
        ));
        for check in &finding.innocent_checks {
            text.push_str(&format!("  - {check}\n"));
        }
    }
    text
}

/// Compares with the file; `UPDATE_FIXTURES=1` writes it anew.
fn golden(path: &Path, made: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        made,
        expected,
        "{} (UPDATE_FIXTURES=1 writes it anew)",
        path.display()
    );
}
