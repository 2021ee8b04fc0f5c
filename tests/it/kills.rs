//! `kill -9` at random moments, of whoever stores and of whoever has the engine: in the end each line stands once.
//!
//! `make test` does a few; the whole is `INVIGIL_KILLS=200 INVIGIL_LINES=2000000 INVIGIL_PACKETS=2000000
//! INVIGIL_PROGRAM=target/demo/invigil cargo test --test it kills -- --nocapture --test-threads=1` after `make demo`. The moments come from a fixed seed and from how fast the machine is.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::home::Home;
use crate::once::{ledger_of, originals_are_what_the_ledger_says};

#[test]
fn kills_of_an_ingest_lose_and_double_no_line() {
    let (kills, lines) = (asked("INVIGIL_KILLS", 6), asked("INVIGIL_LINES", 60_000));
    let Some(home) = Home::with_engine("kills of an ingest") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, lines);
    let arguments = ["ingest", "--quiet", log.to_str().unwrap()];
    let whole = time_of(&home, &arguments);
    exactly_once(&home, "web_hits", lines);
    let mut random = Random(20_261_122);
    let mut done = Tally::default();
    while done.kills < kills {
        let home = Home::with_engine("kills of an ingest").unwrap();
        while done.kills < kills && killed_after(&home, &arguments, random.moment(whole)) {
            done.kills += 1;
        }
        home.ends(0, &arguments);
        exactly_once(&home, "web_hits", lines);
        done.homes += 1;
        println!("{done:?}");
    }
    println!("ingest of {lines} lines ({whole:?} without a kill): {done:?}");
}

#[test]
fn kills_of_a_capture_lose_and_double_no_packet() {
    let kills = asked("INVIGIL_KILLS", 2);
    let packets = asked("INVIGIL_PACKETS", 210_000);
    let Some(home) = Home::with_engine("kills of a capture") else {
        return;
    };
    let file = home.path("big.pcap");
    write_capture(&file, packets);
    let arguments = ["capture", "--quiet", "-r", file.to_str().unwrap()];
    let whole = time_of(&home, &arguments);
    let flows = exactly_once(&home, "flows", packets);
    let mut random = Random(20_261_123);
    let mut done = Tally::default();
    while done.kills < kills {
        let home = Home::with_engine("kills of a capture").unwrap();
        while done.kills < kills && killed_after(&home, &arguments, random.moment(whole)) {
            done.kills += 1;
        }
        home.ends(0, &arguments);
        assert_eq!(
            exactly_once(&home, "flows", packets),
            flows,
            "the same flows"
        );
        done.homes += 1;
        println!("{done:?}");
    }
    println!("capture of {packets} packets ({whole:?} without a kill): {done:?}");
}

#[test]
fn kills_of_the_store_under_an_ingest_lose_and_double_no_line() {
    let kills = asked("INVIGIL_KILLS", 2).div_ceil(4);
    let lines = asked("INVIGIL_LINES", 60_000);
    let Some(home) = Home::with_engine("kills of the store") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, lines);
    let arguments = ["ingest", "--quiet", log.to_str().unwrap()];
    let whole = time_of(&home, &arguments);
    let mut random = Random(20_261_124);
    let mut waited = 0;
    for _ in 0..kills {
        let home = Home::with_engine("kills of the store").unwrap();
        let mut serving = serve(&home);
        let ingest = home
            .command(&arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(random.moment(whole));
        serving.kill().unwrap();
        serving.wait().unwrap();
        let ended = ingest.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        match ended.status.code() {
            Some(0) => {}
            Some(2) if said.contains("wait for it in the spool") => waited += 1,
            other => panic!("{other:?}: {said}"),
        }
        home.ends(0, &["store", "replay"]);
        exactly_once(&home, "web_hits", lines);
    }
    println!(
        "{kills} stores killed under an ingest of {lines} lines; {waited} times batches waited in the spool"
    );
}

#[test]
fn a_store_whose_socket_is_gone_is_waited_for_and_kills_nothing() {
    let Some(home) = Home::with_engine("the socket is gone") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, 30_000);
    let mut serving = serve(&home);
    std::fs::remove_file(home.data().join("store.sock")).unwrap();
    let ended = home.run(&["ingest", log.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("wait for it in the spool"), "{said}");
    serving.kill().unwrap();
    serving.wait().unwrap();
    home.ends(0, &["store", "replay"]);
    exactly_once(&home, "web_hits", 30_000);
    originals_are_what_the_ledger_says(&home);
}

/// What came of the kills.
#[derive(Debug, Default)]
struct Tally {
    /// Programs that were at work and were killed.
    kills: u64,
    /// Homes that went through some of them, each to the end.
    homes: u64,
}

/// Whether the program was still at work when its kill came.
pub(crate) fn killed_after(home: &Home, arguments: &[&str], moment: Duration) -> bool {
    let mut running = home
        .command(arguments)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(moment);
    let ended = running.try_wait().unwrap();
    if let Some(status) = ended {
        assert!(
            status.success(),
            "it ended by itself, and not well: {status}"
        );
        return false;
    }
    running.kill().unwrap();
    running.wait().unwrap();
    true
}

