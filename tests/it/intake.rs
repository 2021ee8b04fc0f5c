//! What gets in can be got back: every encoding and packing, line by line and byte for byte; and folders of many files, broken off and begun
//! again.
//!
//! The whole: `INVIGIL_ORIGINALS=1000000 INVIGIL_SMALL_FILES=10000 INVIGIL_BIG_MB=20000 INVIGIL_PROGRAM=target/demo/invigil cargo test
//! --test it intake -- --nocapture --test-threads=1`.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use invigil::keys::{KeyRing, Purpose};
use invigil::store::originals::Originals;

use crate::home::Home;
use crate::kills::{Random, asked, exactly_once, killed_after, write_log};
use crate::once::ledger_of;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures")]
fn lines_of_every_encoding_and_packing_come_back_byte_for_byte() {
    let each = asked("INVIGIL_ORIGINALS", 20_000).div_ceil(10);
    let Some(home) = Home::with_engine("originals come back") else {
        return;
    };
    let mut sources = Vec::new();
    for at in 0..10 {
        let raw = written(at, each);
        let path = home.path(&format!("source{at}"));
        std::fs::write(&path, packed(at, &raw)).unwrap();
        home.ends(
            0,
            &["ingest", "--format", "squid_native", path.to_str().unwrap()],
        );
        // Again: nothing is new.
        let ledger = ledger_of(&home);
        let batches = ledger.batches(None).unwrap();
        let id = batches.last().unwrap().1.source;
        assert!(
            sources.iter().all(|(_, known, _)| *known != id),
            "source {at}"
        );
        sources.push((at, id, raw));
    }
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let originals = Originals::open(&home.data(), &keys.key(Purpose::Originals)).unwrap();
    let mut lines = 0;
    let mut random = Random(4);
    for (at, id, raw) in &sources {
        let wanted = lines_of(*at, raw);
        let frames = originals.frames(*id, 1, u64::MAX).unwrap();
        // What stands behind the last end is no line yet.
        assert_eq!(frames.len(), wanted.len(), "source {at}");
        let mut offset = 0;
        for (number, (frame, line)) in frames.iter().zip(&wanted).enumerate() {
            assert_eq!(
                (frame.frame, frame.offset),
                (number as u64 + 1, offset),
                "source {at}"
            );
            assert!(frame.bytes == *line, "source {at} line {}", number + 1);
            offset += line.len() as u64;
        }
        lines += frames.len() as u64;
        for _ in 0..5 {
            let n = 1 + random.next(each);
            let one = originals.frames(*id, n, n).unwrap();
            assert!(one[0].bytes == wanted[usize::try_from(n - 1).unwrap()]);
        }
    }
    let (_, id, _) = &sources[0];
    let since = Instant::now();
    let n = 1 + random.next(each);
    assert_eq!(originals.frames(*id, n, n).unwrap().len(), 1);
    let one = since.elapsed();
    let since = Instant::now();
    let many = originals.frames(*id, 1, 100_000).unwrap().len();
    let kept = bytes_below(&home.data().join("originals"));
    let raw: usize = sources.iter().map(|(_, _, raw)| raw.len()).sum();
    println!(
        "{lines} lines of {raw} bytes are kept in {kept}: {:.1} bytes a line; one line {one:?}, {many} lines {:?}",
        kept as f64 / lines as f64,
        since.elapsed()
    );
    let read: u64 = ledger_of(&home)
        .batches(None)
        .unwrap()
        .iter()
        .map(|(_, one)| one.read)
        .sum();
    assert_eq!(read, lines, "every line was read, and once");
    home.ends(0, &["store", "check"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures")]
fn a_folder_of_small_files_is_read_once_also_if_it_is_broken_off() {
    let files = asked("INVIGIL_SMALL_FILES", 60);
    let Some(home) = Home::with_engine("a folder of small files") else {
        return;
    };
    let folder = home.path("many");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..files {
        let line = |k: u64| {
            format!(
                "1772440000.{k:03} 12 10.0.0.9 TCP_MISS/200 512 GET http://h{n}.example/{k} - HIER_DIRECT/192.0.2.1 text/html\n"
            )
        };
        let text: String = (0..5).map(line).collect();
        std::fs::write(folder.join(format!("{n}.log")), text).unwrap();
    }
    let arguments = ["ingest", "--quiet", folder.to_str().unwrap()];
    let since = Instant::now();
    killed_after(&home, &arguments, Duration::from_millis(1500));
    home.ends(0, &arguments);
    println!("{files} small files in {:?}", since.elapsed());
    let batches = ledger_of(&home).batches(None).unwrap();
    let read: u64 = batches.iter().map(|(_, batch)| batch.read).sum();
    assert_eq!(read, 5 * files);
    home.ends(0, &["store", "check"]);
    // Again: nothing is new, and nothing is entered.
    let before = ledger_of(&home).head().size;
    let since = Instant::now();
    let mut running = home.command(&arguments).spawn().unwrap();
    let mut most = 0;
    while running.try_wait().unwrap().is_none() {
        most = most.max(resident(running.id()));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(running.wait().unwrap().success());
    println!(
        "read again in {:?}, at most {most} KB resident",
        since.elapsed()
    );
    assert_eq!(ledger_of(&home).head().size, before);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures")]
fn a_big_file_that_was_broken_off_is_read_on_in_flat_memory() {
    let megabytes = asked("INVIGIL_BIG_MB", 24);
    let Some(home) = Home::with_engine("a big file") else {
        return;
    };
    let log = home.path("big.log");
    let lines = megabytes * 7500;
    write_log(&log, lines);
    let arguments = ["ingest", "--quiet", log.to_str().unwrap()];
    let since = Instant::now();
    killed_after(
        &home,
        &arguments,
        Duration::from_millis(3000 + 20 * megabytes),
    );
    let stored: u64 = match home.data().join("ledger").exists() {
        true => ledger_of(&home)
            .batches(None)
            .unwrap()
            .iter()
            .map(|(_, one)| one.read)
            .sum(),
        false => 0,
    };
    let mut running = home.command(&arguments).spawn().unwrap();
    let mut most = 0;
    while running.try_wait().unwrap().is_none() {
        most = most.max(resident(running.id()));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(running.wait().unwrap().success());
    exactly_once(&home, "web_hits", lines);
    println!(
        "{megabytes} MB, {lines} lines, {stored} stored before the kill, {:?} in all; at most {most} KB resident, with the engine",
        since.elapsed()
    );
    assert!(most < 1_500_000, "{most} KB");
}

/// How much memory a process has, in KB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The log of a source, as it is written: each its own encoding and ends of lines.
fn written(at: u64, lines: u64) -> Vec<u8> {
    let mut random = Random(at + 1);
    let mut text = String::new();
    let end = match at {
        1 | 5 | 9 => "\r\n",
        2 | 6 => "\r",
        _ => "\n",
    };
    for n in 0..lines {
        text.push_str(&format!(
            "{}.{:03} {} 10.{}.0.9 TCP_MISS/200 512 GET http://zo\u{eb}{at}.example/{n}?{} p\u{e9}{} HIER_DIRECT/192.0.2.1 text/html{end}",
            1_772_440_000 + n / 40, n % 1000, random.next(9000), random.next(250), random.next(1 << 30), random.next(900)
        ));
    }
    let utf16 = |mark: &str, big: bool| -> Vec<u8> {
        let text = format!("{mark}{text}");
        let bytes = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        text.encode_utf16().flat_map(bytes).collect()
    };
    match at {
        0..=2 => text.into_bytes(),
        3 => [b"\xef\xbb\xbf".to_vec(), text.into_bytes()].concat(),
        4 => utf16("\u{feff}", false),
        5 => utf16("\u{feff}", true),
        6 => utf16("", false),
        7 => utf16("", true),
        // NULs and broken UTF-8 stay what they are.
        8 => {
            let mut bytes = text.into_bytes();
            for at in (0..bytes.len()).step_by(997) {
                if bytes[at] == b'p' {
                    bytes[at] = if at % 2 == 0 { 0 } else { 0xfe };
                }
            }
            bytes
        }
        _ => text
            .chars()
            .map(|one| u8::try_from(u32::from(one)).unwrap())
            .collect(),
    }
}

/// A source's bytes cut after each end of a line, by the simplest way that can be right.
fn lines_of(at: u64, raw: &[u8]) -> Vec<Vec<u8>> {
    let end: &[u8] = match at {
        2 => b"\r",
        4 => b"\n\0",
        5 | 7 => b"\0\n",
        6 => b"\r\0",
        _ => b"\n",
    };
    let step = end.len();
    let mut lines = vec![Vec::new()];
    for unit in raw.chunks(step) {
        lines.last_mut().unwrap().extend_from_slice(unit);
        if unit == end {
            lines.push(Vec::new());
        }
    }
    assert_eq!(lines.pop(), Some(Vec::new()), "it ends with a line");
    lines
}

/// Packed by the tools that everybody has.
fn packed(at: u64, raw: &[u8]) -> Vec<u8> {
    let tool = match at % 5 {
        1 => "gzip",
        2 => "xz",
        3 => "bzip2",
        4 => "zstd",
        _ => return raw.to_vec(),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(raw)
        .unwrap();
    match tool {
        "zstd" => zstd::encode_all(raw, 3).unwrap(),
        tool => {
            let done = std::process::Command::new(tool)
                .arg("-c")
                .arg(&path)
                .output();
            done.unwrap_or_else(|error| panic!("{tool}: {error}"))
                .stdout
        }
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => bytes_below(&path),
            path => path.metadata().unwrap().len(),
        })
        .sum()
}
