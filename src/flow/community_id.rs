//! Community ID version 1: the name of a flow that other tools compute alike (seed 0).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use super::key::{End, Key};

/// The seed; every tool's default.
const SEED: u16 = 0;

/// The Community ID of a flow.
pub(super) fn community_id(key: &Key) -> String {
    let mut said = Vec::with_capacity(40);
    said.extend_from_slice(&SEED.to_be_bytes());
    for end in [End::Low, End::High] {
        match key.address(end) {
            IpAddr::V4(address) => said.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => said.extend_from_slice(&address.octets()),
        }
    }
    said.push(key.protocol());
    said.push(0);
    if matches!(key.protocol(), 1 | 6 | 17 | 58 | 132) {
        for end in [End::Low, End::High] {
            said.extend_from_slice(&key.key_port(end).to_be_bytes());
        }
    }
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &said);
    let mut text = String::with_capacity(30);
    text.push_str("1:");
    STANDARD.encode_string(hash, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::decode::decode;
    use crate::record::{Packet, Timestamp};

    /// The ID of a raw IPv4 packet between two ends with these first eight bytes behind its header.
    fn check(protocol: u8, ends: [[u8; 4]; 2], transport: [u8; 4], expected: &str) {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0];
        bytes.extend(ends.concat());
        bytes.extend(transport);
        bytes.extend([0, 20, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
        let packet = Packet {
            number: 1,
            time: Timestamp::default(),
            link_type: 101,
            wire_length: 40,
            bytes: &bytes,
        };
        let (key, _) = Key::of(&decode(&packet).unwrap());
        assert_eq!(community_id(&key), expected);
    }

    #[test]
    fn both_directions_have_the_id_that_the_specification_gives() {
        let (a, b) = ([128, 232, 110, 120], [66, 35, 250, 204]);
        check(
            6,
            [a, b],
            [0x88, 0x27, 0, 80],
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        );
        check(
            6,
            [b, a],
            [0, 80, 0x88, 0x27],
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        );
        let (a, b) = ([192, 168, 1, 52], [8, 8, 8, 8]);
        check(
            17,
            [a, b],
            [0xd5, 0x39, 0, 53],
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
        );
        let (a, b) = ([192, 168, 0, 89], [192, 168, 0, 1]);
        check(1, [a, b], [8, 0, 0, 0], "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(1, [b, a], [0, 0, 0, 0], "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    }
}
