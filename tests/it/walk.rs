//! The chapter of the manual that goes from a suspicion to a sealed package: its commands are run, and print what stands in it.
//!
//! `UPDATE_FIXTURES=1` writes what they print into the chapter.

use std::path::Path;
use std::process::Command;

use crate::home::{Home, region};

const CHAPTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/casework/README.md");

/// The mark between the outputs of two commands.
const NEXT: &str = "@next@";

#[test]
fn the_chapter_prints_what_the_program_prints() {
    if !["age-keygen", "python3", "minisign"]
        .iter()
        .all(|tool| Path::new("/usr/bin").join(tool).exists())
    {
        println!("walk: skipped, age, minisign and python3 are needed");
        return;
    }
    let config = std::fs::read_to_string(region("invigil.toml")).unwrap();
    let Some(home) = Home::with_engine("walk").map(|home| home.configured(&config)) else {
        return;
    };
    for kind in ["establishments", "networks", "links", "accounts", "devices"] {
        let file = region("registers").join(format!("{kind}.csv"));
        home.ends(0, &["register", kind, "import", file.to_str().unwrap()]);
    }
    let logs = region("logs").join("*.gz");
    let reference = ["ingest", "--reference", "2026-03-16T00:00:00Z"];
    home.ends(0, &[&reference[..], &[logs.to_str().unwrap()]].concat());

    let chapter = std::fs::read_to_string(CHAPTER).unwrap();
    let commands: Vec<&str> = chapter
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    let printed = printed(&home, &commands);
    let mut printed = printed.iter();
    let mut again = String::new();
    let mut within = false;
    for line in chapter.lines() {
        match line.strip_prefix("$ ") {
            Some(_) => {
                within = true;
                again += line;
                again.push('\n');
                again += printed.next().unwrap();
                continue;
            }
            None if line.starts_with("```") => within = false,
            None if within => continue,
            None => {}
        }
        again += line;
        again.push('\n');
    }
    if asked_to_update() {
        std::fs::write(CHAPTER, again).unwrap();
        return;
    }
    for (ours, theirs) in again.lines().zip(chapter.lines()) {
        assert_eq!(steady(ours), steady(theirs));
    }
    assert_eq!(again.lines().count(), chapter.lines().count());
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever wants the chapter to be written says so"
)]
fn asked_to_update() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

/// What each command prints, in one shell, so that a later one knows what an earlier one was told.
fn printed(home: &Home, commands: &[&str]) -> Vec<String> {
    let folder = home.path("walk");
    let tools = home.path("tools");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(&tools).unwrap();
    let program = home.command(&[]);
    std::os::unix::fs::symlink(program.get_program(), tools.join("invigil")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::os::unix::fs::symlink(fixtures, folder.join("fixtures")).unwrap();
    let mut script = String::from("exec 2>&1\n");
    for command in commands {
        script += &format!("echo {NEXT}\n{command}\n");
    }
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(&script)
        .current_dir(&folder)
        .env_clear();
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.env("PATH", format!("{}:/usr/bin:/bin", tools.display()));
    let output = shell.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.replace(home.path("").to_str().unwrap(), "");
    let all: Vec<String> = said
        .split(&format!("{NEXT}\n"))
        .skip(1)
        .map(str::to_owned)
        .collect();
    assert_eq!(all.len(), commands.len());
    all
}

/// A line without what is another one each time: moments of today, hashes, and the blanks that fill a table's cells.
fn steady(line: &str) -> String {
    let mut steady = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let moment = moment(rest);
        let hash = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
            .count();
        let (taken, kept) = match (moment, hash) {
            (1.., _) => (moment, "@"),
            (0, 8..) => (hash, "#"),
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        steady += kept;
        rest = &rest[taken..];
    }
    steady
        .replace('─', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// How long the moment is that a text begins with, unless it is one of the invented region.
fn moment(text: &str) -> usize {
    let is_day = text.len() >= 10
        && text
            .bytes()
            .take(10)
            .enumerate()
            .all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    if !is_day || text.starts_with("2026-03") {
        return 0;
    }
    let time = |byte: &u8| byte.is_ascii_digit() || b"TZ:.".contains(byte);
    10 + text.bytes().skip(10).take_while(time).count()
}
