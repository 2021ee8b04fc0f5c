//! Cases from the command line: question by question, with what an answer needs; sealed ones are told of to nobody.

use serde_json::Value;

use crate::home::Home;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(home: &Home, args: &[&str]) -> Value {
    let output = home.run(&[args, &["--json"]].concat());
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{args:?}: {}",
        said(&output)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

const BY: [&str; 4] = ["--role", "head", "--by", "A. Headteacher"];

#[test]
fn a_suspicion_goes_through_the_protocol_to_its_signature() {
    let home = Home::without_engine();
    let open = [
        "case",
        "open",
        "--note",
        "a pupil reported privatewords on a screen",
    ];
    let case = json(&home, &[&open[..], &BY].concat())["case"].to_string();
    let answer = |answer: &str, more: &[&str]| {
        home.run(&[&["case", "answer", &case, answer], more, &BY].concat())
    };

    assert_eq!(answer("no", &[]).status.code(), Some(0));
    assert_eq!(answer("yes", &[]).status.code(), Some(0));
    // What may be illegal is kept before anything else.
    let refused = answer("yes", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("needs hold"), "{}", said(&refused));
    assert_eq!(answer("yes", &["--hold", "999"]).status.code(), Some(2));
    let hold = home.run(&[
        "hold",
        "add",
        "--everything",
        "--from",
        "2026-03-09T00:00:00Z",
        "--to",
        "2026-03-16T00:00:00Z",
        "--until",
        "2099-01-01T00:00:00Z",
        "--case",
        &case,
        "--reason",
        "kept for the police",
    ]);
    let hold = String::from_utf8(hold.stdout).unwrap().trim().to_owned();
    let frozen = answer("yes", &["--hold", &hold]);
    assert!(
        said(&frozen).contains("Nobody opens the material"),
        "{}",
        said(&frozen)
    );

    let shown = json(&home, &["case", "show", &case]);
    assert_eq!(
        (&shown["state"], &shown["extraction"]),
        (&Value::from("frozen"), &Value::from(false))
    );
    assert!(shown["due"].is_string());
    let told = ["--contact", "PC Invented, by telephone, 10:15"];
    assert_eq!(
        answer("police_told", &told).status.code(),
        Some(2),
        "the police give a reference"
    );
    let told = [&told[..], &["--reference", "WS/99"]].concat();
    assert_eq!(answer("police_told", &told).status.code(), Some(0));
    assert_eq!(
        answer("outcome", &["--outcome", "whatever", "--note", "x"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        answer(
            "outcome",
            &["--outcome", "passed_to_police", "--note", "theirs"]
        )
        .status
        .code(),
        Some(0)
    );
    assert_eq!(
        answer("signed_off", &["--contact", "governors' meeting"])
            .status
            .code(),
        Some(0)
    );

    assert_eq!(
        json(&home, &["case", "list"]),
        Value::from(Vec::<Value>::new())
    );
    let all = json(&home, &["case", "list", "--all"]);
    assert_eq!(all[0]["state"], "signed_off");
    // Words and names are told to whoever says why, and that is entered.
    let plain = String::from_utf8(home.run(&["case", "show", &case]).stdout).unwrap();
    assert!(
        !plain.contains("privatewords") && !plain.contains("Headteacher"),
        "{plain}"
    );
    let revealed = json(
        &home,
        &["case", "show", &case, "--reveal", "review by governors"],
    );
    assert_eq!(
        revealed["steps"][0]["private"]["note"],
        "a pupil reported privatewords on a screen"
    );
    assert_eq!(revealed["steps"].as_array().unwrap().len(), 7);
    home.ends(0, &["ledger", "verify"]);
    // None of it stands in a file in clear.
    for file in files(&home.data()) {
        let bytes = std::fs::read(&file).unwrap();
        for word in ["privatewords", "Headteacher", "PC Invented", "WS/99"] {
            let found = bytes
                .windows(word.len())
                .any(|window| window == word.as_bytes());
            assert!(!found, "{} holds {word}", file.display());
        }
    }
}

#[test]
fn a_sealed_matter_is_told_of_to_nobody_who_does_not_ask_for_it_with_a_reason() {
    let home = Home::without_engine();
    let open = ["case", "open", "--sealed", "--note", "police, do not tell"];
    let case = json(&home, &[&open[..], &BY].concat())["case"].to_string();
    assert_eq!(
        json(&home, &["case", "list", "--all"]),
        Value::from(Vec::<Value>::new())
    );
    let hidden = home.run(&["case", "show", &case]);
    assert_eq!(hidden.status.code(), Some(2));
    // The answer is the one that a number gets which nobody ever gave.
    let never = home.run(&["case", "show", "4711"]);
    assert_eq!(
        said(&hidden).replace(&case, "N"),
        said(&never).replace("4711", "N")
    );
    let listed = json(&home, &["case", "list", "--sealed", "the monthly review"]);
    assert_eq!(listed[0]["sealed"], true);
    let entries = home.run(&["ledger", "show", "--json"]);
    let entries = String::from_utf8(entries.stdout).unwrap();
    assert!(entries.contains("search_run"), "{entries}");
}

#[test]
fn a_case_that_waits_too_long_is_found() {
    let home = Home::without_engine();
    let case =
        json(&home, &[&["case", "open", "--note", "x"], &BY[..]].concat())["case"].to_string();
    home.ends(0, &[&["case", "answer", &case, "yes"], &BY[..]].concat());
    home.ends(0, &["case", "list", "--overdue"]);
    let shown = json(&home, &["case", "show", &case]);
    assert_eq!(shown["state"], "human_resources");
    assert_eq!(shown["overdue"], false);
}

#[test]
fn what_was_acknowledged_outlives_a_kill_and_nothing_is_half_done() {
    let home = Home::without_engine();
    home.ends(
        0,
        &[&["case", "open", "--note", "the first"], &BY[..]].concat(),
    );
    let mut acknowledged = Vec::new();
    for turn in 0..KILLS {
        let mut opening = home
            .command(&[&["case", "open", "--note", "killed words"], &BY[..]].concat())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From before anything is written to after all of it is, in steps that no two turns share.
        std::thread::sleep(std::time::Duration::from_micros(turn * 37 % 50 * 400));
        opening.kill().unwrap();
        let output = opening.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        if let Ok(number) = said.trim().parse::<u64>() {
            acknowledged.push(number);
        }
    }
    home.ends(0, &["ledger", "verify"]);
    let all = json(&home, &["case", "list", "--all"]);
    let numbers: Vec<u64> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["case"].as_u64().unwrap())
        .collect();
    for number in &acknowledged {
        assert!(
            numbers.contains(number),
            "the case {number} was acknowledged and is lost"
        );
    }
    // Each that stands in the ledger is whole: its words are there, too.
    for number in &numbers {
        let shown = json(
            &home,
            &["case", "show", &number.to_string(), "--reveal", "a test"],
        );
        assert!(shown["steps"][0]["private"]["note"].is_string(), "{shown}");
    }
    println!(
        "of {KILLS} that were killed {} were acknowledged, {} stand",
        acknowledged.len(),
        numbers.len() - 1
    );
}

/// How many are killed.
const KILLS: u64 = 50;

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
