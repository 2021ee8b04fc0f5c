//! A word that stood in a log line stands in no file of the data folder, while it is read and after.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::home::Home;

const HOST: &str = "plantedhostword";
const PATH: &str = "plantedpathword";
const USER: &str = "planteduserword";

#[test]
fn a_planted_word_is_in_no_file_of_the_data_folder() {
    let Some(home) = Home::with_engine("secret") else {
        return;
    };
    let log = home.path("access.log");
    std::fs::write(&log, planted(60_000)).unwrap();
    let mut reading = home
        .command(&["ingest", "--quiet", log.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut looks = 0;
    let status = loop {
        looks += 1;
        nothing_planted(&home.data());
        if let Some(status) = reading.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(0), "the log was read");
    assert!(looks > 1, "the folder was looked at while it was written");
    nothing_planted(&home.data());

    home.ends(0, &["ledger", "verify"]);
    let audit = home.run(&[
        "audit",
        "--since",
        "2026-03-02T00:00:00Z",
        "--until",
        "2026-03-04T00:00:00Z",
    ]);
    assert!(
        matches!(audit.status.code(), Some(0 | 1)),
        "the audit runs: {}",
        String::from_utf8_lossy(&audit.stderr)
    );
    nothing_planted(&home.data());
}

/// Looks through every file below a folder; files that go away meanwhile are nobody's fault.
fn nothing_planted(folder: &Path) {
    for file in files(folder) {
        let Ok(bytes) = std::fs::read(&file) else {
            continue;
        };
        for word in [HOST, PATH, USER] {
            assert!(
                memchr::memmem::find(&bytes, word.as_bytes()).is_none(),
                "`{word}` stands in {}",
                file.display()
            );
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

fn planted(lines: u32) -> String {
    (0..lines)
        .map(|n| {
            format!(
                "{}.{:03}     40 10.21.0.{} TCP_MISS/200 900 GET http://{HOST}{}.example/{PATH}/{n} {USER}{} HIER_DIRECT/192.0.2.7 text/html\n",
                1_772_440_000 + n / 4,
                n % 1000,
                20 + n % 40,
                n % 7,
                n % 5
            )
        })
        .collect()
}
