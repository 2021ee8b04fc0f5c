//! The invented region of the demonstration: what its page of stories says is what the program reads.

use std::process::Stdio;

use crate::home::{Counts, Home, region};

/// How many lines of each log can not be read; STORIES.md says which.
const SPOILT: &[(&str, u64)] = &[
    ("dhcpd-brook-lane.log.gz", 0),
    ("dhcpd-hawthorn.log.gz", 1),
    ("dhcpd-oakfield.log.gz", 2),
    ("radius-hawthorn.detail.gz", 4),
    ("squid-brook-lane.log.gz", 0),
    ("squid-hawthorn-w10.log.gz", 4),
    ("squid-hawthorn-w11.log.gz", 3),
    ("squid-oakfield.log.gz", 2),
];

#[test]
fn the_logs_of_the_region_are_read_without_an_engine_and_their_spoilt_lines_are_counted() {
    let home = Home::without_engine();
    for (name, spoilt) in SPOILT {
        let file = region("logs").join(name);
        let counts = home.path("counts.json");
        let status = home
            .command(&["ingest", "--quiet", "--to", "jsonl", "--counts-json"])
            .arg(&counts)
            .arg(&file)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        assert_eq!(Counts::read(&counts).rejected, *spoilt, "{name}");
    }
}

#[test]
fn without_an_engine_what_needs_the_store_says_how_to_get_one() {
    let home = Home::without_engine();
    let output = home.run(&[
        "ingest",
        region("logs/squid-brook-lane.log.gz").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("make engine") || said.contains("INVIGIL_ENGINE"),
        "{said}"
    );
}

#[test]
fn the_captures_of_the_region_hold_the_tunnels_that_are_planted() {
    let home = Home::without_engine();
    let capture = region("captures/hawthorn-20260311.pcap.gz");
    let flows = home.ends(
        0,
        &["capture", "--to", "jsonl", "-r", capture.to_str().unwrap()],
    );
    let flows: Vec<serde_json::Value> = flows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let tunnels = |application: &str| -> Vec<&str> {
        flows
            .iter()
            .filter(|flow| flow["application"] == application)
            .map(|flow| flow["src_ip"].as_str().unwrap())
            .collect()
    };
    assert_eq!(only(&tunnels("openvpn")), "10.21.4.91");
    assert_eq!(only(&tunnels("wireguard")), "10.21.4.83");
    let game = flows
        .iter()
        .filter(|flow| flow["src_ip"] == "10.21.4.60" && flow["dst_port"] == 1194)
        .count();
    assert!(game > 0, "the game on OpenVPN's port is there");
}

/// The one address that all of these are.
fn only<'a>(addresses: &[&'a str]) -> &'a str {
    let first = addresses.first().copied().unwrap_or("nobody");
    assert!(
        addresses.iter().all(|address| *address == first),
        "{addresses:?}"
    );
    first
}
