//! `seeds FIXTURES OUT`: the first inputs of each target, in the layout that it reads, made of the program's fixtures.
//!
//! It is built like the targets, whose flags want libFuzzer to be there, and leaves before that begins to work.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use invigil::capture::{CaptureFile, Step};
use invigil::flow::export::export_packet;
use invigil_fuzz::{FIREWALLS, LINK_TYPES, NAMES, OTHERS, SIGN_INS, WEB, family};

libfuzzer_sys::fuzz_target!(
    init: {
        let arguments: Vec<String> = std::env::args().collect();
        if let [_, fixtures, out] = arguments.as_slice() {
            let made = seeds(Path::new(fixtures), Path::new(out));
            std::process::exit(made.map_or(2, |()| 0));
        }
    },
    |_data: &[u8]| {}
);

fn seeds(fixtures: &Path, out: &Path) -> std::io::Result<()> {
    let put = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder = out.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    for (name, bytes) in files(&fixtures.join("pcap"))? {
        put("capture_file", &name, &bytes)?;
        for (link_type, mut frames) in frames_of(&bytes) {
            let link = LINK_TYPES.iter().position(|known| *known == link_type);
            let link = link.map_or(link_type, |at| at as u16);
            frames.splice(0..0, [0, link as u8]);
            put("frames", &format!("{name}.{link_type}"), &frames)?;
        }
        for (target, part) in [
            ("tls", "tls"),
            ("tls", "greet"),
            ("quic", "quic"),
            ("dns", "dns"),
            ("http", "http"),
            ("http", "bypass"),
            ("tunnels", "openvpn"),
            ("tunnels", "wireguard"),
            ("tunnels", "ipsec"),
            ("tunnels", "bypass"),
            ("peers", "bypass"),
            ("peers", "greet"),
            ("tunnels", "greet"),
            ("identity", "greet"),
            ("dns", "greet"),
        ] {
            if name.contains(part) {
                for (number, payload) in payloads(&bytes).into_iter().enumerate() {
                    for first in 0..4u8 {
                        let mut seed = vec![first];
                        seed.extend((payload.len() as u16).to_be_bytes());
                        seed.extend(&payload);
                        put(target, &format!("{name}.{number}.{first}"), &seed)?;
                    }
                }
            }
        }
    }
    for (name, bytes) in files(&fixtures.join("exports"))? {
        put("export_capture", &name, &bytes)?;
        let target = if name.contains("sflow") {
            "sflow"
        } else {
            "exports"
        };
        let datagrams = datagrams_of(&bytes);
        let mut seed = vec![0xf0];
        for datagram in datagrams {
            let datagram = if target == "sflow" {
                datagram.get(4..).unwrap_or_default()
            } else {
                &datagram
            };
            seed.extend((datagram.len() as u16).to_be_bytes());
            seed.extend(datagram);
        }
        put(target, &name, &seed)?;
    }
    for (target, names) in [
        ("log_web", WEB),
        ("log_firewalls", FIREWALLS),
        ("log_names", NAMES),
        ("log_sign_ins", SIGN_INS),
        ("log_others", OTHERS),
    ] {
        for (at, format) in family(names).into_iter().enumerate() {
            let folder = fixtures.join("logs").join(format.name());
            for (name, bytes) in files(&folder).unwrap_or_default() {
                let short = &bytes[..bytes.len().min(4_000)];
                put("log_likeness", &format!("{}.{name}", format.name()), short)?;
                let mut seed = vec![at as u8];
                seed.extend(short);
                put(target, &format!("{}.{name}", format.name()), &seed)?;
            }
        }
    }
    // Flags of a whole connection, a port used again, a piece, and a leap of time.
    let table = [
        vec![0x10, 0x01, 0, 2, 0, 0, 1, 0, 1],
        vec![0x04, 0, 0x12, 0, 0, 1, 0, 1],
        vec![0x01, 0, 0x18, 9, 0, 1, 0, 2],
        vec![0x01, 0, 0x11, 0, 0, 1, 0, 9],
        vec![0x04, 0, 0x11, 0, 0, 1, 0, 9],
        vec![0x01, 0, 2, 0, 0x7f, 0xff, 0, 1],
        vec![0x01, 3, 0x80, 8, 0, 1, 0, 0],
        vec![0x01, 0xff, 0, 0, 0x10, 0],
    ];
    put("table", "connection", &table.concat())
}

/// The files of a folder that are inputs, and not what is expected of them.
fn files(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_other = [".jsonl", ".txt", ".py", ".md", ".tsv"]
            .iter()
            .any(|end| name.ends_with(end));
        if path.is_file() && (!is_other || folder.ends_with("radacct_csv")) {
            all.insert(name, fs::read(path)?);
        }
    }
    Ok(all)
}

/// The frames of a capture by link type, in the layout of the target `frames`.
fn frames_of(bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut all: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    each(bytes, |link_type, frame| {
        let kept = &frame[..frame.len().min(0x7ff)];
        let seed = all.entry(link_type).or_default();
        seed.extend((kept.len() as u16).to_be_bytes());
        seed.push(1);
        seed.extend(kept);
    });
    all
}

/// What TCP and UDP of an Ethernet capture carry, one message at a time.
fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    each(bytes, |link_type, frame| {
        let at = match (link_type, frame.get(12..14)) {
            (1, Some([8, 0])) => 14,
            (101, _) => 0,
            _ => return,
        };
        let Some(ip) = frame
            .get(at..)
            .filter(|ip| ip.len() > 20 && ip[0] >> 4 == 4)
        else {
            return;
        };
        let inside = usize::from(ip[0] & 15) * 4;
        let head = match ip[9] {
            6 => ip
                .get(inside + 12)
                .map_or(20, |words| usize::from(words >> 4) * 4),
            17 => 8,
            _ => return,
        };
        if let Some(payload) = ip
            .get(inside + head..)
            .filter(|payload| !payload.is_empty())
        {
            all.push(payload[..payload.len().min(1_400)].to_vec());
        }
    });
    all
}

fn datagrams_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if let Ok(mut capture) = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))) {
        while let Ok(Some(step)) = capture.next_step() {
            if let Step::Packet(packet) = step
                && let Some(export) = export_packet(&packet)
            {
                all.push(export.bytes.to_vec());
            }
        }
        return all;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = invigil::flow::export::first_datagram(rest).unwrap_or(rest.len());
        all.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    all
}

fn each(bytes: &[u8], mut see: impl FnMut(u16, &[u8])) {
    let Ok(mut capture) = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))) else {
        return;
    };
    while let Ok(Some(step)) = capture.next_step() {
        if let Step::Packet(packet) = step {
            see(packet.link_type, packet.bytes);
        }
    }
}
