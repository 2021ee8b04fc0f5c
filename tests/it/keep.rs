//! What has had its time goes, what is held stays, and neither comes back by itself.

use std::path::PathBuf;

use invigil::store::{Params, Sql};
use serde_json::Value;

use crate::check::{faults, store_of};
use crate::home::{Home, region};
use crate::once::ledger_of;
use crate::server::{found_below, only_folder};
use crate::stories::{all_are_found, fill};

/// The moment at which things are due in these tests: 90 days before it is 3 July, 180 days 4 April, 210 days 5 March 2020.
pub(crate) const AT: &str = "2020-10-01T12:00:00Z";

/// 2020-01-10, 2020-04-02, 2020-04-06, 2020-06-01, 2020-09-01, each at noon.
const JANUARY: u64 = 1_578_657_600;
const EARLY_APRIL: u64 = 1_585_828_800;
const LATE_APRIL: u64 = 1_586_174_400;
const JUNE: u64 = 1_591_012_800;
const SEPTEMBER: u64 = 1_598_961_600;

#[test]
fn what_has_had_its_time_goes_is_proved_and_does_not_come_back() {
    let Some(home) = Home::with_engine("retention") else {
        return;
    };
    let old = old_log(&home);
    let recent = recent_log(&home);
    assert_eq!(
        retain(&home, 1, &["--dry-run"])["gone"]
            .as_array()
            .unwrap()
            .len(),
        4,
        "names go once nothing speaks of them"
    );
    assert_eq!(hits(&home, "1"), 62, "a trial changes nothing");

    let report = retain(&home, 0, &[]);
    let gone: Vec<(&str, &str, u64)> = gone(&report);
    assert_eq!(
        gone,
        [
            ("originals", "deleted", 2),
            ("rejects", "deleted", 1),
            ("web_hits", "deleted", 31),
            ("web_hits", "emptied", 11),
            ("names", "deleted", 1),
        ]
    );
    assert_eq!(hits(&home, "1"), 31);
    assert_eq!(hits(&home, "time < '2020-04-04 00:00:00'"), 0);
    assert_eq!(content(&home), "20", "content stays where it may");
    assert!(
        !parts(&home).iter().any(|part| part.starts_with("202001_")),
        "off the disk"
    );
    let old_parts = parts(&home);
    for month in ["202004_", "202006_"] {
        let of_month = old_parts.iter().filter(|part| part.starts_with(month));
        assert_eq!(
            of_month.count(),
            1,
            "{month}: no old part is left: {old_parts:?}"
        );
    }
    home.ends(0, &["ledger", "verify"]);
    let entries = ledger(&home);
    let done: Vec<&Value> = entries
        .iter()
        .filter_map(|e| e["act"].get("deleted"))
        .collect();
    assert_eq!(done.len(), 5);
    for one in &done {
        let begun = &entries[usize::try_from(one["begun"].as_u64().unwrap()).unwrap()]["act"]["deletion_begun"];
        assert_eq!(*begun, one["what"], "it was announced as it was done");
        assert_eq!(one["what"]["rows"], one["rows"]);
        assert_eq!(one["resumed"], false);
    }
    assert_eq!(gone_again(&home), 0, "nothing is due twice");

    // The same file again, and its lines in another file.
    assert_eq!(home.ingest(&old).ignored, 31);
    let copied = home.path("copied.log");
    let text = line(JANUARY - 60, 1, "-") + &std::fs::read_to_string(&old).unwrap();
    std::fs::write(&copied, text).unwrap();
    let counts = home.ingest(&copied);
    assert_eq!((counts.stored, counts.rejected, counts.ignored), (0, 1, 31));
    assert_eq!(hits(&home, "1"), 31);
    assert_eq!(home.ingest(&recent).stored, 0);
}

