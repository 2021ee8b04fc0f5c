//! What comes out does not depend on the number of threads.

use std::path::Path;

use crate::home::{Home, region};

fn records(home: &Home, threads: &str, arguments: &[&str], file: &Path) -> Vec<u8> {
    let to = home.path(&format!("{threads}.rows"));
    let mut all = arguments.to_vec();
    all.extend([file.to_str().unwrap(), "--to", "jsonl", "--records", "all"]);
    all.extend(["--threads", threads, "-o", to.to_str().unwrap()]);
    home.ends(0, &all);
    std::fs::read(to).unwrap()
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let home = Home::without_engine();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let captures = [
        "connections.pcap",
        "bad_block.pcapng",
        "identity.pcap",
        "fragments.pcap",
        "tunnels.pcap",
        "torn.pcap",
        "two_interfaces.pcapng",
        "nanoseconds.pcap.gz",
    ];
    let captures = captures.map(|name| (vec!["capture", "-r"], fixtures.join("pcap").join(name)));
    let logs = [
        (vec!["ingest"], fixtures.join("logs/squid_native/good.log")),
        (vec!["ingest"], region("logs/squid-oakfield.log.gz")),
    ];
    for (arguments, file) in captures.into_iter().chain(logs) {
        if !file.exists() {
            panic!("{} is no fixture", file.display());
        }
        let one = records(&home, "1", &arguments, &file);
        assert!(!one.is_empty(), "{}", file.display());
        for threads in ["2", "3", "8"] {
            let more = records(&home, threads, &arguments, &file);
            assert_eq!(one, more, "{} with {threads}", file.display());
        }
    }
}

/// A log of many blocks, with lines that are no lines of it, one that is longer than a block, and a last one without its end.
fn long_log() -> Vec<u8> {
    let mut log = String::new();
    for line in 0..40_000u32 {
        match line % 97 {
            13 => log.push_str("not a line of this log\n"),
            50 => log.push('\n'),
            _ => log.push_str(&format!(
                "{}.{:03} 12 10.1.2.{} TCP_MISS/200 {line} GET http://h{}.example/p?q={line} pupil{} HIER_DIRECT/192.0.2.1 text/html\n",
                1_772_446_500 + line / 9,
                line % 1000,
                line % 250,
                line % 71,
                line % 331,
            )),
        }
        if line == 20_000 {
            log.push_str(&"x".repeat(600 << 10));
            log.push('\n');
        }
    }
    log.push_str("1772446500.000 12 10.1.2.3 TCP_MIS");
    log.into_bytes()
}

#[test]
fn a_log_of_many_blocks_comes_out_in_its_order_in_every_form() {
    let home = Home::without_engine();
    let log = home.path("long.log");
    std::fs::write(&log, long_log()).unwrap();
    let run = |to: &str, threads: &str| {
        let (rows, rejects, counts) = (
            home.path("rows"),
            home.path("rejects.jsonl"),
            home.path("counts.json"),
        );
        let mut all = vec!["ingest", "--format", "squid_native"];
        all.extend([log.to_str().unwrap(), "--to", to, "--threads", threads]);
        all.extend(["-o", rows.to_str().unwrap()]);
        all.extend(["--rejects", rejects.to_str().unwrap()]);
        all.extend(["--counts-json", counts.to_str().unwrap()]);
        home.ends(0, &all);
        [rows, rejects, counts].map(|path| std::fs::read(path).unwrap())
    };
    for to in ["jsonl", "json", "csv", "rowbinary", "table"] {
        let one = run(to, "1");
        assert!(one.iter().all(|file| !file.is_empty()), "{to}");
        for threads in ["2", "3", "8"] {
            assert!(run(to, threads) == one, "{to} with {threads}");
        }
    }
}

/// Eight thousand flows over ten minutes: many are over before the file is, and many end with it.
fn long_capture() -> Vec<u8> {
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    capture.extend([0, 0, 4, 0, 101, 0, 0, 0]);
    for number in 0..8_000u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, a, b, c];
        packet.extend([192, 0, 2, 1, 0x80, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1]);
        packet.extend([
            0x50,
            if number % 3 == 0 { 0x14 } else { 0x10 },
            4,
            0,
            0,
            0,
            0,
            0,
        ]);
        // Some are no packets.
        if number % 97 == 0 {
            packet[0] = 0x15;
        }
        let length = u32::try_from(packet.len()).unwrap();
        for word in [1_772_446_500 + number / 13, number % 1000, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

#[test]
fn a_capture_of_many_flows_comes_out_in_its_order_in_every_form() {
    let home = Home::without_engine();
    let capture = home.path("long.pcap");
    std::fs::write(&capture, long_capture()).unwrap();
    let run = |to: &str, threads: &str| {
        let (rows, counts) = (home.path("rows"), home.path("counts.json"));
        let mut all = vec!["capture", "-r", capture.to_str().unwrap(), "--to", to];
        all.extend(["--threads", threads, "-o", rows.to_str().unwrap()]);
        all.extend(["--counts-json", counts.to_str().unwrap()]);
        home.ends(0, &all);
        [rows, counts].map(|path| std::fs::read(path).unwrap())
    };
    for to in ["jsonl", "json", "csv", "rowbinary", "table"] {
        let one = run(to, "1");
        assert!(one.iter().all(|file| !file.is_empty()), "{to}");
        for threads in ["2", "3", "8"] {
            assert!(run(to, threads) == one, "{to} with {threads}");
        }
    }
}

#[test]
fn threads_are_refused_where_they_would_do_nothing() {
    let home = Home::without_engine();
    let log = region("logs/squid-oakfield.log.gz");
    home.ends(2, &["ingest", "--threads", "2", log.to_str().unwrap()]);
}
