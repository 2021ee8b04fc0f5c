//! The planted stories of the region: each is found and given to the right account, and no innocent twin is.

use std::path::PathBuf;

use invigil::keys::{KeyRing, Purpose};
use invigil::record::{AccountText, Tokens};
use invigil::store::names::Names;
use serde_json::Value;

use crate::home::{Home, region};

const SINCE: &str = "2026-03-02T00:00:00Z";
const UNTIL: &str = "2026-03-16T00:00:00Z";

/// One line of stories.tsv.
#[derive(Debug)]
struct Story {
    id: String,
    rule: String,
    twin: bool,
    establishment: String,
    from: String,
    to: String,
    account: String,
}

#[test]
fn every_planted_story_is_found_and_no_innocent_twin_is() {
    let Some(home) = Home::with_engine("stories") else {
        return;
    };
    fill(&home);
    all_are_found(&home);
}

/// Of a home that is filled.
pub(crate) fn all_are_found(home: &Home) {
    let findings = audit(home);
    assert_eq!(audit(home), findings, "a second audit says the same");
    for story in stories() {
        let found: Vec<&Value> = findings
            .iter()
            .filter(|finding| tells(finding, &story, home))
            .collect();
        let want = if story.twin { 0 } else { 1 };
        assert_eq!(
            found.len(),
            want,
            "{story:?}\n{}",
            serde_json::to_string_pretty(&findings).unwrap()
        );
    }
}

#[test]
fn who_it_was_is_answered_to_the_second_or_not_at_all() {
    let Some(home) = Home::with_engine("who") else {
        return;
    };
    fill(&home);
    let ask = |ip: &str, at: &str, code: i32| -> (String, Option<String>) {
        let said = home.ends(code, &["--json", "who", ip, "--at", at]);
        let answer: Value = serde_json::from_str(&said).unwrap();
        let said = home.ends(code, &["--json", "who", ip, "--at", at, "--explain"]);
        let mut explained: Value = serde_json::from_str(&said).unwrap();
        let near = explained.as_object_mut().unwrap().remove("sensitivity");
        assert_eq!(explained, answer, "more was looked at");
        assert!(near.unwrap()["an_hour_later"]["verdict"].is_string());
        (
            answer["verdict"].as_str().unwrap().to_owned(),
            answer["account"].as_str().map(str::to_owned),
        )
    };
    let is = |account: &str| ("attributed".to_owned(), Some(token(&home, account)));
    let nobody = |verdict: &str| (verdict.to_owned(), None);
    assert_eq!(
        ask("10.21.4.77", "2026-03-11T10:34:00Z", 0),
        is("p10358"),
        "after the second came"
    );
    assert_eq!(
        ask("10.21.4.77", "2026-03-11T10:15:00Z", 0),
        is("p10311"),
        "before the first left"
    );
    assert_eq!(
        ask("10.21.4.77", "2026-03-11T10:27:00Z", 1),
        nobody("not_attributable"),
        "between them"
    );
    assert_eq!(
        ask("10.21.4.77", "2026-03-11T10:31:17.5Z", 1).0,
        "disputed",
        "nearer to the start than clocks are exact"
    );
    assert_eq!(
        ask("10.20.0.41", "2026-03-09T13:25:00Z", 1).0,
        "shared",
        "a class tablet"
    );
    assert_eq!(
        ask("10.22.0.23", "2026-03-10T18:30:00Z", 0),
        is("b20004"),
        "a lease to a device with one owner"
    );
    assert_eq!(
        ask("10.21.4.66", "2026-03-12T15:30:00Z", 1),
        nobody("not_attributable"),
        "a session whose stop was lost"
    );
}

/// Whether a finding is of the story's rule, place, time and person.
fn tells(finding: &Value, story: &Story, home: &Home) -> bool {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    let subject = if story.account.is_empty() {
        String::new()
    } else {
        token(home, &story.account)
    };
    // RFC 3339 in UTC sorts as text; the program prints six digits more.
    text("rule") == story.rule
        && text("establishment") == story.establishment
        && text("subject_token") == subject
        && text("window_from") < story.to.as_str()
        && text("window_to") > story.from.as_str()
}

pub(crate) fn fill(home: &Home) {
    let path = |below: &str| region(below).to_str().unwrap().to_owned();
    for kind in ["establishments", "networks", "links", "accounts", "devices"] {
        let file = path(&format!("registers/{kind}.csv"));
        home.ends(0, &["--quiet", "register", kind, "import", &file]);
    }
    for (name, kind, category, file) in [
        ("gambling", "plain", "gambling", "lists/gambling.txt"),
        ("adult", "hosts", "adult", "lists/adult.hosts"),
        ("vpn-providers", "cidr", "vpn", "lists/vpn-providers.cidr"),
    ] {
        let file = path(file);
        home.ends(
            0,
            &[
                "--quiet",
                "lists",
                "add",
                name,
                "--kind",
                kind,
                "--category",
                category,
                &file,
            ],
        );
    }
    let folder = path("lists/squidguard");
    home.ends(
        0,
        &[
            "--quiet",
            "lists",
            "add",
            "web-lists",
            "--kind",
            "squidguard",
            &folder,
        ],
    );
    let help = path("lists/help-sites.txt");
    home.ends(
        0,
        &[
            "--quiet",
            "lists",
            "add",
            "help-sites",
            "--kind",
            "plain",
            "--category",
            "help",
            "--allow",
            &help,
        ],
    );
    run_over(
        home,
        &["--quiet", "ingest", "--reference", "2026-03-16T00:00:00Z"],
        "logs",
    );
    run_over(home, &["--quiet", "capture", "-r"], "captures");
}

fn run_over(home: &Home, command: &[&str], folder: &str) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(region(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let files = files.iter().map(|file| file.to_str().unwrap());
    let arguments: Vec<&str> = command.iter().copied().chain(files).collect();
    home.ends(0, &arguments);
}

fn audit(home: &Home) -> Vec<Value> {
    let said = home.ends(1, &["--json", "audit", "--since", SINCE, "--until", UNTIL]);
    let mut findings: Vec<Value> = serde_json::from_str(&said).unwrap();
    for finding in &mut findings {
        finding.as_object_mut().unwrap().remove("first_seen");
    }
    findings
}

pub(crate) fn token(home: &Home, account: &str) -> String {
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let mut names = Names::open(
        &home.data(),
        &keys.key(Purpose::Tokens),
        &keys.key(Purpose::Names),
    )
    .unwrap();
    names.token(&AccountText::new(account).unwrap()).to_string()
}

fn stories() -> Vec<Story> {
    let text = std::fs::read_to_string(region("stories.tsv")).unwrap();
    let lines = text.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let column = |at: usize| columns[at].to_owned();
        Story {
            id: column(0),
            rule: column(1),
            twin: column(2) == "twin",
            establishment: column(3),
            from: column(4),
            to: column(5),
            account: column(6),
        }
    });
    let stories: Vec<Story> = lines.collect();
    assert!(
        stories
            .iter()
            .any(|story| story.twin && !story.id.is_empty())
    );
    stories
}