const SPOIL_AFTER: &[(Sql, &str)] = &[
    (
        Sql::embedded(
            "test/of_june",
            "ALTER TABLE web_hits DELETE WHERE time > '2020-05-01 00:00:00' AND frame % 3 = 1 SETTINGS mutations_sync = 2",
        ),
        "rows_missing web_hits",
    ),
    (
        Sql::embedded(
            "test/back",
            "INSERT INTO web_hits SELECT * REPLACE (toDateTime64('2020-01-10 12:00:00', 6, 'UTC') AS time, toFixedString(unhex({source:String}), 16) AS source_id, toUInt64(7) AS frame) FROM web_hits LIMIT 1",
        ),
        "rows_surplus web_hits",
    ),
    (
        Sql::embedded(
            "test/some_of_a_month_that_was_cut",
            "ALTER TABLE web_hits DELETE WHERE time < '2020-05-01 00:00:00' SETTINGS mutations_sync = 2",
        ),
        "rows_missing web_hits",
    ),
];

#[test]
fn the_check_knows_what_was_deleted_and_finds_what_is_lost_or_back() {
    let Some(home) = Home::with_engine("check after retention") else {
        return;
    };
    old_log(&home);
    recent_log(&home);
    retain(&home, 0, &[]);
    assert_eq!(faults(&home, &[]), (Some(0), vec![], vec![]));
    let old = ledger_of(&home).batches(None).unwrap()[0].1.source;
    let stored = || (hits(&home, "1"), content(&home));
    let (before, of_april) = (stored(), hits(&home, "time < '2020-05-01 00:00:00'"));
    assert_eq!(of_april, 1, "the younger side of the line");
    for (spoil, fault) in SPOIL_AFTER {
        let params = match spoil.text().contains("{source") {
            true => Params::new().text("source", &old.to_string()),
            false => Params::new(),
        };
        store_of(&home).run(*spoil, &params).unwrap();
        let named = vec![(*fault).to_owned()];
        let (code, found, _) = faults(&home, &[]);
        assert_eq!((code, &found), (Some(3), &named), "{}", spoil.id());
        let (code, left, mended) = faults(&home, &["--mend"]);
        let is_lost_for_good = spoil.id() == "test/some_of_a_month_that_was_cut";
        if is_lost_for_good {
            // Its originals hold content, and went.
            assert_eq!((code, left, mended), (Some(3), named, vec![]));
            break;
        }
        assert_eq!((code, left), (Some(0), vec![]), "{}", spoil.id());
        assert_eq!(mended, named, "{}", spoil.id());
        assert_eq!(stored(), before, "{}", spoil.id());
    }
    home.ends(0, &["ledger", "verify"]);
}

#[test]
fn a_hold_keeps_its_rows_their_lines_and_the_name_until_it_ends() {
    let Some(home) = Home::with_engine("holds") else {
        return;
    };
    old_log(&home);
    let window = [
        "--from",
        "2020-01-01T00:00:00Z",
        "--to",
        "2020-02-01T00:00:00Z",
    ];
    let rest = [
        "--until",
        "2099-01-01T00:00:00Z",
        "--case",
        "planted-case",
        "--reason",
        "planted-reason",
    ];
    let add = |on: &[&str]| -> u64 {
        let all = [&["hold", "add"], on, &window[..], &rest[..]].concat();
        home.ends(0, &all).trim().parse().unwrap()
    };
    let account = add(&["--account", "Old.Pupil"]);
    let network = add(&["--network", "10.21.0.20/32"]);
    home.ends(
        2,
        &["hold", "add", "--network", "10.21.0.20/32", "--everything"],
    );

    let report = retain(&home, 0, &[]);
    assert_eq!(
        hits(&home, "1"),
        12,
        "ten of the account, one of the network, and one that is young enough"
    );
    let kept: Vec<(String, u64, u64)> = report["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["table"].as_str().unwrap().to_owned(),
                one["hold"].as_u64().unwrap(),
                one["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(
        kept.contains(&("web_hits".to_owned(), account, 10)),
        "{kept:?}"
    );
    assert!(
        kept.contains(&("web_hits".to_owned(), network, 1)),
        "{kept:?}"
    );
    assert!(
        kept.contains(&("originals".to_owned(), account, 1)),
        "{kept:?}"
    );
    assert!(
        !gone(&report).iter().any(|(of, ..)| *of == "names"),
        "its name stays"
    );
    assert_eq!(content(&home), "11");
    assert_eq!(gone_again(&home), 0);
    assert_eq!(faults(&home, &["--mend"]), (Some(0), vec![], vec![]));

    let list = home.ends(0, &["hold", "list", "--json"]);
    assert!(
        !list.contains("planted") && !list.contains("10.21.0.20"),
        "{list}"
    );
    assert!(
        home.ends(0, &["hold", "list", "--json", "--reveal"])
            .contains("planted-reason")
    );
    for path in files(&home.data()) {
        let bytes = std::fs::read(&path).unwrap();
        for word in ["10.21.0.20", "planted-reason", "planted-case", "old.pupil"] {
            let is_there = bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes());
            assert!(!is_there, "{word} is in clear in {}", path.display());
        }
    }
    for number in [account, network] {
        home.ends(
            0,
            &["hold", "end", &number.to_string(), "--reason", "closed"],
        );
    }
    home.ends(
        2,
        &["hold", "end", &account.to_string(), "--reason", "closed"],
    );
    let report = retain(&home, 0, &[]);
    assert_eq!(hits(&home, "1"), 1);
    assert_eq!(faults(&home, &[]), (Some(0), vec![], vec![]));
    let gone = gone(&report);
    assert!(gone.contains(&("web_hits", "deleted", 11)), "{gone:?}");
    assert!(gone.contains(&("originals", "deleted", 1)) && gone.contains(&("names", "deleted", 1)));
}

