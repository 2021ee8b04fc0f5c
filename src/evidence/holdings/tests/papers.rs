//! Figures and papers of a package from the store: made again they are the same, and strangers' tools accept them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::*;
use crate::evidence::replay::replay_files;
use crate::evidence::timestamp_query;

/// A package with every kind of record.
fn whole(world: &World) -> Bag {
    let text = POLICE.replace(
        "[\"web_records\", ",
        "[\"web_records\", \"connection_records\", \"subscriber\", ",
    );
    package(world, &text).0
}

#[test]
fn figures_and_papers_come_out_the_same_again() {
    let Some(world) = world() else { return };
    let bag = whole(&world);
    let found = replay_files(bag.files(), PROGRAM).unwrap();
    assert_eq!(found.differences, []);
    assert_eq!(found.papers, Some(5));
    // Days, actions, hosts, servers, events and roles beside the sums of the four kinds.
    assert!(found.figures > 25, "{found:?}");
    let other = replay_files(bag.files(), "invigil 99").unwrap();
    assert_eq!((other.differences, other.papers), (vec![], None));
}

#[test]
fn no_row_at_all_has_figures_too() {
    let Some(world) = world() else { return };
    let text = POLICE
        .replace("2026-03-02T09:00:00", "2026-01-02T09:00:00")
        .replace("2026-03-02T12:00:00", "2026-01-02T12:00:00")
        .replace(
            "[\"web_records\", ",
            "[\"web_records\", \"connection_records\", ",
        );
    let (bag, summary) = package(&world, &text);
    assert_eq!(summary.rows, 0);
    let found = replay_files(bag.files(), PROGRAM).unwrap();
    assert_eq!((found.differences, found.papers), (vec![], Some(5)));
}

#[test]
fn what_was_changed_after_the_count_shows() {
    let Some(world) = world() else { return };
    let bag = whole(&world);
    let change = |path: &str, from: &str, to: &str| {
        let mut files = bag.files().clone();
        let text = String::from_utf8(files[path].clone()).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
        let found = replay_files(&files, PROGRAM).unwrap();
        let named: Vec<String> = found
            .differences
            .into_iter()
            .map(|(file, _)| file)
            .collect();
        assert!(!named.is_empty(), "a change of {path} does not show");
        named
    };
    // A record that says something else than was counted shows in the figures, and in all that tells of that file.
    let named = change(
        "data/records/web_records.csv",
        "games.example",
        "fames.example",
    );
    assert_eq!(named[0], "data/figures.json");
    let named = change(
        "data/records/connection_records.csv",
        "chat.example",
        "that.example",
    );
    assert_eq!(named[0], "data/figures.json");
    let named = change("data/records/subscriber.csv", "pupil", "staff");
    assert_eq!(named[0], "data/figures.json");
    let named = change("data/records/sign_ins.csv", "2026-03-02T", "2026-03-03T");
    assert_eq!(named[0], "data/figures.json");
    // A paper that was changed is named, and no other.
    assert_eq!(
        change("data/statement.md", "Form:", "Norm:"),
        ["data/statement.md"]
    );
    assert_eq!(
        change("data/prov.json", "Collection", "Invention"),
        ["data/prov.json"]
    );
    assert_eq!(
        change("data/case.jsonld", "AnalyticTool", "Tool"),
        ["data/case.jsonld"]
    );
}

#[test]
fn strangers_tools_accept_the_papers() {
    let Some(world) = world() else { return };
    let folder = written(&world, &whole(&world));
    let data = |name: &str| folder.join("data").join(name);
    if let Some(output) = tool(Command::new("case_validate").arg(data("case.jsonld"))) {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Conforms: True"), "{said}");
    }
    let read = "import sys, prov.model as m; d = m.ProvDocument.deserialize(sys.argv[1]); print(len(d.get_records()))";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/python3");
    if let Some(output) = tool(
        Command::new(python)
            .args(["-c", read])
            .arg(data("prov.json")),
    ) {
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(said.parse::<usize>().unwrap() > 30, "{output:?}");
    }
    for paper in ["report.pdf", "statement.pdf"] {
        if let Some(output) = tool(Command::new("qpdf").arg("--check").arg(data(paper))) {
            assert!(output.status.success(), "{output:?}");
        }
        if let Some(output) = tool(Command::new("pdffonts").arg(data(paper))) {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let fonts: Vec<&str> = said.lines().skip(2).collect();
            // Embedded, as a subset, and with the characters that the letters stand for.
            assert!(!fonts.is_empty());
            assert!(
                fonts.iter().all(|font| font.contains(" yes yes yes ")),
                "{said}"
            );
        }
        if let Some(output) = tool(Command::new("pdfinfo").arg(data(paper))) {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                said.lines()
                    .any(|line| line.starts_with("Tagged:") && line.ends_with("yes")),
                "{said}"
            );
        }
    }
    if let Some(output) = tool(Command::new("pdftotext").arg(data("report.pdf")).arg("-")) {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        for word in [
            "AB/2026/0042",
            "games.example",
            "Exhibit",
            "section 60A",
            "names another account",
        ] {
            assert!(said.contains(word), "the report does not say {word}");
        }
    }
}

#[test]
fn a_time_stamping_authority_answers_the_question() {
    let Some(world) = world() else { return };
    let bag = whole(&world);
    let folder = written(&world, &bag);
    let home = world.scratch.folder.path().join("authority");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("package.tsq"), timestamp_query(&bag).unwrap()).unwrap();
    fs::write(home.join("openssl.cnf"), AUTHORITY).unwrap();
    fs::write(home.join("serial"), "01\n").unwrap();
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        tool(command.current_dir(&home).args(line.split(' ')))
    };
    let made = openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.crt -days 30 -subj /CN=authority.example -config openssl.cnf -extensions stamps",
    );
    let Some(made) = made else { return };
    assert!(made.status.success(), "{made:?}");
    let answered = openssl(
        "ts -reply -config openssl.cnf -section authority -queryfile package.tsq -signer authority.crt -inkey authority.key -out package.tsr",
    );
    assert!(answered.as_ref().unwrap().status.success(), "{answered:?}");
    let signed = folder.join("tagmanifest-sha256.txt");
    let verify = || {
        openssl(&format!(
            "ts -verify -data {} -in package.tsr -CAfile authority.crt",
            signed.display()
        ))
        .unwrap()
    };
    assert!(verify().status.success(), "{:?}", verify());
    let mut other = fs::read(&signed).unwrap();
    other[0] ^= 1;
    fs::write(&signed, other).unwrap();
    assert!(!verify().status.success());
}

const AUTHORITY: &str = "
[req]
distinguished_name = name
[name]
[stamps]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[authority]
serial = serial
default_policy = 1.2.3.4.1
signer_digest = sha256
digests = sha256
accuracy = secs:1
";

fn written(world: &World, bag: &Bag) -> PathBuf {
    let folder = world.scratch.folder.path().join("written");
    bag.write(&folder).unwrap();
    folder
}

/// Runs a tool of the system; where it is missing, says so and gives nothing.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn tool(command: &mut Command) -> Option<Output> {
    let output = command.output().ok();
    if output.is_none() {
        eprintln!(
            "skipped: {} is not installed",
            command.get_program().to_string_lossy()
        );
    }
    output
}
