//! A port is read while frames come: what is made of them live is what a replay makes of the frames that were kept.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::home::Home;
use crate::wire::{HEARD, Wire, frames_in, wait_for};

/// How long anything may take on a machine that does other work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Frames that an Ethernet wire carries, of many kinds.
const MIXED: &[&str] = &[
    "connections.pcap",
    "tls.pcap",
    "dns.pcap",
    "http.pcap",
    "fragments.pcap",
    "tunnels.pcap",
    "version_six.pcap",
    "bypass.pcap",
];

/// A capture that is under way.
struct Capture<'w> {
    program: Child,
    home: &'w Home,
}

impl<'w> Capture<'w> {
    /// Begins to read the wire and waits until it is read.
    fn begin(home: &'w Home, wire: &Wire, arguments: &[&str]) -> Capture<'w> {
        let counts = home.path("counts.json");
        let mut all = vec![
            "capture",
            "-i",
            HEARD,
            "--counts-json",
            counts.to_str().unwrap(),
        ];
        all.extend(arguments);
        let said = std::fs::File::create(home.path("said")).unwrap();
        let program = wire
            .inside(&home.command(&all))
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut capture = Capture { program, home };
        let reads = wait_for(PATIENCE, || {
            let ended = capture.program.try_wait().unwrap();
            assert_eq!(ended, None, "{}", capture.said());
            capture.said().contains("capture: reading")
        });
        assert!(reads, "{}", capture.said());
        capture
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.home.path("said")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        // `nsenter` becomes the program, so this is the program's own number.
        let number = i32::try_from(self.program.id()).unwrap();
        kill_process(Pid::from_raw(number).unwrap(), signal).unwrap();
    }

    /// Tells it to stop, which it must do in order; answers with its counts.
    fn end(mut self) -> Value {
        self.signal(Signal::TERM);
        let status = self.program.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.said());
        let counts = std::fs::read(self.home.path("counts.json")).unwrap();
        let counts: Value = serde_json::from_slice(&counts).unwrap();
        let sum = ["metered", "rejected", "ignored", "held"].map(|name| number(&counts, name));
        assert_eq!(
            number(&counts, "packets"),
            sum.iter().sum::<u64>(),
            "{counts}"
        );
        counts
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

fn number(counts: &Value, name: &str) -> u64 {
    counts[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {counts}"))
}

/// The flows of each source in their order, byte for byte but for the source's id.
fn by_source(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        let flow: Value = serde_json::from_str(line).unwrap();
        let source = flow["source_id"].as_str().unwrap().to_owned();
        let line = line.replace(&source, "");
        all.entry(source).or_default().push(line);
    }
    all
}

fn replay(home: &Home, kept: &Path) -> Vec<String> {
    let out = home.path("replay.jsonl");
    let (kept, to) = (kept.to_str().unwrap(), out.to_str().unwrap());
    home.ends(0, &["capture", "-r", kept, "--to", "jsonl", "-o", to]);
    by_source(&out).into_values().next().unwrap_or_default()
}

#[test]
fn live_flows_are_those_that_a_replay_of_the_kept_frames_gives() {
    let Some(wire) = Wire::lay("live") else {
        return;
    };
    let home = Home::without_engine().configured("[capture]\nidle_timeout_seconds = 2\n");
    let (out, kept) = (home.path("live.jsonl"), home.path("kept.pcapng"));
    let [out_text, kept_text] = [&out, &kept].map(|path| path.to_str().unwrap());
    let arguments = ["--to", "jsonl", "-o", out_text, "--write", kept_text];
    let capture = Capture::begin(&home, &wire, &arguments);
    let mut sent = wire.play(&["--pps", "2000", "--loop", "3"], MIXED);
    assert!(wait_for(PATIENCE, || frames_in(&kept) >= sent), "{sent}");
    // The link is quiet now: flows must end without another frame, and be seen.
    let is_idle = |line: &String| line.contains("\"end_reason\":\"idle\"");
    let ended = wait_for(PATIENCE, || by_source(&out).values().flatten().any(is_idle));
    assert!(ended, "no flow ended while the link was quiet");
    sent += wire.play(&["--pps", "2000"], MIXED);
    assert!(wait_for(PATIENCE, || frames_in(&kept) >= sent), "{sent}");
    let counts = capture.end();
    assert_eq!(number(&counts, "packets"), sent);
    assert_eq!(number(&counts, "dropped"), 0);
    assert_eq!(frames_in(&kept), sent);
    let live = by_source(&out).into_values().next().unwrap();
    assert_eq!(live.len() as u64, number(&counts, "flows"));
    assert!(
        live.iter()
            .any(|line| line.contains("\"end_reason\":\"forced\""))
    );
    assert_eq!(live, replay(&home, &kept));
}

#[test]
fn each_of_two_rings_gives_what_the_replay_of_its_own_series_gives() {
    let Some(wire) = Wire::lay("rings") else {
        return;
    };
    let home = Home::without_engine();
    let (out, kept) = (home.path("live.jsonl"), home.path("kept.pcapng"));
    let arguments = [
        ["--to", "jsonl"],
        ["-o", out.to_str().unwrap()],
        ["--write", kept.to_str().unwrap()],
        ["--rings", "2"],
        ["--write-mib", "1"],
        ["--filter", "not port 53"],
    ];
    let capture = Capture::begin(&home, &wire, arguments.as_flattened());
    // Enough for a second file of at least one ring.
    let sent = wire.play(&["--pps", "20000", "--loop", "150"], MIXED);
    let counts = capture.end();
    assert_eq!(
        number(&counts, "packets") + number(&counts, "dropped"),
        sent
    );
    let filtered = counts["reasons"]["filtered"].as_u64().unwrap();
    assert!(filtered > 0);
    let live = by_source(&out);
    assert_eq!(live.len(), 2, "both rings have flows");
    let mut replayed = Vec::new();
    let (mut frames, mut files) = (0, 0);
    for ring in 1..=2 {
        let mut whole = Vec::new();
        for part in 1.. {
            let part = home.path(&format!("kept-{HEARD}-{ring}-{part:05}.pcapng"));
            let Ok(bytes) = std::fs::read(&part) else {
                break;
            };
            files += 1;
            frames += frames_in(&part);
            assert!(bytes.len() <= 1 << 20);
            whole.extend(bytes);
        }
        let series = home.path(&format!("series-{ring}.pcapng"));
        std::fs::write(&series, whole).unwrap();
        replayed.push(replay(&home, &series));
    }
    assert!(files > 2, "no series");
    assert_eq!(frames + filtered, number(&counts, "packets"));
    let mut live: Vec<Vec<String>> = live.into_values().collect();
    live.sort();
    replayed.sort();
    assert_eq!(live, replayed);
}

#[test]
fn frames_that_are_lost_are_told_and_entered() {
    let Some(wire) = Wire::lay("drops") else {
        return;
    };
    let Some(home) = Home::with_engine("drops") else {
        return;
    };
    let home = home.configured("[capture]\nring_mib = 1\n");
    let capture = Capture::begin(&home, &wire, &[]);
    capture.signal(Signal::STOP);
    let sent = wire.play(&["--topspeed", "--loop", "500"], &["tls.pcap", "dns.pcap"]);
    capture.signal(Signal::CONT);
    let told = wait_for(PATIENCE, || capture.said().contains("frames are lost"));
    assert!(told, "{}", capture.said());
    let counts = capture.end();
    let dropped = number(&counts, "dropped");
    assert!(dropped > 0, "a ring of 1 MiB held {sent} frames");
    assert_eq!(number(&counts, "dropped_kernel"), dropped);
    assert_eq!(number(&counts, "packets") + dropped, sent);
    let ledger: Value = serde_json::from_str(&home.ends(0, &["--json", "ledger", "show"])).unwrap();
    let entries = ledger.as_array().unwrap();
    let of = |act: &str, name: &str| -> u64 {
        let acts = entries.iter().filter_map(|entry| entry["act"].get(act));
        acts.filter_map(|act| act.get(name)?.as_u64()).sum()
    };
    assert_eq!(of("batch_ingested", "dropped_kernel"), dropped);
    assert_eq!(of("source_closed", "dropped"), dropped);
    assert_eq!(of("source_closed", "read"), number(&counts, "packets"));
    home.ends(0, &["store", "check"]);
}

#[test]
fn rights_are_given_up_once_the_device_is_open() {
    let Some(wire) = Wire::lay("rights") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        println!("rights: left out, only root can become somebody else");
        return;
    }
    let home = Home::without_engine().configured("[capture]\nuser = \"nobody\"\n");
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(home.path(""), everybody).unwrap();
    let (out, kept) = (home.path("live.jsonl"), home.path("kept.pcapng"));
    // Files that root has made would not be the other user's to write.
    let arguments = [
        ["--to", "jsonl"],
        ["-o", out.to_str().unwrap()],
        ["--write", kept.to_str().unwrap()],
    ];
    let capture = Capture::begin(&home, &wire, arguments.as_flattened());
    let tasks = std::fs::read_dir(format!("/proc/{}/task", capture.program.id())).unwrap();
    let mut threads = 0;
    for task in tasks {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(!value("Uid:").split(' ').any(|id| id == "0"), "{status}");
        assert!(!value("Gid:").split(' ').any(|id| id == "0"), "{status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(value(set), "0000000000000000", "{set}");
        }
        assert_eq!(value("NoNewPrivs:"), "1");
        threads += 1;
    }
    assert!(threads > 1, "the threads that read come later");
    let sent = wire.play(&["--pps", "2000"], MIXED);
    assert_eq!(number(&capture.end(), "packets"), sent);
}

#[test]
fn a_user_who_does_not_exist_and_a_filter_that_is_none_are_refused_before_anything_is_read() {
    let Some(wire) = Wire::lay("refused") else {
        return;
    };
    let refused = |home: &Home, arguments: &[&str]| {
        let mut all = vec!["capture", "-i", HEARD, "--to", "jsonl"];
        all.extend(arguments);
        let output = wire.inside(&home.command(&all)).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let home = Home::without_engine();
    let said = refused(&home, &["-i", HEARD]);
    assert!(said.contains("named twice"), "{said}");
    let said = refused(&home, &["--filter", "prot 53"]);
    assert!(
        said.contains("prot 53") && said.contains("man pcap-filter"),
        "{said}"
    );
    let home = home.configured("[capture]\nuser = \"nobody-of-that-name\"\n");
    let said = refused(&home, &[]);
    assert!(
        said.contains("nobody-of-that-name") && said.contains("/etc/passwd"),
        "{said}"
    );
}
