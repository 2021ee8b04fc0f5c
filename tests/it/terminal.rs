//! What a person sees: on a terminal the answer and nothing else, and a refusal where something cannot be done as asked.

use std::process::{Command, Stdio};

use crate::home::Home;

/// Runs the program on a terminal so wide, by `script`; nothing where there is none.
fn on_a_terminal(home: &Home, columns: u32, arguments: &str) -> Option<String> {
    let there = Command::new("script")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        println!("left out, there is no `script` here");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_invigil");
    let line = format!("stty cols {columns} rows 40; '{program}' {arguments}");
    let settings = home.command(&[]);
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .envs(
            settings
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(String::from_utf8(output.stdout).unwrap().replace('\r', ""))
}

#[test]
fn a_terminal_shows_the_answer_and_nothing_of_the_engine() {
    let Some(home) = Home::with_engine("a_terminal_shows_the_answer") else {
        return;
    };
    // The first start makes the store; neither it nor the second has anything to say.
    for _ in 0..2 {
        let Some(shown) = on_a_terminal(&home, 110, "findings list") else {
            return;
        };
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(
            shown.starts_with('┌') && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
}

#[test]
fn a_ledger_under_another_name_is_told_as_that_and_not_as_forged() {
    let home = Home::without_engine();
    let list = home.path("list.txt");
    std::fs::write(&list, "games.example\n").unwrap();
    let add = [
        "lists",
        "add",
        "games",
        "--kind",
        "plain",
        "--category",
        "games",
    ];
    home.ends(0, &[&add[..], &[list.to_str().unwrap()]].concat());
    let config = home.path("other.toml");
    std::fs::write(
        &config,
        "[provider]\nledger_origin = \"other.example/ledger\"\n",
    )
    .unwrap();
    let output = home.run(&["--config", config.to_str().unwrap(), "ledger", "verify"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("provider.ledger_origin"), "{said}");
}

#[test]
fn what_is_asked_for_is_not_passed_over_in_silence() {
    let home = Home::without_engine();
    for arguments in [
        &["capture", "-r", "x.pcap", "--filter", "port 80"][..],
        &["capture", "-r", "x.pcap", "--seconds", "1"],
        &["capture", "-r", "x.pcap", "--snaplen", "96"],
        &["ingest", "-o", "x.jsonl", "x.log"],
        &["ingest", "--records", "flows", "x.log"],
    ] {
        let output = home.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        let goes_with = said.contains("cannot be used with") || said.contains("goes with");
        assert!(goes_with, "{arguments:?}: {said}");
    }
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let home = Home::without_engine();
    let log = home.path("access.log");
    let line = "1741600000.000 12 192.0.2.1 TCP_MISS/200 100 GET http://a.example/ \u{1b}[2Jx HIER_DIRECT/192.0.2.2 text/html\n";
    std::fs::write(&log, line).unwrap();
    for to in ["table", "csv", "jsonl", "json"] {
        let arguments = format!(
            "ingest --format squid_native --to {to} '{}' --records all",
            log.display()
        );
        let Some(shown) = on_a_terminal(&home, 60, &arguments) else {
            return;
        };
        assert!(shown.contains("lines read 1"), "{shown}");
        assert!(!shown.contains("\u{1b}[2J"), "{to}: {shown}");
    }
}
