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
fn one_thread_and_more_give_the_same_bytes() {
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

#[test]
fn threads_are_refused_where_they_would_do_nothing() {
    let home = Home::without_engine();
    let log = region("logs/squid-oakfield.log.gz");
    home.ends(2, &["ingest", "--threads", "2", log.to_str().unwrap()]);
}