#[test]
fn holds_on_an_establishment_and_on_everything_keep_and_a_package_outlives_what_it_was_made_of() {
    let Some(home) = Home::with_engine("holds on a school") else {
        return;
    };
    let home = home.configured("[retention]\nfindings = 30\n");
    fill(&home);
    all_are_found(&home);
    let (out, request) = (home.path("evidence"), region("requests/police.toml"));
    std::fs::create_dir(&out).unwrap();
    let (request, folder) = (request.to_str().unwrap(), out.to_str().unwrap());
    home.ends(
        0,
        &[
            "evidence",
            "export",
            "--request",
            request,
            "--out",
            folder,
            "--keep-folder",
        ],
    );
    let package = only_folder(&out);
    let signer = found_below(&home.path("keys"), "signer.pub");
    let (package, signer) = (package.to_str().unwrap(), signer.to_str().unwrap());
    let number = |sql: &str| -> u64 {
        let out = home.ends(0, &["query", "--sql", sql, "--to", "csv"]);
        out.lines().last().unwrap().parse().unwrap()
    };
    let counts = || {
        [
            "SELECT count() FROM v_web_hits WHERE establishment = 'hawthorn'",
            "SELECT count() FROM v_web_hits WHERE establishment != 'hawthorn'",
            "SELECT count() FROM findings WHERE establishment = 'hawthorn'",
            "SELECT count() FROM findings WHERE establishment != 'hawthorn'",
        ]
        .map(number)
    };
    let hold = |on: &[&str]| -> String {
        let rest = [
            "--from",
            "2026-01-01T00:00:00Z",
            "--to",
            "2026-07-01T00:00:00Z",
            "--until",
            "2099-01-01T00:00:00Z",
            "--case",
            "planted-case",
            "--reason",
            "planted-reason",
        ];
        let all = [&["hold", "add"], on, &rest[..]].concat();
        home.ends(0, &all).trim().to_owned()
    };
    let end = |number: &str| home.ends(0, &["hold", "end", number, "--reason", "closed"]);
    let retain = || {
        home.ends(0, &["store", "retain", "--until", "2026-11-20T00:00:00Z"]);
        assert_eq!(faults(&home, &["--mend"]), (Some(0), vec![], vec![]));
        home.ends(0, &["evidence", "verify", package, "--signer", signer]);
        home.ends(0, &["ledger", "verify"]);
    };
    let before = counts();
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
    let everything = hold(&["--everything"]);
    retain();
    assert_eq!(counts(), before);
    end(&everything);
    let school = hold(&["--establishment", "hawthorn"]);
    retain();
    assert_eq!(counts(), [before[0], 0, before[2], 0]);
    end(&school);
    retain();
    assert_eq!(counts(), [0; 4]);
}

