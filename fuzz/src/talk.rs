//! A talk between two ends, in IPv4 with TCP or UDP, so that what is said in it reaches the readers of applications.

use invigil::flow::MeterOptions;

use crate::{Bytes, Metering};

/// Where a family is usually met.
#[derive(Clone, Copy, Debug)]
pub enum Ports {
    /// TLS, and what begins with it.
    Tls,
    /// QUIC.
    Quic,
    /// DNS.
    Dns,
    /// HTTP.
    Http,
    /// Tunnels and virtual private networks.
    Tunnels,
    /// Peers, calls, games.
    Peers,
    /// Sign-ins and leases.
    Identity,
}

impl Ports {
    /// Protocol and port of the responder.
    fn all(self) -> &'static [(u8, u16)] {
        match self {
            Ports::Tls => &[
                (6, 443),
                (6, 853),
                (6, 25),
                (6, 143),
                (17, 443),
                (6, 9001),
                (6, 3389),
                (6, 21),
            ],
            Ports::Quic => &[(17, 443), (17, 784), (17, 8853), (17, 80)],
            Ports::Dns => &[
                (17, 53),
                (6, 53),
                (17, 5353),
                (17, 5355),
                (17, 137),
                (17, 9953),
                (6, 853),
            ],
            Ports::Http => &[
                (6, 80),
                (6, 8080),
                (6, 3128),
                (6, 554),
                (6, 1080),
                (17, 1900),
            ],
            Ports::Tunnels => &[
                (17, 1194),
                (6, 1194),
                (6, 443),
                (17, 51820),
                (17, 41641),
                (17, 655),
                (17, 500),
                (17, 4500),
                (17, 1701),
                (6, 1723),
                (17, 3544),
                (17, 4789),
                (17, 2152),
                (17, 6081),
                (17, 4341),
                (6, 22),
            ],
            Ports::Peers => &[
                (6, 6881),
                (17, 6881),
                (17, 4662),
                (6, 4662),
                (17, 3478),
                (17, 5060),
                (17, 50_000),
                (17, 19132),
            ],
            Ports::Identity => &[
                (17, 1812),
                (17, 1813),
                (17, 67),
                (17, 546),
                (17, 88),
                (6, 88),
                (6, 389),
                (6, 445),
                (6, 135),
            ],
        }
    }
}

/// One byte chooses protocol and port, then come messages: a length in two bytes, whose upper bits say who speaks and
/// whether a piece of the talk is missing before it.
pub fn talk(ports: Ports, data: &[u8]) {
    let mut bytes = Bytes(data);
    let first = bytes.byte();
    let ports = ports.all();
    let Some((protocol, port)) = ports.get(usize::from(first & 0x7f) % ports.len()) else {
        return;
    };
    let mut metering = Metering::new(MeterOptions {
        content: first & 0x80 != 0,
        ..MeterOptions::default()
    });
    let mut said = [1u32, 1];
    let mut time = 1_772_446_500_000_000;
    if *protocol == 6 {
        metering.frame(time, 101, 40, &segment(true, *port, [0, 0], 2, &[]));
        metering.frame(time, 101, 40, &segment(false, *port, [0, 1], 0x12, &[]));
    }
    while !bytes.is_empty() {
        let length = bytes.half();
        let is_client = length & 0x8000 == 0;
        let message = bytes.take(usize::from(length & 0x0fff).min(1_460));
        time += 10_000;
        let [ours, theirs] = if is_client { [0, 1] } else { [1, 0] };
        if length & 0x4000 != 0 {
            said[ours] = said[ours].wrapping_add(17);
        }
        let frame = match protocol {
            6 => segment(is_client, *port, [said[ours], said[theirs]], 0x18, message),
            _ => datagram(is_client, *port, message),
        };
        said[ours] = said[ours].wrapping_add(u32::try_from(message.len()).unwrap_or(0));
        let whole = u32::try_from(frame.len()).unwrap_or(0);
        metering.frame(time, 101, whole, &frame);
    }
    metering.finish();
}

fn head(is_client: bool, protocol: u8, payload: usize) -> Vec<u8> {
    let whole = u16::try_from(20 + payload).unwrap_or(u16::MAX);
    let mut frame = vec![0x45, 0];
    frame.extend(whole.to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    let ends: [[u8; 4]; 2] = [[192, 0, 2, 1], [198, 51, 100, 2]];
    let (from, to) = if is_client { (0, 1) } else { (1, 0) };
    frame.extend(ends[from]);
    frame.extend(ends[to]);
    frame
}

fn ports(is_client: bool, port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    let [near, far] = 40_000u16.to_be_bytes();
    match is_client {
        true => [near, far, high, low],
        false => [high, low, near, far],
    }
}

fn segment(is_client: bool, port: u16, said: [u32; 2], flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(is_client, 6, 20 + payload.len());
    frame.extend(ports(is_client, port));
    frame.extend(said[0].to_be_bytes());
    frame.extend(said[1].to_be_bytes());
    frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}

fn datagram(is_client: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(is_client, 17, 8 + payload.len());
    frame.extend(ports(is_client, port));
    let length = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}
