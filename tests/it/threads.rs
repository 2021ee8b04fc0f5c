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
    for (arguments, file) in [
        (
            vec!["capture", "-r"],
            fixtures.join("pcap/connections.pcap"),
        ),
        (
            vec!["capture", "-r"],
            fixtures.join("pcap/bad_block.pcapng"),
        ),
        (vec!["ingest"], fixtures.join("logs/squid_native/good.log")),
        (vec!["ingest"], region("logs/squid-oakfield.log.gz")),
    ] {
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

#[test]
fn threads_are_refused_where_they_would_do_nothing() {
    let home = Home::without_engine();
    let log = region("logs/squid-oakfield.log.gz");
    home.ends(2, &["ingest", "--threads", "2", log.to_str().unwrap()]);
}