#[test]
fn what_is_not_due_yet_and_periods_that_contradict_each_other_are_refused() {
    let home = Home::without_engine();
    let refused = |arguments: &[&str]| {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let text = refused(&["store", "retain", "--until", "2999-01-01T00:00:00Z"]);
    assert!(text.contains("not due yet"), "{text}");
    let config = home.path("invigil.toml");
    std::fs::write(&config, "[retention]\nrecords = 300\n").unwrap();
    let text = refused(&["store", "retain", "--config", config.to_str().unwrap()]);
    assert!(text.contains("retention.identification"), "{text}");
}

/// Thirty requests of January, ten of them of an account; one of either side of the line of April; one bad line.
pub(crate) fn old_log(home: &Home) -> PathBuf {
    let mut text: String = (0..30)
        .map(|n| line(JANUARY + n, n, if n < 10 { "old.pupil" } else { "-" }))
        .collect();
    text.push_str("prose\n");
    let old = home.path("old.log");
    std::fs::write(&old, text).unwrap();
    home.ingest(&old);
    let april = home.path("april.log");
    std::fs::write(
        &april,
        line(EARLY_APRIL, 50, "-") + &line(LATE_APRIL, 51, "-"),
    )
    .unwrap();
    home.ingest(&april);
    old
}

/// Ten requests of June, whose content is due, and twenty of September.
pub(crate) fn recent_log(home: &Home) -> PathBuf {
    let text: String = (0..10)
        .map(|n| line(JUNE + n, n, "pupil"))
        .chain((0..20).map(|n| line(SEPTEMBER + n, n, "pupil")))
        .collect();
    let recent = home.path("recent.log");
    std::fs::write(&recent, text).unwrap();
    home.ingest(&recent);
    recent
}

fn line(time: u64, n: u64, account: &str) -> String {
    format!(
        "{time}.000 5 10.21.0.{n} TCP_MISS/200 900 GET http://classroom.example/page/{n}-{time} {account} HIER_DIRECT/192.0.2.7 text/html\n"
    )
}

pub(crate) fn retain(home: &Home, code: i32, more: &[&str]) -> Value {
    let all = [&["--json", "store", "retain", "--until", AT], more].concat();
    serde_json::from_str(&home.ends(code, &all)).unwrap()
}

fn gone(report: &Value) -> Vec<(&str, &str, u64)> {
    report["gone"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["what"]["table"].as_str().unwrap(),
                one["what"]["fate"].as_str().unwrap(),
                one["rows"].as_u64().unwrap(),
            )
        })
        .collect()
}

pub(crate) fn gone_again(home: &Home) -> usize {
    retain(home, 0, &[])["gone"].as_array().unwrap().len()
}

pub(crate) fn hits(home: &Home, which: &str) -> u64 {
    let sql = format!("SELECT count() AS n FROM web_hits WHERE {which}");
    home.ends(0, &["query", "--sql", &sql, "--to", "csv"])
        .lines()
        .last()
        .unwrap()
        .parse()
        .unwrap()
}

/// How many requests have a path still.
pub(crate) fn content(home: &Home) -> String {
    let sql = "SELECT count() AS n FROM web_hits WHERE path != ''";
    let out = home.ends(
        0,
        &[
            "query",
            "--sql",
            sql,
            "--to",
            "csv",
            "--reveal-content",
            "--reason",
            "test",
        ],
    );
    out.lines().last().unwrap().to_owned()
}

pub(crate) fn ledger(home: &Home) -> Vec<Value> {
    serde_json::from_str(&home.ends(0, &["ledger", "show", "--json"])).unwrap()
}

/// The names of all parts that lie on the disk.
fn parts(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                found.push(entry.file_name().to_string_lossy().into_owned());
                folders.push(entry.path());
            }
        }
    }
    found
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
