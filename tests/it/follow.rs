//! Following logs that are rotated in both ways, through kills, a store that is away, a full disk and a permission that goes and comes.
//!
//! `make test` does a few kills; the fifty are `INVIGIL_FOLLOW_KILLS=50 cargo test --test it follow -- --nocapture --test-threads=1`,
//! other moments come with another `INVIGIL_FOLLOW_SEED`.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::home::Home;
use crate::kills::{Random, asked};
use crate::once::{ledger_of, originals_are_what_the_ledger_says};

#[test]
fn a_follower_that_is_killed_again_and_again_loses_and_doubles_no_line() {
    let kills = asked("INVIGIL_FOLLOW_KILLS", 6);
    let Some(home) = Home::with_engine("kills of a follower") else {
        return;
    };
    let folder = home.path("logs");
    std::fs::create_dir(&folder).unwrap();
    let mut renamed = Writer::new(&folder, "renamed.log", false);
    let mut emptied = Writer::new(&folder, "emptied.log", true);
    let mut random = Random(asked("INVIGIL_FOLLOW_SEED", 20_261_123));
    for _ in 0..kills {
        let follower = follow(&home, &[&renamed.path, &emptied.path]);
        let pieces = 3 + random.next(9);
        for _ in 0..pieces {
            for writer in [&mut renamed, &mut emptied] {
                writer.write(1 + random.next(300));
                if random.next(5) == 0 {
                    writer.rotate();
                }
            }
            std::thread::sleep(Duration::from_millis(random.next(700)));
        }
        drop(follower);
        if random.next(2) == 0 {
            renamed.rotate();
            emptied.write(20);
        }
    }
    let follower = follow(&home, &[&renamed.path, &emptied.path]);
    renamed.write(10);
    emptied.write(10);
    wait_until_stored(&home, renamed.lines + emptied.lines);
    ends_well(follower);
    each_line_once(&home, &[&renamed, &emptied]);
    println!("{kills} kills; {} lines", renamed.lines + emptied.lines);
}

#[test]
fn a_follower_waits_for_permission_and_for_the_store_and_goes_on() {
    let Some(home) = Home::with_engine("a follower waits") else {
        return;
    };
    let folder = home.path("logs");
    std::fs::create_dir(&folder).unwrap();
    let mut writer = Writer::new(&folder, "access.log", false);
    let mut serving = crate::kills::serve(&home);
    let follower = follow(&home, &[&writer.path]);
    writer.write(400);
    wait_until_stored(&home, 400);
    serving.kill().unwrap();
    serving.wait().unwrap();
    for _ in 0..4 {
        writer.write(100);
        std::thread::sleep(Duration::from_millis(400));
    }
    writer.rotate();
    writer.write(50);
    // Who runs as root is refused nothing; the name is taken away instead.
    let hidden = folder.join("hidden");
    std::fs::set_permissions(&writer.path, std::fs::Permissions::from_mode(0o0)).unwrap();
    std::fs::rename(&writer.path, &hidden).unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&hidden, &writer.path).unwrap();
    writer.write(50);
    // The follower opens the store that nobody has any more.
    wait_until_stored(&home, writer.lines);
    ends_well(follower);
    each_line_once(&home, &[&writer]);
}

#[test]
fn a_log_whose_lines_need_its_heading_is_followed_on_by_another_follower_and_past_a_look() {
    let Some(home) = Home::with_engine("a heading is remembered") else {
        return;
    };
    let path = home.path("ex.log");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "#Software: Example 1.0\n#Version: 1.0\n#Fields: date time time-taken c-ip cs-username sc-status s-action sc-bytes cs-method cs-uri-scheme cs-host cs-uri-path").unwrap();
    // More than is read at one look, so that a second follower begins behind that.
    let mut lines = 0;
    let mut write = |more: u64| {
        let mut text = String::new();
        for n in lines..lines + more {
            text.push_str(&format!(
                "2026-03-02 08:{:02}:{:02} 12 10.0.0.9 - 200 TCP_MISS 512 GET http {}.example /line/{n}\n",
                n / 60 % 60, n % 60, "h".repeat(60)
            ));
        }
        file.write_all(text.as_bytes()).unwrap();
        lines += more;
    };
    write(60_000);
    for stored in [60_003, 60_103, 60_203] {
        let follower = follow(&home, &[&path]);
        wait_until_stored(&home, stored);
        // Now and then a follower is told to stop, and now and then it is not asked.
        if stored == 60_103 {
            drop(follower);
        } else {
            ends_well(follower);
        }
        write(100);
    }
    let follower = follow(&home, &[&path]);
    wait_until_stored(&home, 60_303);
    ends_well(follower);
    let batches = ledger_of(&home).batches(None).unwrap();
    let sum = |count: fn(&invigil::ledger::BatchIngested) -> u64| -> u64 {
        batches.iter().map(|(_, batch)| count(batch)).sum()
    };
    assert_eq!(sum(|batch| batch.read), 60_303);
    assert_eq!(sum(|batch| batch.stored), 60_300);
    assert_eq!(sum(|batch| batch.ignored), 3);
    home.ends(0, &["store", "check"]);
}