/// How long the whole takes when nobody kills it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how fast this machine is"
)]
pub(crate) fn time_of(home: &Home, arguments: &[&str]) -> Duration {
    let since = Instant::now();
    home.ends(0, arguments);
    since.elapsed()
}

/// Keeps the store up in a process of its own, once it answers.
pub(crate) fn serve(home: &Home) -> Child {
    let mut serving = home
        .command(&["store", "serve"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(serving.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(said).map_while(Result::ok);
    assert!(lines.any(|line| line.contains("the store answers")));
    serving
}

/// Every line or packet was read once, every row stands once, and the ledger says the same as the store. Gives the
/// number of rows in this table.
pub(crate) fn exactly_once(home: &Home, table: &str, frames: u64) -> u64 {
    let sql = format!(
        "SELECT count() AS rows, uniqExact(source_id, frame, ordinal) AS places, sum(frame * frame * 31 + frame + ordinal) % 4294967296 AS sum FROM {table}"
    );
    let answer = home.ends(0, &["query", "--sql", &sql, "--to", "jsonl"]);
    let row: serde_json::Value = serde_json::from_str(answer.trim()).unwrap();
    let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(number("rows"), number("places"), "no row stands twice");
    let ledger = ledger_of(home);
    let batches = ledger.batches(None).unwrap();
    let told = batches
        .iter()
        .filter_map(|(_, batch)| batch.rows.get(table));
    let told = told.fold((0, 0), |(rows, places), of| {
        (rows + of.rows, (places + of.places) & 0xffff_ffff)
    });
    assert_eq!(
        (number("rows"), number("sum")),
        told,
        "the store and the ledger agree"
    );
    let read: u64 = batches.iter().map(|(_, batch)| batch.read).sum();
    assert_eq!(read, frames, "each was read once");
    let mut next = 1;
    for (_, batch) in batches.iter().filter(|(_, batch)| batch.frames > 0) {
        assert_eq!(batch.first_frame, next, "in order, without a gap");
        next = batch.last_frame + 1;
    }
    let status: serde_json::Value =
        serde_json::from_str(&home.ends(0, &["--json", "store", "status"])).unwrap();
    assert_eq!(
        status["sources"][0]["read"].as_u64(),
        Some(frames),
        "{status}"
    );
    assert_eq!(files_below(&home.data().join("spool")), 0, "nothing waits");
    home.ends(0, &["ledger", "verify"]);
    home.ends(0, &["store", "check"]);
    number("rows")
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths
        .iter()
        .map(|path| if path.is_dir() { files_below(path) } else { 1 })
        .sum()
}

/// Numbers from a seed (xorshift64*, Vigna 2016).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    /// A moment within the first third of a time: what one life has stored the next need not, so that all of the work
    /// comes under the kills.
    pub(crate) fn moment(&mut self, whole: Duration) -> Duration {
        let micros = u64::try_from(whole.as_micros()).unwrap() / 3;
        Duration::from_micros(self.next(micros.max(1)))
    }
}

/// A log with good lines, lines that are rejected and lines that are passed over.
pub(crate) fn write_log(path: &Path, lines: u64) {
    let mut random = Random(7);
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    for n in 0..lines {
        let time = 1_772_440_000 + n / 40;
        match random.next(500) {
            0 => writeln!(out, "prose {n}").unwrap(),
            1 => writeln!(out).unwrap(),
            _ => writeln!(
                out,
                "{time}.{:03} {:6} 10.{}.{}.{} TCP_MISS/200 {} GET http://host{}.example/page/{n}?q={} p{} HIER_DIRECT/192.0.2.{} text/html",
                n % 1000,
                random.next(9000),
                random.next(200),
                random.next(250),
                random.next(250),
                random.next(90_000),
                random.next(900),
                random.next(1_000_000),
                random.next(3000),
                random.next(250),
            )
            .unwrap(),
        }
    }
    out.into_inner().unwrap().sync_all().unwrap();
}

/// A classic capture of Ethernet frames with UDP, of a few thousand conversations.
fn write_capture(path: &Path, packets: u64) {
    let mut random = Random(9);
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    header.extend([0; 8]);
    header.extend(65_535u32.to_le_bytes());
    header.extend(1u32.to_le_bytes());
    out.write_all(&header).unwrap();
    for n in 0..packets {
        let (host, port) = (random.next(4000), random.next(3));
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let [high, low] = u16::try_from(host).unwrap().to_be_bytes();
        frame.extend([
            0x45, 0, 0, 44, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, high, low, 192, 0, 2, 7,
        ]);
        frame.extend(u16::try_from(40_000 + port).unwrap().to_be_bytes());
        frame.extend([0x20, 0xfb, 0, 24, 0, 0]);
        frame.extend([n.to_le_bytes()[0]; 16]);
        let seconds = u32::try_from(1_772_440_000 + n / 400).unwrap();
        let micros = u32::try_from(n % 400 * 2500).unwrap();
        let length = u32::try_from(frame.len()).unwrap();
        for field in [seconds, micros, length, length] {
            out.write_all(&field.to_le_bytes()).unwrap();
        }
        out.write_all(&frame).unwrap();
    }
    out.into_inner().unwrap().sync_all().unwrap();
}

/// A number that the person who runs the tests may ask for.
#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is asked for by a variable"
)]
pub(crate) fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
