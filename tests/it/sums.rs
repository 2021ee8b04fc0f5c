//! Every packet of every capture has become something, for a reason that the manual names.

use std::path::{Path, PathBuf};

use invigil::record::{IgnoreReason, RejectReason};
use serde_json::Value;

use crate::home::Home;

#[test]
fn every_packet_of_every_fixture_is_accounted_for() {
    let home = Home::without_engine();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    let read = captures(&folder)
        .iter()
        .filter(|path| adds_up(&home, path))
        .count();
    assert!(read > 30, "only {read} fixtures were read");
}

/// Captures of other people, which may not lie here: a variable says where they are.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the captures lie is said by the environment"
)]
fn every_packet_of_a_corpus_is_accounted_for() {
    let Some(corpus) = std::env::var_os("INVIGIL_CORPUS") else {
        println!("sums: the corpus is left out, INVIGIL_CORPUS does not name its folder");
        return;
    };
    let home = Home::without_engine();
    let all = captures(Path::new(&corpus));
    let read = all.iter().filter(|path| adds_up(&home, path)).count();
    println!("sums: {read} of {} captures read", all.len());
    assert!(read > 0, "no captures in {}", Path::new(&corpus).display());
}

/// All captures below a folder, in order.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".gz");
        if path.is_dir() {
            all.extend(captures(&path));
        } else if [".pcap", ".pcapng", ".cap", ".dmp", ".trace", ".ntar"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            all.push(path);
        }
    }
    all
}

/// Reads a capture to its end; `false` if it is none, and was refused in words.
fn adds_up(home: &Home, path: &Path) -> bool {
    let [out, counts] = ["flows.jsonl", "counts.json"].map(|name| home.path(name));
    let arguments = [
        ["--to", "jsonl"],
        ["-o", out.to_str().unwrap()],
        ["--counts-json", counts.to_str().unwrap()],
        ["-r", path.to_str().unwrap()],
    ];
    let mut all = vec!["capture"];
    all.extend(arguments.as_flattened());
    let output = home.run(&all);
    let said = format!(
        "{}\n{}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.code() == Some(2) {
        assert!(said.contains("capture"), "{said}");
        return false;
    }
    assert_eq!(output.status.code(), Some(0), "{said}");
    let counts: Value = serde_json::from_slice(&std::fs::read(&counts).unwrap()).unwrap();
    let number = |name: &str| counts[name].as_u64().unwrap();
    let became = ["metered", "rejected", "ignored", "held"].map(number);
    assert_eq!(number("packets"), became.iter().sum::<u64>(), "{said}");
    let mut for_a_reason = 0;
    for (reason, packets) in counts["reasons"].as_object().unwrap() {
        let is_known =
            RejectReason::parse(reason).is_some() || IgnoreReason::parse(reason).is_some();
        assert!(is_known, "{reason}: {said}");
        for_a_reason += packets.as_u64().unwrap();
    }
    assert_eq!(
        for_a_reason,
        number("rejected") + number("ignored"),
        "{said}"
    );
    let flows = std::fs::read_to_string(&out).unwrap();
    let mut in_flows = 0;
    for line in flows.lines() {
        let flow: Value = serde_json::from_str(line).unwrap();
        in_flows += ["src_packets", "dst_packets"]
            .iter()
            .map(|side| flow[side].as_u64().unwrap_or(0))
            .sum::<u64>();
    }
    assert_eq!(in_flows, number("metered"), "{said}");
    true
}