/// Who writes a log, and rotates it without losing a line.
struct Writer {
    path: PathBuf,
    is_emptied: bool,
    lines: u64,
    rotations: u64,
}

impl Writer {
    fn new(folder: &Path, name: &str, is_emptied: bool) -> Writer {
        Writer {
            path: folder.join(name),
            is_emptied,
            lines: 0,
            rotations: 0,
        }
    }

    /// Writes lines in pieces that do not end where lines do.
    fn write(&mut self, lines: u64) {
        let name = self.path.file_stem().unwrap().to_str().unwrap();
        let mut text = String::new();
        for n in self.lines..self.lines + lines {
            let time = 1_772_440_000 + n / 40;
            text.push_str(&format!(
                "{time}.{:03} 12 10.0.{}.9 TCP_MISS/200 512 GET http://{name}.example/line/{n} - HIER_DIRECT/192.0.2.1 text/html\n",
                n % 1000, n % 250
            ));
        }
        self.lines += lines;
        let mut options = std::fs::File::options();
        let mut file = options.append(true).create(true).open(&self.path).unwrap();
        let (one, other) = text.as_bytes().split_at(text.len() / 3);
        file.write_all(one).unwrap();
        file.write_all(other).unwrap();
    }

    fn rotate(&mut self) {
        let numbered = |n: u64| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        if !self.path.exists() {
            return;
        }
        for n in (1..=self.rotations).rev() {
            std::fs::rename(numbered(n), numbered(n + 1)).unwrap();
        }
        self.rotations += 1;
        if self.is_emptied {
            std::fs::copy(&self.path, numbered(1)).unwrap();
            let file = std::fs::File::options().write(true).open(&self.path);
            file.unwrap().set_len(0).unwrap();
        } else {
            std::fs::rename(&self.path, numbered(1)).unwrap();
        }
    }
}

/// A follower; it goes when the test does.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn follow(home: &Home, paths: &[&Path]) -> Follower {
    let mut arguments = vec!["ingest", "--quiet", "--follow"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let mut command = home.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Follower(command.spawn().unwrap())
}

fn ends_well(mut follower: Follower) {
    let pid = rustix::process::Pid::from_child(&follower.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(follower.0.wait().unwrap().success());
}

/// Waits until the ledger has so many lines, as long as more are coming.
fn wait_until_stored(home: &Home, lines: u64) {
    let (mut read, mut quiet) = (0, 0);
    while quiet < 300 {
        let now = match home.data().join("ledger").exists() {
            false => 0,
            true => {
                let batches = ledger_of(home).batches(None).unwrap();
                batches.iter().map(|(_, batch)| batch.read).sum()
            }
        };
        if now >= lines {
            return;
        }
        quiet = if now > read { 0 } else { quiet + 1 };
        read = now;
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{read} of {lines} lines were stored, and then none for half a minute");
}

/// Each line that was written stands in the store once, and nothing else.
fn each_line_once(home: &Home, writers: &[&Writer]) {
    let sql = "SELECT concat(host, path) AS line, count() AS times FROM web_hits GROUP BY line";
    let answer = home.revealed(sql);
    let mut seen = BTreeSet::new();
    for row in answer.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let line = row["line"].as_str().unwrap().to_owned();
        assert_eq!(row["times"].to_string().trim_matches('"'), "1", "{line}");
        assert!(seen.insert(line));
    }
    let mut wanted = BTreeSet::new();
    for writer in writers {
        let name = writer.path.file_stem().unwrap().to_str().unwrap();
        wanted.extend((0..writer.lines).map(|n| format!("{name}.example/line/{n}")));
    }
    assert_eq!(seen.len(), wanted.len());
    assert!(seen == wanted);
    let status: serde_json::Value =
        serde_json::from_str(&home.ends(0, &["--json", "store", "status"])).unwrap();
    for source in status["sources"].as_array().unwrap() {
        let number = |name: &str| source[name].as_u64().unwrap();
        let parts = number("stored") + number("rejected") + number("ignored");
        assert_eq!(number("read"), parts, "{source}");
    }
    home.ends(0, &["store", "check"]);
    home.ends(0, &["ledger", "verify"]);
    originals_are_what_the_ledger_says(home);
}
