//! What the mirror port saw of the stories that are told by packets: a capture (pcap, microseconds) of an establishment.

use std::net::Ipv4Addr;

use super::clocks::SECOND;
use super::random::Random;
use super::stories::{Rule, Story};

/// How long frames of bulk are on the wire; the capture keeps their beginning.
const BULK: u16 = 63_000;

/// Bits a second of the story of a line that one user fills; half of the line of a small establishment.
const BULK_RATE: i64 = 10_000_000;

/// A packet: when, between whom, what, and how long the datagram really was.
struct Datagram {
    at: i64,
    from: (Ipv4Addr, u16),
    to: (Ipv4Addr, u16),
    payload: Vec<u8>,
    length: u16,
}

/// A capture of these stories, each with the address of its stay; nothing if none of them is told by packets.
pub(super) fn capture(random: &mut Random, stories: &[(&Story, Ipv4Addr)]) -> Vec<u8> {
    let mut all: Vec<Datagram> = Vec::new();
    for (story, ip) in stories {
        match (story.rule, story.twin) {
            (Rule::VpnTunnel, twin) => tunnel(random, story, *ip, twin, &mut all),
            (Rule::SustainedHighVolume, _) => bulk(story, *ip, &mut all),
            (Rule::CategoryHit, _) => {}
        }
    }
    if all.is_empty() {
        return Vec::new();
    }
    all.sort_by_key(|datagram| datagram.at);
    // Magic of microseconds, version 2.4, no zone, whole frames, Ethernet.
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for datagram in &all {
        record(datagram, &mut file);
    }
    file
}

/// WireGuard by its paper (messages of type 1, 2 and 4), or, for the twin, a game on the same port.
fn tunnel(random: &mut Random, story: &Story, ip: Ipv4Addr, twin: bool, all: &mut Vec<Datagram>) {
    let (near, far) = ((ip, 53_122), (Ipv4Addr::new(198, 51, 100, 240), 51_820));
    let mut bytes = |number: usize| -> Vec<u8> {
        (0..number)
            .map(|_| u8::try_from(random.next() >> 56).unwrap_or(0))
            .collect()
    };
    let (ours, theirs) = (bytes(4), bytes(4));
    let mut add = |at: i64, up: bool, payload: Vec<u8>| {
        let length = u16::try_from(payload.len()).unwrap_or(0);
        let (from, to) = if up { (near, far) } else { (far, near) };
        all.push(Datagram {
            at,
            from,
            to,
            payload,
            length,
        });
    };
    if !twin {
        let initiation = [&[1, 0, 0, 0], ours.as_slice(), &bytes(124), &[0; 16]].concat();
        let response = [
            &[2, 0, 0, 0],
            theirs.as_slice(),
            &ours,
            &bytes(64),
            &[0; 16],
        ]
        .concat();
        add(story.from, true, initiation);
        add(story.from + 20, false, response);
    }
    let mut counter = 0_u64;
    let mut at = story.from + 60;
    while at < story.to {
        let up = counter.is_multiple_of(3);
        let payload = match twin {
            true => [b"GAME\x01".as_slice(), &counter.to_be_bytes(), &bytes(40)].concat(),
            false => {
                let receiver = if up { &theirs } else { &ours };
                let blocks = if up { 16 } else { 336 };
                [
                    &[4, 0, 0, 0],
                    receiver.as_slice(),
                    &counter.to_le_bytes(),
                    &bytes(blocks),
                ]
                .concat()
            }
        };
        add(at, up, payload);
        counter += 1;
        at += 2 * SECOND;
    }
}

/// A long fetch, whose frames are cut after their beginning.
fn bulk(story: &Story, ip: Ipv4Addr, all: &mut Vec<Datagram>) {
    let (near, far) = ((ip, 50_443), (Ipv4Addr::new(198, 51, 100, 9), 443));
    let step = i64::from(BULK) * 8 * SECOND / BULK_RATE;
    let mut at = story.from;
    let mut add = |at, from, to, length| {
        all.push(Datagram {
            at,
            from,
            to,
            payload: vec![0x17; 24],
            length,
        })
    };
    add(at, near, far, 24);
    while at < story.to {
        at += step;
        add(at, far, near, BULK);
    }
}

/// A frame with its heading in the file: Ethernet, IPv4, UDP.
fn record(datagram: &Datagram, file: &mut Vec<u8>) {
    let Datagram {
        at,
        from,
        to,
        payload,
        length,
    } = datagram;
    let mut ip: Vec<u8> = Vec::new();
    ip.extend([0x45, 0]);
    ip.extend(length.saturating_add(28).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    ip.extend(from.0.octets());
    ip.extend(to.0.octets());
    let [high, low] = checksum(&ip).to_be_bytes();
    let with_sum = |(place, byte): (usize, u8)| match place {
        10 => high,
        11 => low,
        _ => byte,
    };
    let mut frame: Vec<u8> = vec![2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend(ip.into_iter().enumerate().map(with_sum));
    frame.extend(from.1.to_be_bytes());
    frame.extend(to.1.to_be_bytes());
    frame.extend(length.saturating_add(8).to_be_bytes());
    // No checksum, as IPv4 allows.
    frame.extend([0, 0]);
    frame.extend(payload);
    let word = |number: i64| u32::try_from(number).unwrap_or(0).to_le_bytes();
    file.extend(word(at.div_euclid(SECOND)));
    file.extend(word(at.rem_euclid(SECOND) * 1000));
    file.extend(u32::try_from(frame.len()).unwrap_or(0).to_le_bytes());
    file.extend((u32::from(*length) + 42).to_le_bytes());
    file.extend(frame);
}

/// The checksum of an IPv4 heading (RFC 1071).
fn checksum(heading: &[u8]) -> u16 {
    let mut sum: u32 = heading
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u32::from(*high) << 8 | u32::from(*low),
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
