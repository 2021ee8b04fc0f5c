//! Flow exports: over the network as a router sends them, and out of files, each record once.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::home::{Counts, Home};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/exports")
        .join(name)
}

#[test]
fn exports_that_come_over_the_network_become_flows() {
    let home = Home::without_engine();
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let counts = home.path("counts.json");
    let arguments = [
        "collect",
        "netflow",
        "--listen",
        &address,
        "--seconds",
        "60",
        "--to",
        "jsonl",
        "--counts-json",
        counts.to_str().unwrap(),
    ];
    let listener = home
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let router = UdpSocket::bind("127.0.0.1:0").unwrap();
    router.connect(&address).unwrap();
    // The kernel refuses what nobody listens for, and says so at the next datagram.
    let mut listener = listener;
    while router.send(b"?").and(router.send(b"?")).is_err() {
        // It ends by itself after a minute, so this does not go on for ever.
        let ended = listener.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it listened");
        std::thread::yield_now();
    }
    for name in ["netflow7.bin", "netflow1.bin"] {
        router.send(&std::fs::read(fixture(name)).unwrap()).unwrap();
    }
    let pid = listener.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = listener.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let flows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(flows.lines().count(), 8);
    assert!(
        flows
            .lines()
            .all(|flow| flow.contains("\"start\":\"2026-03-02T"))
    );
    let counts = Counts::read(&counts);
    assert_eq!(counts.stored, 8);
    assert!(counts.rejected >= 1, "what is no export is counted");
}

#[test]
fn exports_of_files_and_captures_are_stored_once() {
    let Some(home) = Home::with_engine("exports") else {
        return;
    };
    let counts = home.path("counts.json");
    let collect = |how: &str, file: &Path| {
        home.ends(
            0,
            &[
                "collect",
                "netflow",
                how,
                file.to_str().unwrap(),
                "--counts-json",
                counts.to_str().unwrap(),
            ],
        );
        Counts::read(&counts)
    };
    let file = home.path("exports.bin");
    let whole = std::fs::read(fixture("netflow5.bin")).unwrap();
    // The first datagram alone, then all of them.
    std::fs::write(&file, &whole[..24 + 4 * 48]).unwrap();
    assert_eq!(collect("--from-files", &file).stored, 4);
    std::fs::write(&file, &whole).unwrap();
    let grown = collect("--from-files", &file);
    assert_eq!((grown.stored, grown.rejected, grown.ignored), (4, 1, 1));
    assert_eq!(collect("--from-files", &file).stored, 0);
    assert_eq!(collect("-r", &fixture("wire.pcap")).stored, 4);
    assert_eq!(collect("-r", &fixture("wire.pcap")).stored, 0);
    let said = home.ends(
        0,
        &[
            "query",
            "--json",
            "--sql",
            "SELECT count() AS flows, countIf(end_reason = '') AS silent FROM flows",
        ],
    );
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said[0]["flows"], &said[0]["silent"]),
        (&12.into(), &12.into()),
        "{said}"
    );
    home.ends(0, &["ledger", "verify"]);
}
